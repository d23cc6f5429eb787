"""The words of a text.

Which of them say what it is about, and when two are one.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

WORD = re.compile(r"\w+(?:['’-]\w+)*")
LONGEST_WORD = 100
"""Characters that tell a word from another: bounds what is remembered of hostile texts."""
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
    """A word without its plural or verb ending.

    Enough to see that two words are one.
    """
    word = word.casefold().replace("’", "'")
    for suffix in SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)]
    return word


def content_words(text: str) -> list[str]:
    """The stems of a text's content words, in order."""
    return [known for word in WORD.findall(text) if (known := _content_stem(word[:LONGEST_WORD]))]


@lru_cache(maxsize=100_000)
def _content_stem(word: str) -> str:
    """The stem of a word, empty for a stop word: remembered, as texts have few distinct words."""
    return stem(word) if is_content(word) else ""


def is_content(word: str) -> bool:
    """Whether a word says what a text is about."""
    return word.casefold().replace("’", "'") not in STOP_WORDS


def folded(text: str) -> str:
    """A text without what does not make it another one.

    Case, spacing, the closing mark.
    """
    return " ".join(text.casefold().split()).rstrip("?!. ")


def shortened(text: str, length: int = 80) -> str:
    """A text fit for one line of a report.

    No line breaks or control characters, and cut.
    """
    line = " ".join(text[: 4 * length].split())
    if not line.isprintable():
        line = "".join(mark if mark.isprintable() else "\N{REPLACEMENT CHARACTER}" for mark in line)
    return line if len(line) <= length and len(text) <= 4 * length else line[: length - 1] + "…"


def listed(names: Sequence[str], most: int = 20) -> str:
    """Names fit for a sentence.

    The first of them, each cut, and how many more there are.
    """
    found = ", ".join(shortened(name) for name in names[:most])
    return found + (f" and {len(names) - most} more" if len(names) > most else "")
