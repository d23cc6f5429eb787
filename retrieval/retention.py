"""What fine-tuning cost elsewhere.

Both sides on a collection that has nothing to do with it.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from corpus.load import GENERAL, load_corpus
from corpus.records import Corpus
from hub.progress import OnProgress, silent

from .encoder import Encoder
from .evaluation import Evidence, Judged, evaluate
from .index import build_index
from .metrics import PRIMARY

SPLIT = "test"


def retention(
    base: Encoder,
    tuned: Encoder,
    cache: Path | None = None,
    corpus: Corpus | None = None,
    progress: OnProgress = silent,
) -> dict[str, Any]:
    """Judge both sides on the general collection.

    The figures of a split, with a verdict. In a run's record its split is called as the collection
    is. corpus: another collection in place of the built-in one. progress: its text is the side
    whose passages are encoded, `base` or `tuned`.
    """
    corpus = corpus or load_corpus(GENERAL)

    def judged(side: str, encoder: Encoder) -> dict[str, Judged]:
        index = build_index(encoder, corpus, cache, lambda at: progress(replace(at, text=side)))
        return evaluate(index, corpus, SPLIT)

    if base.dim != tuned.dim:
        base = base.at(min(base.dim, tuned.dim))
    evidence = Evidence(GENERAL, len(corpus.passages), judged("base", base),
                        judged("tuned", tuned))
    return evidence.as_json() | {
        "verdict": retention_verdict(evidence),
        "fingerprints": {"corpus": corpus.fingerprint,
                         "split": corpus.split_fingerprints[SPLIT]},
    }


def retention_verdict(evidence: Evidence) -> str:
    """The verdict on retention, in a sentence.

    For a person who decides.
    """
    gap = evidence.differences[PRIMARY]
    said = (f"{gap.value:+.3f} {PRIMARY} (95 % interval {gap.low:+.3f} to {gap.high:+.3f}) on "
            f"{len(evidence.base):,} questions about other things")
    if gap.outcome == "worse":
        return f"Fine-tuning cost something elsewhere: {said}."
    if gap.outcome == "better":
        return f"Fine-tuning helped elsewhere too: {said}."
    lost = max(0.0, -gap.low)
    return (f"No clear loss elsewhere: {said}. More than {lost:.3f} is unlikely to have been lost.")
