"""A visitor's ZeroGPU quota, as the Hub tells it.

It tells it to a token that may read billing; whoever's may not, finds out at the first piece.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from hub.client import Hub, Patience
from hub.errors import Failure

PATIENCE = Patience(silence=5.0, tries=1)
"""The page waits for it: an answer that does not come at once is none."""


@dataclass(frozen=True)
class Quota:
    """Seconds of GPU that an account has left.

    total: of a day. until: when all of it is back; None while none was used.
    """

    left: float
    total: float
    until: datetime | None = None

    @property
    def sentence(self) -> str:
        """What is left, for whoever is about to start."""
        back = f", all of it again from {self.until:%H:%M} UTC" if self.until else ""
        return (f"You have {minutes(self.left)} of your daily {minutes(self.total)} of GPU left"
                f"{back}.")


AskQuota = Callable[[str | None], Quota | None]


def zero_gpu_quota(token: str | None, endpoint: str | None = None) -> Quota | None:
    """The quota of whoever a token is of.

    None where the Hub does not say.
    """
    if not token:
        return None
    hub = Hub(token, endpoint, PATIENCE)
    found = hub.attempt(lambda: hub.api.get_zero_gpu_quota())
    if isinstance(found, Failure):
        return None
    until = found.resets_at
    return Quota(max(0.0, float(found.remaining)), float(found.base),
                 until.astimezone(UTC) if until else None)


def minutes(seconds: float) -> str:
    """Seconds of GPU time in words: 3 min 20 s."""
    whole, rest = divmod(int(seconds), 60)
    return " ".join(filter(None, [f"{whole} min" if whole else "",
                                  f"{rest} s" if rest or not whole else ""]))
