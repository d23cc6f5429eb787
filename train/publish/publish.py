"""A finished run to the Hub.

One commit with everything, then downloaded again and compared. Either nothing is published or all
of it. Whatever goes wrong, it can be tried again: what the Hub has already is not sent twice, and a
commit whose answer was lost is found.
"""

import tempfile
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from hub.client import Hub
from hub.errors import HubError
from train.report.card_metadata import CardEdits, title_of
from train.run.parts import Published
from train.run.record import Run, now

from .bundle import CARD, Bundle, pack
from .commit import create, send
from .errors import PublishError
from .permissions import Target, check_may_write, check_repo_id
from .remote import RemoteRepo, reconcile_card
from .steps import PublishSteps, Step
from .verify import Verified, ask_again, download

NOTHING = "Nothing was published"
ON_EDITED = ("ask", "keep", "replace", "merge")


@dataclass(frozen=True)
class PublishRequest:
    """What is to be published, and how.

    to: owner/name. private: of a new repository; a public one is refused then. pull_request:
    instead of a commit. on_edited: what to do with a card that was edited on the Hub. over: publish
    over a repository that holds something else. extra: further files, path there -> file here.
    """

    to: str
    private: bool = True
    pull_request: bool = False
    on_edited: str = "ask"
    over: bool = False
    extra: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check what was typed."""
        object.__setattr__(self, "to", check_repo_id(self.to))
        if self.on_edited not in ON_EDITED:
            raise PublishError(f"on_edited must be one of {', '.join(ON_EDITED)}, not "
                               f"{self.on_edited!r:.40}.")


def publish(
    run: Run,
    request: PublishRequest,
    hub: Hub,
    *,
    edits: CardEdits | None = None,
    corpus: Callable[[], Corpus | None] = lambda: None,
    cache: Path | None = None,
    device: str | None = None,
) -> PublishSteps:
    """Publish a run, yielding steps.

    Returns what `python -m train publish` prints and the record has under `published`. edits: what
    somebody changed on the card; kept in the record. corpus: gives the run's data, to ask test
    questions again; None when it is gone. device: where they are asked, None for the best there is.
    Raises PublishError: its `published` says whether anything is on the Hub.
    """
    if edits is not None:
        run.update(card=edits.as_record())
    with tempfile.TemporaryDirectory(prefix="tandem-publish-") as folder:
        try:
            return (yield from _Publish(run, request, hub, corpus, cache, device,
                                        Path(folder)).steps())
        except HubError as error:
            if getattr(error, "published", False) is not False or NOTHING in str(error):
                raise
            raise PublishError(f"{error} {NOTHING}.", error.kind, False,
                               error.retry_after) from None


def write_dry(
    run: Run, request: PublishRequest, folder: Path, edits: CardEdits | None = None
) -> dict[str, Any]:
    """Write what a publication would send to a folder.

    Asks nobody; the result as `publish` has.
    """
    if folder.exists() and any(folder.iterdir()):
        raise PublishError(f"{folder} is not empty: give a new folder for the dry run.")
    if edits is not None:
        run.update(card=edits.as_record())
    bundle = pack(run, request.to, folder, request.extra)
    return {
        "repo": request.to,
        "url": None,
        "revision": None,
        "pull_request": None,
        "changed": False,
        "verified": False,
        "files": [item.as_json() for item in bundle.items],
        "folder": str(folder),
    }


@dataclass
class _Publish:
    run: Run
    request: PublishRequest
    hub: Hub
    corpus: Callable[[], Corpus | None]
    cache: Path | None
    device: str | None
    folder: Path
    private: bool | None = None
    stays: str = ""
    """What was asked for and is not changed on the Hub, as a sentence."""

    def steps(self) -> PublishSteps:
        request, hub = self.request, self.hub
        yield Step("check")
        target = check_may_write(hub, request.to, request.private, request.pull_request)
        request = self.request = replace(request, to=target.repo_id)  # as the Hub spells it
        if target.private and not request.private and not request.pull_request:
            self.stays = (f"{request.to} is private and stays so: make it public in its settings "
                          "on the Hub.")
            yield Step(text=self.stays)
        yield Step("prepare")
        bundle = pack(self.run, request.to, self.folder / "bundle", request.extra, link=True)
        hub.ask("having the card checked",
                lambda: hub.api._validate_yaml(bundle.card, repo_type="model"))
        remote = RemoteRepo.at(hub, target) if target.exists else RemoteRepo()
        replaces = request.on_edited == "replace" and remote.card not in (None, bundle.card)
        if not replaces and (last := self._unchanged_since(target, bundle)) is not None:
            yield Step(text=f"{request.to} has all of this already: nothing was committed.")
            return result_of(last) | {"changed": False}
        if target.exists:
            if not request.over and not request.pull_request:
                remote.check_ours(request.to, self.run.record())
            bundle = bundle.with_card(reconcile_card(hub, target, remote, bundle.card,
                                                     request.on_edited))
        changed = remote.changed(bundle.items)
        stale = remote.stale(bundle.items)
        if not changed and not stale:
            self.private = target.private
            return (yield from self._finish(bundle, str(target.head), None, changed=False))
        if not target.exists:
            target = create(hub, target, request.private)
        self.private = target.private
        items = [item for item in bundle.items if item.path in changed]
        message = f"Publish {title_of(self.run.record())}"
        revision, pull = yield from send(hub, target, items, stale, message, request.pull_request)
        return (yield from self._finish(bundle, revision, pull, changed=True))

    def _unchanged_since(self, target: Target, bundle: Bundle) -> Published | None:
        """The publication of this run that is there and verified, if this one would be the same.

        The card may have been put together with an edited one then; the record, which is compared,
        holds the hash of the generated one.
        """
        for entry in self.run.record().published:
            sent = {file.path: file.sha256 for file in entry.files}
            if (
                entry.repo == self.request.to and entry.verified
                and bool(entry.pull_request) == self.request.pull_request
                and (self.request.pull_request or entry.revision == target.head)
                and all(sent.get(item.path) == item.sha256
                        for item in bundle.items if item.path != CARD)
            ):
                return entry
        return None

    def _finish(
        self, bundle: Bundle, revision: str, pull: str | None, changed: bool
    ) -> PublishSteps:
        """Compare what is there with what was sent, and write it down whatever comes out."""
        entry = self._entry(bundle, revision, pull)
        yield Step("verify")
        self._keep(entry)
        try:
            verified = yield from self._verify(bundle, revision)
        except HubError as error:
            self._keep(entry.changed(note=str(error)))
            raise PublishError(
                f"{self.request.to} is published as {revision[:12]}, but could not be "
                f"verified: {error}",
                error.kind,
                True,
                error.retry_after,
            ) from None
        entry = entry.changed(verified=True, checked=verified.as_json(), at=now(),
                              note=" ".join(filter(None, (verified.note, self.stays))))
        self._keep(entry)
        if verified.note:
            yield Step(text=verified.note)
        return result_of(entry) | {"changed": changed}

    def _verify(self, bundle: Bundle, revision: str) -> Generator[Step, None, Verified]:
        folder = self.folder / "again"
        for at in download(self.hub, self.request.to, revision, bundle.items, folder):
            yield Step("verify", at)
        yield Step("ask")
        return ask_again(self.run, folder / "model", len(bundle.items), self.corpus(), self.cache,
                         self.device)

    def _entry(self, bundle: Bundle, revision: str, pull: str | None) -> Published:
        url = f"{self.hub.endpoint}/{self.request.to}"
        return Published.from_json({
            "repo": self.request.to, "url": pull or url, "revision": revision,
            "commit_url": f"{url}/commit/{revision}", "pull_request": pull,
            "private": self.private, "at": now(), "verified": False,
            "files": [item.as_json() for item in bundle.items],
        })

    def _keep(self, entry: Published) -> None:
        before = [old for old in self.run.record().published
                  if (old.repo, old.revision) != (entry.repo, entry.revision)]
        self.run.update(published=[*before, entry])


def result_of(entry: Published) -> dict[str, Any]:
    """What the command line prints of an entry of `published`."""
    kept = entry.to_json()
    return {key: kept[key] for key in ("repo", "url", "revision", "pull_request", "verified",
                                       "files", "commit_url", "note", "private") if key in kept}
