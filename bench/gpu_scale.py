"""Time and memory at the ancestor's scale.

`seed` in fp32 against `tandem`, on a GPU.

    python -m bench.gpu_scale --out FILE.json            on a machine with a GPU
    python -m bench.gpu_scale --tiny --out FILE.json     seconds on a CPU: does it run at all?

The model has the shape of mixedbread-ai/mxbai-embed-large-v1 (BertModel, 24 layers, 1,024
dimensions, CLS pooling) and random weights made here; 1,437 training pairs have the lengths of the
ancestor's. Nothing is downloaded, and nothing here says how good a model gets, only what it costs.
Goals: `tandem` at least 8 times less time for the same number of pairs seen; its whole run under
30 s on an H200-class GPU; the embedded model's whole fine-tune of the built-in corpus under 10 s.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from corpus.load import load_corpus
from corpus.records import SPLITS, Corpus, Passage, Query
from retrieval.index import build_index
from retrieval.models import EMBEDDED_MODEL, load_encoder
from train.fit.fit import fit
from train.fit.loop import Loop
from train.fit.machine import device_name, most_memory
from train.recipe import Recipe, named_recipe
from train.run.record import open_run

WARM_UP_STEPS = 3


@dataclass(frozen=True)
class Scale:
    """How large model and data are."""

    layers: int
    dim: int
    heads: int
    inner: int
    pairs: dict[str, int]


ANCESTOR = Scale(24, 1024, 16, 4096, {"train": 1437, "dev": 180, "test": 180})
TINY = Scale(2, 32, 2, 64, {"train": 192, "dev": 12, "test": 12})


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a toy size, to try the script")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    scale = TINY if options.tiny else ANCESTOR

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = made_model(scale, folder / "model")
        corpus = synthetic_corpus(scale)
        device = load_encoder(str(model)).model.device
        seed, tandem = (
            {"what": f"one epoch of `{recipe}`, ancestor's shape"}
            | one_epoch(named_recipe(recipe), corpus, model)
            for recipe in ("seed", "tandem")
        )
        rows = [seed, tandem, {"what": "whole run of `tandem`, ancestor's shape"}
                | whole_run(named_recipe("tandem"), corpus, str(model), folder / "large")]
        built_in = small(load_corpus("porsche")) if options.tiny else load_corpus("porsche")
        rows.append({"what": "whole run of `tandem`, embedded model, built-in corpus"}
                    | whole_run(named_recipe("tandem"), built_in, EMBEDDED_MODEL, folder / "small"))
    result = {"device": device_name(device), "tiny": options.tiny, "rows": rows,
              "times_faster": seed["ms_per_pair"] / tandem["ms_per_pair"]}
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    show(result)


def made_model(scale: Scale, folder: Path) -> Path:
    """Save a random BertModel with BERT's own tokenizer.

    CLS pooling.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel

    tokenizer = load_encoder(EMBEDDED_MODEL, device="cpu").model.tokenizer
    torch.manual_seed(0)
    BertModel(BertConfig(
        vocab_size=len(tokenizer), hidden_size=scale.dim, num_hidden_layers=scale.layers,
        num_attention_heads=scale.heads, intermediate_size=scale.inner,
    )).save_pretrained(folder / "bert")
    tokenizer.save_pretrained(folder / "bert")
    transformer = Transformer(str(folder / "bert"), max_seq_length=512)
    SentenceTransformer(
        modules=[transformer, Pooling(scale.dim, pooling_mode="cls")], device="cpu"
    ).save_pretrained(str(folder / "saved"), create_model_card=False)
    return folder / "saved"


def synthetic_corpus(scale: Scale) -> Corpus:
    """Pairs of random words, as long as the ancestor's.

    One token each. Anchors 9 to 29 tokens (mean 16.8), positives 7 to 242 (mean about 41), two of
    them special.
    """
    rng = random.Random(0)
    vocabulary = load_encoder(EMBEDDED_MODEL, device="cpu").model.tokenizer.get_vocab()
    words = sorted(word for word in vocabulary if word.isascii() and word.isalpha())

    def text(mean: float, spread: float, low: int, high: int) -> str:
        tokens = min(high, max(low, round(rng.lognormvariate(mean, spread))))
        return " ".join(rng.choices(words, k=tokens - 2))

    passages, queries = [], {}
    qrels: dict[str, dict[str, dict[str, int]]] = {split: {} for split in SPLITS}
    for split in SPLITS:
        for number in range(scale.pairs[split]):
            query, passage = f"q-{split}-{number}", f"p-{split}-{number}"
            queries[query] = Query(query, text(2.79, 0.25, 9, 29))
            passages.append(Passage(passage, text(3.53, 0.6, 7, 242)))
            qrels[split][query] = {passage: 1}
    return Corpus("synthetic", tuple(passages), queries, qrels)


def small(corpus: Corpus) -> Corpus:
    """A corner of a corpus."""
    qrels = {split: dict(list(judged.items())[:12]) for split, judged in corpus.qrels.items()}
    ids = {passage for judged in qrels.values() for rel in judged.values() for passage in rel}
    return replace(corpus, passages=tuple(corpus.passage[name] for name in sorted(ids)),
                   qrels=qrels)


def one_epoch(recipe: Recipe, corpus: Corpus, model: Path) -> dict[str, Any]:
    """Time one epoch of training, its first steps left out."""
    encoder = load_encoder(str(model))
    index = build_index(encoder, corpus)
    loop = Loop(encoder.model, recipe, corpus, 1, index)
    steps = loop.train_epoch()
    for _ in range(WARM_UP_STEPS):
        next(steps)
    pairs = len(corpus.pairs("train")) - WARM_UP_STEPS * recipe.batch_size
    seconds, memory = measured(lambda: [float(loss) for loss in steps])
    return {"seconds": seconds, "memory_bytes": memory, "pairs": pairs,
            "ms_per_pair": 1000 * seconds / pairs, "precision": loop.precision}


def whole_run(recipe: Recipe, corpus: Corpus, model: str, folder: Path) -> dict[str, Any]:
    """Time a run from loading to the test split."""
    run = open_run(folder)
    seconds, memory = measured(lambda: list(fit(recipe, corpus, run, model, seed=1)))
    record = run.record()
    pairs = len(corpus.pairs("train")) * recipe.epochs
    return {"seconds": seconds, "memory_bytes": memory, "pairs": pairs,
            "ms_per_pair": 1000 * seconds / pairs, "precision": record.precision}


def measured(work: Callable[[], Any]) -> tuple[float, int]:
    """Seconds of some work, and the most memory it took.

    Of the GPU, without one of the process.
    """
    import torch

    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    work()
    if gpu:
        torch.cuda.synchronize()
    seconds = time.perf_counter() - start
    return seconds, int(torch.cuda.max_memory_allocated()) if gpu else most_memory()


def show(result: dict[str, Any]) -> None:
    """The table, as Markdown."""
    print(f"{result['device']}{', toy size' if result['tiny'] else ''}\n")
    print("| what | precision | pairs seen | seconds | ms a pair | memory, GB |")
    print("|---|---|---|---|---|---|")
    for row in result["rows"]:
        print(f"| {row['what']} | {row['precision']} | {row['pairs']:,} | {row['seconds']:.1f} | "
              f"{row['ms_per_pair']:.2f} | {row['memory_bytes'] / 1e9:.2f} |")
    print(f"\nFor the same number of pairs `tandem` takes {result['times_faster']:.1f} times less.")


if __name__ == "__main__":
    main()
