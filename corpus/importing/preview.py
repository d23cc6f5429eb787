"""A first look at what somebody brings.

Its columns, a few rows, and what may be in them.
"""

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from corpus.beir import (
    folder_files,
    id_in,
    judgements,
    noticed,
    qrels_files,
    text_in,
    two_texts,
)
from corpus.columns import Columns, Guess
from corpus.labels import Labels, labels_of
from corpus.readers.clean import Spoilt, Texts
from corpus.readers.csv import longest_cell
from corpus.readers.jsonl import json_lines
from corpus.readers.open import Source, opened
from corpus.readers.rows import USUAL, EmptyTextError, ReadLimits, Row, TooMuchError
from corpus.records import SPLITS, CorpusError
from corpus.text import shortened

from .manifest import LossTally
from .pairs import Gathering, PairReader, label_note

SHOWN_ROWS = 10
COUNTED_ROWS = 20_000
"""Rows of which it is counted what becomes of them."""
ASIDE = ("no_answer",)
"""Kinds of what is left out because the data says so, and is counted by itself."""
LEFT_OUT = {
    "no_answer": ("question", "questions", "the data has no answer"),
    "no_question": ("answer", "answers", "the data has no question"),
    "no_pair": ("row", "rows", "a label that says neither"),
    "empty_text": ("row", "rows", "no text"),
    "too_long": ("row", "rows", "a text over the limit"),
    "duplicate_pair": ("row", "rows", "an earlier pair again"),
    "empty_item": ("place in a list", "places in lists", "no text"),
    "unreadable_row": ("row", "rows", "cannot be read"),
}
"""Kind of what is left out -> what it is, one or several, and why."""
EXAMPLE = '{"question": "How long is the warranty?", "answer": "Two years."}'
SHOWN_TEXT = 300
SHOWN_COLUMNS = 50
SHOWN_FAULTS = 3
MOST_BAD = 1_000
"""Rows that cannot be read, after which a look has seen enough."""
SEARCHED_ROWS = 100_000
"""Passages and queries that are searched for those of the first judgements."""


@dataclass(frozen=True)
class Look:
    """What is seen of a source before it is converted.

    kind: `pairs`, whose columns are to be confirmed, or `beir`, which has none. rows: the first,
    with their texts shortened. guess: which columns hold what; certain: their names say so.
    row_count: where it can be told without reading everything (BEIR: of judgements). splits: of
    BEIR, with their sizes. hub: what a data set of the Hub offers to choose from. counted: what
    becomes of the first rows. sheets: of a workbook, those that are read first.
    """

    kind: str
    name: str
    format: str
    encoding: str | None
    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    guess: Columns | None = None
    certain: bool = False
    notes: tuple[str, ...] = ()
    row_count: int | None = None
    splits: Mapping[str, int] = field(default_factory=dict)
    hub: Mapping[str, Any] | None = None
    counted: "Counted | None" = None
    sheets: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The look as `corpus look --json` prints it."""
        return {
            "kind": self.kind, "name": self.name, "format": self.format,
            "encoding": self.encoding, "columns": list(self.columns),
            "rows": [dict(row) for row in self.rows],
            "guess": self.guess.as_json() if self.guess else None, "certain": self.certain,
            "notes": list(self.notes), "row_count": self.row_count, "splits": dict(self.splits),
            "hub": self.hub, "counted": self.counted.as_json() if self.counted else None,
            "sheets": list(self.sheets),
        }


def look(
    source: str | Path, limits: ReadLimits = USUAL, *, config: str = "", split: str = "",
    sheet: str = "",
) -> Look:
    """Look at a data file, folder, zip, Hub data set.

    A folder is in BEIR layout. Of a table the beginning is read. Raises CorpusError for what is no
    data.
    """
    tally = LossTally()
    with (longest_cell(limits.characters),
          opened(source, limits, tally, config=config, split=split, sheet=sheet,
                 most_bad=MOST_BAD) as found):
        return _at_folder(found, tally, limits) if found.folder else _at_table(found, tally, limits)


def _at_table(source: Source, tally: LossTally, limits: ReadLimits) -> Look:
    guess = source.guess()
    labels = _labels(guess, source)
    faults = list(_faults(tally))
    counted = _counted(source, guess, labels, tally, limits)
    notes = [*tally.notes, *faults, *_left_out(tally, counted, len(faults)),
             *(guess.notes if guess else ()), *counted.notes]
    if labels:
        notes.append(label_note(labels, counted.labels, counted.whole))
    if guess and not guess.certain:
        notes.append("The names of the columns do not say which holds the question and which the "
                     "answer: they are guessed from the texts. Confirm or change them.")
    elif guess and guess.columns.score and not labels:
        notes.append(f"“{shortened(guess.columns.score, 40)}” looks like a score: give the least "
                     "that makes a pair, or every row counts as one.")
    elif not guess and source.names:
        notes.append(_nothing_found(source))
    if not source.first:
        notes.append(f"{source.file} holds no rows.")
    rows = tuple(
        {name: _shown(fields.get(name)) for name in source.names[:SHOWN_COLUMNS] if name in fields}
        for _, fields in source.first[:SHOWN_ROWS]
    )
    long = source.choices or not (source.layouts or labels)
    return Look(source.kind, shortened(source.name), source.format, source.encoding, source.names,
                rows, guess.columns if guess else None, bool(guess and guess.certain),
                tuple(notes), source.row_count if long else counted.rows if counted.whole else None,
                hub=source.choices.as_json() if source.choices else None, counted=counted,
                sheets=source.sheets)


@dataclass
class Counted:
    """What becomes of the first rows, counted.

    whole: they are all there are. labels: what the label column holds in them. left_out: kind ->
    how many, of rows and of places in lists.
    """

    rows: int = 0
    whole: bool = False
    pairs: int = 0
    questions: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    labels: list[Mapping[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The counts as `corpus look --json` prints them."""
        return {"rows": self.rows, "whole": self.whole, "pairs": self.pairs,
                "questions": self.questions, "left_out": dict(self.left_out)}


def _counted(
    source: Source, guess: Guess | None, labels: Labels | None, tally: LossTally,
    limits: ReadLimits,
) -> Counted:
    """Convert the first rows and keep nothing but counts.

    Of the Hub, the rows that were fetched anyway.
    """
    counted, spoilt = Counted(), Spoilt()
    gathering = Gathering(lambda error: None if error.kind == "note" else tally(error))
    reader = _reader(source, guess, labels, Texts(tally, limits.characters, spoilt=spoilt))
    most = len(source.first) if source.choices else min(COUNTED_ROWS, limits.rows)

    def taken(rows: Iterator[Row]) -> Iterator[Row]:
        for row in islice(rows, most - counted.rows):
            counted.rows += 1
            if labels:
                counted.labels.append({labels.column: row[1].get(labels.column)})
            yield row
        counted.whole = False
        counted.whole = next(rows, None) is None

    with suppress(TooMuchError):  # of rows that cannot be read, enough were counted
        for split, rows in source.tables():
            for _ in gathering.read([(split, taken(rows))], reader) if reader else taken(rows):
                pass
    judged = [grades for qrels in gathering.splits.values() for grades in qrels.values()]
    counted.pairs = sum(grade > 0 for grades in judged for grade in grades.values())
    counted.questions = sum(any(grades.values()) for grades in judged)
    counted.left_out = {kind: found["count"] for kind, found in tally.of(fixed=False).items()}
    part = "" if counted.whole else "first "
    counted.notes = [*gathering.contradicted(), *spoilt.with_html(part),
                     *spoilt.misread(source.file, part)]
    return counted


def _reader(
    source: Source, guess: Guess | None, labels: Labels | None, texts: Texts
) -> PairReader | None:
    """What reads the pairs as converting reads them, with the columns that are guessed."""
    if guess is None:
        return None
    if guess.certain:
        return PairReader.usual(guess.columns, texts, labels, [row for _, row in source.first])
    return PairReader.of(guess.columns, texts, labels)


def _left_out(tally: LossTally, counted: Counted, shown: int) -> Iterator[str]:
    """How many rows are left out, and why. shown: faults of reading that were told already."""
    where = "" if counted.whole else f" of the first {counted.rows:,} rows"
    for kind, count in counted.left_out.items():
        if kind == "unreadable_row" and count <= shown:
            continue
        one, several, reason = LEFT_OUT.get(kind, ("row", "rows", "cannot be used"))
        yield (f"{f'1 {one} is' if count == 1 else f'{count:,} {several} are'} left out{where} "
               f"({reason}), such as: {tally.examples[kind][0]}")


def _nothing_found(source: Source) -> str:
    """What to say where no two columns can be question and answer."""
    found = ", ".join(f"“{shortened(name, 40)}” ({_held(source, name)})"
                      for name in source.names[:8])
    return ("No two columns look like question and answer, so it does not help to name them: it "
            f"has {found}. Make a row of each question with what answers it: {EXAMPLE}")


def _held(source: Source, name: str) -> str:
    """What a column holds, in a word."""
    values = [fields[name] for _, fields in source.first if fields.get(name) is not None]
    kinds = {list: "lists", dict: "objects", bool: "true or false", int: "numbers",
             float: "numbers", str: "text"}
    return kinds.get(type(values[0]), "values") if values else "nothing"


def _labels(guess: Guess | None, source: Source) -> Labels | None:
    """What the column of the score says, where it says whether a row is a pair."""
    if not guess or not guess.columns.score:
        return None
    score = guess.columns.score
    return labels_of(score, [fields.get(score) for _, fields in source.first], source.names)


def _at_folder(source: Source, tally: LossTally, limits: ReadLimits) -> Look:
    folder = source.folder
    if folder is None:
        raise ValueError("a source without a folder")
    files, places = qrels_files(folder), folder_files(folder)
    first = list(islice(judgements(next(iter(files.values())), limits, tally), SHOWN_ROWS))
    queries = _Known.of(places["queries.jsonl"], {query for _, query, _, _ in first}, limits, tally)
    passages = _Known.of(places["corpus.jsonl"], {found for _, _, found, _ in first}, limits, tally)
    sizes: dict[str, int] = {}
    for split, path in files.items():
        sizes[split] = 0
        for where, query, passage, _ in judgements(path, limits, tally):
            sizes[split] += 1
            for name, known, file in ((query, queries, "queries.jsonl"),
                                      (passage, passages, "corpus.jsonl")):
                if known.whole and name not in known.ids:
                    tally(CorpusError(f"{where} names {name[:80]!r}, which {file} has not."))
                    break
    rows = tuple({"query": queries.texts.get(query, _shown(query)),
                  "passage": passages.texts.get(passage, _shown(passage)), "grade": str(grade)}
                 for _, query, passage, grade in first)
    faults = list(_faults(tally))
    lost = tally.counts.get("unreadable_row", 0)
    more = [f"{lost:,} rows and judgements are left out in all."] if lost > len(faults) else []
    notes = (*tally.notes, *faults, *more, *splits_note(set(sizes)))
    return Look("beir", shortened(source.name), source.format, source.encoding, (), rows,
                notes=notes, row_count=sum(sizes.values()),
                splits={split: size for split, size in sizes.items() if split})


def splits_note(splits: set[str]) -> Iterator[str]:
    """A note on the splits that a BEIR folder lacks."""
    if "" in splits:
        return
    missing = [split for split in SPLITS if split not in splits]
    if "train" in missing:
        yield ("There is no qrels/train.tsv: this data can be measured on, not trained on. Give "
               "one qrels.tsv instead to have it split.")
    elif missing:
        yield (f"There is no qrels/{' and no qrels/'.join(f'{split}.tsv' for split in missing)}: "
               "give one qrels.tsv instead to have all three splits made.")


@dataclass(frozen=True)
class _Known:
    """The ids of passages or queries, and the texts of some of them.

    whole: no more stand in the file.
    """

    ids: Collection[str]
    texts: Mapping[str, str]
    whole: bool

    @classmethod
    def of(cls, path: Path, wanted: set[str], limits: ReadLimits, tally: LossTally) -> "_Known":
        """The ids of a file's beginning.

        CorpusError for an id with two texts.
        """
        texts: dict[str, str] = {}
        known: dict[str, str] = {}
        rows = json_lines(path, lambda error: None, limits)
        for where, fields in noticed(islice(rows, SEARCHED_ROWS), path.name, tally):
            identifier, text = id_in(fields), text_in(fields)
            if not text.strip():
                tally(EmptyTextError(f"{where} has no text."))
                continue
            start = shortened(text, 60)
            if known.setdefault(identifier, start) != start:
                raise two_texts(path.name, identifier, known[identifier], text)
            if identifier in wanted:
                title = fields.get("title")
                titled = f"{title} {text}" if title and title != text else text
                texts[identifier] = shortened(titled, SHOWN_TEXT)
        return cls(known.keys(), texts, next(rows, None) is None)


def _faults(tally: LossTally) -> Iterator[str]:
    """What is wrong with the first rows."""
    examples = [example for kind, found in tally.of(fixed=False).items() if kind not in ASIDE
                for example in found["examples"]]
    yield from examples[:SHOWN_FAULTS]


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list) and value and all(
            isinstance(item, str) or isinstance(item, Mapping) and "text" in item
            for item in value):
        value = " | ".join(map(_shown, value[:SHOWN_ROWS]))
    if isinstance(value, Mapping) and value.keys() == {"title", "text"}:
        value = f"{value['title']} — {value['text']}"
    if not isinstance(value, str):
        try:
            value = json.dumps(value, ensure_ascii=False, default=str)
        except (ValueError, RecursionError):
            value = f"a {type(value).__name__}"
    return shortened(value, SHOWN_TEXT)
