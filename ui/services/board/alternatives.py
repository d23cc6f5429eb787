"""What could ship instead of the fine-tuned model shown.

BM25, Base and their fusion are measured in memory; another base that somebody names is measured in
a process of its own, so that the page stays quick and its weights are gone afterwards.
"""

import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from retrieval.alternatives.fusion import fuse
from retrieval.alternatives.table import Alternative, Alternatives, fusion_note, measured
from retrieval.evaluation import Evidence, Judged
from train.run.record import Run, list_runs
from ui.services.model_pair import LEXICAL, ModelPair
from ui.services.process import NoAnswerError, follow

from .measuring import Steps

BASE, FUSED, TUNED = "Base", "BM25+Base", "Fine-tuned"
MERGED = "Fine-tuned merged with Base"
WITHIN = 1800
"""Seconds that reading the passages with another base may take."""
MOST_PAIRS = 16
"""Pairs whose table is kept."""
MOST_BASES = 4
"""Other bases in one table."""


@dataclass
class AlternativesService:
    """Measures a pair's alternatives, once each.

    command: what measures another base on a split, printing one JSON object.
    """

    home: Path
    command: Callable[[str, str], Sequence[str]] = lambda model, data: [
        sys.executable, "-m", "train", "evaluate", f"--model={model}", f"--data={data}",
        "--per-query", "--json"]
    _tables: OrderedDict[str, "_Kept"] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def table(self, pair: ModelPair, made: Run | None = None) -> Alternatives | None:
        """The table of a pair; None where nothing was measured.

        made: the run that made the fine-tuned model.
        """
        evidence = pair.evidence or pair.of_base
        if evidence is None:
            return None
        kept = self._of(pair)
        with kept.lock:
            if not kept.rows:
                kept.rows = _rows(pair, evidence, made)
            merged = _merged(made, self.home / "runs", evidence, kept.rows[-1]) if made else []
            leaked = evidence.leaked if pair.evidence else None
            return Alternatives(evidence.split, evidence.passages,
                                [*kept.rows, *merged, *kept.bases.values()], leaked)

    def add_base(
        self, pair: ModelPair, model: str, source: str, environment: Mapping[str, str],
        who: str = "",
    ) -> Steps[None]:
        """Measure another base on a pair's test questions.

        Yields its progress. What cannot be had stands in the table with why. source: where the data
        is. environment: of the process that measures, with the token of whoever asks. who: they
        are, who alone may stop it: CancelledError. ValueError where there is no room in the table,
        or another base is being measured.
        """
        evidence = pair.evidence or pair.of_base
        if evidence is None:
            raise ValueError("Nothing is measured yet: there is nothing to compare with.")
        kept = self._of(pair)
        with kept.lock:
            known = kept.bases.get(model)
            if known is not None and known.judged:
                return
            if known is None and len(kept.bases) >= MOST_BASES:
                raise ValueError(f"There are {MOST_BASES} other bases in the table already.")
            if kept.stop is not None:
                raise ValueError("Another base is being measured for this table: wait for it, or "
                                 "stop it.")
            stop = threading.Event()
            kept.stop = who, stop
        try:
            said = yield from self._said(model, source, environment, stop)
            kept.bases[model] = _as_row(model, said, evidence)
        finally:
            kept.stop = None

    def stop(self, pair: ModelPair, who: str) -> None:
        """End measuring another base, for whoever began it."""
        began, stop = self._of(pair).stop or ("", None)
        if stop is not None and began == who:
            stop.set()

    def _said(
        self, model: str, source: str, environment: Mapping[str, str], stop: threading.Event
    ) -> Steps[Mapping[str, Any]]:
        try:
            return (yield from follow(self.command(model, source), self.home, environment, WITHIN,
                                      stop))
        except subprocess.TimeoutExpired:
            return {"error": f"It took more than {WITHIN // 60} minutes and was ended."}
        except NoAnswerError as error:
            return {"error": f"It could not be measured: {error}"}

    def _of(self, pair: ModelPair) -> "_Kept":
        prints = [side.encoder.fingerprint for side in (pair.base, pair.tuned) if side]
        key = " ".join([pair.corpus.fingerprint, pair.run_id, *prints,
                        pair.corpus.split_fingerprints.get("test", "")])
        with self._lock:
            kept = self._tables.setdefault(key, _Kept())
            self._tables.move_to_end(key)
            if len(self._tables) > MOST_PAIRS:
                self._tables.popitem(last=False)
            return kept


@dataclass
class _Kept:
    """The rows of one pair, and those of other bases by name.

    stop: while one is measured, who began it, and what ends it.
    """

    rows: list[Alternative] = field(default_factory=list)
    bases: dict[str, Alternative] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    stop: tuple[str, threading.Event] | None = None


def _as_row(model: str, said: Mapping[str, Any], evidence: Evidence) -> Alternative:
    """What `train evaluate` said of another base, on the questions that were measured."""
    if "error" in said:
        return Alternative(model, {}, error=str(said["error"]))
    judged = {query_id: Judged(row["ranks"], row["metrics"])
              for query_id, row in said["per_query"].items()}
    if not set(evidence.base) <= set(judged):
        return Alternative(model, {}, error="The data has changed since: bring it again.")
    return Alternative(model, {query_id: judged[query_id] for query_id in evidence.base},
                       ms_per_query=said.get("ms_per_query"), bytes=said.get("bytes"),
                       seconds=said.get("seconds"))


def _rows(pair: ModelPair, evidence: Evidence, made: Run | None) -> list[Alternative]:
    """BM25, Base, their fusion, and Fine-tuned where there is one."""
    corpus, split = _asked(pair, evidence), evidence.split
    words = pair.lexical()
    base = evidence.base if pair.evidence else evidence.tuned
    fusion = fuse(words, pair.base, corpus, FUSED)
    rows = [
        measured(LEXICAL, words, corpus, split,
                 judged=None if pair.evidence else evidence.base),
        measured(BASE, pair.base, corpus, split, judged=base),
        measured(FUSED, fusion, corpus, split, note=fusion_note(fusion, corpus)),
    ]
    if pair.tuned is not None and pair.evidence is not None:
        seconds = made.record().seconds if made else None
        rows.append(measured(TUNED, pair.tuned, corpus, split, free=False, seconds=seconds,
                             judged=pair.evidence.tuned))
    return rows


def _merged(made: Run, runs: Path, evidence: Evidence, tuned: Alternative) -> list[Alternative]:
    """The merges of a run with its base that were taken.

    They take the time and the room that the fine-tuned model takes.
    """
    rows = []
    for run in list_runs(runs):
        record = run.record()
        if record.merged is None or record.merged.run != made.id or tuned.free:
            continue
        judged = Evidence.from_rows(run.per_query(), evidence.split, evidence.passages).tuned
        if judged.keys() == evidence.base.keys():
            rows.append(replace(tuned, name=f"{MERGED}, alpha {record.merged.alpha:g}",
                                judged=judged, seconds=record.seconds))
    if not rows and not tuned.free and not made.record().merged:
        rows.append(Alternative(MERGED, {}, free=False, error=(
            "not made yet: “Merge with Base”, below, measures merges and makes one")))
    return rows


def _asked(pair: ModelPair, evidence: Evidence) -> Corpus:
    """The corpus with those test questions alone that were measured."""
    qrels = pair.corpus.qrels
    test = {query_id: qrels[evidence.split][query_id] for query_id in evidence.base}
    return replace(pair.corpus, qrels={**qrels, evidence.split: test})
