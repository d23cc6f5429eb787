"""Whatever somebody brings -> a table's rows, or a folder in BEIR layout: by what is in it."""

import tempfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path

from corpus.columns import Columns, Guess, guess_columns
from corpus.records import CorpusError

from .clean import HALF
from .csv import delimited
from .hub import Choices, hub_choices, hub_rows, is_hub_source, parse
from .jsonl import json_rows, rows_of_lines
from .nested.collection import write_collection
from .nested.layouts import unfolded
from .rows import (
    USUAL,
    OnBadRow,
    ReadLimits,
    Remark,
    Row,
    Table,
    TooMuchError,
    bounded,
    patient,
    refuse,
)
from .text import TextFile

SOURCE_SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".txt", ".parquet", ".xlsx", ".zip")
"""What the files that can be brought end with."""
LINES_SUFFIXES = (".jsonl", ".ndjson")
TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
EXCEL_SUFFIXES = (".xlsx", ".xlsm")
FIRST_ROWS = 100
"""Rows that are looked at to tell columns."""
LONGEST_NAME = 200
START = 4096
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
OF_EXCEL = (b"[Content_Types].xml", b"docProps/", b"xl/workbook")
"""What the zip that an Excel file is begins with."""
OLD_OFFICE = b"\xd0\xcf\x11\xe0"


@dataclass
class Source:
    """Data that was opened.

    name: what it is called; file: what sentences call it; origin: where it is from, if not there.
    Of a table, names: its columns as its head gives them, or as the first rows have them where each
    row has names of its own (`free`). row_count: where it is known. folder: of BEIR, which has no
    rows. choices: what else a data set of the Hub offers. layouts: what nested rows were unfolded;
    told: the columns of what came of that, where the layout leaves no doubt.
    """

    name: str
    file: str
    format: str
    encoding: str | None = None
    folder: Path | None = None
    names: tuple[str, ...] = ()
    free: bool = False
    first: Sequence[Row] = ()
    rows: Iterator[Row] = iter(())
    row_count: int | None = None
    text: TextFile | None = None
    origin: str = ""
    choices: Choices | None = None
    layouts: tuple[str, ...] = ()
    told: Columns | None = None

    @property
    def kind(self) -> str:
        """`pairs` or `beir`."""
        return "beir" if self.folder else "pairs"

    def guess(self) -> Guess | None:
        """Which of its columns hold what."""
        if self.told:
            return Guess(self.told, certain=True)
        return guess_columns(self.names, [fields for _, fields in self.first])


@contextmanager
def opened(
    source: str | Path, limits: ReadLimits, on_bad_row: OnBadRow = refuse, *, config: str = "",
    split: str = "", beside: Path | None = None, most_bad: int | None = None,
) -> Iterator[Source]:
    """Open a file, a folder in BEIR layout, or a data set of the Hub (`hf:OWNER/NAME@REVISION`).

    A zip is unpacked into a folder that is gone afterwards, `beside` others. Raises CorpusError
    for what is no data, TooMuchError for what is too much: for more bad rows than `most_bad` too
    (as a rule, than there may be rows).
    """
    path = Path(source)
    on_bad_row = patient(on_bad_row, limits.rows if most_bad is None else most_bad, path.name)
    with ExitStack() as stack:
        if is_hub_source(str(source)):
            found = _hub(str(source), config, split, limits, on_bad_row)
            stack.callback(_close, found.rows)
            yield _looked_into(found, limits, on_bad_row)
            return
        if (start := _start(path)) is None:
            yield _folder(path, path.name, "BEIR folder")
            return
        packed = start.startswith(ZIP) or path.suffix.lower() == ".zip"
        inner = path
        if packed and not _is_excel(path, start):
            inner = _unpacked(path, limits, stack, beside)
            if inner.is_dir():
                yield _folder(inner, path.stem, "BEIR folder in a zip")
                return
            start = _start(inner) or b""
        found = _table(inner, start, limits, on_bad_row, stack)
        found.name = path.stem
        if inner != path:
            found.format += ", in a zip"
        stack.callback(_close, found.rows)
        yield _looked_into(found, limits, on_bad_row)


def _close(rows: Iterator[Row]) -> None:
    """Let go of what rows are read from, though some of them were not."""
    if isinstance(rows, Generator):
        rows.close()


def _start(path: Path) -> bytes | None:
    """The first bytes of a file; None for a folder."""
    try:
        if path.is_dir():
            return None
        if path.exists() and not path.is_file():
            raise CorpusError(f"{path} is not a file.")
        with path.open("rb") as file:
            return file.read(START)
    except OSError as error:
        raise CorpusError(f"{path.name[:80]} cannot be read: {error.strerror}.") from error


def _is_excel(path: Path, start: bytes) -> bool:
    return path.suffix.lower() in EXCEL_SUFFIXES or (
        path.suffix.lower() != ".zip" and any(name in start for name in OF_EXCEL))


def _unpacked(path: Path, limits: ReadLimits, stack: ExitStack, beside: Path | None) -> Path:
    from .archive import unpacked

    try:
        into = stack.enter_context(
            tempfile.TemporaryDirectory(prefix=".unpacked-", dir=beside, ignore_cleanup_errors=True)
        )
        return unpacked(path, Path(into) / "data", _of_packed(limits))
    except OSError as error:
        raise CorpusError(f"{path.name} cannot be unpacked: {error.strerror}.") from error


def _of_packed(limits: ReadLimits) -> ReadLimits:
    """Limits for what unpacks to more than it is: nobody's own file is to fill the disk."""
    return replace(limits, bytes=min(limits.bytes, USUAL.bytes))


def _folder(path: Path, name: str, kind: str) -> Source:
    for needed in ("corpus.jsonl", "queries.jsonl"):
        if not (path / needed).is_file():
            raise CorpusError(f"{name} has no {needed}: a folder is read in BEIR layout, with "
                              "corpus.jsonl, queries.jsonl and qrels.")
    return Source(name, name, kind, folder=path)


def _table(
    path: Path, start: bytes, limits: ReadLimits, on_bad_row: OnBadRow, stack: ExitStack
) -> Source:
    suffix = path.suffix.lower()
    if start.startswith(OLD_OFFICE):
        raise CorpusError(f"{path.name} is an Excel file of the old kind, or under a password: "
                          "save it as .xlsx without one, or as CSV.")
    if start.startswith(b"PAR1") or suffix == ".parquet":
        from .parquet import parquet_rows, parquet_table

        return _of_table(path, "Parquet", parquet_table(path, limits),
                         parquet_rows(path, limits, on_bad_row), on_bad_row)
    if start.startswith(ZIP) or suffix in EXCEL_SUFFIXES:
        from .excel import excel_rows, excel_table

        most = _of_packed(limits)
        return _of_table(path, "Excel", excel_table(path, most),
                         excel_rows(path, most, on_bad_row), on_bad_row)
    if suffix in (*LINES_SUFFIXES, ".json", *TABLE_SUFFIXES):
        return _of_text(path, start, limits, on_bad_row, stack)
    raise CorpusError(
        f"{path.name[:80]}: pairs are read from {', '.join(SOURCE_SUFFIXES)}, not "
        f"{path.suffix[:20]!r}."
    )


def _of_table(
    path: Path, kind: str, table: Table, rows: Iterator[Row], on_bad_row: OnBadRow
) -> Source:
    for note in table.notes:
        on_bad_row(Remark(note))
    return Source(path.stem, path.name, kind, names=table.names, rows=rows, row_count=table.rows)


def _of_text(
    path: Path, start: bytes, limits: ReadLimits, on_bad_row: OnBadRow, stack: ExitStack
) -> Source:
    file = TextFile(path, limits, on_bad_row)
    found = Source(path.stem, path.name, "JSON lines", file.encoding, text=file, free=True)
    suffix = path.suffix.lower()
    if suffix == ".json":
        held = json_rows(file, on_bad_row)
        found.format, found.rows = held.format, held.rows
        if held.document and (judged := held.document.judged):
            found.folder = stack.enter_context(write_collection(judged))
    elif suffix in LINES_SUFFIXES or file.text(START).lstrip().startswith("{"):
        found.rows = rows_of_lines(file, on_bad_row)
    else:
        table = delimited(file, limits, on_bad_row)
        found.format, found.names, found.rows = table.format, table.names, table.rows
        found.free = False
    return found


def _looked_into(found: Source, limits: ReadLimits, on_bad_row: OnBadRow) -> Source:
    """The same source with its first rows looked at, its columns known, and its limits kept.

    Nested rows are unfolded; of those it is not known how many they make.
    """
    if found.folder:
        return found
    unnested = unfolded(bounded(found.rows, limits, found.file), on_bad_row)
    rows = bounded(unnested.rows, limits, found.file)
    if unnested.layouts:
        found.layouts, found.told = unnested.layouts, unnested.columns
        found.format = ", ".join(dict.fromkeys((found.format, *unnested.layouts)))
        found.free, found.row_count = True, None
    found.first = list(islice(rows, FIRST_ROWS))
    found.rows = chain(found.first, rows)
    if len(found.first) < FIRST_ROWS:
        found.row_count = len(found.first)
    if found.free:
        found.names = tuple(dict.fromkeys(name for _, row in found.first for name in row))
        if len(found.names) > limits.columns:
            raise TooMuchError(f"{found.file} has {len(found.names):,} columns in its first rows; "
                               f"at most {limits.columns:,} are read.")
    usable = tuple(name for name in found.names if len(name) <= LONGEST_NAME
                   and not HALF.search(name))
    if usable != found.names:
        on_bad_row(Remark(
            f"{found.file} has {len(found.names) - len(usable):,} columns whose names have over "
            f"{LONGEST_NAME} characters or are no text: they are not read."
        ))
        found.names = usable
    return found


def _hub(source: str, config: str, split: str, limits: ReadLimits, on_bad_row: OnBadRow) -> Source:
    """A data set of the Hub, at the commit that is newest now if none is named."""
    choices = hub_choices(parse(source, config or None, split or None))
    data = choices.source
    return Source(
        data.id.partition("/")[2], data.id,
        f"Hub data set, config {data.config}, split {data.split}", origin=str(data),
        rows=hub_rows(data, limits, on_bad_row), free=True, choices=choices,
    )
