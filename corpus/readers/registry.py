"""The formats that are read, and what others are.

To add one: a file with a Reader, a line here. Whoever asks which files are taken (the command line,
the page, a zip, a folder) asks here.
"""

import re
from pathlib import Path

from corpus.records import CorpusError

from .csv import CSV_READER
from .excel import EXCEL_READER
from .folder import beir_name, suffix_of
from .jsonl import JSON_READER, LINES_READER
from .parquet import ARROW_READER, PARQUET_READER
from .rows import Reader

READERS = (
    LINES_READER,
    JSON_READER,
    CSV_READER,
    PARQUET_READER,
    ARROW_READER,
    EXCEL_READER,
)
TABLE_SUFFIXES = tuple(suffix for reader in READERS for suffix in reader.suffixes)
"""What files that hold a table end with."""
PACKED_SUFFIXES = (".gz", ".zip")
"""What files that hold such files end with; `.gz` those of text alone."""
SOURCE_SUFFIXES = TABLE_SUFFIXES + PACKED_SUFFIXES
"""What the files that can be brought end with."""
IN_FOLDERS = tuple(suffix for suffix in TABLE_SUFFIXES if suffix != ".txt")
"""What files of a folder or a zip end with that are looked at: a .txt there is a note, mostly."""
LFS = b"version https://git-lfs.github.com/spec/"
PICTURE = "a picture, whatever it is called: bring the table it shows as CSV or Excel"
SOUND = "a sound, a film or a picture: bring the table it shows or tells of as CSV or Excel"
PACKED = "packed ({}): unpack it, and bring what is in it"
KINDS: tuple[tuple[bytes, str], ...] = (
    (LFS, "a Git LFS pointer, which stands for the data and does not hold it: fetch the file "
          "itself with `git lfs pull`, or download it from its page"),
    (b"\x89PNG", PICTURE), (b"\xff\xd8\xff", PICTURE), (b"GIF8", PICTURE),
    (b"II*\0", PICTURE), (b"MM\0*", PICTURE),
    (b"%PDF", "a PDF: copy its questions and answers into a spreadsheet, or a CSV file"),
    (b"{\\rtf", "a rich text document: save its questions and answers as CSV or Excel"),
    (b"7z\xbc\xaf", PACKED.format("7z")), (b"Rar!", PACKED.format("RAR")),
    (b"BZh", PACKED.format("bzip2")), (b"\xfd7zXZ", PACKED.format("xz")),
    (b"\x28\xb5\x2f\xfd", PACKED.format("zstd")),
    (b"\x7fELF", "a program"), (b"MZ\x90", "a program"),
    (b"SQLite format 3", "an SQLite data base: export its table as CSV"),
    (b"\x93NUMPY", "an array of NumPy: bring the texts, as JSON lines or CSV"),
    (b"\x80\x04\x95", "a Python pickle, which is not read since it may run programs: save it with "
                      "to_json or to_parquet"),
    (b"\x89HDF", "an HDF5 file: save its table as Parquet or CSV"),
    (b"ID3", SOUND), (b"OggS", SOUND), (b"RIFF", SOUND),
)
"""How a file begins -> what it is."""
PAGE = re.compile(rb"(\xef\xbb\xbf)?\s*(<!doctype html|<html[\s>])", re.I)
WORD = (b"word/", b"application/vnd.oasis.opendocument.text")
SLIDES = (b"ppt/", b"application/vnd.oasis.opendocument.presentation")


def reader_of(path: Path, start: bytes) -> Reader | None:
    """What reads a file that begins so.

    Its first bytes say more than its name.
    """
    for reader in READERS:
        if reader.begins(start):
            return reader
    suffix = suffix_of(path)
    return next((reader for reader in READERS if suffix in reader.suffixes), None)


def is_known(name: str) -> bool:
    """Whether a file of this name may be brought.

    Judgements too, of which reading says where they belong.
    """
    return Path(name).suffix.lower() in SOURCE_SUFFIXES or bool(beir_name(name))


def unknown(name: str) -> CorpusError:
    """What to say of a file of another kind."""
    return CorpusError(f"Data is read from {', '.join(SOURCE_SUFFIXES)}, not from {name[:80]!r}.")


def refuse_binary(start: bytes, name: str) -> None:
    """Say what a file is that is no table.

    Where how it begins is known.
    """
    if what := what_it_is(start):
        raise CorpusError(f"{name[:80]} is {what}.")


def what_it_is(start: bytes) -> str:
    """What a file is that begins so.

    Empty for what may be data.
    """
    for begin, what in KINDS:
        if start.startswith(begin):
            return what
    if PAGE.match(start):
        return ("a web page, whatever it is called: open it in a spreadsheet program and save its "
                "table as .xlsx or CSV")
    if start.startswith(b"PK\x03\x04"):
        for marks, what in ((WORD, "a document of a word processor"), (SLIDES, "slides")):
            if any(mark in start for mark in marks):
                return f"{what}: copy its questions and answers into a spreadsheet, or a CSV file"
    if start[257:262] == b"ustar":
        return PACKED.format("tar")
    return ""
