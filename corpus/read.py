"""Files on disk -> Corpus: a BEIR folder, or a file of anchor/positive pairs."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .records import SPLITS, Corpus, CorpusError, Passage, Query
from .split import split_by_passage

BUILT_IN = "porsche"
ANCHOR_NAMES = ("anchor", "question", "query")
POSITIVE_NAMES = ("positive", "answer", "passage", "context", "document")
QRELS_HEADER = "query-id\tcorpus-id"
PAIR_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv")

Row = tuple[str, Mapping[str, Any]]
"""Where a row stands ("pairs.jsonl line 3"), and what it holds."""


def load_corpus(source: str | Path, seed: int = 42) -> Corpus:
    """Read the built-in corpus (`porsche`), a BEIR folder, or a pair file.

    A BEIR folder keeps the splits its qrels give; pairs are split by passage with `seed`.
    Raises CorpusError with file, line and value when the data cannot be used.
    """
    if str(source) == BUILT_IN:
        return read_beir(Path(__file__).parent / BUILT_IN, BUILT_IN)
    path = Path(source)
    if path.is_dir():
        return read_beir(path, path.name)
    if not path.exists():
        raise CorpusError(
            f"There is no corpus at {path}. Give `{BUILT_IN}`, a folder in BEIR layout, or a "
            f"file of pairs ({', '.join(PAIR_SUFFIXES)})."
        )
    return read_pairs(path, seed)


def read_beir(folder: Path, name: str) -> Corpus:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/{train,dev,test}.tsv`.

    A folder with a single `qrels.tsv` and no splits is split by passage.
    """
    passages = tuple(_beir_passage(row) for row in _json_lines(folder / "corpus.jsonl"))
    if not passages:
        raise CorpusError(f"{folder / 'corpus.jsonl'} holds no passages: add at least one.")
    queries = {
        query.id: query
        for query in (_beir_query(row) for row in _json_lines(folder / "queries.jsonl"))
    }
    known = {passage.id for passage in passages}
    if len(known) < len(passages):
        raise CorpusError(f"{folder / 'corpus.jsonl'}: {_repeated(passages)} stands twice as _id.")
    files = {split: folder / "qrels" / f"{split}.tsv" for split in SPLITS}
    if any(path.exists() for path in files.values()):
        qrels = {s: _qrels(path, queries, known) for s, path in files.items() if path.exists()}
    elif (folder / "qrels.tsv").exists():
        qrels = split_by_passage(_qrels(folder / "qrels.tsv", queries, known))
    else:
        raise CorpusError(
            f"{folder} has no qrels: put qrels/train.tsv, dev.tsv and test.tsv there, each with "
            "the header query-id, corpus-id, score."
        )
    return Corpus(name, passages, queries, qrels)


def read_pairs(path: Path, seed: int = 42) -> Corpus:
    """Read a file of pairs; equal positives become one passage, equal anchors one query."""
    if path.suffix not in PAIR_SUFFIXES:
        raise CorpusError(
            f"{path.name}: pairs are read from {', '.join(PAIR_SUFFIXES)}, not {path.suffix!r}."
        )
    passages: dict[str, Passage] = {}
    queries: dict[str, Query] = {}
    qrels: dict[str, dict[str, int]] = {}
    for where, row in _rows(path):
        anchor = _named_text(row, ANCHOR_NAMES, where)
        positive = _named_text(row, POSITIVE_NAMES, where)
        topic = str(row.get("topic") or row.get("category") or "")
        passage = Passage(_id("p", positive), positive, topic=topic)
        query = Query(_id("q", anchor), anchor, topic)
        passages.setdefault(passage.id, passage)
        queries.setdefault(query.id, query)
        qrels.setdefault(query.id, {})[passage.id] = 1
        for name in ("negative", "negatives"):
            negatives = row.get(name) or []
            for text in [negatives] if isinstance(negatives, str) else negatives:
                other = Passage(_id("p", text), text)
                passages.setdefault(other.id, other)
    if not qrels:
        raise CorpusError(f"{path.name} holds no pairs: add rows with anchor and positive.")
    return Corpus(path.stem, tuple(passages.values()), queries, split_by_passage(qrels, seed))


def _rows(path: Path) -> Iterator[Row]:
    if path.suffix == ".jsonl":
        return _json_lines(path)
    if path.suffix == ".json":
        return _json_list(path)
    return _table(path, "\t" if path.suffix == ".tsv" else ",")


def _json_lines(path: Path) -> Iterator[Row]:
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if line.strip():
            yield _json_row(line, f"{path.name} line {number}")


def _json_list(path: Path) -> Iterator[Row]:
    try:
        rows = json.loads(_read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise CorpusError(f"{path.name} is not JSON: {error}.") from error
    if not isinstance(rows, list):
        raise CorpusError(f"{path.name} must hold a list of rows, not a {type(rows).__name__}.")
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise CorpusError(f"{path.name} row {number} must be an object, not {row!r:.80}.")
        yield f"{path.name} row {number}", row


def _table(path: Path, delimiter: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(_read_text(path), newline=""), delimiter=delimiter)
    try:
        for row in reader:
            yield f"{path.name} line {reader.line_num}", row
    except csv.Error as error:
        raise CorpusError(f"{path.name} line {reader.line_num}: {error}.") from error


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise CorpusError(
            f"{path.name} line {line} is not UTF-8 (byte 0x{error.object[error.start]:02x}): "
            "save the file as UTF-8."
        ) from error


def _json_row(line: str, where: str) -> Row:
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise CorpusError(f"{where} is not JSON ({error}): {line.strip()[:80]!r}.") from error
    if not isinstance(row, dict):
        raise CorpusError(f"{where} must be an object, not {line.strip()[:80]!r}.")
    return where, row


def _beir_passage(row: Row) -> Passage:
    where, fields = row
    extra = {
        name: str(fields.get(name) or "") for name in ("title", "topic", "model_line", "source")
    }
    return Passage(_named_text(fields, ("_id",), where), _named_text(fields, ("text",), where),
                   **extra)


def _beir_query(row: Row) -> Query:
    where, fields = row
    extra = {name: str(fields.get(name) or "") for name in ("topic", "model_line")}
    return Query(_named_text(fields, ("_id",), where), _named_text(fields, ("text",), where),
                 **extra)


def _named_text(row: Mapping[str, Any], names: tuple[str, ...], where: str) -> str:
    for name in names:
        value = row.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if value is not None:
            raise CorpusError(f"{where}: {name} must be text, not {value!r:.80}.")
    found = ", ".join(str(name) for name in list(row)[:20]) or "no fields"
    raise CorpusError(f"{where} has no {' or '.join(names)}: it has {found}.")


def _qrels(
    path: Path, queries: Mapping[str, Query], passages: set[str]
) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_read_text(path).splitlines(), 1):
        if not line.strip() or (number == 1 and line.startswith(QRELS_HEADER)):
            continue
        where = f"{path.name} line {number}"
        columns = line.split("\t")
        if len(columns) != 3 or not columns[2].strip().lstrip("-").isdigit():
            raise CorpusError(
                f"{where} must be query-id, corpus-id and a whole-number score between tabs, "
                f"not {line[:80]!r}."
            )
        query_id, passage_id, score = columns
        if query_id not in queries:
            raise CorpusError(f"{where} names query {query_id!r}, which queries.jsonl has not.")
        if passage_id not in passages:
            raise CorpusError(f"{where} names passage {passage_id!r}, which corpus.jsonl has not.")
        qrels.setdefault(query_id, {})[passage_id] = int(score)
    return {query_id: rel for query_id, rel in qrels.items() if max(rel.values()) > 0}


def _id(kind: str, text: str) -> str:
    return kind + hashlib.sha256(text.encode()).hexdigest()[:12]


def _repeated(passages: tuple[Passage, ...]) -> str:
    return repr(Counter(passage.id for passage in passages).most_common(1)[0][0])
