"""Searching many vectors: all scores, all ranks.

    python -m bench.speed.search [--passages 100000 1000000] [--out FILE.json]

Made-up vectors of 384 dimensions. NumPy in float32, as the index searches; against reading the same
bytes once, which is the least that any exact search must do. Half the bytes would take half of
that: in half precision NumPy converts first, which is what the third way shows.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retrieval.index import Ranking

from ..report import Part, finish, table
from .paired import in_turn, load, memory_mb

DIM, ROUNDS, BLOCK, TOP = 384, 7, 2_000, 10


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {"load": load(), "sizes": {}}
    for passages in options.passages:
        result["sizes"][str(passages)] = measured(passages)
    finish(Part("search", "Searching many vectors", shown(result), result), options.out)


def measured(passages: int) -> dict[str, Any]:
    """Times of one size, and how alike both precisions rank."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((passages, DIM), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    half = vectors.astype(np.float16)
    queries = rng.standard_normal((ROUNDS + 3, DIM), np.float32)
    ids = range(passages)
    places = {str(place): place for place in range(0, passages, max(1, passages // 10))}

    def ranked(query: NDArray[np.float32]) -> object:
        ranking = Ranking(ids, vectors @ query, places)  # type: ignore[arg-type]
        return ranking.top(TOP), [ranking.rank(name) for name in places]

    timed = in_turn({
        "read every byte": lambda query: np.add.reduce(vectors.reshape(-1).view(np.int64)),
        "float32": lambda query: vectors @ query,
        "float32, top 10 and ten ranks": ranked,
        "half precision, converted": lambda query: in_blocks(half, query)}, list(queries))
    same = np.mean([set(np.argsort(-(vectors @ query))[:TOP].tolist())
                    == set(np.argsort(-in_blocks(half, query))[:TOP].tolist())
                    for query in queries])
    return {"ways": timed.as_json(), "same_top10": float(same), "memory": memory_mb(),
            "bytes": {"float32": vectors.nbytes, "half": half.nbytes}}


def in_blocks(half: NDArray[np.float16], query: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scores of vectors in half precision, converted a block at a time."""
    scores = np.empty(len(half), np.float32)
    block = np.empty((BLOCK, half.shape[1]), np.float32)
    for start in range(0, len(half), BLOCK):
        part = half[start : start + BLOCK]
        np.copyto(block[: len(part)], part)
        scores[start : start + len(part)] = block[: len(part)] @ query
    return scores


def shown(result: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    rows = []
    for passages, found in result["sizes"].items():
        for name, way in found["ways"].items():
            size = found["bytes"]["half" if name.startswith("half") else "float32"]
            rows.append([f"{int(passages):,}", name, f"{way['median_ms']:.1f}",
                         f"{size / way['median_ms'] / 1e6:.1f}", f"{way['times_as_fast']:.2f}"])
    same = "; ".join(f"{int(passages):,}: {found['same_top10']:.2f}"
                     for passages, found in result["sizes"].items())
    return "\n\n".join([
        f"Load {result['load']:.1f}. Both precisions had the same top {TOP}: {same}.",
        table(["passages", "way", "median ms", "GB/s", "times as fast as reading"], rows)])


if __name__ == "__main__":
    main()
