"""Where a passage touches a question: words in common, and the sentence nearest to it."""

import re
from collections.abc import Sequence

from .encoder import Encoder

Span = tuple[int, int]
"""Start and end of a piece of text, in characters."""

WORD = re.compile(r"\w+(?:['’-]\w+)*")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"”’)]*\s+(?=[\"“‘(]?[A-Z0-9])")
SUFFIXES = ("ing", "ed", "es", "s", "e")
STOP_WORDS = frozenset(
    """a about after all also am an and any are as at be because been before being between both
    but by can could did do does doing don't each else ever for from get gets getting got had has
    have having he her here his how i i'd i'm i've if in into is isn't it it's its just know let
    like many may me might more most much must my need no nor not now of off on one only or other
    our out over own please really same she should so some still such tell than that that's the
    their them then there there's these they this those to too up us use very want was we were
    what what's when where which while who whom why will with without would yes you your
    """.split()
)


def stem(word: str) -> str:
    """A word without its plural or verb ending: enough to see that two words are one."""
    word = word.casefold().replace("’", "'")
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def content_words(text: str) -> list[str]:
    """The stems of a text's words, stop words left out, in their order."""
    return [stem(word) for word in WORD.findall(text) if is_content(word)]


def is_content(word: str) -> bool:
    """Whether a word says what a text is about."""
    return word.casefold().replace("’", "'") not in STOP_WORDS


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
