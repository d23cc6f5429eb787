"""A first look at what somebody brings.

Its columns, a few rows, and what may be in them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from corpus.beir import IDS, folder_files, judgements, noticed, qrels_files
from corpus.columns import Columns, Guess
from corpus.html_text import has_html
from corpus.labels import Labels, labels_of
from corpus.readers.csv import longest_cell
from corpus.readers.jsonl import json_lines
from corpus.readers.open import FIRST_ROWS, Source, opened
from corpus.readers.rows import USUAL, ReadLimits
from corpus.records import SPLITS
from corpus.text import shortened

from .manifest import LossTally
from .pairs import label_note

SHOWN_ROWS = 10
COUNTED_ROWS = 20_000
"""Rows that are counted at most, of data that is unfolded or that has labels."""
ASIDE = ("no_answer",)
"""Kinds of what is left out because the data says so, and is counted by itself."""
HTML_NOTE = ("{count:,} of the first {texts:,} texts hold HTML, which a model reads as text: it "
             "can be stripped (--strip-html).")
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
    BEIR, with their sizes. hub: what a data set of the Hub offers to choose from.
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

    def as_json(self) -> dict[str, Any]:
        """The look as `corpus look --json` prints it."""
        return {
            "kind": self.kind, "name": self.name, "format": self.format,
            "encoding": self.encoding, "columns": list(self.columns),
            "rows": [dict(row) for row in self.rows],
            "guess": self.guess.as_json() if self.guess else None, "certain": self.certain,
            "notes": list(self.notes), "row_count": self.row_count, "splits": dict(self.splits),
            "hub": self.hub,
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
        return _at_folder(found, tally, limits) if found.folder else _at_table(found, tally)


def _at_table(source: Source, tally: LossTally) -> Look:
    guess = source.guess()
    labels = _labels(guess, source)
    rows_seen, whole = _counted(source, bool(labels))
    notes = [*tally.notes, *_faults(tally), *_left_out(tally), *(guess.notes if guess else ())]
    if labels:
        notes.append(label_note(labels, rows_seen, whole))
    if guess:
        notes += _spoiled(guess.columns, rows_seen[:FIRST_ROWS])
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
    return Look(source.kind, shortened(source.name), source.format, source.encoding, source.names,
                rows, guess.columns if guess else None, bool(guess and guess.certain),
                tuple(notes), len(rows_seen) if whole else source.row_count,
                hub=source.choices.as_json() if source.choices else None)


def _counted(source: Source, labelled: bool) -> tuple[list[Mapping[str, Any]], bool]:
    """The rows that the preview counts, and whether they are all.

    More than the first are read of what was unfolded, or has labels, but not of the Hub; of those
    no more than numbers and short texts is kept.
    """
    first = [fields for _, fields in source.first]
    if source.choices or not (source.layouts or labelled):
        return first, source.row_count == len(first)
    rows = [*first, *({name: value for name, value in fields.items() if _is_short(value)}
                      for _, fields in islice(source.rows, len(first), COUNTED_ROWS + 1))]
    return rows[:COUNTED_ROWS], len(rows) <= COUNTED_ROWS


def _is_short(value: object) -> bool:
    return isinstance(value, int | float) or isinstance(value, str) and len(value) <= 40


def _left_out(tally: LossTally) -> Iterator[str]:
    """How many questions are left out because their own data says that they have no answer."""
    for kind in ASIDE:
        if count := tally.counts.get(kind):
            said = "question is" if count == 1 else "questions are"
            yield (f"{count:,} {said} left out, since the data has no answer to it, such as: "
                   f"{tally.examples[kind][0]}")


def _spoiled(columns: Columns, rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """What texts of questions and answers were spoiled by on their way here."""
    texts = [shown for row in rows for name in (columns.anchor, columns.positive)
             if isinstance(shown := row.get(name), str)]
    if count := sum(map(has_html, texts)):
        yield HTML_NOTE.format(count=count, texts=len(texts))


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
    files = qrels_files(folder)
    sizes = {split: sum(1 for _ in judgements(path, limits, tally))
             for split, path in files.items()}
    first = list(islice(judgements(next(iter(files.values())), limits, tally), SHOWN_ROWS))
    places = folder_files(folder)
    queries = _texts_of(places["queries.jsonl"], {query_id for _, query_id, _, _ in first}, limits,
                        tally)
    passages = _texts_of(places["corpus.jsonl"], {found for _, _, found, _ in first}, limits, tally)
    rows = tuple({"query": queries.get(query_id, _shown(query_id)),
                  "passage": passages.get(passage_id, _shown(passage_id)), "grade": str(grade)}
                 for _, query_id, passage_id, grade in first)
    notes = (*tally.notes, *_faults(tally), *splits_note(set(sizes)))
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


def _texts_of(
    path: Path, wanted: set[str], limits: ReadLimits, tally: LossTally
) -> dict[str, str]:
    """The texts of some ids, as far as they stand near the beginning."""
    found: dict[str, str] = {}
    rows = islice(json_lines(path, lambda error: None, limits), SEARCHED_ROWS)
    for _, fields in noticed(rows, path.name, tally):
        identifier = next((str(fields[name])[:1000] for name in IDS if name in fields), "")
        if identifier in wanted:
            title = fields.get("title")
            text = " ".join(str(part) for part in (title, fields.get("text")) if part)
            found[identifier] = shortened(text, SHOWN_TEXT)
    return found


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
