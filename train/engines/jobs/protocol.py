"""How a job speaks.

Events and its record as marked lines of its log, and how they are heard. A log is text from
elsewhere: what the job's libraries print, what was in the data, what the Hub adds. A line counts as
the job's word only with the mark that was made up for that job, and is checked all the same.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train.run.record import RunRecord

EVENT, RECORD = "event", "record"
LONGEST = 8000
"""Characters of a marked line: what collects logs may cut up longer ones, so none is ours."""
KIND = re.compile(r"[a-z_]{1,20}")
OWN_KEYS = ("schema", "owner", "created", "queued", "engine", "process", "published", "recipe",
            "seed", "note", "estimate")
"""What the app knows of a run: a record that comes back from elsewhere does not change these."""
PLACES = {"base_model": ("name", "revision"), "data": ("source", "name")}
"""The job has base and data from other places than the app."""
RESULT_KEYS = ("status", "error", "metrics", "finished", "started", "history")
"""What holds only once the run has ended and its files are here."""


@dataclass(frozen=True)
class Heard:
    """A line that is the job's word.

    n: the number of the event, from 1; 0 for the record.
    """

    what: str
    n: int
    value: dict[str, Any]


def event_line(mark: str, n: int, event: Mapping[str, Any]) -> str:
    """The log line of the n-th event."""
    return f"tandem:{mark}:{EVENT}:{n} {json.dumps(event)}"


def record_line(mark: str, record: Mapping[str, Any]) -> str:
    """The log line of a run's record as it stands.

    What is of interest before the end. What is long is left out, the largest first; all of it comes
    with the result.
    """
    kept = {key: value for key, value in record.items() if key not in OWN_KEYS + RESULT_KEYS}
    while (line := f"tandem:{mark}:{RECORD}:0 {json.dumps(kept)}")[LONGEST:]:
        del kept[max(kept, key=lambda key: len(json.dumps(kept[key])))]
    return line


def heard(line: str, mark: str) -> Heard | None:
    """What a log line says of a run.

    None if it is not the job's word or not whole.
    """
    head = re.match(rf"tandem:{re.escape(mark)}:({EVENT}|{RECORD}):(\d{{1,9}}) ", line[:100])
    if head is None or len(line) > LONGEST:
        return None
    try:
        value = json.loads(line[head.end():])
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    if head[1] == EVENT and not (is_event(value) and int(head[2])):
        return None
    return Heard(head[1], int(head[2]), value)


def is_event(value: object) -> bool:
    """Whether a value is an event of a run directory."""
    return isinstance(value, dict) and bool(KIND.fullmatch(str(value.get("type"))))


def is_marked(line: str) -> bool:
    """Whether a log line looks like one of ours.

    Whole or not: such are not shown to people.
    """
    return line.startswith("tandem:")


def taken_over(ours: RunRecord, theirs: Mapping[str, Any], ended: bool) -> RunRecord:
    """The run's record updated with the job's.

    But for what the app knows better. ended: whether the run is over and its files are here, so
    that its result counts too. SchemaError when the job's is not what a record is.
    """
    closed, known = OWN_KEYS if ended else OWN_KEYS + RESULT_KEYS, ours.to_json()
    changes = {key: value for key, value in theirs.items() if key not in closed}
    for name, places in PLACES.items():
        place = known.get(name) or {}
        if isinstance(changes.get(name), dict):
            changes[name] = changes[name] | {key: place[key] for key in places if key in place}
    return RunRecord.from_json(known | changes)


def plain(line: str, most: int = 2000) -> str:
    """A log line as it may be kept and shown.

    One line, printable, not too long.
    """
    shown = "".join(c if c.isprintable() or c == "\t" else " " for c in line[:most])
    return shown.rstrip()
