"""Why the rank of an answer moved.

What stood against it on both sides, and what training saw.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from corpus.records import Corpus, Passage, Query
from corpus.text import WORD, is_content, stem

from .encoder import COSINE, Encoder
from .evaluation import Evidence
from .index import Index, Ranking, Searcher, build_index

MOST_WORDS = 8
WORST = 20
"""Regressions looked at together."""


@dataclass(frozen=True)
class Standing:
    """Rank and score of the best answer on one side.

    And of the strongest passage that is no answer.
    """

    rank: int
    score: float
    wrong_id: str | None
    wrong_score: float

    @property
    def margin(self) -> float:
        """The answer's score above the strongest wrong one's.

        Below 0: it lost.
        """
        return self.score - self.wrong_score


@dataclass(frozen=True)
class Why:
    """One test question.

    The answer, how it stood, and what it has in common with whom. wrong: the passage that stands
    strongest against the answer in tuned. trained: the training question nearest to it by the base
    model, with its score, None where there is none. answer_words, wrong_words: content words of the
    question that stand in each.
    """

    query: Query
    answer: Passage
    wrong: Passage | None
    base_wrong: Passage | None
    base: Standing
    tuned: Standing
    answer_words: tuple[str, ...]
    wrong_words: tuple[str, ...]
    trained: tuple[Query, float] | None = None
    same_answer: bool = False
    """Whether the nearest training question has the same answer."""
    similarity: str = COSINE
    """What the base compares by, so what the score of the nearest training question is."""

    @property
    def sentence(self) -> str:
        """What happened to the score, in words."""
        gain = self.tuned.margin - self.base.margin
        moved = "rose" if gain > 0 else "fell" if gain < 0 else "stayed"
        return (f"The answer went from rank {self.base.rank:,} to {self.tuned.rank:,}: its lead "
                f"over the strongest wrong passage {moved} from {self.base.margin:+.3f} to "
                f"{self.tuned.margin:+.3f}.")


def why_moved(
    query_ids: Sequence[str],
    corpus: Corpus,
    base: Searcher,
    tuned: Searcher,
    split: str = "test",
    trained: Index | None = None,
) -> list[Why]:
    """Explain queries of a split.

    trained: the training questions as an index (`train_questions`). ValueError where a query or
    its answer is not in the corpus.
    """
    for query_id in query_ids:
        if query_id not in corpus.queries or not _answers(corpus, split, query_id):
            raise ValueError(f"Question {query_id!r:.80}, or its answer, is not in the data of "
                             f"{corpus.name} any more: why it moved cannot be told.")
    texts = [corpus.queries[query_id].text for query_id in query_ids]
    sides = zip(base.search_many(texts), tuned.search_many(texts), strict=True)
    near: Sequence[Ranking | None] = (
        trained.search_many(texts) if trained and trained.ids else [None] * len(texts))
    similarity = trained.encoder.similarity if trained else COSINE
    return [replace(_why(query_id, corpus, split, *side, ranking), similarity=similarity)
            for query_id, side, ranking in zip(query_ids, sides, near, strict=True)]


def worst_regressions(evidence: Evidence, most: int = WORST) -> list[str]:
    """Queries on which tuned lost the most, worst first."""
    return [query.query_id for query in evidence.queries if query.difference < 0][:most]


def train_questions(corpus: Corpus, encoder: Encoder, cache: Path | None = None) -> Index:
    """The training queries as an index of their own.

    Kept on disk like any other.
    """
    passages = tuple(Passage(query_id, corpus.queries[query_id].text)
                     for query_id in corpus.qrels.get("train", {}))
    asked = Corpus(f"training questions of {corpus.name}", passages, {})
    if not passages:
        return Index(encoder, (), np.zeros((0, encoder.dim), np.float32))
    return build_index(encoder, asked, cache)


def shared_words(query: str, text: str) -> tuple[str, ...]:
    """Content words that a query and a text share.

    As the query writes them.
    """
    there = {stem(word) for word in WORD.findall(text) if is_content(word)}
    words = {stem(word): word for word in WORD.findall(query) if is_content(word)}
    return tuple(word for root, word in words.items() if root in there)[:MOST_WORDS]


def _answers(corpus: Corpus, split: str, query_id: str) -> list[str]:
    grades = corpus.qrels.get(split, {}).get(query_id, {})
    return [pid for pid, grade in grades.items() if grade > 0 and pid in corpus.passage]


def _why(
    query_id: str, corpus: Corpus, split: str, base: Ranking, tuned: Ranking,
    near: Ranking | None,
) -> Why:
    query, answers = corpus.queries[query_id], _answers(corpus, split, query_id)
    answer = min(answers, key=lambda pid: tuned.rank(pid) or len(tuned.ids) + 1)
    before, after = (_standing(side, answers) for side in (base, tuned))
    wrong = corpus.passage.get(after.wrong_id or "")
    trained = None
    if near is not None:
        nearest, score = near.top(1)[0]
        trained = corpus.queries[nearest], score
    return Why(
        query,
        corpus.passage[answer],
        wrong,
        corpus.passage.get(before.wrong_id or ""),
        before,
        after,
        shared_words(query.text, corpus.passage[answer].content),
        shared_words(query.text, wrong.content) if wrong else (),
        trained,
        bool(trained and set(_answers(corpus, "train", trained[0].id)) & set(answers)),
    )


def _standing(ranking: Ranking, answers: Sequence[str]) -> Standing:
    best = min(answers, key=lambda pid: ranking.rank(pid) or len(ranking.ids) + 1)
    wrong = next(((pid, score) for pid, score in ranking.top(len(answers) + 1)
                  if pid not in answers), (None, 0.0))
    return Standing(ranking.rank(best) or len(ranking.ids) + 1, ranking.score(best), *wrong)
