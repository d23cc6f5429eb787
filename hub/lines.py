"""Whole lines at the end of a file.

It stands in the lowest room, as runs and judgements are both kept in lines.
"""

import os
from typing import IO


def append_line(file: IO[bytes], line: bytes) -> None:
    """Write one line to a file opened as `ab+`.

    In one piece; where a process that was killed left half a line, after an end to that.
    """
    size = file.seek(0, os.SEEK_END)
    if size:
        file.seek(size - 1)
        if file.read(1) != b"\n":
            line = b"\n" + line
    file.write(line + b"\n")
