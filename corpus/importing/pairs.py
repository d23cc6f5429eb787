"""Rows of pairs to passages, queries and qrels.

Each text once.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from corpus.columns import Columns, check_columns, label_column, no_columns
from corpus.labels import Labels, counted, labels_of
from corpus.names import ANCHOR_NAMES, POSITIVE_NAMES
from corpus.readers.clean import Texts, number, quoted
from corpus.readers.open import Source
from corpus.readers.rows import (
    BelowScoreError,
    NoAnswerError,
    NoPairError,
    NoPairsError,
    NoQuestionError,
    OnBadRow,
    Remark,
    RepeatedPairError,
    Row,
    each,
)
from corpus.records import CorpusError, Passage, Query
from corpus.text import folded, shortened

from .manifest import LossTally

Grades = dict[str, dict[str, int]]
"""Query id -> passage id -> grade, while it is being read."""


class Text(NamedTuple):
    """A passage as a row has it, with title."""

    text: str
    title: str = ""


class PairRow(NamedTuple):
    """One row of pairs.

    A question, what answers it, and what does not.
    """

    where: str
    anchor: str
    positives: list[Text]
    negatives: list[Text]
    topic: str


@dataclass(frozen=True)
class PairReader:
    """Takes the texts of a pair out of a row.

    Each row may name its columns by any of the names given here; the first that it has counts.
    labels: what the column of the score says, where it says whether a row is a pair.
    """

    texts: Texts
    anchor: Sequence[str] = ANCHOR_NAMES
    positive: Sequence[str] = POSITIVE_NAMES
    negatives: Sequence[str] = ("negative", "negatives")
    topic: Sequence[str] = ("topic", "category")
    score: str = ""
    least_score: float | None = None
    labels: Labels | None = None

    @classmethod
    def of(cls, columns: Columns, texts: Texts, labels: Labels | None = None) -> "PairReader":
        """For rows whose columns are known."""
        return cls(texts, (columns.anchor,), (columns.positive,), columns.negatives,
                   (columns.topic,), columns.score, columns.least_score, labels)

    @classmethod
    def usual(
        cls, guess: Columns | None, texts: Texts, labels: Labels | None = None,
        beside: Sequence[Mapping[str, Any]] = (),
    ) -> "PairReader":
        """A reader for rows under the usual column names.

        And under those that a table was seen to have. beside: the first rows; a usual name that
        stands beside the one that was seen is none.
        """
        if guess is None:
            return cls(texts)
        return cls(
            texts, _with(guess.anchor, ANCHOR_NAMES, beside),
            _with(guess.positive, POSITIVE_NAMES, beside),
            tuple(dict.fromkeys(("negative", "negatives", *guess.negatives))),
            tuple(dict.fromkeys(filter(None, (guess.topic, "topic", "category")))),
            guess.score, guess.least_score, labels,
        )

    def read(self, row: Row) -> list[PairRow]:
        """The pairs in a row: one for each question.

        CorpusError says what is wrong with it.
        """
        where, fields = row
        if self.least_score is not None:
            score = number(fields, self.score, where)
            if score < self.least_score:
                raise BelowScoreError(f"{where}: {self.score} is {score:g}, and the least is "
                                      f"{self.least_score:g}")
        anchors = self.texts.texts(fields, self.anchor, where, NoQuestionError)
        found = self._passages(fields, where)
        is_pair = self._is_pair(fields, where)
        negatives = [text for name in self.negatives
                     for text in self._further(fields, name, where)]
        topic = self.texts.label(fields, self.topic, where)
        positives, negatives = (found, negatives) if is_pair else ([], found)
        return [PairRow(where, anchor, positives, negatives, topic) for anchor in anchors]

    def _is_pair(self, fields: Mapping[str, Any], where: str) -> bool:
        if self.labels is None or self.least_score is not None:
            return True
        value = fields.get(self.score)
        try:
            verdict = self.labels.verdict(value)
        except KeyError:
            raise CorpusError(f"{where}: {self.score} is {quoted(value)}, which says neither that "
                              "it is a pair nor that it is none.") from None
        if verdict is None:
            said = "empty" if value in (None, "") else quoted(value)
            raise NoPairError(f"{where}: {self.score} is {said}, neither a pair nor none")
        return verdict

    def _passages(self, fields: Mapping[str, Any], where: str) -> list[Text]:
        name = next((name for name in self.positive if fields.get(name) is not None), "")
        value = fields.get(name)
        if isinstance(value, Mapping) or isinstance(value, list) and any(
                isinstance(item, Mapping) for item in value):
            items = value if isinstance(value, list) else [value]
            return [self._passage(item, name, where) for item in items]
        return [Text(text) for text in
                self.texts.texts(fields, self.positive, where, NoAnswerError)]

    def _passage(self, item: object, name: str, where: str) -> Text:
        """A text, or an object with a text and a title."""
        if not isinstance(item, Mapping):
            return Text(self.texts.text({name: item}, (name,), where))
        title = self.texts.label(item, ("title",), f"{where}: {name}")
        return Text(self.texts.text(item, ("text",), f"{where}: {name}"), title.strip())

    def _further(self, fields: Mapping[str, Any], name: str, where: str) -> list[Text]:
        value = fields.get(name)
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, Mapping) for item in items):
            return [self._passage(item, name, where) for item in items if item]
        return [Text(text) for text in self.texts.further(fields, name, where)]


def pair_reader(
    source: Source, columns: Columns | None, texts: Texts, on_bad_row: OnBadRow,
    each_by_itself: bool = False,
) -> tuple[Columns | None, PairReader]:
    """How to read the pairs of a table.

    By the columns that were named, or by what it shows. What is to be known of a label or a score
    is told as a Remark. CorpusError where nobody can tell the columns, unless rows may name their
    own (`each_by_itself`).
    """
    first = [fields for _, fields in source.first]
    if columns:
        if source.names:
            check_columns(columns, source.names, source.file, source.free)
        labels = _labels(columns, source.names, first)
        _tell_of_scores(columns, labels, source.names, first, on_bad_row)
        return columns, PairReader.of(columns, texts, labels)
    guess = source.guess()
    each_by_itself &= source.free and any(_names_its_own(fields) for fields in first)
    if source.names and not (guess and guess.certain) and not each_by_itself:
        raise no_columns(source.names, source.file, guess.notes if guess else (),
                         hopeless=guess is None and bool(first))
    columns = guess.columns if guess and guess.certain else None
    for note in guess.notes if guess else ():
        on_bad_row(Remark(note))
    labels = _labels(columns, source.names, first) if columns else None
    if columns:
        _tell_of_scores(columns, labels, source.names, first, on_bad_row)
    return columns, PairReader.usual(columns, texts, labels, first)


def _names_its_own(fields: Mapping[str, Any]) -> bool:
    """Whether a row has a usual name of question or answer."""
    return any(name in fields for name in (*ANCHOR_NAMES, *POSITIVE_NAMES))


def _labels(
    columns: Columns, names: Sequence[str], first: Sequence[Mapping[str, Any]]
) -> Labels | None:
    if not columns.score or columns.least_score is not None:
        return None
    return labels_of(columns.score, [row.get(columns.score) for row in first], names)


def _tell_of_scores(
    columns: Columns, labels: Labels | None, names: Sequence[str],
    first: Sequence[Mapping[str, Any]], on_bad_row: OnBadRow,
) -> None:
    """Say that a label counts, that a score does not, or that a label was passed over."""
    if columns.least_score is not None:
        return
    if labels:
        on_bad_row(Remark(label_note(labels, first)))
    elif not columns.score and (label := label_column(names, first)) and label not in (
            columns.anchor, columns.positive, columns.topic, *columns.negatives):
        on_bad_row(Remark(f"“{label:.40}” looks like a label that says which rows are pairs, and "
                          "was not named as the score: every row counts as a pair."))


def label_note(
    labels: Labels, first: Sequence[Mapping[str, Any]], whole: bool = False
) -> str:
    """What the values of a label column are taken for.

    And how often they stand there. whole: the first rows are all there are.
    """
    kinds: dict[bool | None | str, list[str]] = {True: [], False: [], None: [], "?": []}
    for value in (row.get(labels.column) for row in first):
        try:
            verdict: bool | None | str = labels.verdict(value)
        except KeyError:
            verdict = "?"
        kinds[verdict].append("no value" if value is None or value == "" else str(value))
    said = [f"{counted(kinds[verdict])} {what}" for verdict, what in (
        (True, "is a pair"), (False, "is none, and its text becomes a hard negative of its "
                             "question"), (None, "is neither, and left out"),
        ("?", "says neither, and cannot be read")) if kinds[verdict]]
    where = f"Of {len(first):,} rows" if whole else f"In the first {len(first):,} rows"
    return (f"“{shortened(labels.column, 40)}” says which rows are pairs. {where}: "
            f"{'; '.join(said)}.")


@dataclass
class Gathering:
    """Joins equal passages and equal queries, row by row.

    Anchors are equal when they differ in case, spacing or a closing question mark alone. A
    negative is a passage of grade 0, unless it answers the same question in another row.
    """

    on_bad_row: OnBadRow
    split: str = ""
    """The split that rows are of which come now; empty while the data brings none of its own."""
    splits: dict[str, Grades] = field(default_factory=dict)
    contradictions: int = 0
    """Negatives that are an answer of the same question."""
    unpaired: int = 0
    """Rows whose label says that they are no pair."""
    passages: int = 0
    _known: set[str] = field(default_factory=set)
    _answers: dict[str, str] = field(default_factory=dict)
    """Hash of a text -> the id of the titled passage that has it."""
    _waiting: list[tuple[str, Text, str]] = field(default_factory=list)
    """Negatives of data with titles: a passage that answers elsewhere may come later."""
    _first: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def qrels(self) -> Grades:
        """The judgements of the split at hand."""
        return self.splits.setdefault(self.split, {})

    def add(self, row: PairRow) -> Iterator[Passage | Query]:
        """Take a row in.

        Gives the passages and queries that were not there yet.
        """
        query = Query(id_of("q", folded(row.anchor)), row.anchor, row.topic, where=row.where)
        grades = self.qrels.setdefault(query.id, {})
        self.unpaired += not row.positives
        for text in row.positives:
            passage = _passage_of(text, row.where, row.topic)
            if text.title:
                self._answers.setdefault(id_of("p", text.text), passage.id)
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
            if self._answers or text.title:
                self._waiting.append((query.id, text, row.where))
            else:
                yield from self._judge(query.id, text, row.where)

    def _judge(self, query_id: str, text: Text, where: str) -> Iterator[Passage]:
        """Judge a passage not to answer; with or without its title it is the same."""
        passage = _passage_of(text, where)
        known = self._answers.get(id_of("p", text.text), passage.id)
        self.contradictions += self.qrels[query_id].setdefault(known, 0) > 0
        if known == passage.id:
            yield from self.new(passage)

    def read(
        self, tables: Iterable[tuple[str, Iterable[Row]]], reader: PairReader
    ) -> Iterator[Passage | Query]:
        """The passages and queries of all rows.

        What became of their labels is told at the end. tables: each split with its rows, as
        `Source.tables` gives them.
        """
        for self.split, rows in tables:
            for pairs in each(rows, reader.read, self.on_bad_row):
                for row in pairs:
                    yield from self.add(row)
            for query_id, text, where in self._waiting:
                yield from self._judge(query_id, text, where)
            self._waiting.clear()
        for said in self._told():
            self.on_bad_row(Remark(said))

    def contradicted(self) -> Iterator[str]:
        """What to say of negatives that are answers."""
        if self.contradictions:
            yield (f"{self.contradictions:,} negatives are answers of their own question, in "
                   "this or another row: they are taken for answers.")

    def _told(self) -> Iterator[str]:
        yield from self.contradicted()
        if self.unpaired:
            alone = sum(not any(grades.values()) for qrels in self.splits.values()
                        for grades in qrels.values())
            yield (f"{self.unpaired:,} rows are no pairs by their label: their texts became hard "
                   "negatives of their questions"
                   + (f". {alone:,} of the questions have no row that is a pair, and are not used."
                      if alone else "."))

    def new(self, passage: Passage) -> Iterator[Passage]:
        """The passage, if it was not there yet."""
        if passage.id not in self._known:
            self._known.add(passage.id)
            self.passages += 1
            yield passage


def nothing_left(name: str, tally: LossTally) -> NoPairsError:
    """The sentence for data of which no pair is left."""
    left_out = tally.of(fixed=False)
    said = [f"{kind.replace('_', ' ').capitalize()}: {found['count']:,}, such as: "
            f"{found['examples'][0]}" for kind, found in left_out.items()]
    said += [note for note in tally.notes if " are no pairs by their label" in note]
    why = f" {'; '.join(said):.300}" if said else " Add rows with a question and its answer."
    return NoPairsError(f"{name} holds no pairs that can be used.{why}")


def id_of(kind: str, text: str) -> str:
    """The id of a text.

    `q` or `p`, and what the text hashes to.
    """
    return kind + hashlib.sha256(text.encode()).hexdigest()[:12]


def _passage_of(text: Text, where: str, topic: str = "") -> Passage:
    content = f"{text.title} {text.text}" if text.title else text.text
    return Passage(id_of("p", content), text.text, text.title, topic, where=where)


def _with(
    seen: str, usual: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> tuple[str, ...]:
    """The name that was seen, and the usual ones that no row has beside it."""
    beside = {name for row in rows if row.get(seen) is not None for name in row}
    return (seen, *(name for name in usual if name != seen and name not in beside))
