"""Lists printed in cells of a table, as lists.

As Python, NumPy or JSON prints them.
"""

import ast
import io
import json
import re
import tokenize
from collections.abc import Iterable, Mapping
from typing import Any

LONGEST = 200_000
"""Characters of a cell that is parsed as a list."""
DEEPEST = 20
"""Brackets within brackets: more are no list of texts, and could exhaust a parser."""
BESIDE = re.compile(r"""['"]\s+['"]""")
"""Two texts without a comma between them, as NumPy prints them."""
ARRAY = re.compile(r"array\((\[.*?\])(?:,\s*dtype=\w+)?\)", re.DOTALL)
MOST = 0.9
"""Share of a column's cells that are printed lists, from which on it is a column of lists."""
SOME = 0.05
"""Share from which on those cells are lists that print a list of texts, and the others texts."""


def looks_printed(text: str) -> bool:
    """Whether a text looks like a printed list.

    Or object, by its beginning and end.
    """
    cell = text.strip()
    return len(cell) > 1 and cell[0] + cell[-1] in ("[]", "{}", "()")


def is_printed_column(values: Iterable[object]) -> bool:
    """Whether most texts of a column are printed lists.

    Or objects.
    """
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    if not texts or not looks_printed(texts[0]):
        return False
    return sum(parsed(text) is not None for text in texts) >= MOST * len(texts)


def is_partly_printed(values: Iterable[object]) -> bool:
    """Whether several texts of a column are printed lists.

    And the others plain texts.
    """
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    lists = sum(text.lstrip()[:2] in ("['", '["') and isinstance(parsed(text), list)
                for text in texts)
    return lists > 1 and lists >= SOME * len(texts)


def parsed(text: str) -> list[Any] | Mapping[str, Any] | None:
    """The list or object that a text prints.

    None where it prints none. As JSON has it, as Python's `repr`, or as NumPy prints an array of
    texts (no commas); a tuple or a set of texts is a list.
    """
    cell = text.strip()
    if not cell or cell[0] not in "[{(" or len(cell) > LONGEST or _depth(cell) > DEEPEST:
        return None
    for parse in (json.loads, _numpy, ast.literal_eval, _with_arrays):
        try:
            value = parse(cell)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError,
                tokenize.TokenError):
            continue
        if isinstance(value, list | dict):
            return value
        if isinstance(value, tuple | set) and value and all(
                isinstance(item, str) for item in value):
            return sorted(value) if isinstance(value, set) else list(value)
    return None


def _depth(text: str) -> int:
    """How deep brackets stand within brackets at most; those within quotes count too."""
    depth = deepest = 0
    for mark in text:
        if mark in "[{(":
            depth += 1
            deepest = max(deepest, depth)
        elif mark in "]})":
            depth -= 1
    return deepest


def _numpy(cell: str) -> list[str]:
    """An array of texts: `['one' 'two']`, which Python would read as one text."""
    if cell[0] != "[" or not BESIDE.search(cell):
        raise ValueError("no array")
    # Line breaks between the texts of an array end no statement here: brackets are open.
    tokens = [token for token in tokenize.generate_tokens(io.StringIO(cell).readline)
              if token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER)]
    inner = tokens[1:-1]
    if len(inner) < 2 or any(token.type != tokenize.STRING for token in inner):
        raise ValueError("no array of texts")
    texts = [ast.literal_eval(token.string) for token in inner]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("no array of texts")
    return texts


def _with_arrays(cell: str) -> Any:
    """What Python prints of an object with NumPy arrays in it."""
    if "array(" not in cell:
        raise ValueError("no arrays")
    return ast.literal_eval(ARRAY.sub(r"\1", cell))
