"""The XML of a workbook's parts -> shared texts, which numbers are dates, and rows of cells."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from corpus.text import shortened

from .rows import TooMuchError

EXCEL_ROWS, EXCEL_COLUMNS = 1_048_576, 16_384
"""As many as a sheet can have."""
DATE_FORMATS = frozenset((*range(14, 23), *range(27, 37), 45, 46, 47, *range(50, 59)))
NOT_OF_A_DATE = re.compile(r'"[^"]*"|\[[^\]]*\]|[\\_*].')
ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")


class Fault(str):
    """Stands for a cell whose value cannot be had: says why."""


class SheetRow(NamedTuple):
    """A row with something in it: its number, and its cells by column (from 1)."""

    number: int
    cells: dict[int, str]


class Strings:
    """The texts that cells share."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._pieces: list[str] = []
        self._spoken, self._inside = False, False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Texts stand in `t`; those in `rPh` only say how it is pronounced."""
        if tag == "rPh":
            self._spoken = True
        elif tag == "t":
            self._inside = not self._spoken

    def text(self, piece: str) -> None:
        """A piece of a text."""
        if self._inside:
            self._pieces.append(piece)

    def end(self, tag: str) -> None:
        """`si` is one text, of one or more pieces."""
        if tag == "t":
            self._inside = False
        elif tag == "rPh":
            self._spoken = False
        elif tag == "si":
            self.texts.append(_unescaped("".join(self._pieces)))
            self._pieces.clear()


class Styles:
    """Which styles show a number as a date."""

    def __init__(self) -> None:
        self.dates: set[int] = set()
        self._formats = set(DATE_FORMATS)
        self._count, self._inside = 0, False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """`numFmt` is a format of one's own, `xf` in `cellXfs` a style."""
        if tag == "numFmt" and is_date_format(attributes.get("formatCode", "")):
            self._formats.add(_number(attributes.get("numFmtId"), -1))
        elif tag == "cellXfs":
            self._inside = True
        elif tag == "xf" and self._inside:
            if _number(attributes.get("numFmtId"), 0) in self._formats:
                self.dates.add(self._count)
            self._count += 1

    def text(self, piece: str) -> None:
        """There is none."""

    def end(self, tag: str) -> None:
        """`cellXfs` is the list of styles that cells name."""
        if tag == "cellXfs":
            self._inside = False


class Sheet:
    """The rows of a sheet, as far as they have been read; whoever takes them clears `ready`."""

    def __init__(self, where: str, strings: list[str], dates: set[int], from_1904: bool) -> None:
        self.ready: list[SheetRow] = []
        self._where, self._strings, self._dates = where, strings, dates
        self._from_1904 = from_1904
        self._rows = self._number = self._column = self._count = 0
        self._cells: dict[int, str] = {}
        self._kind, self._style, self._pieces = "n", 0, list[str]()
        self._inside = self._spoken = self._formula = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """`row` holds `c`, which holds `f` (formula), `v` (value) or `is` (text)."""
        if tag == "c":
            self._start_cell(attributes)
        elif tag in ("v", "t"):
            self._inside = not self._spoken
        elif tag == "f":
            self._formula = True
        elif tag == "rPh":
            self._spoken = True
        elif tag == "row":
            self._rows += 1
            if self._rows > EXCEL_ROWS:
                raise TooMuchError(f"{self._where} has more than {EXCEL_ROWS:,} rows, which is "
                                   "all that a sheet can have.")
            self._number = _number(attributes.get("r"), self._number + 1)
            self._cells, self._column, self._count = {}, 0, 0

    def text(self, piece: str) -> None:
        """A piece of a value."""
        if self._inside:
            self._pieces.append(piece)

    def end(self, tag: str) -> None:
        """A cell or a row is whole."""
        if tag in ("v", "t"):
            self._inside = False
        elif tag == "rPh":
            self._spoken = False
        elif tag == "c":
            value = self._value()
            if value.strip() or isinstance(value, Fault):
                self._cells[self._column] = value
        elif tag == "row" and self._cells:
            self.ready.append(SheetRow(self._number, self._cells))
            self._cells = {}

    def _start_cell(self, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > EXCEL_COLUMNS:
            raise TooMuchError(f"{self._where} row {self._number} has more than "
                               f"{EXCEL_COLUMNS:,} cells, which is all that a row can have.")
        self._column = column_of(attributes.get("r", "")) or self._column + 1
        self._kind = attributes.get("t", "n")
        self._style = _number(attributes.get("s"), 0)
        self._pieces.clear()
        self._formula = False

    def _value(self) -> str:
        text = "".join(self._pieces)
        if self._formula and not text and self._kind != "str":
            return Fault("is a formula without a saved value: save the workbook once in a "
                         "spreadsheet program")
        if self._kind == "s":
            index = _number(text, -1)
            if not 0 <= index < len(self._strings):
                return Fault(f"names a text that the workbook has not ({text[:20]!r})")
            return self._strings[index]
        if self._kind == "e":
            return Fault(f"holds the error {shortened(text, 20)}")
        if self._kind == "b":
            return "TRUE" if text.strip() == "1" else "FALSE"
        if self._kind != "n":
            return _unescaped(text)
        return number_text(text.strip(), self._style in self._dates, self._from_1904)


def number_text(text: str, is_date: bool, from_1904: bool = False) -> str:
    """A number as a sheet shows it: 15 digits; a date as 2024-05-01, with the time if it has one.

    Days count from 1899-12-30, before March 1900 from the 31st, or from 1904-01-01.
    """
    try:
        value = float(text)
        if is_date and value >= 0:
            return _date_text(value, from_1904)
    except (ValueError, OverflowError):
        return text
    return f"{value:.15g}" if abs(value) < 1e15 else text


def _date_text(days: float, from_1904: bool) -> str:
    if from_1904:
        base = datetime(1904, 1, 1)
    else:
        base = datetime(1899, 12, 30 if days >= 60 else 31)
    moment = base + timedelta(seconds=round(days * 86_400))
    if days < 1:
        return str(moment.time())
    return str(moment) if moment.time() != datetime.min.time() else str(moment.date())


def is_date_format(code: str) -> bool:
    """Whether a number format shows a day or a time; hours that go on past 24 are a number."""
    if re.search(r"\[[hms]+\]", code, re.I):
        return False
    return bool(re.search("[dmyhs]", NOT_OF_A_DATE.sub("", code), re.I))


def column_of(reference: str) -> int:
    """The column of `B3` from 1; 0 when that is no cell of a sheet."""
    letters = reference.rstrip("0123456789").upper()
    if not re.fullmatch("[A-Z]{1,3}", letters):
        return 0
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def letters_of(column: int) -> str:
    """The letters of a column: 28 -> AB."""
    letters = ""
    while column > 0:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _unescaped(text: str) -> str:
    """A text without Excel's spelling of control characters (_x000D_)."""
    if "_x" not in text:
        return text
    return ESCAPED.sub(
        lambda code: code[0] if code[1].upper().startswith(("D8", "D9", "DA", "DB", "DC", "DD",
                                                            "DE", "DF"))
        else chr(int(code[1], 16)), text)


def _number(text: str | None, other: int) -> int:
    return int(text) if text is not None and re.fullmatch(r"\s*[0-9]{1,9}\s*", text) else other
