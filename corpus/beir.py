"""A folder in BEIR layout.

Corpus.jsonl, queries.jsonl, and who judged what in qrels.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

from corpus.importing.pairs import Grades
from corpus.names import first_called
from corpus.readers.clean import Texts
from corpus.readers.folder import BEIR_TEXTS, files_in, layout_of
from corpus.readers.jsonl import json_lines, numbered
from corpus.readers.rows import (
    WHOLE,
    NoPairsError,
    OnBadRow,
    ReadLimits,
    Remark,
    RepeatedPairError,
    Row,
    TooMuchError,
    bounded,
    each,
    refuse,
)
from corpus.readers.text import TextFile

from .records import SPLITS, CorpusError, Passage, Query
from .text import shortened

IDS = ("_id", "id", "docid", "doc_id", "document_id", "pid", "passage_id", "corpus-id", "corpus_id",
       "query-id", "query_id", "qid")
"""What an id is called: `id` by MTEB since its version 2, `docid` by Tevatron."""
TEXTS = ("text", "contents", "passage", "query", "question")
"""What the text is called: `contents` by Anserini."""
QRELS_KEYS = (("query-id", "query_id", "qid", "query"),
              ("corpus-id", "corpus_id", "docid", "doc_id", "pid", "passage_id"),
              ("score", "relevance", "label", "grade"))
Known = TypeVar("Known", Passage, Query)
GRADE = re.compile(r"(-?[0-9]{1,9})(?:\.0+)?")
HEADER = re.compile(r"query|corpus|doc|passage|id$|score|rel", re.IGNORECASE)


@dataclass(frozen=True)
class Beir:
    """What a folder holds.

    Qrels of each split, or (`single`) of none.
    """

    passages: tuple[Passage, ...]
    queries: Mapping[str, Query]
    splits: dict[str, Grades] = field(default_factory=dict)
    single: Grades | None = None


def beir_parts(
    folder: Path, on_bad_row: OnBadRow = refuse, limits: ReadLimits = WHOLE,
    texts: Texts | None = None,
) -> Beir:
    """Read a folder's passages, queries and judgements.

    Each of its files may be packed (.gz). A row that stands there again word for word is read once;
    two rows of one id and different texts are a fault. texts: how texts are taken, where something
    of them is to be mended.
    """
    places = folder_files(folder)
    texts = texts or Texts(on_bad_row, limits.characters)
    passages = _once(each(_rows(places["corpus.jsonl"], on_bad_row, limits),
                          partial(_passage, texts), on_bad_row),
                     places["corpus.jsonl"])
    if not passages:
        raise NoPairsError(f"{places['corpus.jsonl'].name} holds no passages: add at least one.")
    queries = _once(each(_rows(places["queries.jsonl"], on_bad_row, limits),
                         partial(_query, texts), on_bad_row),
                    places["queries.jsonl"])
    judged = {split: _read_qrels(path, queries, passages.keys(), on_bad_row, limits)
              for split, path in qrels_files(folder).items()}
    single = judged.pop("", None)
    return Beir(tuple(passages.values()), queries, judged, single)


def folder_files(folder: Path) -> dict[str, Path]:
    """What a folder has of a BEIR folder.

    The usual name -> the file. CorpusError if not all. The file may be packed, and those of
    judgements be called otherwise (`qrels.test.txt`).
    """
    names = files_in(folder)
    found = {called.removesuffix(".gz"): folder / name for called, name in layout_of(
        [name for name in names if name.count("/") < 2], folder.name, ()).beir.items()}
    for needed in BEIR_TEXTS:
        if needed not in found:
            raise CorpusError(f"{folder.name} has no {needed}: put it there, one object with _id "
                              "and text a line.")
    return found


def qrels_files(folder: Path) -> dict[str, Path]:
    """Split -> its file of judgements.

    "" -> the one file of a folder without splits.
    """
    files = folder_files(folder)
    found = {split: files[f"qrels/{split}.tsv"] for split in SPLITS
             if f"qrels/{split}.tsv" in files}
    if not found and (single := files.get("qrels.tsv")):
        found = {"": single}
    if not found:
        raise CorpusError(
            f"{folder.name} has no qrels: put qrels/train.tsv, dev.tsv and test.tsv there, each "
            "with the header query-id, corpus-id, score."
        )
    return found


def judgements(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow
) -> Iterator[tuple[str, str, str, int]]:
    """Each judgement: where it stands, query id, passage id, grade.

    Three columns between tabs or commas, with or without a header, the four of TREC (query, 0,
    passage, grade) between tabs or spaces, or a JSON object a line.
    """
    def judgement(line: tuple[str, str]) -> tuple[str, str, str, int]:
        where, text = line
        cells = _cells(text)
        grade = GRADE.fullmatch(cells[2].strip()) if len(cells) == 3 else None
        if not grade:
            raise CorpusError(
                f"{where} must be query-id, corpus-id and a whole-number score between tabs, "
                f"not {text[:80]!r}."
            )
        return where, cells[0], cells[1], int(grade[1])

    lines = numbered(TextFile(path, limits, on_bad_row))
    first = next(lines, None)
    kept = lines if first is None or _is_header(first[1]) else chain([first], lines)
    return each(kept, judgement, on_bad_row)


def _read_qrels(
    path: Path, queries: Mapping[str, Query], passages: Collection[str], on_bad_row: OnBadRow,
    limits: ReadLimits,
) -> Grades:
    def known(found: tuple[str, str, str, int]) -> tuple[str, str, str, int]:
        where, query_id, passage_id, _ = found
        if query_id not in queries:
            raise CorpusError(
                f"{where} names query {query_id[:80]!r}, which queries.jsonl has not."
            )
        if passage_id not in passages:
            raise CorpusError(
                f"{where} names passage {passage_id[:80]!r}, which corpus.jsonl has not."
            )
        return found

    qrels: Grades = {}
    found = each(judgements(path, limits, on_bad_row), known, on_bad_row)
    for number, (where, query_id, passage_id, grade) in enumerate(found, 1):
        if number > limits.rows:
            raise TooMuchError(f"{path.name} has more than {limits.rows:,} judgements, which is "
                               "what is read at most.")
        grades = qrels.setdefault(query_id, {})
        if passage_id in grades:
            on_bad_row(RepeatedPairError(
                f"{where} judges {query_id[:80]!r} with {passage_id[:80]!r} again"
            ))
        grades[passage_id] = grade
    return {query_id: rel for query_id, rel in qrels.items() if max(rel.values()) > 0}


def _cells(text: str) -> list[str]:
    """Query id, passage id and grade of a line, if it holds them."""
    if text.lstrip().startswith("{"):
        return _of_object(text)
    cells = text.rstrip("\r").split("\t")
    if len(cells) == 1 and text.count(",") in (2, 3):
        cells = [cell.strip().strip('"') for cell in text.split(",")]
    if len(cells) == 1 and len(spaced := text.split()) == 4:
        cells = spaced
    return [cells[0], *cells[2:]] if len(cells) == 4 else cells


def _of_object(text: str) -> list[str]:
    """The same of a judgement that is written as JSON."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return []
    found = [first_called(fields, keys) for keys in QRELS_KEYS]
    return [str(fields[name]) if name else "1" for name in found] if all(found[:2]) else []


def _is_header(text: str) -> bool:
    cells = _cells(text)
    return (len(cells) == 3 and bool(HEADER.search(cells[2]) or HEADER.search(cells[0]))
            and not GRADE.fullmatch(cells[2].strip()))


def _rows(path: Path, on_bad_row: OnBadRow, limits: ReadLimits) -> Iterator[Row]:
    rows = bounded(json_lines(path, on_bad_row, limits), limits, path.name)
    return noticed(rows, path.name, on_bad_row)


def noticed(rows: Iterable[Row], name: str, on_bad_row: OnBadRow) -> Iterator[Row]:
    """The rows of passages or queries.

    What there is to say of all of them is told at their end. That is: repeated rows, and titles
    without text.
    """
    seen: set[str] = set()
    repeated = titles = 0
    for where, fields in rows:
        titles += _has_title_alone(fields)
        known = id_in(fields) or where
        repeated += known in seen
        seen.add(known)
        yield where, fields
    if repeated:
        on_bad_row(Remark(f"{repeated:,} rows of {name} repeat an earlier one, id and all: they "
                          "are read once."))
    if titles:
        on_bad_row(Remark(f"{titles:,} passages of {name} have a title and no text: the title is "
                          "their text."))


def id_in(fields: Mapping[str, Any]) -> str:
    """The id that a row gives; empty for none."""
    return str(next((fields[name] for name in IDS if fields.get(name) is not None), ""))[:1000]


def text_in(fields: Mapping[str, Any]) -> str:
    """The text of a passage's row, or its title."""
    found = (fields.get(name) for name in (*TEXTS, "title"))
    return next((text for text in found if isinstance(text, str) and text.strip()), "")


def two_texts(name: str, identifier: str, one: str, other: str) -> CorpusError:
    """What to say of an id that has two texts."""
    return CorpusError(f"{name}: {identifier[:80]!r} stands 2 times as _id, with different texts: "
                       f"{shortened(one, 60)!r} and {shortened(other, 60)!r}. Give each an id of "
                       "its own.")


def _has_title_alone(fields: Mapping[str, Any]) -> bool:
    title = fields.get("title")
    return isinstance(title, str) and bool(title.strip()) and all(
        text is None or isinstance(text, str) and not text.strip()
        for text in (fields.get(name) for name in TEXTS))


def _called(fields: Mapping[str, Any], names: tuple[str, ...], most: int) -> tuple[str, ...]:
    """The one of some names that a row has; else the first of them, for a sentence."""
    return next(((name,) for name in names if fields.get(name) is not None), names[:most])


def _passage(texts: Texts, row: Row) -> Passage:
    """A passage; where it has a title and no text, the title is its text."""
    where, fields = row
    names = ("title", "topic", "model_line", "source")
    extra = {name: texts.label(fields, (name,), where) for name in names}
    identifier = texts.id(fields, _called(fields, IDS, 2), where)
    if _has_title_alone(fields):
        return Passage(identifier, extra.pop("title").strip(), where=_place(fields, where), **extra)
    return Passage(identifier, texts.text(fields, _called(fields, TEXTS, 1), where),
                   where=_place(fields, where), **extra)


def _query(texts: Texts, row: Row) -> Query:
    where, fields = row
    extra = {name: texts.label(fields, (name,), where) for name in ("topic", "model_line")}
    return Query(texts.id(fields, _called(fields, IDS, 2), where),
                 texts.text(fields, _called(fields, TEXTS, 1), where),
                 where=_place(fields, where), **extra)


def _place(fields: Mapping[str, object], where: str) -> str:
    """The row that a text was read from, as convert wrote it down, or its own line."""
    return shortened(place) if isinstance(place := fields.get("where"), str) and place else where


def _once(
    rows: Iterable[Known], path: Path
) -> dict[str, Known]:
    """Passages or queries by their id; CorpusError for an id with two texts."""
    known: dict[str, Known] = {}
    for row in rows:
        if known.setdefault(row.id, row) != row:
            raise two_texts(path.name, row.id, known[row.id].text, row.text)
    return known
