"""Rows of pairs -> passages, queries and what answers what, each text once."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from corpus.columns import ANCHOR_NAMES, POSITIVE_NAMES, Columns
from corpus.readers.clean import Texts, number
from corpus.readers.rows import BelowScoreError, OnBadRow, RepeatedPairError, Row
from corpus.records import Passage, Query
from corpus.text import folded

Grades = dict[str, dict[str, int]]
"""Query id -> passage id -> grade, while it is being read."""


class PairRow(NamedTuple):
    """One row of pairs: a question, what answers it, and what does not."""

    where: str
    anchor: str
    positives: list[str]
    negatives: list[str]
    topic: str


@dataclass(frozen=True)
class PairReader:
    """Takes the texts of a pair out of a row.

    Each row may name its columns by any of the names given here; the first that it has counts.
    """

    texts: Texts
    anchor: Sequence[str] = ANCHOR_NAMES
    positive: Sequence[str] = POSITIVE_NAMES
    negatives: Sequence[str] = ("negative", "negatives")
    topic: Sequence[str] = ("topic", "category")
    score: str = ""
    least_score: float | None = None

    @classmethod
    def of(cls, columns: Columns, texts: Texts) -> "PairReader":
        """For rows whose columns are known."""
        return cls(texts, (columns.anchor,), (columns.positive,), columns.negatives,
                   (columns.topic,), columns.score, columns.least_score)

    @classmethod
    def usual(cls, guess: Columns | None, texts: Texts) -> "PairReader":
        """For rows under the usual names, and under those that a table was seen to have."""
        if guess is None:
            return cls(texts)
        return cls(
            texts, _with(ANCHOR_NAMES, guess.anchor), _with(POSITIVE_NAMES, guess.positive),
            _with(("negative", "negatives"), *guess.negatives),
            _with(("topic", "category"), guess.topic),
        )

    def read(self, row: Row) -> PairRow:
        """The pair in a row. CorpusError says what is wrong with it."""
        where, fields = row
        if self.least_score is not None:
            score = number(fields, self.score, where)
            if score < self.least_score:
                raise BelowScoreError(f"{where}: {self.score} is {score:g}, and the least is "
                                      f"{self.least_score:g}")
        return PairRow(
            where,
            self.texts.text(fields, self.anchor, where),
            self.texts.texts(fields, self.positive, where),
            [text for name in self.negatives for text in self.texts.further(fields, name, where)],
            self.texts.label(fields, self.topic, where),
        )


@dataclass
class Gathering:
    """Joins equal positives to one passage and equal anchors to one query, row by row.

    Anchors are equal when they differ in case, spacing or a closing question mark alone. A
    negative is a passage of grade 0, unless it answers the same question in another row.
    """

    on_bad_row: OnBadRow
    split: str = ""
    """The split that rows are of which come now; empty while the data brings none of its own."""
    splits: dict[str, Grades] = field(default_factory=dict)
    contradictions: int = 0
    """Negatives that are an answer of the same question."""
    passages: int = 0
    _known: set[str] = field(default_factory=set)
    _first: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def qrels(self) -> Grades:
        """The judgements of the split at hand."""
        return self.splits.setdefault(self.split, {})

    def add(self, row: PairRow) -> Iterator[Passage | Query]:
        """Take a row in; gives the passages and queries that were not there yet."""
        query = Query(id_of("q", folded(row.anchor)), row.anchor, row.topic)
        grades = self.qrels.setdefault(query.id, {})
        for text in row.positives:
            passage = Passage(id_of("p", text), text, topic=row.topic)
            self.contradictions += grades.get(passage.id) == 0
            grades[passage.id] = 1
            yield from self.new(passage)
            place = self._first.setdefault((self.split, query.id, passage.id), row.where)
            if place != row.where:
                self.on_bad_row(RepeatedPairError(
                    f"{row.where} repeats {place}: {row.anchor[:80]!r}"
                ))
        if query.id not in self._known:
            self._known.add(query.id)
            yield query
        for text in row.negatives:
            passage = Passage(id_of("p", text), text)
            self.contradictions += grades.setdefault(passage.id, 0) > 0
            yield from self.new(passage)

    def new(self, passage: Passage) -> Iterator[Passage]:
        """The passage, if it was not there yet."""
        if passage.id not in self._known:
            self._known.add(passage.id)
            self.passages += 1
            yield passage


def id_of(kind: str, text: str) -> str:
    """The id of a text: `q` or `p`, and what the text hashes to."""
    return kind + hashlib.sha256(text.encode()).hexdigest()[:12]


def _with(usual: tuple[str, ...], *others: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*usual, *filter(None, others))))
