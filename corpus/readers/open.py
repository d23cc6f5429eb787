"""Open any data source by what is in it.

The tables in it, or a folder in BEIR layout.
"""

import tempfile
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from corpus.columns import Columns, Guess, guess_columns
from corpus.records import CorpusError, not_possible

from .clean import HALF
from .folder import BEIR_TEXTS, beir_name, files_in, layout_of, stem_of
from .hub import Choices, hub_choices, hub_rows, is_hub_source, parse
from .nested.layouts import unfolded
from .registry import (
    IN_FOLDERS,
    READERS,
    reader_of,
    refuse_binary,
    unknown,
)
from .rows import (
    Contents,
    Measured,
    OnBadRow,
    ReadLimits,
    Remark,
    Row,
    TooMuchError,
    bounded,
    of_packed,
    patient,
    refuse,
)

FIRST_ROWS = 100
"""Rows that are looked at to tell columns."""
LONGEST_NAME = 200
START = 4096
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
GZIP = b"\x1f\x8b"


@dataclass
class Source:
    """Data that was opened.

    name: what it is called; file: what sentences call it; origin: where it is from, if not there.
    Of a table, names: its columns as its head gives them, or as the first rows have them where each
    row has names of its own (`free`). row_count: where it is known. folder: of BEIR, which has no
    rows. parts: split -> its rows, where files bring splits of their own; `rows` are all of them.
    choices: what else a data set of the Hub offers. layouts: what nested rows were unfolded; told:
    the columns of what came of that, where the layout leaves no doubt. sheets: of a workbook, those
    that are read first.
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
    text: Measured | None = None
    origin: str = ""
    choices: Choices | None = None
    parts: Mapping[str, "Source"] = field(default_factory=dict)
    layouts: tuple[str, ...] = ()
    told: Columns | None = None
    sheets: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """`pairs` or `beir`."""
        return "beir" if self.folder else "pairs"

    def tables(self) -> Iterator[tuple[str, Iterator[Row]]]:
        """Each split with its rows.

        "" for the rows of a source that brings no splits.
        """
        if not self.parts:
            yield "", self.rows
        for split, source in self.parts.items():
            yield split, source.rows

    def guess(self) -> Guess | None:
        """Which of its columns hold what."""
        if self.told:
            return Guess(self.told, certain=True)
        return guess_columns(self.names, [fields for _, fields in self.first])


@dataclass(frozen=True)
class _How:
    """How to read: the limits, whom to tell, and which part of a file that has several."""

    limits: ReadLimits
    on_bad_row: OnBadRow
    part: str
    stack: ExitStack


@contextmanager
def opened(
    source: str | Path, limits: ReadLimits, on_bad_row: OnBadRow = refuse, *, config: str = "",
    split: str = "", sheet: str = "", beside: Path | None = None, most_bad: int | None = None,
) -> Iterator[Source]:
    """Open a file, folder, or Hub data set.

    The last as `hf:OWNER/NAME@REVISION`. A folder, or a zip of one, is in BEIR layout or holds
    files of pairs, one for each split it may be. A zip is unpacked into a folder that is gone
    afterwards, `beside` others. sheet: of a workbook, or `all`. Raises CorpusError for what is no
    data, TooMuchError for what is too much: for more bad rows than `most_bad` too (as a rule, than
    there may be rows).
    """
    path = Path(source)
    on_bad_row = patient(on_bad_row, limits.rows if most_bad is None else most_bad, path.name)
    with ExitStack() as stack:
        how = _How(limits, on_bad_row, sheet, stack)
        if is_hub_source(str(source)):
            yield _looked_into(_hub(str(source), config, split, limits, on_bad_row), how)
        elif (start := _start(path)) is None:
            yield _of_folder(path, path.name, "", how)
        elif _is_packed(path, start):
            inner = _unpacked(path, limits, stack, beside)
            found = (_of_folder(inner, path.stem, " in a zip", how) if inner.is_dir()
                     else _of_files([inner], path.stem, ", in a zip", how))
            yield found
        else:
            yield _of_files([path], stem_of(path.name), "", how)


def _start(path: Path) -> bytes | None:
    """The first bytes of a file; None for a folder."""
    try:
        if path.is_dir():
            return None
        if path.exists() and not path.is_file():
            raise CorpusError(f"{path.name[:80]} is not a file.")
        with path.open("rb") as file:
            return file.read(START)
    except OSError as error:
        raise not_possible(path.name[:80], "read", error) from error


# --- containers


def _is_packed(path: Path, start: bytes) -> bool:
    """Whether a file is a zip of data, and not one that a format of tables is made of."""
    if path.suffix.lower() == ".zip":
        return True
    refuse_binary(start, path.name)
    reader = reader_of(path, start)
    return start.startswith(ZIP) and not (reader and (reader.begins(start) or reader.parts))


def _unpacked(path: Path, limits: ReadLimits, stack: ExitStack, beside: Path | None) -> Path:
    from .archive import unpacked

    try:
        into = stack.enter_context(
            tempfile.TemporaryDirectory(prefix=".unpacked-", dir=beside, ignore_cleanup_errors=True)
        )
        return unpacked(path, Path(into) / "data", of_packed(limits), IN_FOLDERS)
    except OSError as error:
        raise not_possible(path.name, "unpacked", error) from error


def _of_folder(path: Path, name: str, where: str, how: _How) -> Source:
    """A folder: in BEIR layout, or of files that are one table, or one table a split."""
    layout = layout_of(files_in(path), name, IN_FOLDERS)
    if layout.beir:
        folder = path / layout.top
        if not any(called.startswith(BEIR_TEXTS[1]) for called in layout.beir):
            raise _no_data(name, BEIR_TEXTS[1])
        return Source(name, name, f"BEIR folder{where}", folder=folder)
    if not layout.tables:
        raise _no_data(name, BEIR_TEXTS[0])
    if "" in layout.tables:
        files = [path / file for file in layout.tables[""]]
        return _of_files(files, name, f", in a folder{where}", how)
    if layout.unread:
        how.on_bad_row(Remark(
            f"{name} has files for its splits, and others that are not read: "
            f"{', '.join(layout.unread[:5])}" + (" …." if len(layout.unread) > 5 else ".")))
    parts = {split: _of_files([path / file for file in files], f"{name} {split}", "", how)
             for split, files in layout.tables.items()}
    if any(part.folder for part in parts.values()):
        raise CorpusError(f"{name} holds a collection with its own judgements for each split: give "
                          "one of its files.")
    how.on_bad_row(Remark(
        f"{name} brings its own splits ({', '.join(parts)}), which are kept: what is in a split's "
        "files stays in it."))
    return _of_parts(parts, name, f", in a folder{where}")


def _of_parts(parts: Mapping[str, Source], name: str, where: str) -> Source:
    first = next(iter(parts.values()))
    counts = [part.row_count for part in parts.values()]
    return Source(
        name, name, first.format + where, first.encoding, names=first.names, free=first.free,
        first=first.first, rows=chain.from_iterable(part.rows for part in parts.values()),
        row_count=None if None in counts else sum(count or 0 for count in counts), parts=parts,
        layouts=first.layouts, told=first.told)


def _no_data(name: str, lacking: str) -> CorpusError:
    return CorpusError(
        f"{name} has no {lacking}: a folder is read in BEIR layout, with corpus.jsonl, "
        f"queries.jsonl and qrels, or as files of pairs ({', '.join(IN_FOLDERS)}), which may be "
        "one for each of train, dev and test.")


# --- tables


def _of_files(files: Sequence[Path], name: str, where: str, how: _How) -> Source:
    """A table in a file, or in several that follow each other."""
    contents = _contents(files[0], how)
    alone = len(files) == 1
    if contents.collection and alone:
        return Source(name, files[0].name, contents.format + where, contents.encoding,
                      folder=how.stack.enter_context(contents.collection))
    rows = chain(contents.rows, *(_later(file, how) for file in files[1:]))
    return _looked_into(Source(
        name, files[0].name, contents.format + where, contents.encoding, names=contents.names,
        free=contents.free, rows=rows, row_count=contents.row_count if alone else None,
        text=contents.text if alone else None, sheets=contents.parts if alone else ()), how)


def _later(path: Path, how: _How) -> Iterator[Row]:
    yield from _contents(path, how).rows


def _contents(path: Path, how: _How) -> Contents:
    """What the reader of a file's format makes of it."""
    start = _start(path) or b""
    refuse_binary(start, path.name)
    reader = reader_of(path, start)
    packed = start.startswith(GZIP)
    if beir_name(path.name).startswith("qrels") or packed and not reader:
        reader = next(one for one in READERS if ".csv" in one.suffixes)  # it tells what it is
    if reader is None:
        raise unknown(path.name)
    if packed and not reader.packed:
        raise CorpusError(f"{path.name} is packed with gzip, and only text is read so: unpack it "
                          "first.")
    if how.part and not reader.parts:
        raise CorpusError(f"{path.name} has no sheets to choose from: leave --sheet out.")
    found = reader.open(path, how.limits, how.on_bad_row, how.part)
    how.stack.callback(_close, found.rows)
    return found


def _close(rows: Iterator[Row]) -> None:
    """Let go of what rows are read from, though some of them were not."""
    if isinstance(rows, Generator):
        rows.close()


def _looked_into(found: Source, how: _How) -> Source:
    """The same source with its first rows looked at, its columns known, and its limits kept.

    Nested rows are unfolded; of those it is not known how many they make.
    """
    how.stack.callback(_close, found.rows)
    unnested = unfolded(bounded(found.rows, how.limits, found.file), how.on_bad_row)
    rows = bounded(unnested.rows, how.limits, found.file)
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
    found.names = _usable(found.names, found.file, how)
    return found


def _usable(names: tuple[str, ...], file: str, how: _How) -> tuple[str, ...]:
    """The names of columns that can be shown; it is said where there are others."""
    if len(names) > how.limits.columns:
        raise TooMuchError(f"{file} has {len(names):,} columns in its first rows; at most "
                           f"{how.limits.columns:,} are read.")
    usable = tuple(name for name in names if len(name) <= LONGEST_NAME and not HALF.search(name))
    if usable != names:
        how.on_bad_row(Remark(
            f"{file} has {len(names) - len(usable):,} columns whose names have over "
            f"{LONGEST_NAME} characters or are no text: they are not read."
        ))
    return usable


def _hub(source: str, config: str, split: str, limits: ReadLimits, on_bad_row: OnBadRow) -> Source:
    """A data set of the Hub, at the commit that is newest now if none is named."""
    choices = hub_choices(parse(source, config or None, split or None))
    data = choices.source
    return Source(
        data.id.partition("/")[2], data.id,
        f"Hub data set, config {data.config}, split {data.split}", origin=str(data),
        rows=hub_rows(data, limits, on_bad_row), free=True, choices=choices,
    )
