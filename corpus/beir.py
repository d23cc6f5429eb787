"""A folder in BEIR layout: corpus.jsonl, queries.jsonl, and who judged what in qrels."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from pathlib import Path

from corpus.importing.pairs import Grades
from corpus.readers.clean import Texts
from corpus.readers.jsonl import json_lines, numbered
from corpus.readers.rows import (
    WHOLE,
    NoPairsError,
    OnBadRow,
    ReadLimits,
    RepeatedPairError,
    Row,
    TooMuchError,
    bounded,
    each,
    refuse,
)
from corpus.readers.text import TextFile

from .records import CorpusError, Passage, Query
from .text import shortened

SPLIT_FILES = {"train": ("train",), "dev": ("dev", "validation", "valid"), "test": ("test",)}
GRADE = re.compile(r"(-?[0-9]{1,9})(?:\.0+)?")
HEADER = re.compile(r"query|corpus|doc|passage|id$|score|rel", re.IGNORECASE)


@dataclass(frozen=True)
class Beir:
    """What a folder holds: qrels of each split, or (`single`) of none."""

    passages: tuple[Passage, ...]
    queries: Mapping[str, Query]
    splits: dict[str, Grades] = field(default_factory=dict)
    single: Grades | None = None


def beir_parts(
    folder: Path, on_bad_row: OnBadRow = refuse, limits: ReadLimits = WHOLE
) -> Beir:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/{train,dev,test}.tsv` or `qrels.tsv`."""
    places = folder / "corpus.jsonl", folder / "queries.jsonl"
    texts = Texts(on_bad_row, limits.characters)
    passages = tuple(each(_rows(places[0], on_bad_row, limits), partial(_passage, texts),
                          on_bad_row))
    if not passages:
        raise NoPairsError(f"{places[0]} holds no passages: add at least one.")
    asked = tuple(each(_rows(places[1], on_bad_row, limits), partial(_query, texts), on_bad_row))
    _refuse_repeated(places[0], [passage.id for passage in passages])
    _refuse_repeated(places[1], [query.id for query in asked])
    queries = {query.id: query for query in asked}
    files = qrels_files(folder)
    known = {passage.id for passage in passages}
    judged = {split: _read_qrels(path, queries, known, on_bad_row, limits)
              for split, path in files.items()}
    single = judged.pop("", None)
    return Beir(passages, queries, judged, single)


def qrels_files(folder: Path) -> dict[str, Path]:
    """Split -> its file of judgements; "" -> the one file of a folder without splits."""
    files = {
        split: next((path for stem in stems if (path := folder / "qrels" / f"{stem}.tsv").exists()),
                    None)
        for split, stems in SPLIT_FILES.items()
    }
    found = {split: path for split, path in files.items() if path}
    if not found and (single := folder / "qrels.tsv").exists():
        found = {"": single}
    if not found:
        raise CorpusError(
            f"{folder} has no qrels: put qrels/train.tsv, dev.tsv and test.tsv there, each with "
            "the header query-id, corpus-id, score."
        )
    return found


def judgements(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow
) -> Iterator[tuple[str, str, str, int]]:
    """Each judgement: where it stands, query id, passage id, grade.

    Three columns between tabs, with or without a header, or the four of TREC (query, 0, passage,
    grade) between tabs or spaces.
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
    path: Path, queries: Mapping[str, Query], passages: set[str], on_bad_row: OnBadRow,
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
    cells = text.rstrip("\r").split("\t")
    if len(cells) == 1 and len(spaced := text.split()) == 4:
        cells = spaced
    return [cells[0], *cells[2:]] if len(cells) == 4 else cells


def _is_header(text: str) -> bool:
    cells = _cells(text)
    return (len(cells) == 3 and bool(HEADER.search(cells[2]) or HEADER.search(cells[0]))
            and not GRADE.fullmatch(cells[2].strip()))


def _rows(path: Path, on_bad_row: OnBadRow, limits: ReadLimits) -> Iterator[Row]:
    return bounded(json_lines(path, on_bad_row, limits), limits, path.name)


def _passage(texts: Texts, row: Row) -> Passage:
    where, fields = row
    names = ("title", "topic", "model_line", "source")
    extra = {name: texts.label(fields, (name,), where) for name in names}
    return Passage(texts.text(fields, ("_id",), where), texts.text(fields, ("text",), where),
                   where=_place(fields, where), **extra)


def _query(texts: Texts, row: Row) -> Query:
    where, fields = row
    extra = {name: texts.label(fields, (name,), where) for name in ("topic", "model_line")}
    return Query(texts.text(fields, ("_id",), where), texts.text(fields, ("text",), where),
                 where=_place(fields, where), **extra)


def _place(fields: Mapping[str, object], where: str) -> str:
    """The row that a text was read from, as convert wrote it down, or its own line."""
    return shortened(place) if isinstance(place := fields.get("where"), str) and place else where


def _refuse_repeated(path: Path, ids: list[str]) -> None:
    for name, times in Counter(ids).most_common(1):
        if times > 1:
            raise CorpusError(f"{path}: {name[:80]!r} stands {times} times as _id.")
