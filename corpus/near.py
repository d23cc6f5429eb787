"""Texts that say nearly the same: pairs whose three-word shingles overlap, without all pairs."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .words import WORD

THRESHOLD = 0.6
"""Jaccard similarity of two texts' shingles above which one is a near duplicate."""
WIDTH = 3
"""Words of a shingle; a text with fewer words is padded to one."""
MOST_WORDS = 2_000
"""Words of a text that are looked at."""
MOST_CANDIDATES = 100
"""Earlier texts that one text is compared with at most: bounds the time on hostile data."""

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Shingles:
    """The distinct shingles of all texts, those of text i at `starts[i]:starts[i + 1]`.

    shingle: their numbers, rarest first within a text; shared: whether another text has it too.
    """

    shingle: Numbers
    starts: Numbers
    shared: NDArray[np.bool_]

    def of(self, text: int) -> Numbers:
        """The shingles of one text."""
        return self.shingle[self.starts[text] : self.starts[text + 1]]

    def prefix(self, text: int) -> list[int]:
        """Those shingles of which any near duplicate has at least one, if others have them.

        Two sets with a Jaccard similarity of at least t share a member among the first
        n - ceil(t n) + 1 of each, in any common order (Chaudhuri et al. 2006; Bayardo et al. 2007).
        """
        start, size = self.starts[text], len(self.of(text))
        stop = start + size - int(np.ceil(THRESHOLD * size - 1e-9)) + 1
        return [int(s) for s in self.shingle[start:stop][self.shared[start:stop]]]


def near_duplicates(texts: Sequence[str]) -> list[tuple[int, int]]:
    """(earlier, later) for each text that nearly repeats an earlier one: places in `texts`.

    Exact, unless more than `MOST_CANDIDATES` earlier texts share a text's rare shingles.
    """
    shingles = _shingles(texts)
    holders: dict[int, list[int]] = defaultdict(list)
    found: list[tuple[int, int]] = []
    for later in range(len(texts)):
        prefix = shingles.prefix(later)
        earlier = _nearest(shingles, later, prefix, holders)
        if earlier is not None:
            found.append((earlier, later))
        for shingle in prefix:
            holders[shingle].append(later)
    return found


def _nearest(
    shingles: Shingles, text: int, prefix: list[int], holders: dict[int, list[int]]
) -> int | None:
    """The first earlier text found to be a near duplicate."""
    own = set(shingles.of(text).tolist())
    tried: set[int] = set()
    for shingle in prefix:
        for earlier in holders[shingle]:
            if earlier in tried:
                continue
            if len(tried) == MOST_CANDIDATES:
                return None
            tried.add(earlier)
            if _similarity(own, shingles.of(earlier)) > THRESHOLD:
                return earlier
    return None


def _similarity(one: set[int], other: Numbers) -> float:
    """The Jaccard similarity of two sets of shingles, or 0 if their sizes tell it is too low."""
    if min(len(one), len(other)) <= THRESHOLD * max(len(one), len(other)):
        return 0.0
    shared = len(one.intersection(other.tolist()))
    return shared / (len(one) + len(other) - shared)


def _shingles(texts: Sequence[str]) -> Shingles:
    numbers: dict[str, int] = {}
    words: list[int] = []
    lengths: list[int] = []
    for text in texts:
        start = text[: 20 * MOST_WORDS].casefold()
        own = WORD.findall(start)[:MOST_WORDS] or [start]
        padding = [0] * (WIDTH - len(own))
        words += [numbers.setdefault(word, len(numbers) + 1) for word in own] + padding
        lengths.append(len(own) + len(padding))
    return _distinct(
        np.array(words, np.int64), np.array(lengths, np.int64), vocabulary=len(numbers) + 1
    )


def _distinct(words: Numbers, lengths: Numbers, vocabulary: int) -> Shingles:
    """Distinct shingles by text, from the word numbers of all texts end to end."""
    ends = np.cumsum(lengths)
    place = np.arange(len(words))
    owner = np.repeat(np.arange(len(lengths)), lengths)
    within = place + WIDTH <= np.repeat(ends, lengths)
    first, owner = place[within], owner[within]
    pair = _renumbered(words[first] * vocabulary + words[first + 1])
    shingle = _renumbered(pair * vocabulary + words[first + 2])
    kinds = int(shingle.max(initial=0)) + 1
    kept = np.unique(owner * kinds + shingle)
    owner, shingle = kept // kinds, kept % kinds
    frequency = np.bincount(shingle, minlength=kinds)[shingle]
    order = np.lexsort((shingle, frequency, owner))
    starts = np.searchsorted(owner, np.arange(len(lengths) + 1))
    return Shingles(shingle[order], starts.astype(np.int64), (frequency > 1)[order])


def _renumbered(numbers: Numbers) -> Numbers:
    """The same numbers counted from 0, equal ones equal: keeps products within 64 bits."""
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)
