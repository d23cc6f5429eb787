"""A card that somebody edited on the Hub: what is different, and putting both together."""

import difflib
from collections.abc import Sequence


def difference(theirs: str, ours: str) -> str:
    """What publishing would change on the Hub's card, as a unified diff."""
    return "".join(difflib.unified_diff(
        theirs.splitlines(keepends=True), ours.splitlines(keepends=True),
        "README.md on the Hub", "README.md of this run"))


def merge(ancestor: str, theirs: str, ours: str) -> str | None:
    """A three-way merge by lines: both changes to the ancestor; None where they meet.

    ancestor: the card as it was generated last. theirs: that card as edited. ours: the new one.
    """
    base = ancestor.splitlines(keepends=True)
    sides = [text.splitlines(keepends=True) for text in (theirs, ours)]
    changes = sorted(
        (low, high, side, sides[side][start:end])
        for side in (0, 1)
        for low, high, start, end in _changes(base, sides[side])
    )
    merged: list[str] = []
    at, last = 0, None
    for low, high, side, lines in changes:
        if last is not None and (low, high, lines) == last[:3]:
            continue  # both made the same change
        if last is not None and side != last[3] and low <= last[1]:
            return None
        merged += base[at:low] + lines
        at, last = high, (low, high, lines, side)
    return "".join(merged + base[at:])


def _changes(base: Sequence[str], side: Sequence[str]) -> list[tuple[int, int, int, int]]:
    """Which lines of the ancestor (low, high) a side replaced by which of its own."""
    found = difflib.SequenceMatcher(None, base, side, autojunk=False).get_opcodes()
    return [(low, high, start, end) for kind, low, high, start, end in found if kind != "equal"]
