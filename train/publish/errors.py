"""Why a run was not published, and what was.

Whether anything of it is on the Hub.
"""

from hub.errors import Failure, HubError


class PublishError(HubError):
    """A publication that failed: what, why, and what to do.

    kind: one word for programs. published: whether anything is on the Hub now; None when the Hub
    did not say. retry_after: seconds the Hub asks to wait.
    """

    def __init__(
        self,
        sentence: str,
        kind: str = "refused",
        published: bool | None = False,
        retry_after: float | None = None,
    ) -> None:
        """Keep the sentence and what a program needs; all of it can be pickled."""
        super().__init__(sentence, kind, retry_after)
        self.args = (sentence, kind, published, retry_after)
        self.published = published

    @classmethod
    def of(
        cls, found: Failure, doing: str, then: str = "", published: bool | None = False
    ) -> "PublishError":
        """A failure of the Hub.

        then: what it means for what was to be published.
        """
        return cls(f"{found.sentence(doing)} {then}".rstrip(), found.kind, published,
                   found.retry_after)
