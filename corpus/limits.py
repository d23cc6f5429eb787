"""How much of somebody's data is read at most: what bounds time and memory on hostile files."""

import sys
from dataclasses import dataclass

from .records import CorpusError


class TooMuchError(CorpusError):
    """Data over a limit: the message has the figure that was exceeded, and the limit."""


@dataclass(frozen=True)
class Limits:
    """What is read at most of one source.

    rows: of a table. bytes: of a file, and of what it unpacks to. characters: of one text.
    columns: of a table.
    """

    rows: int = 1_000_000
    bytes: int = 2_000_000_000
    characters: int = 100_000
    columns: int = 1_000


USUAL = Limits()
"""What is read where nobody says otherwise."""
WHOLE = Limits(sys.maxsize, sys.maxsize, sys.maxsize, 100_000)
"""What is read of one's own files on one's own machine: all of them."""
