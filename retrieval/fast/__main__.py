"""Make the shipped vectors of the built-in corpus.

`python -m retrieval.fast`: with torch, in float32. To be run when corpus or model changes.
"""

import sys

import numpy as np

from corpus.load import BUILT_IN, load_corpus
from retrieval.index import build_index
from retrieval.models import EMBEDDED_MODEL, load_encoder

from .shipped import FILE


def main() -> int:
    """Encode the built-in corpus and write its vectors."""
    corpus, encoder = load_corpus(BUILT_IN), load_encoder(EMBEDDED_MODEL, device="cpu")
    index = build_index(encoder, corpus, sentences=True, shipped=False)
    assert index.sentences is not None
    beside = FILE.with_suffix(".part.npz")
    np.savez_compressed(
        beside, model=encoder.fingerprint, corpus=corpus.fingerprint,
        vectors=index.vectors.astype(np.float16), counts=index.sentences.counts.astype(np.uint8),
        sentences=index.sentences.directions)
    beside.replace(FILE)
    sys.stderr.write(f"{FILE.name}: {len(index.ids):,} passages, "
                     f"{len(index.sentences.directions):,} sentences, "
                     f"{FILE.stat().st_size / 1e6:.1f} MB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
