"""The texts, labels and scores that a row holds."""

import json
import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.html_text import has_html, strip_html
from corpus.records import CorpusError
from corpus.text import shortened

from .rows import (
    EmptyTextError,
    MarksRemoved,
    MojibakeUndone,
    OnBadRow,
    Remark,
    Row,
    TagsStripped,
    TooLongError,
    refuse,
)

HALF = re.compile(r"[\ud800-\udfff]")
MARKS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and the marks that turn the direction of writing and so can show a text
other than it is. Tabs and ends of lines are text."""
BREAKS = "\x0b\x0c\x1c\x1d\x1e\x1f"
"""Those that part words: a page break of a PDF becomes a space."""
DECIMAL_COMMA = re.compile(r"-?(?:0|\d+),\d+")
THOUSANDS = re.compile(r"-?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class Texts:
    """Takes texts out of rows.

    Without space around them and without marks nobody can see. on_bad_row is told of what was
    changed. characters: of one text; a longer one is a TooLongError. fix_mojibake: put right what
    was in UTF-8 and was read as another encoding once. strip_html: take tags out.
    """

    on_bad_row: OnBadRow = refuse
    characters: int = sys.maxsize
    fix_mojibake: bool = False
    strip_html: bool = False

    def text(self, row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
        """The text under the first name that a row has."""
        name, value = _first(row, names, where)
        return self._filled(value, f"{where}: {name}")

    def texts(self, row: Mapping[str, Any], names: Sequence[str], where: str) -> list[str]:
        """The texts under the first name that a row has."""
        name, value = _first(row, names, where)
        if isinstance(value, list) and value and all(isinstance(text, str) for text in value):
            return [self._filled(text, f"{where}: {name}") for text in value]
        return [self._filled(value, f"{where}: {name}")]

    def further(self, row: Mapping[str, Any], name: str, where: str) -> list[str]:
        """The optional texts of a row: one, or a list.

        A list as JSON too.
        """
        values = row.get(name) or []
        if isinstance(values, str):
            values = _listed(values)
        if not isinstance(values, list) or not all(isinstance(text, str) for text in values):
            raise CorpusError(f"{where}: {name} must be text or a list of texts.")
        cleaned = (self._clean(text, f"{where}: {name}") for text in values)
        return [text for text in cleaned if text]

    def label(self, row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
        """The optional label of a row; empty for none."""
        for name in names:
            if value := row.get(name):
                try:
                    return self._clean(str(value), f"{where}: {name}", strip=False)
                except (RecursionError, ValueError) as error:
                    if isinstance(error, CorpusError):
                        raise
                    raise CorpusError(
                        f"{where}: {name} must be text, not nested lists."
                    ) from error
        return ""

    def _filled(self, value: object, where: str) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (text := self._clean(value, where)):
            return text
        fault = EmptyTextError if isinstance(value, str) else CorpusError
        raise fault(f"{where} must be text, not {quoted(value)}.")

    def _clean(self, text: str, where: str, strip: bool = True) -> str:
        if strip:
            text = text.strip()
        if len(text) > self.characters:
            raise TooLongError(
                f"{where} has {len(text):,} characters; at most {self.characters:,} are read."
            )
        if self.fix_mojibake and (fixed := without_mojibake(text)) != text:
            self.on_bad_row(MojibakeUndone(f"{where}: {shortened(text, 80)}"))
            text = fixed
        if self.strip_html and has_html(text):
            self.on_bad_row(TagsStripped(f"{where}: {shortened(text, 80)}"))
            text = strip_html(text)
        if text.isprintable():
            return text
        if half := HALF.search(text):
            raise CorpusError(
                f"{where} holds \\u{ord(half.group()):04x}, half a character: write the whole of "
                "it."
            )
        if found := MARKS.search(text):
            text = MARKS.sub(lambda mark: " " if mark.group() in BREAKS else "", text)
            self.on_bad_row(MarksRemoved(f"{where} holds U+{ord(found.group()):04X}"))
        return text.strip() if strip else text


def without_mojibake(text: str) -> str:
    """A text with its mojibake undone.

    As it was before its UTF-8 was read as another encoding: “Ã¼” is “ü” again.
    """
    if text.isascii():
        return text
    from ftfy import fix_encoding

    return str(fix_encoding(text))


def say_mojibake(rows: Sequence[Row], name: str, on_bad_row: OnBadRow) -> None:
    """Note that a table's mojibake can be undone.

    Where its first rows have such texts.
    """
    spoilt = [(text, fixed) for _, fields in rows for text in fields.values()
              if isinstance(text, str) and (fixed := without_mojibake(text[:2000])) != text[:2000]]
    if spoilt:
        word, right = _first_difference(*spoilt[0])
        on_bad_row(Remark(
            f"{len(spoilt):,} texts in the first rows of {name} were in UTF-8 and were read as "
            f"another encoding once, before they came here (“{word}” for “{right}”), and are "
            "learned so: --fix-mojibake (python -m corpus convert) puts them right."))


def _first_difference(text: str, fixed: str) -> tuple[str, str]:
    """The first word that differs, as it is and as it should be."""
    words = zip(text.split(), fixed.split(), strict=False)
    return next(((shortened(one, 30), shortened(other, 30)) for one, other in words
                 if one != other), (shortened(text, 30), shortened(fixed, 30)))


def number(row: Mapping[str, Any], name: str, where: str) -> float:
    """The number under a name.

    A text may have a point or a comma before its decimals.
    """
    value = row.get(name)
    if isinstance(value, str):
        text = value.strip()
        if DECIMAL_COMMA.fullmatch(text) and not THOUSANDS.fullmatch(text):
            text = text.replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            value = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            if math.isfinite(found := float(value)):
                return found
        except OverflowError:
            pass
    raise CorpusError(f"{where}: {name} must be a number, not {quoted(row.get(name))}.")


def quoted(value: object) -> str:
    """The beginning of a value, for a sentence."""
    try:
        return f"{value[:80]!r:.80}" if isinstance(value, str) else f"{value!r:.80}"
    except (RecursionError, ValueError):
        return f"a {type(value).__name__} that is too large to show"


def _first(row: Mapping[str, Any], names: Sequence[str], where: str) -> tuple[str, Any]:
    for name in names:
        if (value := row.get(name)) is not None:
            return name, value
    if empty := next((name for name in names if name in row), ""):
        raise EmptyTextError(f"{where}: {empty} is empty (null): fill it in, or remove the row.")
    found = ", ".join(shortened(str(name)) for name in list(row)[:20]) or "no fields"
    raise CorpusError(f"{where} has no {' or '.join(names)}: it has {found:.300}.")


def _listed(text: str) -> list[Any]:
    """A cell of a table that holds a list, as JSON writes it, or one text."""
    if text.lstrip().startswith("["):
        try:
            values = json.loads(text)
        except (ValueError, RecursionError):
            return [text]
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            return values
    return [text]
