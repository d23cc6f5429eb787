"""The events of a run: lines of `events.jsonl`.

Written here and read here. Each is a JSON object with a `time` and a `type`. One of a type that
this version does not know, or that does not fit its type, is kept as it is, a plain `Event`: it may
come from a newer version, and nobody who watches a run stumbles over it.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from hub.lines import append_line

from .schema import JsonObject, SchemaError

E = TypeVar("E", bound="Event")
MOST_KEPT = 20_000
"""Lines whose events are kept: a page that watches a run reads all of them again each second."""


@dataclass(frozen=True, kw_only=True)
class Event(JsonObject):
    """An event of a run.

    time: seconds since 1970, when it was written. job, n: of which job on the Hub it is the n-th.
    """

    kind: ClassVar[str] = ""
    time: float = 0.0
    job: str = ""
    n: int = 0

    @property
    def type(self) -> str:
        """The `type` in JSON, also of one unknown."""
        return self.kind or str(self.stated.get("type", ""))

    def to_json(self) -> dict[str, Any]:
        """The event's JSON, its type first."""
        return {"type": self.type, **super().to_json()}


@dataclass(frozen=True, kw_only=True)
class Paced(Event):
    """An event that may say how far the run is.

    step of steps. share: of the whole run, 0 to 1. left_s: seconds left, None while nothing was
    timed.
    """

    step: int = 0
    steps: int = 0
    share: float | None = None
    left_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The event's JSON; beside a share, the time left."""
        found = super().to_json()
        return found if self.share is None else {**found, "left_s": self.left_s}


@dataclass(frozen=True, kw_only=True)
class PhaseEvent(Paced):
    """A run is in a phase from now on.

    Or further in it: so many of the passages are encoded.
    """

    kind = "phase"
    phase: str
    encoded: int | None = field(default=None, metadata={"keys": ("done",)})
    passages: int | None = field(default=None, metadata={"keys": ("total",)})


@dataclass(frozen=True, kw_only=True)
class StartedEvent(Event):
    """Training starts, or goes on where it was left."""

    kind = "started"
    step: int
    steps: int
    resumed: bool = False
    device: str = ""


@dataclass(frozen=True, kw_only=True)
class StepEvent(Paced):
    """A training step.

    examples_per_second: training pairs. memory: bytes of what limits a batch; process_memory: bytes
    of the process.
    """

    kind = "step"
    step: int
    loss: float | None = None
    examples_per_second: float | None = None
    memory: int | None = None
    process_memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class LossEvent(Event):
    """The mean training loss since the one before."""

    kind = "loss"
    step: int
    loss: float


@dataclass(frozen=True, kw_only=True)
class EvalEvent(Event):
    """The metrics of a split after an epoch.

    loss: of its pairs, None where it was not computed.
    """

    kind = "eval"
    split: str = "dev"
    epoch: int
    step: int = 0
    metrics: Mapping[str, float]
    loss: float | None = None


@dataclass(frozen=True, kw_only=True)
class LogEvent(Event):
    """A sentence about a run for its reader."""

    kind = "log"
    text: str


@dataclass(frozen=True, kw_only=True)
class PausedEvent(Event):
    """A run pauses; measured: its evaluations so far."""

    kind = "paused"
    step: int
    measured: int


@dataclass(frozen=True, kw_only=True)
class DoneEvent(Event):
    """A run is over.

    ndcg: ndcg@10 of base and tuned on test. text: why, where something else than the run itself
    ended it.
    """

    kind = "done"
    status: str = ""
    text: str = ""
    ended_by: str = ""
    ndcg: Mapping[str, float] = field(default_factory=dict, metadata={"keys": ("ndcg@10",)})


@dataclass(frozen=True, kw_only=True)
class ErrorEvent(Event):
    """A run failed, and why."""

    kind = "error"
    text: str = ""
    status: str = ""


KINDS: dict[str, type[Event]] = {
    one.kind: one for one in (PhaseEvent, StartedEvent, StepEvent, LossEvent, EvalEvent, LogEvent,
                              PausedEvent, DoneEvent, ErrorEvent)
}


def event_of(value: Mapping[str, Any]) -> Event:
    """The event that a JSON object is."""
    try:
        return KINDS.get(str(value.get("type")), Event).from_json(value)
    except SchemaError:
        return Event(stated=value)


def append_event(path: Path, event: Event) -> None:
    """Add an event to a file, with the time."""
    written = {"time": round(time.time(), 3), **event.to_json()}
    with path.open("ab+") as file:
        append_line(file, json.dumps(written, ensure_ascii=False).encode())


def read_events(path: Path) -> list[Event]:
    """All whole events of a file so far.

    A line that is cut off or damaged is left out.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    return [event for line in lines if (event := _event(line)) is not None]


@lru_cache(maxsize=MOST_KEPT)
def _event(line: bytes) -> Event | None:
    """The event of a line; None of what is no JSON object."""
    found = _object(line)
    return None if found is None else event_of(found)


def objects_in(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """The JSON objects among some lines, in order."""
    return [found for line in lines if (found := _object(line)) is not None]


def latest(events: Sequence[Event], kind: type[E]) -> E | None:
    """The last event of a kind."""
    return next((event for event in reversed(events) if isinstance(event, kind)), None)


def of_kind(events: Sequence[Event], kind: type[E]) -> Iterator[E]:
    """The events of a kind, in order."""
    return (event for event in events if isinstance(event, kind))


def latest_pace(events: Sequence[Event]) -> Paced | None:
    """The last event that says how far the run is."""
    return next((event for event in reversed(events)
                 if isinstance(event, Paced) and event.share is not None), None)


def still_true(events: Sequence[Event]) -> list[Event]:
    """The events without those of steps that were lost.

    A resumed run took them again.
    """
    kept: list[Event] = []
    for event in events:
        if isinstance(event, StartedEvent):
            kept = [earlier for earlier in kept if getattr(earlier, "step", 0) <= event.step]
        kept.append(event)
    return kept


def since_load(events: Sequence[Event]) -> Sequence[Event]:
    """Events of a run since it last started or resumed."""
    starts = [place for place, event in enumerate(events)
              if isinstance(event, PhaseEvent) and event.phase == "load"]
    return events[starts[-1] :] if starts else events


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
