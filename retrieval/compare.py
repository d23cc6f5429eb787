"""One query through two models.

Hits, ranks, movements, and a sentence that says it. What may be asked: a question, and how many
hits and dimensions to answer it with.

Where a passage touches a question: words in common, and the sentence nearest to it.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from corpus.records import Corpus
from corpus.text import WORD, content_words, is_content, stem

from .fast.sentences import Span
from .index import Index, Ranking, Searcher

MAX_QUERY = 2_000
"""Characters of a question."""
MAX_K = 50


class QueryError(ValueError):
    """A query, or an option of it, that is refused."""


def check_query(query: object) -> str:
    """The question, trimmed.

    QueryError when it is empty, too long, or no text.
    """
    if not isinstance(query, str):
        raise QueryError(f"The question must be text, not {type(query).__name__}.")
    text = query.encode("utf-8", "replace").decode().strip()  # half an emoji cannot be encoded
    if not text:
        raise QueryError("Type a question first, or choose an example.")
    if len(text) > MAX_QUERY:
        raise QueryError(
            f"The question has {len(text):,} characters; at most {MAX_QUERY:,} can be searched "
            "for. Shorten it."
        )
    return text


def check_k(k: object) -> int:
    """How many hits to show.

    QueryError unless it is a whole number within 1 to MAX_K.
    """
    number = _whole(k)
    if number is None or not 1 <= number <= MAX_K:
        raise QueryError(f"k must be a whole number from 1 to {MAX_K}, not {k!r:.40}.")
    return number


def check_dim(value: object) -> int | None:
    """A truncate_dim, or None for all.

    QueryError unless it is a whole number above 0.
    """
    if value in (None, "", 0, "all"):
        return None
    number = _whole(value)
    if number is None or number < 1:
        raise QueryError(f"truncate_dim must be a whole number of dimensions, not {value!r:.40}.")
    return number


def _whole(value: object) -> int | None:
    """The whole number that a number or a text is, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None


def matching_spans(query: str, text: str) -> list[Span]:
    """Where the content words of a query stand in text."""
    wanted = set(content_words(query))
    return [
        match.span()
        for match in WORD.finditer(text)
        if is_content(match.group()) and stem(match.group()) in wanted
    ]


MOST_NEAREST = 10
"""Hits whose nearest sentence is looked for."""
WEAK = "Weak match: perhaps nothing here answers this."
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
            "tenth")


@dataclass(frozen=True)
class Hit:
    """One passage found.

    movement: how many ranks higher (below 0: lower) the tuned model puts this passage than the
    base does, among all passages; the same on both sides, None while there is no tuned model.
    other_rank: its rank on the other side. nearest: its sentence nearest to the question.
    """

    rank: int
    passage_id: str
    score: float
    title: str
    text: str
    relevant: bool = False
    movement: int | None = None
    other_rank: int | None = None
    nearest: Span | None = None

    def as_json(self) -> dict[str, Any]:
        """The hit as the endpoint `/compare` gives it."""
        return {
            "rank": self.rank,
            "passage_id": self.passage_id,
            "score": self.score,
            "title": self.title,
            "text": self.text,
            "movement": self.movement,
            "relevant": self.relevant,
        }


@dataclass(frozen=True)
class Found:
    """What one side found.

    Its best hits, and the known answer if it lies below them.
    """

    name: str
    hits: tuple[Hit, ...]
    seconds: float
    answer: Hit | None = None
    """The best-ranked known answer, wherever it ranks; None where none is known."""
    weak: bool = False
    """Whether the best score is lower than answered questions have."""

    @property
    def answer_rank(self) -> int | None:
        """The rank of the known answer."""
        return self.answer.rank if self.answer else None


@dataclass(frozen=True)
class Comparison:
    """One query through both models.

    `tuned` is None while there is none.
    """

    query: str
    k: int
    base: Found
    tuned: Found | None
    known: frozenset[str]
    lexical: Found | None = None
    remark: str = ""
    """A sentence where the question is in another language than the corpus."""

    @property
    def is_weak(self) -> bool:
        """Whether no side has a score that answered questions have."""
        return self.base.weak and (self.tuned is None or self.tuned.weak)

    @property
    def sentence(self) -> str:
        """What happened, in words."""
        if self.is_weak:
            return f"{WEAK} {self.happened}"
        return self.happened

    @property
    def happened(self) -> str:
        """What each side did with the question, in words."""
        if self.tuned is None:
            return _alone(self.base)
        if self.base.answer_rank and self.tuned.answer_rank:
            return _of_answer(self.base.answer_rank, self.tuned.answer_rank)
        return _of_lists(self.base, self.tuned)

    def as_json(self) -> dict[str, Any]:
        """The comparison as the endpoint `/compare` gives it."""
        tuned = self.tuned
        return {
            "query": self.query,
            "base": [hit.as_json() for hit in self.base.hits],
            "tuned": None if tuned is None else [hit.as_json() for hit in tuned.hits],
            "known_answer": None
            if not self.known
            else {
                "passage_ids": sorted(self.known),
                "base_rank": self.base.answer_rank,
                "tuned_rank": tuned and tuned.answer_rank,
            },
            "latency_ms": {
                "base": self.base.seconds * 1000,
                "tuned": None if tuned is None else tuned.seconds * 1000,
            },
            "sentence": self.sentence,
            "weak": {"base": self.base.weak, "tuned": tuned and tuned.weak},
            "remark": self.remark,
        }


def compare(
    query: str,
    corpus: Corpus,
    base: Searcher,
    tuned: Searcher | None,
    k: int = 5,
    lexical: Searcher | None = None,
) -> Comparison:
    """Rank the corpus for one query on both sides.

    And set the two lists side by side.
    """
    query, k = check_query(query), check_k(k)
    known = corpus.relevant(query)
    base_ranking, base_seconds = _timed(base, query)
    tuned_ranking, tuned_seconds = _timed(tuned, query) if tuned else (None, 0.0)

    def found(side: Searcher, ranking: Ranking, seconds: float) -> Found:
        hits = [_hit(corpus, ranking, pid, known) for pid, _ in ranking.top(k)]
        if tuned_ranking is not None and side is not lexical:
            hits = [_moved(hit, base_ranking, tuned_ranking, side is tuned) for hit in hits]
        answer = _best_answer(corpus, ranking, known)
        if answer and tuned_ranking is not None and side is not lexical:
            answer = _moved(answer, base_ranking, tuned_ranking, side is tuned)
        if answer and answer.rank > k:
            answer = _with_nearest(side, ranking, [answer])[0]
        return Found(side.name, tuple(_with_nearest(side, ranking, hits)), seconds, answer)

    return Comparison(
        query,
        k,
        found(base, base_ranking, base_seconds),
        found(tuned, tuned_ranking, tuned_seconds) if tuned and tuned_ranking else None,
        known,
        found(lexical, *_timed(lexical, query)) if lexical else None,
    )


def _timed(side: Searcher, query: str) -> tuple[Ranking, float]:
    start = time.perf_counter()
    ranking = side.search_many([query])[0]
    return ranking, time.perf_counter() - start


def _hit(corpus: Corpus, ranking: Ranking, passage_id: str, known: Iterable[str]) -> Hit:
    passage = corpus.passage[passage_id]
    rank = ranking.rank(passage_id) or 0
    score = ranking.score(passage_id)
    return Hit(rank, passage_id, score, passage.title, passage.text, passage_id in known)


def _moved(hit: Hit, base: Ranking, tuned: Ranking, is_tuned: bool) -> Hit:
    base_rank, tuned_rank = base.rank(hit.passage_id), tuned.rank(hit.passage_id)
    if base_rank is None or tuned_rank is None:
        return hit
    return replace(
        hit,
        movement=base_rank - tuned_rank,
        other_rank=base_rank if is_tuned else tuned_rank,
    )


def _best_answer(corpus: Corpus, ranking: Ranking, known: frozenset[str]) -> Hit | None:
    hits = [_hit(corpus, ranking, pid, known) for pid in known if pid in ranking.places]
    return min(hits, key=lambda hit: hit.rank, default=None)


def _with_nearest(side: Searcher, ranking: Ranking, hits: list[Hit]) -> list[Hit]:
    if not isinstance(side, Index) or side.sentences is None or ranking.query is None:
        return hits
    first, rest = hits[:MOST_NEAREST], hits[MOST_NEAREST:]
    return [replace(hit, nearest=side.sentences.nearest(
        ranking.places[hit.passage_id], hit.text, ranking.query)) for hit in first] + rest


def ordinal(rank: int) -> str:
    """A rank in words up to ten, in figures beyond.

    First, tenth, 11th, 22nd.
    """
    if rank <= len(ORDINALS):
        return ORDINALS[rank - 1]
    teens = rank % 100 in (11, 12, 13)
    return f"{rank:,}{'th' if teens else {1: 'st', 2: 'nd', 3: 'rd'}.get(rank % 10, 'th')}"


def _alone(base: Found) -> str:
    found = "This is what Base finds"
    if base.answer_rank:
        found = f"Base puts the answer {ordinal(base.answer_rank)}"
    return f"{found}. There is no fine-tuned model yet."


def _of_answer(base: int, tuned: int) -> str:
    if base == tuned:
        return f"Both put the answer {ordinal(base)}."
    return f"Fine-tuned puts the answer {ordinal(tuned)}; Base had it {ordinal(base)}."


def _of_lists(base: Found, tuned: Found) -> str:
    if not base.hits or not tuned.hits:
        return "There is nothing to find."
    first, k = tuned.hits[0], len(base.hits)
    shared = len({h.passage_id for h in base.hits} & {h.passage_id for h in tuned.hits})
    overlap = f"they share {shared or 'none'} of the first {k}" if k > 1 else ""
    if first.passage_id == base.hits[0].passage_id:
        return f"Both put the same passage first{f'; {overlap}' if overlap else ''}."
    place = ordinal(first.other_rank or 0)
    return (
        f"The two disagree: Base had Fine-tuned’s first passage {place}"
        f"{f'; {overlap}' if overlap else ''}."
    )
