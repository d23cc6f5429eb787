"""Quality of vectors kept as int8 or as single bits.

The passages' vectors alone are quantised, which is what takes the room; a question stays float32
and is held against what the few bits stand for.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrieval.encoder import Vectors

Precision = Literal["int8", "binary"]
PRECISIONS: tuple[Precision, ...] = ("int8", "binary")


@dataclass(frozen=True)
class Quantized:
    """Passage vectors in few bits, and what they stand for.

    vectors: (dim, passages) float32, by which a question in float32 is multiplied. bytes: what is
    kept of them.
    """

    vectors: Vectors
    bytes: int


def quantized(vectors: Vectors, precision: Precision) -> Quantized:
    """Passage vectors through sentence-transformers' `quantize_embeddings`.

    vectors: (passages, dim) float32. int8: 256 steps from the lowest to the highest value of each
    dimension; binary: its sign.
    """
    from sentence_transformers.util.quantization import quantize_embeddings

    if precision == "binary":
        bits = np.asarray(quantize_embeddings(vectors, "ubinary"))
        signs = 2 * np.unpackbits(bits, axis=1, count=vectors.shape[1]).astype(np.float32) - 1
        return Quantized(signs.T, bits.nbytes)
    ranges = np.stack([vectors.min(axis=0), vectors.max(axis=0)])
    codes = np.asarray(quantize_embeddings(vectors, "int8", ranges=ranges))
    steps = (ranges[1] - ranges[0]) / 255
    values = ranges[0] + (codes.astype(np.float32) + 128.5) * steps
    return Quantized(values.astype(np.float32).T, codes.nbytes + ranges.nbytes)
