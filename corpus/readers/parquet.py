"""Parquet and Arrow -> rows.

In small batches, since what a file says of its size may be a lie.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from corpus.records import CorpusError
from corpus.text import shortened

from .rows import (
    Contents,
    Meter,
    OnBadRow,
    Open,
    Reader,
    ReadLimits,
    Remark,
    Row,
    Table,
    TooMuchError,
    refuse,
)

ARROW = b"ARROW1"
ARROW_STREAM = b"\xff\xff\xff\xff"
"""How Arrow's two kinds of files begin; `datasets` saves the second."""
BATCH, BATCH_OF_LISTS = 256, 32
"""Rows that are decoded at once: a list may hold the same long text in each of them."""
DEEPEST = 6
"""Objects within lists within objects that are read."""
MOST_PARTS = 100_000
"""Row groups, columns and the like that a file's table of contents may list."""


def parquet_table(path: Path, limits: ReadLimits) -> Table:
    """The columns and row count of a Parquet file.

    From its table of contents alone.
    """
    with _said(path):
        file, usable, notes = _opened(path, limits)
        with file:
            return Table(tuple(usable), file.metadata.num_rows, notes)


def parquet_rows(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow = refuse
) -> Iterator[Row]:
    """The rows of a Parquet file.

    Text, numbers, truth values, dates as text, lists and objects. Columns of another type are left
    out (`parquet_table` says which). Raises TooMuchError before anything is read when the file
    itself tells so, else as soon as it shows.
    """
    meter = Meter(path.name, limits)
    with _said(path):
        file, usable, _ = _opened(path, limits)
        with file:
            nested = any(_is_list(kind) or _is_nested(kind) for kind in usable.values())
            size = BATCH_OF_LISTS if nested else BATCH
            for batch in file.iter_batches(size, columns=list(usable), use_threads=False):
                yield from _rows(batch, usable, meter, on_bad_row)


def arrow_table(path: Path, limits: ReadLimits) -> Table:
    """The columns of an Arrow file, such as `datasets` saves."""
    with _said(path, "Arrow"), _arrow(path, limits) as (schema, _):
        usable, notes = _columns(schema, path.name)
        return Table(tuple(usable), notes=notes)


def arrow_rows(path: Path, limits: ReadLimits, on_bad_row: OnBadRow = refuse) -> Iterator[Row]:
    """The rows of an Arrow file, stream or not.

    Values as `parquet_rows` has them.
    """
    meter = Meter(path.name, limits)
    with _said(path, "Arrow"), _arrow(path, limits) as (schema, batches):
        usable, _ = _columns(schema, path.name)
        size = BATCH_OF_LISTS if any(map(_is_list, usable.values())) else BATCH
        for batch in batches:
            batch.validate(full=True)  # offsets of a spoilt file lead out of it
            for start in range(0, batch.num_rows, size):
                yield from _rows(batch.slice(start, size), usable, meter, on_bad_row)


def _rows(
    batch: Any, usable: dict[str, Any], meter: Meter, on_bad_row: OnBadRow
) -> Iterator[Row]:
    """The rows of a batch; one with a value that cannot be read is told of instead."""
    columns = [_values(batch.column(name), meter.limits) for name in usable]
    for values in zip(*columns, strict=True):
        fields = dict(zip(usable, values, strict=True))
        meter.row(fields)
        where = f"{meter.name} row {meter.rows}"
        faults = [f"{where}: {shortened(name)} {value}."
                  for name, value in fields.items() if isinstance(value, _Fault)]
        if faults:
            on_bad_row(CorpusError(faults[0]))
        else:
            yield where, fields


class _Fault(str):
    """Stands for a value that cannot be read: says why."""


def _opened(path: Path, limits: ReadLimits) -> tuple[Any, dict[str, Any], tuple[str, ...]]:
    """The file, its columns that can be used (name -> type), and what to say of the others."""
    import pyarrow.parquet as parquet

    meter = Meter(path.name, limits)
    meter.hold(bytes=path.stat().st_size)
    how = {"thrift_container_size_limit": MOST_PARTS, "pre_buffer": False}
    with parquet.ParquetFile(path, **how) as file:
        held = file.metadata
        groups = (held.row_group(index) for index in range(held.num_row_groups))
        meter.hold(rows=held.num_rows, columns=held.num_columns,
                   bytes=sum(max(0, group.total_byte_size) for group in groups))
        usable, notes = _columns(file.schema_arrow, path.name)
    # A text that stands in every row is kept once, not decoded for each: 100 KB can hold 4 GB.
    # (Not within lists: their dictionaries come in pieces, which pyarrow cannot put together.)
    texts = [name for name, kind in usable.items() if _is_text(kind)]
    return parquet.ParquetFile(path, read_dictionary=texts, **how), usable, notes


@contextmanager
def _arrow(path: Path, limits: ReadLimits) -> Iterator[tuple[Any, Iterator[Any]]]:
    """The schema of an Arrow file, and its batches as they are read."""
    from pyarrow import OSFile, ipc

    meter = Meter(path.name, limits)
    meter.hold(bytes=path.stat().st_size)
    with OSFile(str(path)) as file:
        if file.read(len(ARROW)) == ARROW:
            whole = ipc.open_file(file)
            meter.hold(columns=len(whole.schema))
            yield whole.schema, map(whole.get_batch, range(whole.num_record_batches))
        else:
            file.seek(0)
            stream = ipc.open_stream(file)
            meter.hold(columns=len(stream.schema))
            yield stream.schema, iter(stream)


def _columns(schema: Any, name: str) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The columns that can be used (name -> type), and what to say of the others."""
    repeated = {column for column in schema.names if schema.names.count(column) > 1}
    if repeated:
        raise CorpusError(f"{name} has two columns named {min(repeated)[:80]!r}: rename one.")
    usable = {field.name: field.type for field in schema if _usable(field.type)}
    notes = tuple(
        f"Column {field.name[:80]!r} holds {shortened(str(field.type))}, not text: it is left out."
        for field in schema if field.name not in usable
    )
    if not usable:
        raise CorpusError(f"{name} has no column of text. {' '.join(notes[:3])}".strip())
    return usable, notes


def _usable(kind: Any) -> bool:
    from pyarrow import types

    if _is_nested(kind):
        return True
    if types.is_dictionary(kind) or _is_list(kind):
        return _is_text(kind.value_type) or (
            types.is_dictionary(kind.value_type) and _is_text(kind.value_type.value_type))
    return (_is_text(kind) or types.is_integer(kind) or types.is_floating(kind)
            or types.is_boolean(kind) or types.is_null(kind) or _as_text(kind))


def _is_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _is_list(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))


def _is_nested(kind: Any, depth: int = 0) -> bool:
    """Objects, and lists of objects or of lists, with text in them and nothing unreadable."""
    from pyarrow import types

    if depth > DEEPEST:
        return False
    if types.is_struct(kind):
        parts = [kind.field(place).type for place in range(kind.num_fields)]
    elif _is_list(kind):
        parts = [kind.value_type]
        if not (_is_list(parts[0]) or types.is_struct(parts[0])):
            return depth > 0 and _usable(parts[0])
    else:
        return False
    return any(_is_text(part) or _is_list(part) or types.is_struct(part) for part in parts) and all(
        _usable(part) or _is_nested(part, depth + 1) for part in parts)


def _as_text(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_decimal(kind) or types.is_date(kind) or types.is_timestamp(kind)
                or types.is_time(kind))


def _values(column: Any, limits: ReadLimits) -> list[Any]:
    """A column as Python values; equal texts of a dictionary are one object."""
    from pyarrow import string, types

    if types.is_dictionary(column.type):
        known: dict[int | None, Any] = {None: None}
        indices = column.indices.to_pylist()
        for index in indices:
            if index not in known:  # the library does not look whether there is such a text
                known[index] = (_text(column.dictionary[index])
                                if 0 <= index < len(column.dictionary)
                                else _Fault("names a text that the file has not"))
        return [known[index] for index in indices]
    if _is_nested(column.type):
        return [_part(column[index], limits) for index in range(len(column))]
    if _is_list(column.type):
        return [_texts(column[index].values, limits) for index in range(len(column))]
    if _as_text(column.type):
        column = column.cast(string())
    if _is_text(column.type):
        return [_text(value) for value in column]
    return list(column.to_pylist())


def _part(value: Any, limits: ReadLimits) -> Any:
    """An object or a list as Python has it, its lists bounded; a `_Fault` where a part is one."""
    from pyarrow import types

    if not value.is_valid:
        return None
    if types.is_struct(value.type):
        parts = {value.type.field(place).name: _part(value[place], limits)
                 for place in range(value.type.num_fields)}
        faults = (part for part in parts.values() if isinstance(part, _Fault))
        return next(faults, parts)
    if _is_list(value.type):
        if len(value.values) > limits.columns:
            return _Fault(f"lists {len(value.values):,} things, and the limit is "
                          f"{limits.columns:,}")
        listed = [_part(item, limits) for item in value]
        return next((item for item in listed if isinstance(item, _Fault)), listed)
    if _as_text(value.type):
        return str(value.as_py())
    return _text(value)


def _texts(values: Any, limits: ReadLimits) -> Any:
    """The texts of one list; `values` is None where there is none."""
    if values is None:
        return None
    if len(values) > limits.columns:
        return _Fault(f"lists {len(values):,} texts, and the limit is {limits.columns:,}")
    texts = _values(values, limits)
    return next((text for text in texts if isinstance(text, _Fault)), texts)


def _text(value: Any) -> str | None:
    try:
        return value.as_py()  # type: ignore[no-any-return]
    except UnicodeDecodeError as error:
        return _Fault(f"is not UTF-8 (byte 0x{error.object[error.start]:02x})")


@contextmanager
def _said(path: Path, kind: str = "Parquet") -> Iterator[None]:
    """What goes wrong in the library that reads a file, as a sentence."""
    from pyarrow import ArrowException

    try:
        yield
    except CorpusError:
        raise
    except MemoryError as error:
        raise TooMuchError(
            f"{path.name} needs more memory than there is for it: give a smaller part of it, or "
            "write it in smaller pieces (row groups)."
        ) from error
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        said = shortened(str(error).replace(str(path), path.name), 200).rstrip(".")
        raise CorpusError(f"{path.name} cannot be read as {kind}: {said}.") from error


def _open(
    kind: str, look: Callable[[Path, ReadLimits], Table],
    rows: Callable[[Path, ReadLimits, OnBadRow], Iterator[Row]],
) -> Open:
    def opened(path: Path, limits: ReadLimits, on_bad_row: OnBadRow, part: str) -> Contents:
        table = look(path, limits)
        for note in table.notes:
            on_bad_row(Remark(note))
        return Contents(kind, rows(path, limits, on_bad_row), table.names, row_count=table.rows)

    return opened


PARQUET_READER = Reader(
    (".parquet",), _open("Parquet", parquet_table, parquet_rows),
    lambda start: start.startswith(b"PAR1"))
ARROW_READER = Reader(
    (".arrow", ".feather"), _open("Arrow", arrow_table, arrow_rows),
    lambda start: start.startswith((ARROW, ARROW_STREAM)))
