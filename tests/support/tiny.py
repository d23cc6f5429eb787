"""A random BertModel small enough to make, train and save in a second, in a folder of its own."""

import re
import shutil
from pathlib import Path

from corpus.records import Corpus
from retrieval import models

HIDDEN, POSITIONS = 32, 64
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def tiny_model(
    folder: Path,
    texts: tuple[str, ...] = (),
    *,
    pooling: str = "mean",
    prompts: dict[str, str] | None = None,
    truncate_dim: int | None = None,
    similarity: str | None = None,
    positions: int = POSITIONS,
    dropout: float = 0.1,
    seed: int = 0,
) -> Path:
    """Save a model of 2 layers and 32 dimensions as sentence-transformers does; its folder.

    texts: their words are the vocabulary, beside single letters. pooling: `mean`, or `cls` as
    mxbai-embed-large-v1 has it. prompts: stored, by name.
    """
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    bert = folder / "bert"
    bert.mkdir(parents=True)
    words = sorted(set(re.findall(r"[a-z0-9]+", " ".join(texts).lower())) - set(LETTERS))
    vocabulary = [*SPECIAL, *".,:?!'()-/", *LETTERS, *(f"##{c}" for c in LETTERS), *words]
    (bert / "vocab.txt").write_text("\n".join(vocabulary), "utf-8")
    BertTokenizerFast(str(bert / "vocab.txt"), model_max_length=positions).save_pretrained(bert)
    random = torch.get_rng_state()
    torch.manual_seed(seed)
    model = BertModel(BertConfig(
        vocab_size=len(vocabulary), hidden_size=HIDDEN, num_hidden_layers=2,
        num_attention_heads=2, intermediate_size=2 * HIDDEN, max_position_embeddings=positions,
        hidden_dropout_prob=dropout, attention_probs_dropout_prob=dropout, initializer_range=0.2,
    ))
    torch.set_rng_state(random)
    model.save_pretrained(bert)
    transformer = Transformer(str(bert), max_seq_length=positions)
    made = SentenceTransformer(
        modules=[transformer, Pooling(HIDDEN, pooling_mode=pooling)],
        prompts=prompts, truncate_dim=truncate_dim, similarity_fn_name=similarity, device="cpu")
    made.save_pretrained(str(folder / "model"), create_model_card=False)
    shutil.rmtree(bert)
    return folder / "model"


def tiny_model_for(corpus: Corpus, folder: Path, **options) -> Path:
    """A tiny model that knows the words of a corpus."""
    texts = [p.content for p in corpus.passages] + [q.text for q in corpus.queries.values()]
    return tiny_model(folder, tuple(texts), **options)


def embedded() -> Path:
    folder = models._embedded_folder()
    assert folder is not None, "the package with the embedded model is not installed"
    return folder
