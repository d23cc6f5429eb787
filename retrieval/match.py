"""Where a passage touches a question: words in common, and the sentence nearest to it."""

import re
from collections.abc import Sequence

from corpus.words import WORD, content_words, is_content, stem

from .encoder import Encoder

Span = tuple[int, int]
"""Start and end of a piece of text, in characters."""

SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]?[A-Z0-9])")


def matching_spans(query: str, text: str) -> list[Span]:
    """Where the content words of a query stand in a text."""
    wanted = set(content_words(query))
    return [
        match.span()
        for match in WORD.finditer(text)
        if is_content(match.group()) and stem(match.group()) in wanted
    ]


def sentence_spans(text: str) -> list[Span]:
    """Where the sentences of a text stand; together they cover it but for the space between."""
    spans: list[Span] = []
    start = 0
    for match in SENTENCE_END.finditer(text):
        spans.append((start, match.start()))
        start = match.end()
    if text[start:].strip():
        spans.append((start, len(text)))
    return spans


def nearest_sentences(encoder: Encoder, query: str, texts: Sequence[str]) -> list[Span | None]:
    """The sentence of each text that a model puts nearest to a query.

    None where a text has one sentence or none: there is nothing to point out.
    """
    spans = [sentence_spans(text) for text in texts]
    sentences = [
        text[start:end]
        for text, of_text in zip(texts, spans, strict=True)
        for start, end in of_text
        if len(of_text) > 1
    ]
    if not sentences:
        return [None] * len(texts)
    scores = (encoder.encode_passages(sentences) @ encoder.encode_queries([query])[0]).tolist()
    nearest: list[Span | None] = []
    for of_text in spans:
        if len(of_text) < 2:
            nearest.append(None)
            continue
        own, scores = scores[: len(of_text)], scores[len(of_text) :]
        nearest.append(of_text[own.index(max(own))])
    return nearest
