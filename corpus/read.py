"""Files on disk -> Corpus: a BEIR folder, or a file of anchor/positive pairs."""

import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from .records import SPLITS, Corpus, CorpusError, Passage, Query
from .rows import (
    ROW_SUFFIXES,
    NoPairsError,
    OnBadRow,
    RepeatedPairError,
    Row,
    each,
    encodable,
    json_lines,
    label_field,
    lines_of,
    refuse,
    rows_of,
    text_field,
)
from .split import split_by_passage
from .words import folded

BUILT_IN = "porsche"
GENERAL = "general"
"""The collection that has nothing to do with cars: what fine-tuning cost elsewhere."""
ANCHOR_NAMES = ("anchor", "question", "query")
POSITIVE_NAMES = ("positive", "answer", "passage", "context", "document")
QRELS_HEADER = "query-id\tcorpus-id"
GRADE = re.compile(r"-?[0-9]{1,9}")

Grades = dict[str, dict[str, int]]
"""Query id -> passage id -> grade, while it is being read."""


class PairRow(NamedTuple):
    """One row of a pair file."""

    where: str
    anchor: str
    positive: str
    topic: str
    negatives: list[str]


def load_corpus(
    source: str | Path, seed: int = 42, on_bad_row: OnBadRow = refuse
) -> Corpus:
    """Read a built-in corpus (`porsche` or `general`), a BEIR folder, or a pair file.

    A BEIR folder keeps the splits its qrels give; pairs are split by passage with `seed`.
    Raises CorpusError with file, line and value when the data cannot be used; an `on_bad_row`
    of one's own is handed what is wrong with single rows instead, and those are left out.
    """
    if (name := str(source)) in (BUILT_IN, GENERAL):
        return read_beir(Path(__file__).parent / name, name, on_bad_row)
    path = Path(source)
    if path.is_dir():
        return read_beir(path, path.name, on_bad_row)
    if not path.exists():
        raise CorpusError(
            f"There is no corpus at {path}. Give `{BUILT_IN}`, `{GENERAL}`, a folder in BEIR "
            f"layout, or a file of pairs ({', '.join(ROW_SUFFIXES)})."
        )
    return read_pairs(path, seed, on_bad_row)


def read_beir(folder: Path, name: str, on_bad_row: OnBadRow = refuse) -> Corpus:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/{train,dev,test}.tsv`.

    A folder with a single `qrels.tsv` and no splits is split by passage.
    """
    places = folder / "corpus.jsonl", folder / "queries.jsonl"
    passages = tuple(each(json_lines(places[0], on_bad_row), _beir_passage, on_bad_row))
    if not passages:
        raise NoPairsError(f"{places[0]} holds no passages: add at least one.")
    asked = tuple(each(json_lines(places[1], on_bad_row), _beir_query, on_bad_row))
    _refuse_repeated(places[0], [passage.id for passage in passages])
    _refuse_repeated(places[1], [query.id for query in asked])
    queries = {query.id: query for query in asked}
    known = {passage.id for passage in passages}
    files = {split: folder / "qrels" / f"{split}.tsv" for split in SPLITS}
    single = folder / "qrels.tsv"
    if any(path.exists() for path in files.values()):
        qrels = {split: _qrels(path, queries, known, on_bad_row)
                 for split, path in files.items() if path.exists()}
    elif single.exists():
        qrels = split_by_passage(_qrels(single, queries, known, on_bad_row))
    else:
        raise CorpusError(
            f"{folder} has no qrels: put qrels/train.tsv, dev.tsv and test.tsv there, each with "
            "the header query-id, corpus-id, score."
        )
    return Corpus(name, passages, queries, qrels)


def read_pairs(path: Path, seed: int = 42, on_bad_row: OnBadRow = refuse) -> Corpus:
    """Read a file of pairs; equal positives become one passage, equal anchors one query.

    Anchors are equal when they differ in case, spacing or a closing question mark alone.
    """
    if path.suffix not in ROW_SUFFIXES:
        raise CorpusError(
            f"{path.name}: pairs are read from {', '.join(ROW_SUFFIXES)}, not {path.suffix!r}."
        )
    passages: dict[str, Passage] = {}
    queries: dict[str, Query] = {}
    qrels: Grades = {}
    first: dict[tuple[str, str], str] = {}
    for row in each(rows_of(path, on_bad_row), _pair_row, on_bad_row):
        passage = Passage(_id("p", row.positive), row.positive, topic=row.topic)
        query = Query(_id("q", folded(row.anchor)), row.anchor, row.topic)
        passages.setdefault(passage.id, passage)
        queries.setdefault(query.id, query)
        qrels.setdefault(query.id, {})[passage.id] = 1
        for text in row.negatives:
            passages.setdefault(_id("p", text), Passage(_id("p", text), text))
        place = first.setdefault((query.id, passage.id), row.where)
        if place != row.where:
            on_bad_row(RepeatedPairError(f"{row.where} repeats {place}: {row.anchor[:80]!r}"))
    if not qrels:
        raise NoPairsError(f"{path.name} holds no pairs: add rows with anchor and positive.")
    return Corpus(path.stem, tuple(passages.values()), queries, split_by_passage(qrels, seed))


def _pair_row(row: Row) -> PairRow:
    where, fields = row
    anchor = text_field(fields, ANCHOR_NAMES, where)
    positive = text_field(fields, POSITIVE_NAMES, where)
    topic = label_field(fields, "topic", where) or label_field(fields, "category", where)
    negatives: list[str] = []
    for name in ("negative", "negatives"):
        values = fields.get(name) or []
        values = [values] if isinstance(values, str) else values
        if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
            raise CorpusError(f"{where}: {name} must be text or a list of texts.")
        negatives += [encodable(text, f"{where}: {name}") for text in values]
    return PairRow(where, anchor, positive, topic, negatives)


def _beir_passage(row: Row) -> Passage:
    where, fields = row
    names = ("title", "topic", "model_line", "source")
    extra = {name: label_field(fields, name, where) for name in names}
    return Passage(text_field(fields, ("_id",), where), text_field(fields, ("text",), where),
                   **extra)


def _beir_query(row: Row) -> Query:
    where, fields = row
    extra = {name: label_field(fields, name, where) for name in ("topic", "model_line")}
    return Query(text_field(fields, ("_id",), where), text_field(fields, ("text",), where),
                 **extra)


def _qrels(
    path: Path, queries: Mapping[str, Query], passages: set[str], on_bad_row: OnBadRow
) -> Grades:
    def judgement(line: tuple[str, str]) -> tuple[str, str, str, int]:
        where, text = line
        columns = text.rstrip("\r").split("\t")
        if len(columns) != 3 or not GRADE.fullmatch(columns[2].strip()):
            raise CorpusError(
                f"{where} must be query-id, corpus-id and a whole-number score between tabs, "
                f"not {text[:80]!r}."
            )
        query_id, passage_id, grade = columns
        if query_id not in queries:
            raise CorpusError(
                f"{where} names query {query_id[:80]!r}, which queries.jsonl has not."
            )
        if passage_id not in passages:
            raise CorpusError(
                f"{where} names passage {passage_id[:80]!r}, which corpus.jsonl has not."
            )
        return where, query_id, passage_id, int(grade)

    lines = (line for line in lines_of(path) if not line[1].startswith(QRELS_HEADER))
    qrels: Grades = {}
    for where, query_id, passage_id, grade in each(lines, judgement, on_bad_row):
        grades = qrels.setdefault(query_id, {})
        if passage_id in grades:
            on_bad_row(RepeatedPairError(
                f"{where} judges {query_id[:80]!r} with {passage_id[:80]!r} again"
            ))
        grades[passage_id] = grade
    return {query_id: rel for query_id, rel in qrels.items() if max(rel.values()) > 0}


def _id(kind: str, text: str) -> str:
    return kind + hashlib.sha256(text.encode()).hexdigest()[:12]


def _refuse_repeated(path: Path, ids: list[str]) -> None:
    for name, times in Counter(ids).most_common(1):
        if times > 1:
            raise CorpusError(f"{path}: {name[:80]!r} stands {times} times as _id.")
