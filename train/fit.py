"""One run from start to end: baseline, training, the best checkpoint, the test split once."""

import importlib.metadata
import platform
import resource
import shutil
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from corpus.records import SPLITS, Corpus, CorpusError
from retrieval.encoder import SentenceTransformerEncoder, Vectors, fingerprint, load_encoder
from retrieval.evidence import Evidence, Judged, judge, means
from retrieval.index import Index, index_in_parts, store_index
from retrieval.metrics import PRIMARY

from .card import model_card
from .loop import Loop
from .recipe import Recipe
from .record import Run, now, this_process, write_text
from .stopping import Stop, StopRequestedError

Event = dict[str, Any]
REPORT_EVERY = 0.5
"""Seconds between two `step` events."""
LIBRARIES = ("sentence-transformers", "transformers", "torch", "numpy", "huggingface-hub")
ENCODE_SHARE = 1 / 3
"""What encoding costs of a training step on the same texts: no backward pass."""


def fit(
    recipe: Recipe,
    corpus: Corpus,
    run: Run,
    base: str,
    *,
    revision: str | None = None,
    seed: int = 42,
    cache: Path | None = None,
    resume: bool = False,
    stop: Stop | None = None,
) -> Iterator[Event]:
    """Fine-tune `base` on a corpus into a run directory, yielding events as it goes.

    The base model is measured first, then trained and measured on dev after each epoch; the
    checkpoint the recipe keeps is measured on test once, against the base, on the same queries.
    When `stop` is asked the best checkpoint so far becomes the result. Raises
    CorpusError, ModelError, RecipeError or TrainingError; the caller records them.
    """
    check_trainable(corpus)
    yield from _Fit(
        recipe, corpus, run, base, revision, seed, cache, resume, stop or Stop()
    ).events()


def check_trainable(corpus: Corpus) -> None:
    """Refuse a corpus that has nothing to learn from or nothing to measure on."""
    for split in SPLITS:
        if not corpus.pairs(split):
            raise CorpusError(
                f"{corpus.name} has no judged queries in its {split} split: a fine-tune needs "
                "train to learn from, dev to choose on and test to measure on. Add pairs."
            )


@dataclass
class _Fit:
    recipe: Recipe
    corpus: Corpus
    run: Run
    base: str
    revision: str | None
    seed: int
    cache: Path | None
    resume: bool
    stop: Stop
    best: float = float("-inf")
    encode_seconds: float | None = None
    step_seconds: float | None = None
    share: float = 0.0
    earlier: float = 0.0
    history: list[dict[str, Any]] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def events(self) -> Iterator[Event]:
        """The whole run."""
        self._open()
        yield {"type": "phase", "phase": "load"}
        encoder = load_encoder(self.base, self.revision).at(self.recipe.truncate_dim)
        if self.recipe.max_seq_length is not None:
            encoder.model.max_seq_length = self.recipe.max_seq_length
        loop = Loop(encoder.model, self.recipe, self.corpus, self.seed)
        asked = self.run.record()["base_model"]
        self.run.update(base_model=asked | _described(encoder), steps=loop.steps,
                        device=str(encoder.model.device), precision=loop.precision)
        yield {"type": "phase", "phase": "baseline"}
        base: dict[str, dict[str, Judged]] | None = None
        stopped = False
        try:
            base_index = yield from self._index(encoder, "baseline", self.cache)
            base = {split: judge(base_index, self.corpus, split) for split in ("dev", "test")}
            yield self._evaluated(0, 0, base["dev"])
            yield from self._train(loop, encoder)
        except StopRequestedError:
            stopped = True
        if base is None or not (self._kept / "vectors.npy").exists():
            yield self._nothing_kept()
            return
        yield {"type": "phase", "phase": "test"}
        tuned_index = self._save_result()
        tuned = {split: judge(tuned_index, self.corpus, split) for split in ("dev", "test")}
        yield self._finish(loop, base, tuned, "stopped" if stopped else "done")

    def _train(self, loop: Loop, encoder: SentenceTransformerEncoder) -> Iterator[Event]:
        state = self.run.checkpoints / "state.pt"
        if self.resume and state.exists():
            kept = loop.load(state)
            self.best, self.earlier, self.history = (
                kept["best"], kept["seconds"], kept["history"])
            yield {"type": "log", "text": f"Resumed at step {loop.step} of {loop.steps}."}
        yield {"type": "phase", "phase": "train", **self._progress(loop)}
        while loop.epoch < self.recipe.epochs:
            yield from self._train_epoch(loop)
            yield {"type": "phase", "phase": "evaluate", **self._progress(loop, 0.0)}
            index = yield from self._index(encoder, "evaluate", None,
                                           partial(self._progress, loop))
            dev = judge(index, self.corpus, "dev")
            yield self._evaluated(loop.epoch, loop.step, dev)
            self._keep(encoder, index.vectors, dev)
            loop.save(state, best=self.best, seconds=self._elapsed(), history=self.history)

    def _train_epoch(self, loop: Loop) -> Iterator[Event]:
        losses: list[float] = []
        every = max(1, loop.steps // 100)
        start, first, reported = time.monotonic(), loop.step, time.monotonic()
        for loss in loop.train_epoch():
            losses.append(loss)
            self.step_seconds = (time.monotonic() - start) / (loop.step - first)
            if loop.step % every == 0:
                yield {"type": "loss", "step": loop.step, "loss": float(np.mean(losses[-every:]))}
            if time.monotonic() - reported > REPORT_EVERY or loop.step == first + 1:
                reported = time.monotonic()
                yield {"type": "step", **self._progress(loop), "loss": loss,
                       "examples_per_second": self.recipe.batch_size / self.step_seconds}
            self.stop.check()

    def _index(
        self,
        encoder: SentenceTransformerEncoder,
        phase: str,
        cache: Path | None,
        progress: Callable[[float], Event] = lambda encoded: {},
    ) -> Generator[Event, None, Index]:
        """Encode the corpus, yielding how far it is.

        progress: what the share that is encoded means for the whole run.
        """
        start = reported = time.monotonic()
        parts = index_in_parts(encoder, self.corpus, cache)
        while True:
            try:
                done, total = next(parts)
            except StopIteration as finished:
                index: Index = finished.value
                return index
            self.encode_seconds = (time.monotonic() - start) / done * total
            if time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                yield {"type": "phase", "phase": phase, "done": done, "total": total,
                       **progress(done / total)}
            self.stop.check()

    def _progress(self, loop: Loop, encoded: float | None = None) -> Event:
        """Step of steps, and the share done and seconds left as far as they can be known.

        encoded: while an epoch is measured, the share of the corpus that is encoded.
        """
        at = {"step": loop.step, "steps": loop.steps}
        if self.step_seconds is None:
            return {**at, "share": 0.0, "left_s": None}
        encode = self.encode_seconds or (
            ENCODE_SHARE * self.step_seconds * len(self.corpus.passages) / self.recipe.batch_size
        )
        measuring = 0.0 if encoded is None else 1 - encoded
        left = (loop.steps - loop.step) * self.step_seconds
        left += (self.recipe.epochs - loop.epoch + measuring) * encode
        whole = loop.steps * self.step_seconds + self.recipe.epochs * encode
        self.share = max(self.share, round(1 - left / whole, 3))  # better estimates never go back
        return {**at, "share": self.share, "left_s": round(left, 1)}

    @property
    def _kept(self) -> Path:
        return self.run.checkpoints / "best"

    def _keep(
        self, encoder: SentenceTransformerEncoder, vectors: Vectors, dev: dict[str, Judged]
    ) -> None:
        """Keep this checkpoint if the recipe wants it: the last, or the best on dev so far."""
        value = means(dev)[PRIMARY]
        if self.recipe.keep == "best" and value <= self.best:
            return
        self.best = value
        beside = self._kept.with_suffix(".part")
        shutil.rmtree(beside, ignore_errors=True)
        encoder.model.truncate_dim = encoder.truncate_dim
        encoder.model.save_pretrained(str(beside), create_model_card=False)
        np.save(beside / "vectors.npy", vectors, allow_pickle=False)
        shutil.rmtree(self._kept, ignore_errors=True)
        beside.rename(self._kept)

    def _save_result(self) -> Index:
        """The kept checkpoint becomes `model/`; its index is kept, so that nobody encodes again."""
        vectors = np.load(self._kept / "vectors.npy", allow_pickle=False)
        shutil.rmtree(self.run.model, ignore_errors=True)
        shutil.copytree(self._kept, self.run.model, ignore=shutil.ignore_patterns("*.npy"))
        encoder = load_encoder(str(self.run.model))
        index = Index(encoder, tuple(sorted(self.corpus.passage)), vectors)
        if self.cache:
            store_index(index, self.corpus, self.cache)
        return index

    def _open(self) -> None:
        self.run.checkpoints.mkdir(exist_ok=True)
        if not self.resume:
            shutil.rmtree(self.run.checkpoints)
            self.run.checkpoints.mkdir()
        corpus = self.corpus
        self.run.update(
            status="running",
            error=None,
            started=now(),
            process=this_process(),
            recipe=asdict(self.recipe),
            seed=self.seed,
            base_model=self.run.record().get("base_model", {}) | {"name": self.base},
            data=self.run.record().get("data", {})
            | {"name": corpus.name, "passages": len(corpus.passages)},
            splits={
                split: {"queries": len(qrels), "pairs": len(corpus.pairs(split))}
                for split, qrels in corpus.qrels.items()
            },
            published=self.run.record().get("published", []),
            fingerprints={"corpus": corpus.fingerprint, "splits": corpus.split_fingerprints},
            versions={"python": platform.python_version()}
            | {name: importlib.metadata.version(name) for name in LIBRARIES},
        )

    def _finish(
        self,
        loop: Loop,
        base: dict[str, dict[str, Judged]],
        tuned: dict[str, dict[str, Judged]],
        status: str,
    ) -> Event:
        passages = len(self.corpus.passages)
        metrics = {
            split: Evidence(split, passages, base[split], tuned[split]).as_json()
            for split in ("dev", "test")
        }
        self.run.write_per_query([
            {"split": split, "query_id": query_id, "base": asdict(base[split][query_id]),
             "tuned": asdict(tuned[split][query_id])}
            for split in ("dev", "test")
            for query_id in base[split]
        ])
        record = self.run.record()
        fingerprints = record["fingerprints"] | {
            "base": record["base_model"]["fingerprint"],
            "tuned": fingerprint(self.run.model),
        }
        record = self.run.update(metrics=metrics, fingerprints=fingerprints,
                                 history=self.history, **self._ending(status, loop))
        write_text(self.run.model / "README.md", model_card(record))
        shutil.rmtree(self.run.checkpoints, ignore_errors=True)
        return {"type": "done", "status": status,
                PRIMARY: {side: metrics["test"][side][PRIMARY] for side in ("base", "tuned")}}

    def _nothing_kept(self) -> Event:
        self.run.update(
            error="It was stopped before its first checkpoint, so there is no model to keep.",
            **self._ending("stopped", None),
        )
        return {"type": "done", "status": "stopped"}

    def _ending(self, status: str, loop: Loop | None) -> dict[str, Any]:
        return {
            "status": status,
            "process": None,
            "finished": now(),
            "seconds": round(self._elapsed(), 2),
            "cpu_seconds": round(_cpu_seconds(), 2),
            "steps_done": loop.step if loop else 0,
        }

    def _evaluated(self, epoch: int, step: int, dev: dict[str, Judged]) -> Event:
        metrics = means(dev)
        self.history.append({"epoch": epoch, "step": step, PRIMARY: metrics[PRIMARY]})
        return {"type": "eval", "split": "dev", "epoch": epoch, "step": step, "metrics": metrics}

    def _elapsed(self) -> float:
        return self.earlier + time.monotonic() - self.started


def _described(encoder: SentenceTransformerEncoder) -> dict[str, Any]:
    return {
        "name": encoder.name,
        "fingerprint": encoder.weights_fingerprint,
        "dim": encoder.dim,
        "max_seq_length": encoder.model.max_seq_length,
        "parameters": sum(p.numel() for p in encoder.model.parameters()),
    }


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
