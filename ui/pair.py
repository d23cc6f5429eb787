"""Two models over one corpus: what Compare and Scoreboard show."""

import threading
from dataclasses import dataclass, field, replace

from corpus.records import Corpus
from retrieval.compare import Comparison, compare
from retrieval.evidence import Evidence
from retrieval.index import Index
from retrieval.inputs import check_dim
from retrieval.lexical import LexicalIndex, build_lexical_index

MOST_TRUNCATED = 32
"""Shortened indexes kept: somebody tries every number."""


@dataclass(frozen=True)
class Pair:
    """A base and a fine-tuned model over one corpus; `tuned` is None while there is none.

    evidence: both measured on the test split, None where they were not. run_id: the run that made
    the fine-tuned one. about: what the pair is, in a few words.
    """

    corpus: Corpus
    base: Index
    tuned: Index | None = None
    evidence: Evidence | None = None
    run_id: str = ""
    about: str = ""
    _kept: "_Kept" = field(default_factory=lambda: _Kept(), compare=False, repr=False)

    def compare(
        self, query: object, k: object = 5, truncate_dim: object = None, lexical: bool = False
    ) -> Comparison:
        """One question through both sides, with vectors of `truncate_dim` where it is given."""
        dim = check_dim(truncate_dim)
        return compare(
            query,
            self.corpus,
            self._at(self.base, dim),
            None if self.tuned is None else self._at(self.tuned, dim),
            k,
            self.lexical() if lexical else None,
        )

    def lexical(self) -> LexicalIndex:
        """BM25 over the corpus, built when it is first asked for."""
        with self._kept.lock:
            if self._kept.lexical is None:
                self._kept.lexical = build_lexical_index(self.corpus)
            return self._kept.lexical

    def with_tuned(
        self, tuned: Index, evidence: Evidence | None, about: str, run_id: str = ""
    ) -> "Pair":
        """The same base beside another fine-tuned model."""
        return replace(self, tuned=tuned, evidence=evidence, about=about, run_id=run_id,
                       _kept=_Kept(lexical=self._kept.lexical))

    def _at(self, index: Index, dim: int | None) -> Index:
        if dim is None or dim == index.encoder.dim:
            return index
        key = (index.encoder.fingerprint, dim)
        with self._kept.lock:
            if key not in self._kept.truncated:
                if len(self._kept.truncated) >= MOST_TRUNCATED:
                    self._kept.truncated.clear()
                self._kept.truncated[key] = index.truncated(dim)
            return self._kept.truncated[key]


@dataclass
class _Kept:
    """What is made when it is first needed."""

    truncated: dict[tuple[str, int], Index] = field(default_factory=dict)
    lexical: LexicalIndex | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
