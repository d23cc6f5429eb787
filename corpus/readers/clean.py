"""The texts, labels and scores that a row holds."""

import json
import math
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from corpus.html_text import has_html, strip_html
from corpus.records import CorpusError
from corpus.text import shortened

from .rows import (
    EmptyItemError,
    EmptyTextError,
    MarksRemoved,
    MojibakeUndone,
    OnBadRow,
    TagsStripped,
    TooLongError,
    refuse,
)

HALF = re.compile(r"[\ud800-\udfff]")
MARKS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and the marks that turn the direction of writing and so can show a text
other than it is. Tabs and ends of lines are text."""
NOTHING = frozenset(("nan", "NaN", "NULL", "\\N", "<NA>", "#N/A"))
"""What pandas, MySQL and workbooks write where there is nothing."""
BREAKS = "\x0b\x0c\x1c\x1d\x1e\x1f"
"""Those that part words: a page break of a PDF becomes a space."""
DECIMAL_COMMA = re.compile(r"-?(?:0|\d+),\d+")
LOOKED_AT = 2_000
"""Characters of a text in which mojibake is looked for."""
CLOSELY = 200
"""Texts that are looked at for mojibake of any encoding; then, while there is none, for that of
the commonest ones alone, since the whole look takes a third of a millisecond a text."""
MISREAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]")
"""The first two bytes of a character in UTF-8, as Latin-1 or Windows-1252 has them."""
THOUSANDS = re.compile(r"-?[1-9]\d{0,2},\d{3}")


@dataclass
class Spoilt:
    """Counts texts that were spoilt on their way here."""

    texts: int = 0
    html: int = 0
    mojibake: int = 0
    word: tuple[str, str] = ("", "")

    def look_at(self, text: str) -> None:
        """Take note of a text."""
        self.texts += 1
        self.html += has_html(text)
        start = text[:LOOKED_AT]
        if self.texts > CLOSELY and not self.mojibake and not MISREAD.search(start):
            return
        if (fixed := without_mojibake(start)) != start:
            self.mojibake += 1
            self.word = self.word if self.word[0] else _first_difference(start, fixed)

    def with_html(self, part: str = "") -> Iterator[str]:
        """What to say of HTML in texts.

        part: of the data, where not all of it was looked at.
        """
        if self.html:
            yield (f"{self.html:,} of the {part}{self.texts:,} texts hold HTML, which a model "
                   "reads as text: it can be stripped (--strip-html).")

    def misread(self, name: str, part: str = "") -> Iterator[str]:
        """What to say of mojibake in data of that name."""
        if self.mojibake:
            word, right = self.word
            yield (f"{self.mojibake:,} of the {part}{self.texts:,} texts of {name} were in UTF-8 "
                   f"and were read as another encoding once, before they came here (“{word}” for "
                   f"“{right}”), and are learned so: --fix-mojibake (python -m corpus convert) "
                   "puts them right.")


@dataclass(frozen=True)
class Texts:
    """Takes texts out of rows.

    Without space around them and without marks nobody can see. on_bad_row is told of what was
    changed. characters: of one text; a longer one is a TooLongError. fix_mojibake: put right what
    was in UTF-8 and was read as another encoding once. strip_html: take tags out. spoilt: counts
    what is left of both, where somebody wants to know.
    """

    on_bad_row: OnBadRow = refuse
    characters: int = sys.maxsize
    fix_mojibake: bool = False
    strip_html: bool = False
    spoilt: Spoilt | None = None

    def text(self, row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
        """The text under the first name that a row has."""
        name, value = _first(row, names, where)
        return self._filled(value, f"{where}: {name}")

    def id(self, row: Mapping[str, Any], names: Sequence[str], where: str) -> str:
        """The id under the first name that a row has."""
        name, value = _first(row, names, where)
        return self._filled(value, f"{where}: {name}", is_id=True)

    def texts(
        self, row: Mapping[str, Any], names: Sequence[str], where: str,
        lacking: type[CorpusError] = EmptyTextError,
    ) -> list[str]:
        """The texts under the first name that a row has.

        Places of a list that hold nothing are left out, and told of. lacking: what is raised where
        a list holds no text at all.
        """
        name, value = _first(row, names, where)
        place = f"{where}: {name}"
        if not isinstance(value, list) or not all(text is None or isinstance(text, str)
                                                  for text in value):
            return [self._filled(value, place)]
        found = [text for text in value if text and text.strip()]
        if not found:
            raise lacking(f"{place} is a list without a text: {_of_row(row, names)}")
        if len(found) < len(value):
            self.on_bad_row(EmptyItemError(f"{place} has {len(value) - len(found)} places without "
                                           "a text"))
        return [self._filled(text, place) for text in found]

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

    def _filled(self, value: object, where: str, is_id: bool = False) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if isinstance(value, str) and (text := self._clean(value, where)) and (
                is_id or text not in NOTHING):
            if self.spoilt is not None and not is_id:
                self.spoilt.look_at(text)
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


def _of_row(row: Mapping[str, Any], names: Sequence[str]) -> str:
    """What a row holds beside some columns, to tell it by."""
    texts = [text for name, value in row.items() if name not in names
             for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]
    return repr(shortened(max(texts, key=len, default=""), 80))


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
