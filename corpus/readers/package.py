"""What is in an Excel workbook's zip: which part is which sheet; and its XML, read in pieces."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from xml.parsers import expat
from zipfile import ZipFile

from corpus.records import CorpusError
from corpus.text import shortened

from .archive import chunks
from .rows import Meter, TooMuchError

OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""How a file begins that is a workbook of before 2007, or an encrypted one."""
MOST_OF_A_TAG = 1 << 20
"""Bytes of one tag or comment: expat looks at it from its beginning with each piece that comes."""


class Part(Protocol):
    """What is made of a part's XML; names come without their namespace."""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """An element begins."""

    def text(self, piece: str) -> None:
        """A piece of text."""

    def end(self, tag: str) -> None:
        """An element ends."""


@dataclass(frozen=True)
class Book:
    """Where the parts of a workbook are: sheets as (name, part); visible ones come first."""

    sheets: tuple[tuple[str, str], ...]
    strings: str | None
    styles: str | None
    from_1904: bool


def refuse_old(path: Path) -> None:
    """Say of a file in the container of old Excel what it is."""
    with open(path, "rb") as file:
        start = file.read(1 << 20)
    if not start.startswith(OLE):
        return
    if "EncryptedPackage".encode("utf-16-le") in start:
        raise CorpusError(f"{path.name} is encrypted: open it, take its password off, and save it.")
    raise CorpusError(f"{path.name} is a workbook in the old .xls format: save it as .xlsx.")


def read_book(archive: ZipFile, meter: Meter) -> Book:
    """Find the sheets, the shared texts and the styles of a workbook."""
    root = _Relations("")
    for _ in parsed(archive, "_rels/.rels", meter, root):
        pass
    place = next((place for kind, place in root.found.values() if kind == "officeDocument"), None)
    if place is None or place.endswith(".bin"):
        raise CorpusError(f"{meter.name} is no .xlsx workbook: save it as .xlsx or CSV.")
    folder, name = posixpath.split(place)
    relations, listed = _Relations(folder), _Workbook()
    for part, made in ((f"{folder}/_rels/{name}.rels", relations), (place, listed)):
        for _ in parsed(archive, part.lstrip("/"), meter, made):
            pass
    kinds = {kind: place for kind, place in relations.found.values()}
    sheets = [(name, relations.found[key][1]) for name, key, hidden in sorted(
        listed.sheets, key=lambda sheet: sheet[2])
        if relations.found.get(key, ("", ""))[0] == "worksheet"]
    return Book(tuple(sheets), kinds.get("sharedStrings"), kinds.get("styles"), listed.from_1904)


def parsed(archive: ZipFile, name: str, meter: Meter, part: Part) -> Iterator[None]:
    """Read a part; stops after each piece of it, so that what is ready can be taken."""
    try:
        member = archive.getinfo(name)
    except KeyError as error:
        raise CorpusError(f"{meter.name} is no whole .xlsx workbook: {shortened(name)} is "
                          "missing.") from error
    parser = _parser(f"{meter.name}: {shortened(name)}", part)
    fed = 0
    try:
        for chunk in chunks(archive, member, meter):
            parser.Parse(chunk, False)
            fed += len(chunk)
            if fed - max(parser.CurrentByteIndex, 0) > MOST_OF_A_TAG:
                raise TooMuchError(f"{meter.name}: {shortened(name)} has a tag of more than "
                                   f"{MOST_OF_A_TAG:,} bytes, which is the limit.")
            yield
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError, UnicodeError) as error:
        raise CorpusError(f"{meter.name}: {shortened(name)} is not whole XML ({error}): save the "
                          "workbook again.") from error
    yield


def _parser(where: str, part: Part) -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        local = {name.rpartition(" ")[2]: value for name, value in attributes.items()}
        part.start(tag.rpartition(" ")[2], local)

    def no_doctype(*_: object) -> None:
        raise CorpusError(f"{where} declares a document type, as a workbook never does: it is a "
                          "trap.")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda tag: part.end(tag.rpartition(" ")[2])
    parser.CharacterDataHandler = part.text
    parser.StartDoctypeDeclHandler = no_doctype
    return parser


class _Relations:
    """A part's references to others: id -> (kind, place in the zip)."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.found: dict[str, tuple[str, str]] = {}

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "Relationship" and attributes.get("TargetMode") != "External":
            target = posixpath.join("/", self.folder, attributes.get("Target", ""))
            kind = attributes.get("Type", "").rpartition("/")[2]
            self.found[attributes.get("Id", "")] = (kind, posixpath.normpath(target).lstrip("/"))

    def text(self, piece: str) -> None:
        pass

    def end(self, tag: str) -> None:
        pass


class _Workbook:
    """The sheets that a workbook lists: (name, id, whether it is hidden)."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, str, bool]] = []
        self.from_1904 = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if tag == "sheet":
            hidden = attributes.get("state", "visible") != "visible"
            self.sheets.append((attributes.get("name", ""), attributes.get("id", ""), hidden))
        elif tag == "workbookPr":
            self.from_1904 = attributes.get("date1904") in ("1", "true")

    def text(self, piece: str) -> None:
        pass

    def end(self, tag: str) -> None:
        pass
