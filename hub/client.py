"""The Hub as one account sees it.

Every call bounded in time, every failure a sentence. The client's exceptions carry the token, so
none of them leaves this module: calls run in a thread, and what comes out of it is a result or a
`Failure`.
"""

import hashlib
import io
import logging
import threading
import time
from collections.abc import Callable, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote

from .errors import Failure, HubError, StoppedError, failure_of, kind_of
from .errors import retry_after as asked_to_wait
from .progress import Progress, drained
from .tokens import hide_tokens

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

CONNECT, SILENCE = 10.0, 60.0
"""Seconds for a connection, and between two pieces of an answer: the client itself has no limit."""
TICK = 0.1
CHUNK = 1 << 16


@dataclass(frozen=True)
class Patience:
    """How long the Hub is waited for, in seconds.

    silence: without an answer, or a byte sent, until it is given up. tries: of a request that
    changes nothing, or can be made twice. pause: before the second, doubled each time.
    longest_wait: that the Hub may ask for.
    """

    silence: float = 120.0
    tries: int = 3
    pause: float = 1.0
    longest_wait: float = 30.0


@dataclass
class Meter:
    """Bytes sent so far of a transfer to the Hub.

    And when the last of them went. most: how many times a file is sent from its first byte: the
    client would go on for six times, whatever the Hub answers.
    """

    total: int = 0
    stop: bool = False
    most: int = 3
    moved: float = field(default_factory=time.monotonic)
    at: dict[str, int] = field(default_factory=dict)
    begun: dict[str, int] = field(default_factory=dict)
    given_up: bool = False

    def move(self, name: str, place: int) -> None:
        """Bytes up to `place` of a file have gone.

        StoppedError when no more shall go.
        """
        if self.stop:
            raise StoppedError
        self.at[name], self.moved = place, time.monotonic()

    def begin(self, name: str) -> None:
        """A file is sent from its first byte.

        StoppedError when it has been sent often enough.
        """
        self.begun[name] = self.begun.get(name, 0) + 1
        if self.begun[name] > self.most:
            self.given_up = True
            raise StoppedError

    @property
    def progress(self) -> Progress:
        """Bytes so far."""
        return Progress(min(sum(list(self.at.values())), self.total), self.total)


class MeteredFile(io.BufferedReader):
    """A file that tells a meter how much was read.

    The client sends what is no path over HTTP, one request a file, instead of through xet, which
    can be neither followed by bytes, nor stopped, nor limited in time from outside.
    """

    def __init__(self, path: Path, name: str) -> None:
        """Open a file; nothing is counted until it has a meter."""
        super().__init__(io.FileIO(path))
        self.path_in_repo = name
        self.meter: Meter | None = None

    def read(self, size: int | None = -1) -> bytes:
        """Read on."""
        if self.meter is not None and self.tell() == 0 and size != 0:
            self.meter.begin(self.path_in_repo)
        data = super().read(size)
        if self.meter is not None:
            self.meter.move(self.path_in_repo, self.tell())
        return data


_seen: ContextVar[list[Failure] | None] = ContextVar("_seen", default=None)
_patient = threading.Lock()


class Hub:
    """The Hub's API with one account's token, and nobody else's."""

    def __init__(
        self,
        token: str | None,
        endpoint: str | None = None,
        patience: Patience | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        """Take a token as it is; None would make the client look for one, so it is refused."""
        if not isinstance(token, str) or not token.strip():
            raise HubError("Nobody is signed in. Sign in on the page; on your own machine, run "
                           "`hf auth login` or set HF_TOKEN.", "unauthorized")
        self._connect(token.strip(), endpoint, patience, should_stop)

    @classmethod
    def of(cls, token: str | None, endpoint: str | None = None) -> "Hub":
        """The Hub with somebody's token, or in nobody's name.

        Never that of this machine.
        """
        hub = cls.__new__(cls)
        hub._connect((token or "").strip(), endpoint)
        return hub

    def _connect(
        self, token: str, endpoint: str | None, patience: Patience | None = None,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        from huggingface_hub import HfApi

        self._token = token
        self.api = HfApi(endpoint=endpoint, token=token or False)
        self.endpoint = self.api.endpoint
        self.patience, self.should_stop = patience or Patience(), should_stop
        set_time_limits()

    def __repr__(self) -> str:
        """Where, not with what."""
        return f"Hub({self.endpoint!r})"

    @property
    def token(self) -> str | Literal[False]:
        """In whose name the Hub is asked, for its client.

        False for nobody's.
        """
        return self._token or False

    def committing(self) -> "Hub":
        """The same, but nobody can stop it.

        What became of a commit must be found out.
        """
        return Hub(self._token, self.endpoint, self.patience)

    def headers(self) -> dict[str, str]:
        """What a request of this account carries."""
        from huggingface_hub.utils._headers import build_hf_headers

        return build_hf_headers(token=self.token)

    def fetch(
        self, repo: str, revision: str, path: str, place: Path, meter: Meter,
        repo_type: str = "model",
    ) -> str:
        """Download one file of a repository.

        Its SHA-256 as hex. Raises what the client raises: for a `watch` or an `ask`.
        """
        from huggingface_hub import constants, get_session
        from huggingface_hub.utils._http import hf_raise_for_status

        named = constants.REPO_TYPES_URL_PREFIXES.get(repo_type, "") + repo
        url = f"{self.endpoint}/{named}/resolve/{quote(revision, safe='')}/{quote(path)}"
        digest, size = hashlib.sha256(), 0
        with (get_session().stream("GET", url, headers=self.headers()) as answer,
              place.open("wb") as out):
            hf_raise_for_status(answer)
            for part in answer.iter_bytes(CHUNK):
                digest.update(part)
                out.write(part)
                size += len(part)
                meter.move(path, size)
        return digest.hexdigest()

    def hide(self, text: str) -> str:
        """A text without this account's token, nor any other."""
        return hide_tokens(text, self._token)

    def ask(self, doing: str, function: Callable[[], T]) -> T:
        """The answer to a request that can be made twice.

        HubError when there is none.
        """
        found = self.attempt(function)
        if isinstance(found, Failure):
            raise found.error(doing)
        return found

    def call(self, function: Callable[[], T]) -> T | Failure:
        """Wait for a Hub request as long as bytes move.

        Its answer, or why there is none.
        """
        try:
            return function()
        except Exception as error:  # no exception of the client leaves: it holds the token
            return failure_of(error, self._token)

    def once(self, function: Callable[[], T]) -> T | Failure:
        """The answer to a Hub request that is made once.

        Or why there is none.
        """
        return drained(self.watch(function))

    def attempt(self, function: Callable[[], T]) -> T | Failure:
        """As `ask`, with the failure as a value."""
        for number in range(self.patience.tries):
            found = self.once(function)
            if not isinstance(found, Failure) or not found.passing:
                return found
            wait = found.retry_after
            if wait is not None and wait > self.patience.longest_wait:
                return found
            last = number == self.patience.tries - 1
            if not last and self.rest(self.patience.pause * 2**number if wait is None else wait):
                return Failure("cancelled")
        return found

    def watch(
        self, function: Callable[[], T], meter: Meter | None = None
    ) -> Generator[None, None, T | Failure]:
        """Run one Hub request in a thread, yielding meanwhile.

        Returns its result or raises its failure. It is given up when it is silent for too long, or
        when somebody asks to stop.
        """
        if self.should_stop():
            return Failure("cancelled")
        box: list[Any] = []
        seen: list[Failure] = []
        meter = meter or Meter()
        meter.moved = time.monotonic()

        def work() -> None:
            _seen.set(seen)
            try:
                box.append(function())
            except BaseException as error:  # no exception of the client leaves this thread
                box.append(failure_of(error, self._token))

        thread = threading.Thread(target=work, daemon=True, name="hub")
        thread.start()
        while True:
            thread.join(TICK)
            if not thread.is_alive():
                result: T | Failure = box[0]
                if meter.given_up and isinstance(result, Failure):
                    return seen[-1] if seen else Failure("unreachable")
                return result
            if (given_up := self._given_up(meter, seen)) is not None:
                meter.stop = True
                return given_up
            yield

    def _given_up(self, meter: Meter, seen: list[Failure]) -> Failure | None:
        if self.should_stop():
            return Failure("cancelled")
        last = seen[-1] if seen else None
        if last and (last.retry_after or 0) > self.patience.longest_wait:
            return last
        if time.monotonic() - meter.moved > self.patience.silence:
            return last or Failure("timeout")
        return None

    def rest(self, seconds: float) -> bool:
        """Wait; True when somebody asked to stop meanwhile."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.should_stop():
                return True
            time.sleep(min(TICK, seconds))
        return False


def quiet() -> None:
    """Have the Hub's client warn of nothing on a terminal.

    What matters is said by us.
    """
    import huggingface_hub.utils.logging  # noqa: F401 - it sets a level of its own then

    for name in ("huggingface_hub", "httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.ERROR)


def set_time_limits() -> None:
    """Give the process's one HTTP client of the Hub limits.

    Done once, it is shared by everyone.
    """
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils import _http

    with _patient:
        if _http._GLOBAL_CLIENT_FACTORY is not _client:
            set_client_factory(_client)


def _client() -> "httpx2.Client":
    import httpx2
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    client.timeout = httpx2.Timeout(SILENCE, connect=CONNECT)
    client.event_hooks = {**client.event_hooks, "response": [_note]}
    return client


def _note(response: "httpx2.Response") -> None:
    """Remember what the Hub answered to a request that the client goes on repeating."""
    seen, status = _seen.get(), response.status_code
    if seen is not None and status >= 400:
        seen.append(Failure(kind_of(status), status, "", asked_to_wait(response.headers)))
