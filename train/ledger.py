"""What the record says of a run: what it began with, what it took, how it ended."""

import importlib.metadata
import platform
import time
from dataclasses import asdict, dataclass, field
from typing import Any

from corpus.records import Corpus
from retrieval.encoder import SentenceTransformerEncoder

from .machine import cpu_seconds
from .recipe import Recipe
from .record import Run, now, this_process

LIBRARIES = ("sentence-transformers", "transformers", "torch", "numpy", "huggingface-hub")


@dataclass
class Spent:
    """The time a run has taken, by clocks that nobody sets back.

    earlier, earlier_cpu: seconds up to the state it was resumed from.
    """

    earlier: float = 0.0
    earlier_cpu: float = 0.0
    _start: float = field(default_factory=time.monotonic)

    @property
    def here(self) -> float:
        """Seconds since this process took the run up."""
        return time.monotonic() - self._start

    @property
    def seconds(self) -> float:
        """Seconds the run has taken."""
        return self.earlier + self.here

    @property
    def cpu_seconds(self) -> float:
        """Processor time the run has taken."""
        return self.earlier_cpu + cpu_seconds()


def write_beginning(
    run: Run, recipe: Recipe, corpus: Corpus, base: str, seed: int, resume: bool
) -> None:
    """Record that a run is at work, and with what."""
    record = run.record()
    run.update(
        status="running",
        error=None,
        ended_by=None,
        started=(record.get("started") if resume else None) or now(),
        process=this_process(),
        recipe=asdict(recipe),
        seed=seed,
        base_model=record.get("base_model", {}) | {"name": base},
        data={"name": corpus.name} | record.get("data", {}) | {"passages": len(corpus.passages)},
        splits={
            split: {"queries": len(qrels), "pairs": len(corpus.pairs(split))}
            for split, qrels in corpus.qrels.items()
        },
        published=record.get("published", []),
        fingerprints={"corpus": corpus.fingerprint, "splits": corpus.split_fingerprints},
        versions={"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in LIBRARIES},
    )


def ending(run: Run, spent: Spent, status: str, ended_by: str, steps_done: int) -> dict[str, Any]:
    """What the record says at the end of a run."""
    return {
        "status": status,
        "ended_by": ended_by,
        "process": None,
        "finished": max(now(), run.record()["started"]),  # a clock may be set back
        "seconds": round(spent.seconds, 2),
        "cpu_seconds": round(spent.cpu_seconds, 2),
        "steps_done": steps_done,
    }


def described(encoder: SentenceTransformerEncoder) -> dict[str, Any]:
    """What the record says of a model."""
    return {
        "name": encoder.name,
        "revision": encoder.revision,
        "fingerprint": encoder.weights_fingerprint,
        "dim": encoder.dim,
        "max_seq_length": encoder.model.max_seq_length,
        "parameters": sum(p.numel() for p in encoder.model.parameters()),
    }
