"""Passages a second: the fast form against plain sentence-transformers.

    python -m bench.speed.indexing [--threads 1] [--passages 64] [--out FILE.json]

Passages of the built-in corpus with the embedded model, on as many threads both; then what a corpus
costs to index again of which one passage in fifty changed.
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from corpus.load import load_corpus
from corpus.records import Corpus
from retrieval.fast.encoder import FastEncoder
from retrieval.fast.load import load_served
from retrieval.index import build_index
from retrieval.models import EMBEDDED_MODEL, load_encoder

from ..report import Part, finish, table
from .paired import in_turn, load

ROUNDS = 7


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--passages", type=int, default=64, help="of a round")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    import torch

    torch.set_num_threads(options.threads)
    corpus = load_corpus("porsche")
    plain = load_encoder(EMBEDDED_MODEL).model
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        fast = load_served(EMBEDDED_MODEL, cache=Path(folder))
        if not isinstance(fast, FastEncoder):
            raise SystemExit(f"There is no fast form here: {fast.plain or 'a GPU is used.'}")
        fast = replace(fast, form=replace(fast.form, threads=options.threads))
        texts = [passage.content for passage in corpus.passages]
        rounds = [texts[start::ROUNDS + 3][: options.passages] for start in range(ROUNDS + 3)]
        timed = in_turn({
            "plain": lambda given: plain.encode(given, normalize_embeddings=True,
                                                show_progress_bar=False),
            "fast form": fast.encode_passages}, rounds)
        apart = np.abs(plain.encode(rounds[0], normalize_embeddings=True, show_progress_bar=False)
                       - fast.encode_passages(rounds[0])).max()
        small = replace(corpus, passages=corpus.passages[: 4 * options.passages])
        again = in_turn({"all": lambda number: again_of(fast, small, number, False),
                         "changed only": lambda number: again_of(fast, small, number, True)},
                        list(range(ROUNDS + 3)))
    result: dict[str, Any] = {
        "threads": options.threads, "load": load(), "passages": options.passages,
        "ways": timed.as_json(), "apart": float(apart), "again": again.as_json()}
    finish(Part("indexing", "Encoding passages", shown(result), result), options.out)


def again_of(encoder: FastEncoder, corpus: Corpus, number: int, kept: bool) -> object:
    """Index a corpus of which one passage in fifty changed since."""
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        if kept:
            kept_of(encoder, corpus, Path(folder))
        passages = tuple(replace(passage, text=f"{passage.text} {number}") if place % 50 == 0
                         else passage for place, passage in enumerate(corpus.passages))
        return build_index(encoder, replace(corpus, passages=passages), Path(folder))


_KEPT: dict[str, Any] = {}


def kept_of(encoder: FastEncoder, corpus: Corpus, cache: Path) -> None:
    """Put the index of a corpus into a cache, encoded once."""
    from retrieval.index import store_index

    if corpus.fingerprint not in _KEPT:
        _KEPT[corpus.fingerprint] = build_index(encoder, corpus)
    store_index(_KEPT[corpus.fingerprint], corpus, cache)


def shown(result: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    rows = [[name, f"{1e3 * result['passages'] / way['median_ms']:.0f}",
             f"{way['times_as_fast']:.2f}", str(way["rounds"])]
            for name, way in result["ways"].items()]
    again = [[name, f"{way['median_ms']:.0f}", f"{way['times_as_fast']:.1f}"]
             for name, way in result["again"].items()]
    return "\n\n".join([
        f"{result['threads']} thread{'s' * (result['threads'] > 1)}, load {result['load']:.1f}; "
        f"the two sides' vectors differ by at most {result['apart']:.1e}.",
        table(["way", "passages a second", "times as fast as plain", "rounds"], rows),
        table([f"one passage of fifty changed, of {4 * result['passages']}", "median ms",
               "times as fast"], again)])


if __name__ == "__main__":
    main()
