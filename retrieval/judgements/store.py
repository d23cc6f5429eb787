"""Judgements as an append-only file of lines.

One file for a corpus, `judgements/<fingerprint of the passages>.jsonl`, a line a judgement:
`{"query_id", "passage_id", "grade", "by", "at"}`. What is judged again or taken back is one more
line, so that nothing of what somebody said is lost; a grade of null takes back what the same person
said of that passage. The qrels that the data brought are never changed.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO
from urllib.parse import quote

from corpus.records import Corpus
from hub.lines import append_line

GRADES = {"answers it": 2, "in part": 1, "does not": 0}
"""What can be said of a passage, and its grade."""
FULL = max(GRADES.values())


@dataclass(frozen=True)
class Judgement:
    """What somebody said of one passage for one query.

    grade: one of `GRADES`, None where it was taken back. at: UTC, ISO 8601.
    """

    query_id: str
    passage_id: str
    grade: int | None
    by: str
    at: str


@dataclass(frozen=True)
class Judgements:
    """The judgements of a corpus.

    folder: where those of all corpora are.
    """

    folder: Path
    corpus: Corpus

    @property
    def path(self) -> Path:
        """The file of this corpus."""
        return self.folder / f"{self.corpus.fingerprint}.jsonl"

    def add(self, query_id: str, passage_id: str, grade: int, by: str) -> Judgement:
        """Keep a judgement; ValueError for what cannot be judged.

        A query or a passage that is gone, a passage that the data itself calls an answer, or a
        grade that is none.
        """
        self._check(query_id, passage_id)
        if isinstance(grade, bool) or grade not in GRADES.values():
            raise ValueError(f"A judgement is one of {', '.join(GRADES)}, not {grade!r:.40}.")
        return self._append(Judgement(query_id, passage_id, grade, by, _now()))

    def undo(self, by: str) -> Judgement | None:
        """Take back the last judgement of a person that stands.

        Another person's stays. The judgement, None where there is none.
        """
        standing: dict[tuple[str, str], Judgement] = {}
        for line in self.lines():
            if line.by == by:
                key = line.query_id, line.passage_id
                standing.pop(key, None)  # so that the order is that of the last word
                if line.grade is not None:
                    standing[key] = line
        if not standing:
            return None
        last = list(standing.values())[-1]
        self._append(Judgement(last.query_id, last.passage_id, None, by, _now()))
        return last

    def lines(self) -> list[Judgement]:
        """All that was said, in order.

        A line that is cut off or damaged is left out.
        """
        try:
            text = self.path.read_bytes()
        except OSError:
            return []
        return [found for line in text.split(b"\n") if (found := _judgement(line)) is not None]

    def current(self) -> dict[str, dict[str, Judgement]]:
        """What holds: query id to passage id to judgement.

        Of several people's the last one. Left out: what was taken back, and what names a query or a
        passage that is not in the corpus any more.
        """
        said: dict[tuple[str, str], dict[str, Judgement]] = {}
        for line in self.lines():
            by_person = said.setdefault((line.query_id, line.passage_id), {})
            by_person.pop(line.by, None)
            if line.grade is not None:
                by_person[line.by] = line
        found: dict[str, dict[str, Judgement]] = {}
        for (query_id, passage_id), by_person in said.items():
            if by_person and self._is_there(query_id, passage_id):
                found.setdefault(query_id, {})[passage_id] = list(by_person.values())[-1]
        return found

    def _is_there(self, query_id: str, passage_id: str) -> bool:
        return query_id in self.corpus.queries and passage_id in self.corpus.passage

    def _check(self, query_id: str, passage_id: str) -> None:
        if query_id not in self.corpus.queries:
            raise ValueError(f"Question {query_id!r:.80} is not in {self.corpus.name} any more: "
                             "nothing was kept. Choose another.")
        if passage_id not in self.corpus.passage:
            raise ValueError(f"Passage {passage_id!r:.80} is not in {self.corpus.name} any more: "
                             "nothing was kept. Choose the question again.")
        if _marked(self.corpus, query_id).get(passage_id, 0) > 0:
            raise ValueError("The data itself calls this passage an answer: there is nothing to "
                             "judge.")

    def _append(self, judgement: Judgement) -> Judgement:
        """Add a whole line, after whoever else is adding one just now."""
        self.folder.mkdir(parents=True, exist_ok=True)
        line = json.dumps(asdict(judgement), ensure_ascii=False).encode()
        with self.path.open("ab+") as file, _alone(file):
            append_line(file, line)
            file.flush()
            os.fsync(file.fileno())
        return judgement


def merged_grades(
    corpus: Corpus, split: str, query_id: str, judged: Mapping[str, Judgement]
) -> dict[str, int]:
    """A query's grades: the data's and the judged ones.

    A passage that answers counts as the data's best answer does, one that answers in part half of
    that; for whole numbers the data's own are doubled, which changes no metric.
    """
    own = corpus.qrels.get(split, {}).get(query_id, {})
    best = max([grade for grade in own.values() if grade > 0], default=1)
    grades = {passage_id: FULL * grade for passage_id, grade in own.items()}
    return grades | {passage_id: best * (said.grade or 0) for passage_id, said in judged.items()
                     if own.get(passage_id, 0) <= 0}


def as_trec(corpus: Corpus, judged: Mapping[str, Mapping[str, Judgement]]) -> str:
    """The data's qrels with the judgements as TREC qrels.

    `query 0 passage grade`, a line each. White space in an id, which ends a field there, is
    percent-encoded.
    """
    lines = []
    for split, qrels in corpus.qrels.items():
        for query_id in qrels:
            grades = merged_grades(corpus, split, query_id, judged.get(query_id, {}))
            lines += [f"{_field(query_id)} 0 {_field(passage_id)} {max(0, grade)}"
                      for passage_id, grade in grades.items()]
    return "".join(f"{line}\n" for line in lines)


def _field(text: str) -> str:
    return "".join(quote(mark) if mark.isspace() or mark == "%" else mark for mark in text)


def _marked(corpus: Corpus, query_id: str) -> dict[str, int]:
    """What the data says of a query, in whichever split."""
    found: dict[str, int] = {}
    for qrels in corpus.qrels.values():
        found |= qrels.get(query_id, {})
    return found


def _judgement(line: bytes) -> Judgement | None:
    try:
        read = json.loads(line)
        found = Judgement(str(read["query_id"]), str(read["passage_id"]), read["grade"],
                          str(read["by"]), str(read["at"]))
    except (ValueError, KeyError, TypeError):
        return None
    return found if found.grade is None or found.grade in GRADES.values() else None


@contextlib.contextmanager
def _alone(file: IO[bytes]) -> Iterator[None]:
    """One writer at a time, also of several processes; where a file system has no locks, at once.

    A line is written in one piece either way.
    """
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)
    except (ImportError, OSError):
        pass
    yield  # the lock ends with the file


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
