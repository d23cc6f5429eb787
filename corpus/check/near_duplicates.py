"""Texts that say nearly the same.

Pairs whose three-word shingles overlap, without all pairs.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np
from numpy.typing import NDArray

from corpus.text import WORD
from hub.progress import OnProgress, Progress, silent

THRESHOLD = 0.6
"""Jaccard similarity of two texts' shingles above which one is a near duplicate."""
WIDTH = 3
"""Words of a shingle; a text with fewer words is padded to one."""
MOST_WORDS = 2_000
"""Words of a text that are looked at."""
MOST_CANDIDATES = 100
"""Earlier texts that one text is compared with at most: bounds the time on hostile data."""
FIRST_BATCH = 4
"""Candidates that are compared first: the likeliest; then four times as many, and so on."""
CHUNK = 1 << 20
"""Shingles that are hashed at a time."""
BUCKET_BITS, KEY_BITS, MARK_BITS = 24, 48, 20
EVERY = 1_000
"""Texts between two reports of progress."""

Keys = NDArray[np.uint64]
Counts = NDArray[np.int64]


@dataclass
class Shingles:
    """Word shingles of all texts as 64-bit keys.

    Sorted text by text, in memory. A key is a shingle's hash with its frequency before it, so that
    a text's rarest shingle comes first. Of 48 bits of hash, two of 15 million differing shingles
    are the same once in a while: that moves a similarity by less than a hundredth.
    """

    keys: Keys
    starts: Counts
    sizes: Counts
    """Distinct shingles of each text that was sorted."""

    def sort(self, text: int) -> Keys:
        """The distinct shingles of a text, rarest first.

        They are kept so for `of`.
        """
        whole = self.keys[self.starts[text] : self.starts[text + 1]]
        whole.sort()
        first = np.ones(len(whole), bool)
        np.not_equal(whole[1:], whole[:-1], out=first[1:])
        own = whole[first]
        self.sizes[text] = len(own)
        whole[: len(own)] = own
        return own

    def of(self, text: int) -> Keys:
        """The distinct shingles of a text that was sorted."""
        return self.keys[self.starts[text] : self.starts[text] + self.sizes[text]]


def near_duplicates(
    texts: Sequence[str], progress: OnProgress = silent
) -> list[tuple[int, int]]:
    """Near duplicates among texts, as places (earlier, later).

    For each text that nearly repeats an earlier one. Exact, unless more than `MOST_CANDIDATES`
    earlier texts share a text's rare shingles. progress: told how many texts are looked at.
    """
    shingles = _shingles(texts)
    holders: defaultdict[int, list[int]] = defaultdict(list)
    marks = np.zeros(1 << MARK_BITS, bool)
    found: list[tuple[int, int]] = []
    for later in range(len(texts)):
        own = shingles.sort(later)
        prefix = _prefix(own)
        earlier = _nearest(shingles, own, _candidates(prefix, holders), marks)
        if earlier is not None:
            found.append((earlier, later))
        for shingle in prefix:
            if len(of_shingle := holders[shingle]) < MOST_CANDIDATES:
                of_shingle.append(later)
        if later % EVERY == 0:
            progress(Progress(later, len(texts)))
    return found


def _prefix(own: Keys) -> list[int]:
    """Those shingles of which any near duplicate has at least one, if another text may have them.

    Two sets with a Jaccard similarity of at least t share a member among the first
    n - ceil(t n) + 1 of each, in any common order (Chaudhuri et al. 2006; Bayardo et al. 2007).
    """
    first = own[: len(own) - int(np.ceil(THRESHOLD * len(own) - 1e-9)) + 1]
    shared: list[int] = first[first >= (2 << KEY_BITS)].tolist()
    return shared


def _candidates(prefix: Sequence[int], holders: Mapping[int, list[int]]) -> Iterator[list[int]]:
    """Earlier texts with one of these shingles, those with the rarest first, in batches."""
    found: dict[int, None] = {}
    given, batch = 0, FIRST_BATCH
    for shingle in prefix:
        if shingle in holders:
            found.update(dict.fromkeys(holders[shingle]))
        if len(found) - given >= batch:
            yield list(found)[given:MOST_CANDIDATES]
            given, batch = len(found), 4 * batch
            if given >= MOST_CANDIDATES:
                return
    if len(found) > given:
        yield list(found)[given:MOST_CANDIDATES]


def _nearest(
    shingles: Shingles, own: Keys, candidates: Iterator[list[int]], marks: NDArray[np.bool_]
) -> int | None:
    """The first candidate that is a near duplicate. marks: all false, and so left."""
    batch = next(candidates, None)
    if batch is None:
        return None
    own_set = set(own.tolist())
    places = (own & np.uint64(len(marks) - 1)).astype(np.intp)
    marks[places] = True
    while batch:
        most, sizes = _overlaps(shingles, marks, batch), shingles.sizes[batch]
        # of |A|, |B| and their overlap o, the Jaccard similarity is o / (|A| + |B| - o)
        for at in np.flatnonzero(most > THRESHOLD * (len(own) + sizes - most)):
            if _similarity(own_set, shingles.of(batch[at])) > THRESHOLD:
                marks[places] = False
                return batch[at]
        batch = next(candidates, None)
    marks[places] = False
    return None


def _overlaps(shingles: Shingles, marks: NDArray[np.bool_], texts: list[int]) -> Counts:
    """How many shingles each text shares at most with the one that is marked: (texts,).

    A mark stands for all shingles whose last bits are the same, so a few may be too many.
    """
    keys = np.concatenate([shingles.of(text) for text in texts])
    sizes = shingles.sizes[texts]
    marked = marks[(keys & np.uint64(len(marks) - 1)).astype(np.intp)]
    return np.add.reduceat(marked, np.cumsum(sizes) - sizes, dtype=np.int64)


def _similarity(one: set[int], other: Keys) -> float:
    """The Jaccard similarity of two sets of shingles."""
    shared = len(one.intersection(other.tolist()))
    return shared / (len(one) + len(other) - shared)


def _shingles(texts: Sequence[str]) -> Shingles:
    words, lengths = _word_numbers(texts)
    keys = _hashes(words, lengths)
    bucket_of = np.uint64(KEY_BITS - BUCKET_BITS)
    frequency = np.zeros(1 << BUCKET_BITS, np.uint32)
    for start in range(0, len(keys), CHUNK):
        buckets = (keys[start : start + CHUNK] >> bucket_of).astype(np.intp)
        np.add.at(frequency, buckets, np.uint32(1))
    for start in range(0, len(keys), CHUNK):
        part = keys[start : start + CHUNK]
        often = frequency[(part >> bucket_of).astype(np.intp)].clip(max=(1 << 16) - 1)
        part |= often.astype(np.uint64) << np.uint64(KEY_BITS)
    ends = np.cumsum(lengths - (WIDTH - 1))
    return Shingles(keys, np.concatenate([[0], ends]), np.zeros(len(lengths), np.int64))


def _word_numbers(texts: Sequence[str]) -> tuple[NDArray[np.int32], Counts]:
    """Numbers of the words of all texts end to end, equal words equal, and each text's length."""
    numbers: defaultdict[str, int] = defaultdict(count(1).__next__)
    parts: list[NDArray[np.int32]] = []
    lengths = np.zeros(len(texts), np.int64)
    for place, text in enumerate(texts):
        start = text[: 20 * MOST_WORDS].casefold()
        own = list(map(numbers.__getitem__, WORD.findall(start)[:MOST_WORDS] or [start]))
        own += [0] * (WIDTH - len(own))
        lengths[place] = len(own)
        parts.append(np.array(own, np.int32))
    return np.concatenate(parts) if parts else np.zeros(0, np.int32), lengths


def _hashes(words: NDArray[np.int32], lengths: Counts) -> Keys:
    """A 48-bit hash of each shingle, those that would reach into the next text left out."""
    within = np.ones(len(words), bool)
    ends = np.cumsum(lengths)
    for back in range(1, WIDTH):
        within[ends - back] = False
    keys = np.empty(int(within.sum()), np.uint64)
    done = 0
    for start in range(0, len(words), CHUNK):
        part = words[start : start + CHUNK + WIDTH - 1].astype(np.uint64)
        hashed = np.zeros(max(0, len(part) - WIDTH + 1), np.uint64)
        for offset in range(WIDTH):
            hashed = _mixed(hashed ^ part[offset : offset + len(hashed)])
        kept = hashed[within[start : start + len(hashed)]]
        keys[done : done + len(kept)] = kept & np.uint64((1 << KEY_BITS) - 1)
        done += len(kept)
    return keys


def _mixed(numbers: Keys) -> Keys:
    """Each number scattered over 64 bits (the finaliser of SplitMix64, Steele et al. 2014)."""
    numbers = numbers + np.uint64(0x9E3779B97F4A7C15)
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return numbers ^ (numbers >> np.uint64(31))
