"""The nouns of retrieval.

Passages, queries, and which passage answers which query.
"""

import errno
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from .text import folded

SPLITS = ("train", "dev", "test")

Qrels = Mapping[str, Mapping[str, int]]
"""Query id -> passage id -> grade; a grade above 0 means relevant."""


class CorpusError(ValueError):
    """Data that cannot be used.

    The message says what was wrong, where, and what to do.
    """

    kind = "unreadable_row"
    """What the data check calls it."""


WHY_NOT = {
    errno.ENOENT: "there is no such file", errno.ENOTDIR: "there is no such file",
    errno.EACCES: "it is not allowed here", errno.EPERM: "it is not allowed here",
    errno.EROFS: "this disk cannot be written to", errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk is full", errno.EISDIR: "it is a folder",
    errno.ENAMETOOLONG: "its name is too long", errno.ELOOP: "its links run in a circle",
}


def not_possible(name: str, done: str, error: OSError) -> CorpusError:
    """What to say of a file that cannot be read.

    Or written: `done`. In our words: the system's may name folders of this machine.
    """
    why = WHY_NOT.get(error.errno or 0, "the disk or the system does not do it")
    return CorpusError(f"{name} cannot be {done}: {why}.")


@dataclass(frozen=True, slots=True)
class Passage:
    """One searchable text."""

    id: str
    text: str
    title: str = ""
    topic: str = ""
    model_line: str = ""
    source: str = ""
    where: str = field(default="", compare=False)
    """The row that it was read from, where that is known ("faq.csv line 12")."""

    @property
    def content(self) -> str:
        """What a model encodes.

        Title and text, joined as BEIR joins them.
        """
        return f"{self.title} {self.text}".strip()


@dataclass(frozen=True, slots=True)
class Query:
    """One question."""

    id: str
    text: str
    topic: str = ""
    model_line: str = ""
    where: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """One training example.

    A query and a passage that answers it.
    """

    query: Query
    passage: Passage


@dataclass(frozen=True)
class Corpus:
    """Passages, queries, and the qrels of each split.

    The whole of `passages` is searched, whatever the split: a test query competes against
    passages that were trained on, as it does in use.
    """

    name: str
    passages: tuple[Passage, ...]
    queries: Mapping[str, Query]
    qrels: Mapping[str, Qrels] = field(default_factory=dict)

    @cached_property
    def passage(self) -> Mapping[str, Passage]:
        """Passages by id."""
        return {passage.id: passage for passage in self.passages}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the passages, as hex.

        What an index of this corpus depends on.
        """
        return _digest(
            [passage.id, passage.title, passage.text] for passage in self.passages
        )

    @cached_property
    def split_fingerprints(self) -> dict[str, str]:
        """SHA-256 of each split's judged queries, as hex.

        What a figure on it depends on.
        """
        return {
            split: _digest(
                [query_id, self.queries[query_id].text, sorted(relevant.items())]
                for query_id, relevant in sorted(qrels.items())
            )
            for split, qrels in self.qrels.items()
        }

    def pairs(self, split: str) -> list[Pair]:
        """Each relevant (query, passage) of a split, in qrels order."""
        return [
            Pair(self.queries[query_id], self.passage[passage_id])
            for query_id, relevant in self.qrels.get(split, {}).items()
            for passage_id, grade in relevant.items()
            if grade > 0
        ]

    def negatives(self, split: str) -> dict[str, list[str]]:
        """Query id to ids of passages judged not to answer.

        Where there are any.
        """
        judged = {
            query_id: [passage_id for passage_id, grade in grades.items() if grade <= 0]
            for query_id, grades in self.qrels.get(split, {}).items()
        }
        return {query_id: found for query_id, found in judged.items() if found}

    def relevant(self, text: str) -> frozenset[str]:
        """Ids of the passages known to answer this question.

        Empty for a question of one's own. Upper and lower case, spacing, and a closing question
        mark do not matter.
        """
        return self._answers.get(folded(text), frozenset())

    @cached_property
    def _answers(self) -> dict[str, frozenset[str]]:
        answers: dict[str, set[str]] = {}
        for qrels in self.qrels.values():
            for query_id, relevant in qrels.items():
                known = answers.setdefault(folded(self.queries[query_id].text), set())
                known.update(passage_id for passage_id, grade in relevant.items() if grade > 0)
        return {text: frozenset(known) for text, known in answers.items()}


def _digest(rows: Iterator[list[object]]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=False).encode())
        digest.update(b"\n")
    return digest.hexdigest()
