"""BM25 over the same corpus.

The side that knows words and nothing else.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from corpus.records import Corpus
from corpus.text import content_words

from .index import Ranking

if TYPE_CHECKING:
    import bm25s


@dataclass(frozen=True)
class LexicalIndex:
    """A BM25 index that searches like any model's.

    Lucene's variant, k1 1.5, b 0.75.
    """

    ids: tuple[str, ...]
    places: Mapping[str, int]
    bm25: "bm25s.BM25"
    name: str = "BM25"

    def search_many(self, queries: Sequence[str]) -> list[Ranking]:
        """Rank every passage for each query.

        No word in common gives a score of 0.
        """
        return [Ranking(self.ids, self._scores(query), self.places) for query in queries]

    def _scores(self, query: str) -> np.ndarray:
        known = [word for word in content_words(query) if word in self.bm25.vocab_dict]
        if not known:
            return np.zeros(len(self.ids), np.float32)
        return np.asarray(self.bm25.get_scores(known), np.float32)


def build_lexical_index(corpus: Corpus) -> LexicalIndex:
    """Index the words of a corpus.

    Stop words out, plurals and endings folded.
    """
    import bm25s

    passages = sorted(corpus.passages, key=lambda passage: passage.id)
    bm25 = bm25s.BM25()
    bm25.index([content_words(p.content) or [""] for p in passages], show_progress=False)
    ids = tuple(passage.id for passage in passages)
    return LexicalIndex(ids, {passage_id: i for i, passage_id in enumerate(ids)}, bm25)
