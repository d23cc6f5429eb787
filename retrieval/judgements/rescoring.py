"""Evidence scored again with judgements added.

No passage is encoded: a side's ranks of a judged query are those of one search, which is kept.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from corpus.records import Corpus
from retrieval.evaluation import Evidence, Judged
from retrieval.index import Ranking, Searcher
from retrieval.metrics import query_metrics

from .store import Judgement, merged_grades

TOP = 3
"""Passages of each side that are shown to be judged."""
MOST_KEPT = 200
"""Rankings kept of one side: each holds a score for each passage."""
PART = 128
"""Queries searched at a time where their rankings are not kept."""


@dataclass
class Rankings:
    """The rankings of a side, each query searched once."""

    side: Searcher
    corpus: Corpus
    _kept: dict[str, Ranking] = field(default_factory=dict)

    def of(self, query_ids: Sequence[str]) -> list[Ranking]:
        """The ranking of each query.

        Those that are not kept are searched together.
        """
        missing = [query_id for query_id in dict.fromkeys(query_ids) if query_id not in self._kept]
        if len(self._kept) + len(missing) > MOST_KEPT:
            self._kept.clear()
            missing = list(dict.fromkeys(query_ids))
        if missing:
            texts = [self.corpus.queries[query_id].text for query_id in missing]
            self._kept |= zip(missing, self.side.search_many(texts), strict=True)
        return [self._kept[query_id] for query_id in query_ids]

    def first(self, query_ids: Sequence[str]) -> list[str]:
        """The top passage of each query; keeps no ranking."""
        texts = [self.corpus.queries[query_id].text for query_id in query_ids]
        return [ranking.top(1)[0][0] for start in range(0, len(texts), PART)
                for ranking in self.side.search_many(texts[start:start + PART])]


def to_judge(
    query_id: str, corpus: Corpus, split: str, sides: Sequence[Rankings]
) -> list[str]:
    """The passages on top of the sides that nobody marked.

    In an order that says nothing of whose they are. ValueError where the query is gone.
    """
    if query_id not in corpus.queries:
        raise ValueError(f"Question {query_id!r:.80} is not in {corpus.name} any more.")
    own = corpus.qrels.get(split, {}).get(query_id, {})
    found = {passage_id for side in sides for passage_id, _ in side.of([query_id])[0].top(TOP)
             if own.get(passage_id, 0) <= 0}
    return sorted(found, key=lambda passage_id: _drawn(query_id, passage_id))


def _drawn(query_id: str, passage_id: str) -> str:
    """A number drawn by lot, but the same each time: what is being judged must not move."""
    return hashlib.sha256(f"{query_id}\0{passage_id}".encode()).hexdigest()


def rescored(
    evidence: Evidence, corpus: Corpus, base: Rankings, tuned: Rankings,
    judged: Mapping[str, Mapping[str, Judgement]],
) -> tuple[Evidence, int]:
    """Both sides with the judgements of their queries added.

    And how many those are. The evidence itself where there are none.
    """
    asked = [query_id for query_id in judged if query_id in evidence.base]
    if not asked:
        return evidence, 0
    sides = []
    for rankings, known in ((base, evidence.base), (tuned, evidence.tuned)):
        found = dict(known)
        for query_id, ranking in zip(asked, rankings.of(asked), strict=True):
            grades = merged_grades(corpus, evidence.split, query_id, judged[query_id])
            found[query_id] = _judged(ranking, grades)
        sides.append(found)
    count = sum(len(judged[query_id]) for query_id in asked)
    return replace(evidence, base=sides[0], tuned=sides[1]), count


def _judged(ranking: Ranking, grades: Mapping[str, int]) -> Judged:
    ranks = {passage_id: ranking.rank(passage_id) for passage_id, grade in grades.items()
             if grade > 0}
    return Judged(ranks, query_metrics(ranks, grades))


def suspects(
    corpus: Corpus, evidence: Evidence, sides: Sequence[Rankings],
    judged: Mapping[str, Mapping[str, Judgement]],
) -> list[str]:
    """Queries whose marked answer may not be the only one.

    All sides put the same passage first, and it is not marked as an answer nor judged. The query's
    order in the split.
    """
    asked = [query_id for query_id in evidence.base if query_id in corpus.queries]
    found = []
    for query_id, *firsts in zip(asked, *(side.first(asked) for side in sides), strict=True):
        tops = set(firsts)
        own = corpus.qrels.get(evidence.split, {}).get(query_id, {})
        if len(tops) == 1 and not tops & own.keys() and not tops & judged.get(query_id, {}).keys():
            found.append(query_id)
    return found
