"""What somebody brings, looked at, made a corpus and checked.

Each in a process of its own. So that a file that means ill has a bounded time and memory, and the
page stays quick whatever it holds.

What somebody brings and which column of it holds what, as a page or a program says it.
"""

import json
import shutil
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from corpus.columns import Columns
from hub.progress import Progress
from train.engines.local import hub_environment
from train.report.card_metadata import is_repo_id
from train.run.spec import placed
from train.settings import Settings
from ui.auth import Visitor
from ui.serving.turns import LARGE, Turns

from .process import LOOK_EVERY, CancelledError, follow, said_as
from .uploads import Raw, Uploads, mark_of, name_of

MOST_NAMED = 1_000
"""Characters of the name of a column, a configuration or a split."""


class ImportFailedError(ValueError):
    """Data that cannot be used as it is.

    The message says why.
    """


NO_COLUMNS = ("No two columns can be question and answer: make a row of each question with what "
              "answers it.")


class UnsureError(ImportFailedError):
    """Data whose columns cannot be told by their names."""


@dataclass(frozen=True)
class ImportRequest:
    """What somebody brings.

    A file that was received, or a data set of the Hub. raw: the token of the file. hub: owner/name,
    with @revision for one of its commits. config, split: of the data set, empty for its first.
    sheet: of a workbook, or `all`; empty for the first that is a table.
    """

    raw: str = ""
    hub: str = ""
    config: str = ""
    split: str = ""
    sheet: str = ""

    @classmethod
    def from_json(cls, text: object) -> "ImportRequest":
        """What a page sends back. ImportFailedError where it is none."""
        try:
            fields = json.loads(str(text))
            found = cls(**{name: str(fields.get(name) or "") for name in asdict(cls())})
        except (ValueError, AttributeError, RecursionError):
            raise ImportFailedError("Bring a file or name a data set first.") from None
        if not (found.raw or found.hub):
            raise ImportFailedError("Bring a file or name a data set first.")
        found.check()
        return found

    def check(self) -> None:
        """Refuse what can be no data set of the Hub.

        ImportFailedError.
        """
        name = self.hub.partition("@")[0]
        if not self.raw and not is_repo_id(name):
            raise ImportFailedError(
                f"A data set of the Hub is named owner/name, not {self.hub!r:.80}."
            )
        for what, text in (("revision", self.hub), ("config", self.config), ("split", self.split),
                           ("sheet", self.sheet)):
            check_argument(f"The {what}", text)

    @property
    def title(self) -> str:
        """What a data set is called.

        A file has a title of its own.
        """
        return self.hub.partition("@")[0].partition("/")[2] or self.hub


def columns_for(look: Mapping[str, Any], chosen: Mapping[str, Any] | None) -> Columns | None:
    """The columns to take.

    Those that were chosen, else those that the names leave no doubt of. look: what `corpus look`
    said. None for data that is not pairs. UnsureError where somebody has to choose.
    """
    if look.get("kind") != "pairs":
        return None
    if chosen:
        return chosen_columns(chosen)
    if guess := certain_guess(look):
        return guess
    if not look.get("guess"):
        raise UnsureError(str(next(iter(reversed(look.get("notes") or [])), NO_COLUMNS)))
    names = ", ".join(repr(str(name)[:60]) for name in list(look.get("columns") or [])[:20])
    raise UnsureError("Which column holds the question and which its answer cannot be told from "
                      f"their names ({names}): say which are the anchor and the positive.")


OPTIONS = {
    "strip_html": "--strip-html", "fix_mojibake": "--fix-mojibake",
    "split_by_question": "--split-by=question",
}
"""What may be done to data on its way in -> how `python -m corpus convert` is told."""


def checked_options(options: object) -> list[str]:
    """The options among OPTIONS, each once and in their order.

    ImportFailedError for others.
    """
    named = [options] if isinstance(options, str) else list(options) if isinstance(
        options, list | tuple) else []
    if unknown := [option for option in named if option not in OPTIONS]:
        raise ImportFailedError(f"There is no option {unknown[0]!r:.60}: there are "
                                f"{', '.join(OPTIONS)}.")
    return [option for option in OPTIONS if option in named]


def certain_guess(look: Mapping[str, Any]) -> Columns | None:
    """Which column holds what, where the names leave no doubt."""
    guess = look.get("guess")
    return Columns.from_json(guess) if guess and look.get("certain", True) else None


def chosen_columns(chosen: Mapping[str, Any]) -> Columns:
    """Columns as somebody chose them. ImportFailedError where they cannot be."""
    anchor, positive, score, topic = (
        str(chosen.get(name) or "") for name in ("anchor", "positive", "score", "topic"))
    told = chosen.get("negatives") or ()
    negatives = tuple(map(str, [told] if isinstance(told, str) else told)) \
        if isinstance(told, str | Sequence) else ()
    if not anchor or not positive:
        raise ImportFailedError(
            "Choose the column of the questions (anchor) and that of their answers (positive)."
        )
    named = [anchor, positive, *negatives, *([score] if score else []), *([topic] if topic else [])]
    for name in named:
        check_argument("A column’s name", name)
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise ImportFailedError(
            f"The column {twice!r:.80} is chosen twice: each can hold one thing."
        )
    least = _number(chosen.get("least_score"))
    if least is not None and not score:
        raise ImportFailedError("A least score needs the column that holds the scores.")
    return Columns(anchor, positive, negatives, score, least, topic)


def _number(value: object) -> float | None:
    if value in (None, ""):
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise ImportFailedError(f"The least score must be a number, not {value!r:.60}.")
    return number


def check_argument(what: str, text: str) -> None:
    """Refuse what no command line can carry; ImportFailedError."""
    if len(text) > MOST_NAMED:
        raise ImportFailedError(
            f"{what} has {len(text):,} characters; at most {MOST_NAMED:,} are taken."
        )
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ImportFailedError(f"{what} holds a character that cannot be used: {text!r:.80}.")


LOOK_WITHIN, CONVERT_WITHIN, CHECK_WITHIN = 60, 600, 900
"""Seconds that each may take."""
LOOK_MEMORY, CONVERT_MEMORY, CHECK_MEMORY = 3_000, 3_000, 6_000
"""Megabytes that each may take of the address space, of which much is never touched."""
UNPACKS_TO = 4
"""A file may unpack to so many times what it may have itself."""
MOST_REPORTS = 8

Steps = Generator[Progress | None, None, Any]
"""How far it is, several times a second; returns what comes of it."""


@dataclass
class Importer:
    """Takes in what visitors bring.

    command: what runs `python -m corpus`.
    """

    settings: Settings
    uploads: Uploads
    command: Sequence[str] = (sys.executable, "-m", "corpus")
    _reports: OrderedDict[str, dict[str, Any]] = field(default_factory=OrderedDict)
    _checking: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _turns: Turns = field(default_factory=Turns)

    def look(
        self, visitor: Visitor, brought: ImportRequest, cancel: threading.Event | None = None
    ) -> Steps:
        """What is in it.

        Format, columns, ten rows, a guess which column holds what. Returns what `python -m corpus
        look --json` prints. ImportFailedError or UploadError.
        """
        with self.uploads.in_use(brought.raw), self.uploads.staged() as scratch:
            arguments = ["look", *self._source(visitor, brought), *self._limits(),
                         f"--memory={LOOK_MEMORY}"]
            return (yield from self._asked(arguments, scratch, visitor, LOOK_WITHIN, cancel))

    def take(
        self, visitor: Visitor, brought: ImportRequest, columns: Columns | None = None,
        passages: Raw | None = None, cancel: threading.Event | None = None,
        options: Sequence[str] = (),
    ) -> Steps:
        """Make a corpus of it and keep that.

        Returns its name. columns: which hold what; None for data that is not pairs. passages: a
        file of more passages. options: those of `OPTIONS` that are asked for. The same from the
        same visitor is made once. ImportFailedError or UploadError.
        """
        source = self._source(visitor, brought)
        asked = [OPTIONS[option] for option in checked_options(options)]
        name, title = self._name(visitor, brought, columns, passages, asked)
        if self.uploads.has(name):
            self.uploads.source(name, visitor)  # used again
            return name
        arguments = ["convert", *source, *_column_arguments(columns), *asked, *self._limits(),
                     f"--memory={CONVERT_MEMORY}"]
        if passages is not None:
            arguments.append(f"--passages={passages.path.resolve()}")
        used = (brought.raw, passages.token if passages else "")
        with self.uploads.in_use(*used), self.uploads.staged() as scratch:
            self.uploads.make_room(visitor)
            made = scratch.resolve() / "made"
            yield from self._asked([*arguments, f"--out={made}"], scratch, visitor,
                                   CONVERT_WITHIN, cancel)
            self.uploads.settle(name, made, visitor, title)
        return name

    def check(
        self, visitor: Visitor, data: object, cancel: threading.Event | None = None
    ) -> Steps:
        """The data check of data by its name.

        Returns what `corpus check --json` prints. Kept, since looking again finds the same.
        """
        source = self.uploads.source(data, visitor)
        while True:
            if report := self._reports.get(source) or self.uploads.report(source):
                return report
            with self._lock:
                if source not in self._checking:
                    self._checking.add(source)
                    break
            yield from _waited(cancel)  # somebody else asks the same
        try:
            arguments = ["check", placed(source), f"--memory={CHECK_MEMORY}"]
            if not self.uploads.is_upload(source):
                arguments.append("--assume")  # the Scoreboard measures base on it anyhow
            with self.uploads.in_use(Path(source).name), self.uploads.staged() as scratch:
                report = yield from self._asked(arguments, scratch, visitor, CHECK_WITHIN, cancel)
            self._keep(source, report)
            return report
        finally:
            with self._lock:
                self._checking.discard(source)

    def _keep(self, source: str, report: dict[str, Any]) -> None:
        if self.uploads.is_upload(source):
            self.uploads.keep_report(source, report)
            return
        with self._lock:
            self._reports[source] = report
            if len(self._reports) > MOST_REPORTS:
                self._reports.popitem(last=False)

    def _source(self, visitor: Visitor, brought: ImportRequest) -> list[str]:
        if brought.raw:
            sheet = [f"--sheet={brought.sheet}"] if brought.sheet else []
            return [str(self.uploads.raw(brought.raw, visitor).path.resolve()), *sheet]
        brought.check()
        named = {"config": brought.config, "split": brought.split}
        return [f"hf:{brought.hub}", *(f"--{name}={text}" for name, text in named.items() if text)]

    def _limits(self) -> list[str]:
        return [f"--max-rows={self.settings.max_rows}",
                f"--max-bytes={UNPACKS_TO * self.settings.max_upload}",
                f"--max-characters={self.settings.max_characters}"]

    def _name(
        self,
        visitor: Visitor,
        brought: ImportRequest,
        columns: Columns | None,
        passages: Raw | None,
        asked: Sequence[str] = (),
    ) -> tuple[str, str]:
        """The name of what this makes, the same for the same, and what it is called."""
        how = [json.dumps(columns.as_json() if columns else None),
               passages.digest if passages else "", *asked, *self._limits(), mark_of(visitor)]
        if brought.raw:
            raw = self.uploads.raw(brought.raw, visitor)
            return name_of(raw.digest, raw.path.suffix, brought.sheet, *how), raw.title
        # What is on the Hub may change; and nobody may guess that somebody else has read it.
        return name_of(json.dumps(asdict(brought)), mark_of(Visitor(None)), *how), brought.title

    def _asked(
        self, arguments: Sequence[str], scratch: Path, visitor: Visitor, within: float,
        cancel: threading.Event | None,
    ) -> Generator[Progress | None, None, dict[str, Any]]:
        """The answer of a command, when its turn has come."""
        ticket = self._turns.join("" if visitor.is_owner else visitor.shares, _size(arguments))
        try:
            while not self._turns.begins(ticket):
                yield from _waited(cancel)
            return (yield from self._answer(arguments, scratch, visitor, within, cancel))
        finally:
            self._turns.leave(ticket)

    def _answer(
        self, arguments: Sequence[str], scratch: Path, visitor: Visitor, within: float,
        cancel: threading.Event | None,
    ) -> Generator[Progress | None, None, dict[str, Any]]:
        """The answer of a command. What it leaves in the folder for passing things goes with it."""
        passing = scratch.resolve() / "passing"
        passing.mkdir()
        environment = hub_environment(visitor.is_owner, visitor.token)
        if visitor.token:
            environment["HF_TOKEN"] = visitor.token
        environment["TMPDIR"] = str(passing)
        at_home = visitor.is_owner and not self.settings.on_space
        if any(argument.startswith("hf:") for argument in arguments) and not at_home:
            # What one may read, and another may not, is kept for nobody.
            environment["HF_HOME"] = str(passing / "hub")
        try:
            with said_as(ImportFailedError, f"This took more than {within / 60:g} minutes and was "
                         "ended: bring less of it.", "This could not be read"):
                said = yield from follow([*self.command, *arguments, "--progress", "--json"],
                                         self.settings.home, environment, within, cancel)
        finally:
            shutil.rmtree(passing, ignore_errors=True)
        if "error" in said:
            raise ImportFailedError(_without_paths(str(said["error"]), arguments))
        return said


def _size(arguments: Sequence[str]) -> int:
    """Bytes that a command reads: of its file or folder; what is on the Hub may be anything."""
    place = Path(arguments[1])
    if arguments[1].startswith("hf:"):
        return LARGE
    try:
        return place.stat().st_size if place.is_file() else sum(
            path.stat().st_size for path in place.rglob("*.jsonl"))
    except OSError:
        return 0


def _waited(cancel: threading.Event | None) -> Generator[None, None, None]:
    """A moment; CancelledError where nobody waits any more."""
    if cancel is not None and cancel.wait(LOOK_EVERY):
        raise CancelledError("It was cancelled.")
    if cancel is None:
        time.sleep(LOOK_EVERY)
    yield None


def _column_arguments(columns: Columns | None) -> list[str]:
    if columns is None:
        return []
    given = [f"--anchor={columns.anchor}", f"--positive={columns.positive}",
             *(f"--negative={name}" for name in columns.negatives)]
    given += [f"--score={columns.score}"] if columns.score else []
    given += [f"--least-score={columns.least_score!r}"] if columns.least_score is not None else []
    return given + ([f"--topic={columns.topic}"] if columns.topic else [])


def _without_paths(said: str, arguments: Sequence[str]) -> str:
    """A sentence without the folders of this machine."""
    for argument in arguments:
        place = argument.partition("=")[2] if argument.startswith("--") else argument
        if place.startswith("/"):
            said = said.replace(f"{Path(place).parent}/", "")
    return said
