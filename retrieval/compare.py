"""One query through two models: hits, ranks, movements, and a sentence that says it."""

import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from corpus.records import Corpus

from .index import Index, Ranking, Searcher
from .inputs import check_k, check_query
from .match import Span, nearest_sentences

MOST_NEAREST = 10
"""Hits whose nearest sentence is looked for: it costs an encoding of each of their sentences."""
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
    """What one side found: its best hits, and the known answer if it lies below them."""

    name: str
    hits: tuple[Hit, ...]
    seconds: float
    answer: Hit | None = None
    """The best-ranked known answer, wherever it ranks; None where none is known."""

    @property
    def answer_rank(self) -> int | None:
        """The rank of the known answer."""
        return self.answer.rank if self.answer else None


@dataclass(frozen=True)
class Comparison:
    """One query through both models; `tuned` is None while there is none."""

    query: str
    k: int
    base: Found
    tuned: Found | None
    known: frozenset[str]
    lexical: Found | None = None

    @property
    def sentence(self) -> str:
        """What happened, in words."""
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
        }


def compare(
    query: str,
    corpus: Corpus,
    base: Searcher,
    tuned: Searcher | None,
    k: int = 5,
    lexical: Searcher | None = None,
) -> Comparison:
    """Rank the corpus for one query on both sides, and set the two lists side by side."""
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
        return Found(side.name, tuple(_with_nearest(side, query, hits)), seconds, answer)

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


def _with_nearest(side: Searcher, query: str, hits: list[Hit]) -> list[Hit]:
    if not isinstance(side, Index):
        return hits
    first, rest = hits[:MOST_NEAREST], hits[MOST_NEAREST:]
    nearest = nearest_sentences(side.encoder, query, [hit.text for hit in first])
    return [replace(hit, nearest=at) for hit, at in zip(first, nearest, strict=True)] + rest


def ordinal(rank: int) -> str:
    """A rank in words up to ten, in figures beyond: first, tenth, 11th, 22nd."""
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
