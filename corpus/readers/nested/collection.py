"""Queries, passages and qrels of one JSON value.

As a folder in BEIR layout.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .documents import Judged


@contextmanager
def write_collection(judged: Judged) -> Iterator[Path]:
    """A temporary BEIR folder with a collection's records.

    It is gone afterwards.
    """
    with tempfile.TemporaryDirectory(prefix=".collection-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        _write(folder / "corpus.jsonl", ({"_id": name, "title": title, "text": text}
                                         for name, (title, text) in judged.passages.items()))
        _write(folder / "queries.jsonl", ({"_id": name, "text": text}
                                          for name, text in judged.queries.items()))
        lines = [f"{_id(query)}\t{_id(passage)}\t{grade}" for query, grades in judged.qrels.items()
                 for passage, grade in grades.items()]
        (folder / "qrels.tsv").write_text(
            "\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n", "utf-8", "surrogatepass")
        yield folder


def _write(place: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with place.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({**row, "_id": _id(row["_id"])}) + "\n" for row in rows)


def _id(name: str) -> str:
    """An id that stands between tabs: no white space within."""
    return "_".join(name.split()) or "_"
