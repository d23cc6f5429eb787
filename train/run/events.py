"""The events of a run: lines of `events.jsonl`.

Written here and read here. Each is a JSON object with a `time` and a `type` (`phase`, `started`,
`step`, `loss`, `eval`, `progress`, `log`, `paused`, `done`, `error`); one of a type that this
version does not know is kept as it is.
"""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Event = dict[str, Any]


def append_event(path: Path, event: Mapping[str, Any]) -> None:
    """Add an event to a file, with the time."""
    line = json.dumps({"time": round(time.time(), 3), **event}, ensure_ascii=False) + "\n"
    with path.open("ab+") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":  # half a line, of a process that was killed
                line = "\n" + line
        file.write(line.encode())


def read_events(path: Path) -> list[Event]:
    """All whole events of a file so far.

    A line that is cut off or damaged is left out.
    """
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except OSError:
        return []
    return objects_in(lines)


def objects_in(lines: Sequence[bytes]) -> list[dict[str, Any]]:
    """The JSON objects among some lines, in order."""
    return [found for line in lines if (found := _object(line)) is not None]


def latest(events: Sequence[Event], kind: str) -> Event | None:
    """The last event of a kind."""
    return next((event for event in reversed(events) if event.get("type") == kind), None)


def still_true(events: Sequence[Event]) -> list[Event]:
    """The events without those of steps that were lost.

    A resumed run took them again.
    """
    kept: list[Event] = []
    for event in events:
        if event.get("type") == "started":
            kept = [earlier for earlier in kept if earlier.get("step", 0) <= event["step"]]
        kept.append(event)
    return kept


def of_kind(events: Sequence[Event], kind: str) -> Iterator[Event]:
    """The events of a kind, in order."""
    return (event for event in events if event.get("type") == kind)


def since_load(events: Sequence[Event]) -> Sequence[Event]:
    """Events of a run since it last started or resumed."""
    starts = [place for place, event in enumerate(events)
              if event.get("type") == "phase" and event.get("phase") == "load"]
    return events[starts[-1] :] if starts else events


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
