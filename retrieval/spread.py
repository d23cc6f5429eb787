"""Passages encoded on all GPUs of a machine.

By sentence-transformers' own processes, one a GPU. All vectors come back into this process, whose
search over them is exact: there are no shards whose results would have to be merged.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from corpus.records import Corpus
from hub.progress import OnProgress, silent

from .encoder import SentenceTransformerEncoder
from .index import Index, build_index


def gpus() -> list[str]:
    """The GPUs that PyTorch sees here."""
    import torch

    return [f"cuda:{number}" for number in range(torch.cuda.device_count())]


def build_index_spread(
    encoder: SentenceTransformerEncoder,
    corpus: Corpus,
    cache: Path | None = None,
    progress: OnProgress = silent,
    devices: Sequence[str] | None = None,
) -> Index:
    """Encode a corpus on several devices, or as `build_index` does.

    devices: all GPUs here if None; where there are fewer than two, nothing is spread.
    """
    devices = gpus() if devices is None else list(devices)
    if len(devices) < 2:
        return build_index(encoder, corpus, cache, progress)
    pool = encoder.model.start_multi_process_pool(devices)
    try:
        index = build_index(encoder.spread_over(pool), corpus, cache, progress)
    finally:
        encoder.model.stop_multi_process_pool(pool)
    return replace(index, encoder=encoder)
