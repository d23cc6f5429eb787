"""Two models over one corpus: what Compare and Scoreboard show."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from corpus.records import Corpus
from hub.progress import OnProgress
from retrieval.answerable.language import KnownLanguages, known_languages
from retrieval.answerable.scores import (
    UsualScores,
    answered_questions,
    question_vectors,
    usual_scores,
)
from retrieval.bm25 import LexicalIndex, build_lexical_index
from retrieval.compare import Comparison, Found, check_dim, compare
from retrieval.encoder import Vectors, comparable
from retrieval.evaluation import Evidence, evaluate
from retrieval.explain import Why, train_questions, why_moved
from retrieval.index import Index
from retrieval.truncation import AtDim, quality_by_dim
from train.report.evidence_html import SIDES

LEXICAL = "BM25"
"""What the lexical side is called where it stands in place of Base."""
MOST_TRUNCATED = 32
MOST_SHORTENED_BYTES = 200_000_000
"""Shortened indexes kept, and what they take: somebody tries every number."""


@dataclass(frozen=True)
class LexicalOnly:
    """A corpus that BM25 searches while no model has."""

    corpus: Corpus
    lexical: LexicalIndex

    def compare(self, query: object, k: object = 5) -> Comparison:
        """One question through BM25, which stands in place of Base."""
        return compare(query, self.corpus, self.lexical, None, k)


@dataclass(frozen=True)
class ModelPair:
    """A base and a fine-tuned model over one corpus.

    `tuned` is None while there is none. evidence: both measured on the test split, None where they
    were not. run_id: the run that made the fine-tuned one. about: what the pair is, in a few words.
    of_base: while there is no fine-tuned one, BM25 and in place of Fine-tuned Base, measured on the
    test split; unmeasured: why they are not.
    """

    corpus: Corpus
    base: Index
    tuned: Index | None = None
    evidence: Evidence | None = None
    run_id: str = ""
    about: str = ""
    of_base: Evidence | None = None
    unmeasured: str = ""
    _kept: "_Kept" = field(default_factory=lambda: _Kept(), compare=False, repr=False)

    @classmethod
    def of_words(cls, words: LexicalOnly, base: Index, about: str) -> "ModelPair":
        """The same corpus once a model has read it."""
        return cls(words.corpus, base, about=about, _kept=_Kept(lexical=words.lexical))

    @property
    def slow(self) -> str:
        """Why a side is not answered in its fast form.

        In a sentence; empty where both are.
        """
        sides = zip(SIDES, (self.base, self.tuned), strict=True)
        said = [f"{name} ({why})" for name, side in sides
                if side and (why := getattr(side.encoder, "plain", ""))]
        return said and ("Answers take longer than they could: ONNX Runtime does not run "
                         f"{' and '.join(said)}, so PyTorch does.") or ""

    @property
    def bytes(self) -> int:
        """What the vectors and texts take of the memory, about.

        The models not counted.
        """
        sides = [side for side in (self.base, self.tuned) if side]
        vectors = sum(side.vectors.nbytes for side in sides)
        vectors += sum(side.sentences.directions.nbytes for side in sides if side.sentences)
        return vectors + 4 * sum(len(passage.text) + 200 for passage in self.corpus.passages)

    def compare(
        self, query: object, k: object = 5, truncate_dim: object = None, lexical: bool = False
    ) -> Comparison:
        """One query through both sides.

        With vectors of `truncate_dim` where it is given.
        """
        dim = check_dim(truncate_dim)
        base = self._at(self.base, dim)
        tuned = None if self.tuned is None else self._at(self.tuned, dim)
        found = compare(query, self.corpus, base, tuned, k, self.lexical() if lexical else None)
        if found.known:  # it is answered here
            return found
        kept = self._kept
        return replace(
            found,
            base=self._judged(found.base, self.base, base),
            tuned=found.tuned and self._judged(found.tuned, self.tuned, tuned),
            remark=kept.languages.remark(found.query) if kept.languages else "",
        )

    def learn_what_is_answered(self, cache: Path) -> None:
        """Learn what answered queries of the corpus look like.

        Their best scores with each model, and their language. It encodes some hundred of them the
        first time; until then no question is called a weak match.
        """
        texts = answered_questions(self.corpus)
        for side in filter(None, (self.base, self.tuned) if texts else ()):
            if side.encoder.fingerprint not in self._kept.asked:
                self._kept.asked[side.encoder.fingerprint] = question_vectors(
                    side.encoder, self.corpus, texts, cache)
        if self._kept.languages is None:
            self._kept.languages = known_languages(self.corpus)

    def _judged(self, found: Found, full: Index | None, shown: Index | None) -> Found:
        """A side, called a weak match where its best score is lower than is usual."""
        if full is None or shown is None or not found.hits:
            return found
        usual = self._usual(full, shown)
        return replace(found, weak=bool(usual and usual.is_weak(found.hits[0].score)))

    def _usual(self, full: Index, shown: Index) -> UsualScores | None:
        """The usual best scores of a side with vectors as long as those shown."""
        kept, key, asked = self._kept, shown.encoder.fingerprint, full.encoder.fingerprint
        if key not in kept.usual:
            if asked not in kept.asked:
                return None
            cut = comparable(kept.asked[asked][:, :shown.encoder.dim], shown.encoder.similarity)
            kept.usual[key] = usual_scores(shown, cut)
        return kept.usual[key]

    def lexical(self) -> LexicalIndex:
        """BM25 over the corpus, built when first asked for."""
        with self._kept.lock:
            if self._kept.lexical is None:
                self._kept.lexical = build_lexical_index(self.corpus)
            return self._kept.lexical

    def evidence_against(self, side: str) -> Evidence | None:
        """The evidence with Base, or with BM25 in its place.

        None where nothing was measured.
        """
        if side != LEXICAL or self.evidence is None:
            return self.evidence
        lexical = self.lexical()
        with self._kept.measuring:
            if self._kept.lexical_evidence is None:
                self._kept.lexical_evidence = Evidence(
                    self.evidence.split, self.evidence.passages,
                    evaluate(lexical, self.corpus, self.evidence.split), self.evidence.tuned,
                    leaked=self.evidence.leaked)
            return self._kept.lexical_evidence

    def shown_evidence(self, against: str) -> tuple[Evidence | None, tuple[str, str]]:
        """The evidence the Scoreboard shows, and both sides' names."""
        if self.tuned is None and self.of_base is not None:
            return self.of_base, (LEXICAL, SIDES[0])
        return self.evidence_against(against), (against, SIDES[1])

    def why(
        self, query_ids: Sequence[str], side: str, cache: Path, trained: bool = True
    ) -> list[Why]:
        """Why answers of test queries moved between two sides.

        From Base or BM25 to Fine-tuned. trained: look for the nearest training question too, which
        the first time encodes them all.
        """
        if self.tuned is None or self.evidence is None:
            raise ValueError("This needs a fine-tuned model: it is there when training is done.")
        base = self.lexical() if side == LEXICAL else self.base
        return why_moved(query_ids, self.corpus, base, self.tuned, self.evidence.split,
                         self._train_questions(cache) if trained else None)

    @property
    def knows_train_questions(self) -> bool:
        """Whether the training questions are encoded."""
        return self._kept.trained is not None

    def by_dim(
        self, trained: Sequence[int], progress: OnProgress
    ) -> list[AtDim]:
        """Quality against `truncate_dim`, measured once."""
        if self.tuned is None:
            raise ValueError("This needs a fine-tuned model: it is there when training is done.")
        with self._kept.measuring:
            if self._kept.dims is None:
                self._kept.dims = quality_by_dim(
                    self.corpus, self.base, self.tuned, trained, progress=progress)
            return self._kept.dims

    @property
    def known_dims(self) -> list[AtDim]:
        """Quality against `truncate_dim` as far as it was measured."""
        return self._kept.dims or []

    def _train_questions(self, cache: Path) -> Index:
        with self._kept.measuring:
            if self._kept.trained is None:
                self._kept.trained = train_questions(self.corpus, self.base.encoder, cache)
            return self._kept.trained

    def with_tuned(
        self, tuned: Index, evidence: Evidence | None, about: str, run_id: str = ""
    ) -> "ModelPair":
        """The same base beside another fine-tuned model."""
        return replace(self, tuned=tuned, evidence=evidence, about=about, run_id=run_id,
                       of_base=None, unmeasured="",
                       _kept=_Kept(lexical=self._kept.lexical, asked=dict(self._kept.asked),
                                   languages=self._kept.languages))

    def _at(self, index: Index, dim: int | None) -> Index:
        if dim is None or dim == index.encoder.dim:
            return index
        key = (index.encoder.fingerprint, dim)
        with self._kept.lock:
            if key not in self._kept.truncated:
                kept = self._kept.truncated
                if (len(kept) >= MOST_TRUNCATED or sum(short.vectors.nbytes for short in
                                                       kept.values()) > MOST_SHORTENED_BYTES):
                    kept.clear()
                self._kept.truncated[key] = index.truncated(dim)
            return self._kept.truncated[key]


@dataclass
class _Kept:
    """What is made when it is first needed."""

    truncated: dict[tuple[str, int], Index] = field(default_factory=dict)
    lexical: LexicalIndex | None = None
    lexical_evidence: Evidence | None = None
    asked: dict[str, Vectors] = field(default_factory=dict)
    """Vectors of answered questions, by model."""
    usual: dict[str, UsualScores | None] = field(default_factory=dict)
    languages: KnownLanguages | None = None
    trained: Index | None = None
    dims: list[AtDim] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    measuring: threading.Lock = field(default_factory=threading.Lock)
    """Held for seconds, so not the one that every question needs."""
