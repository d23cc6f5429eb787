"""Judgements of people on the questions of a pair.

Who may judge: whoever brought the data, and on other data its owner alone.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path

from corpus.records import Corpus
from retrieval.evaluation import Evidence
from retrieval.index import Searcher
from retrieval.judgements.rescoring import Rankings, rescored, suspects, to_judge
from retrieval.judgements.store import Judgement, Judgements, as_trec
from train.report.evidence_html import SIDES
from ui.services.model_pair import LEXICAL, ModelPair

MOST_SIDES = 12
"""Sides whose rankings of judged questions are kept."""


@dataclass(frozen=True)
class Candidate:
    """A passage to judge, and what holds of it."""

    passage_id: str
    judgement: Judgement | None


@dataclass
class JudgingService:
    """Keeps judgements, and scores with them.

    folder: where the files are, one a corpus. Those on data that a visitor brought are in a folder
    of that upload, so that nobody judges other data by bringing a copy of it: `scope` is the
    upload's name, empty for all other data.
    """

    folder: Path
    _sides: OrderedDict[str, Rankings] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def candidates(
        self, pair: ModelPair, query_id: str, scope: str = ""
    ) -> list[Candidate]:
        """The passages of a question that are to be judged.

        Those on top of both sides which the data does not call answers, and those that somebody
        judged before. ValueError where the question is gone.
        """
        corpus, split = pair.corpus, _split(pair)
        judged = self._of(corpus, scope).current().get(query_id, {})
        with self._lock:
            found = to_judge(query_id, corpus, split, self._shown(pair, SIDES[0]))
        found += [passage_id for passage_id in judged if passage_id not in found]
        return [Candidate(passage_id, judged.get(passage_id)) for passage_id in found]

    def judge(
        self, pair: ModelPair, query_id: str, passage_id: str, grade: int, by: str, scope: str = ""
    ) -> Judgement:
        """Keep a judgement; ValueError as `Judgements.add`."""
        return self._of(pair.corpus, scope).add(query_id, passage_id, grade, by)

    def undo(self, pair: ModelPair, by: str, scope: str = "") -> Judgement | None:
        """Take back a person's last judgement on this data."""
        return self._of(pair.corpus, scope).undo(by)

    def evidence(
        self, pair: ModelPair, against: str = SIDES[0], scope: str = ""
    ) -> tuple[Evidence | None, tuple[str, str], int]:
        """What the Scoreboard shows, with the judgements added.

        The evidence, the names of both sides, and how many judgements count. No passage is encoded.
        """
        evidence, names = pair.shown_evidence(against)
        judged = self._of(pair.corpus, scope).current() if evidence else {}
        if evidence is None or not judged:
            return evidence, names, 0
        with self._lock:
            base, tuned = self._shown(pair, against)
            found, count = rescored(evidence, pair.corpus, base, tuned, judged)
        return found, names, count

    def suspects(self, pair: ModelPair, scope: str = "") -> list[str]:
        """Questions whose marked answer may not be the only one.

        Base, Fine-tuned and BM25 agree on another passage. Searches all test questions.
        """
        evidence, _ = pair.shown_evidence(SIDES[0])
        if evidence is None:
            return []
        sides: list[Searcher] = [pair.base, pair.lexical()]
        if pair.tuned is not None:
            sides.insert(1, pair.tuned)
        return suspects(pair.corpus, evidence, [Rankings(side, pair.corpus) for side in sides],
                        self._of(pair.corpus, scope).current())

    def trec(self, pair: ModelPair, scope: str = "") -> str:
        """The data's qrels with the judgements, for TREC."""
        return as_trec(pair.corpus, self._of(pair.corpus, scope).current())

    def _of(self, corpus: Corpus, scope: str) -> Judgements:
        return Judgements(self.folder / scope, corpus)

    def _shown(self, pair: ModelPair, against: str) -> tuple[Rankings, Rankings]:
        """The rankings of both sides that are shown; to be called with the lock."""
        if pair.tuned is None:
            return self._side(pair, pair.lexical(), LEXICAL), self._side(pair, pair.base, "base")
        base = self._side(pair, pair.lexical(), LEXICAL) if against == LEXICAL else \
            self._side(pair, pair.base, "base")
        return base, self._side(pair, pair.tuned, "tuned")

    def _side(self, pair: ModelPair, side: Searcher, kind: str) -> Rankings:
        encoder = getattr(side, "encoder", None)
        key = f"{pair.corpus.fingerprint} {encoder.fingerprint if encoder else kind}"
        kept = self._sides.setdefault(key, Rankings(side, pair.corpus))
        if kept.side is not side or kept.corpus is not pair.corpus:  # loaded again meanwhile
            kept = self._sides[key] = Rankings(side, pair.corpus)
        self._sides.move_to_end(key)
        if len(self._sides) > MOST_SIDES:
            self._sides.popitem(last=False)
        return kept


def _split(pair: ModelPair) -> str:
    evidence, _ = pair.shown_evidence(SIDES[0])
    return evidence.split if evidence else "test"
