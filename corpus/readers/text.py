"""Bytes -> text.

In which encoding a file is, and its lines, however long the file. A file may be packed with gzip:
it is read through, and nothing of it is written to the disk.
"""

import codecs
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from corpus.records import CorpusError, not_possible
from hub.progress import Progress

from .rows import Meter, OnBadRow, OtherEncoding, ReadLimits, TooMuchError, of_packed

CHUNK = 1 << 20
GZIP = b"\x1f\x8b"
SAMPLE = 1 << 16
"""Bytes of which an encoding is guessed."""
REGION = 4 << 20
"""Bytes around the first fault that are searched for them."""
MARKED = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)
"""What a file begins with that says its encoding; the longer first."""
NAMES = {
    "cp1252": "windows-1252", "cp1250": "windows-1250", "cp1251": "windows-1251",
    "cp1253": "windows-1253", "cp1254": "windows-1254", "cp1255": "windows-1255",
    "cp1256": "windows-1256", "cp1257": "windows-1257", "cp1258": "windows-1258",
    "cp874": "windows-874", "iso8859_2": "iso-8859-2", "cp932": "shift_jis", "euc_jp": "euc-jp",
    "gb18030": "gb18030", "big5": "big5", "cp949": "euc-kr", "koi8_r": "koi8-r", "cp866": "cp866",
    "mac_roman": "macintosh", "cp850": "cp850",
}
"""Encodings that are looked for, as Python and as the world calls them; of two that read a file
alike the earlier."""
WESTERN = ("cp1252", "mac_roman", "cp850")
ACCENTED = frozenset("äöüÄÖÜßéèêëàâáåæçîïíìñôòóœøùúÿÉÈÊÀÂÁÅÆÇÎÍÑÔÓŒØÚ")
"""Letters of Western Europe that other encodings do not have in the same places: not all."""
SIGNS = frozenset("“”„‘’‚–—…€£§©®°«»·•™×½¼¾²³µ±¿¡\xa0")
NEARLY = 0.9
BEYOND_ASCII = re.compile(r"[^\x00-\x7f]+")
BEYOND_ASCII_ONE = re.compile(r"[^\x00-\x7f]")
DAMAGED = 1 / 3
"""Runs of characters in UTF-8 for each run with a byte that is not, from which on a file is UTF-8
with faults: another encoding has next to none by chance."""
MANY_NULS = 0.01
CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
MANY_CONTROLS = 0.02
"""The share of control characters that text has at most."""


@dataclass(frozen=True)
class Fault:
    """The first place where text is not in an encoding.

    offset: from 0; line: from 1.
    """

    offset: int
    line: int
    byte: int


class TextFile:
    """A text file in whatever encoding, packed or not.

    Each of its bytes is known to be in it. Raises CorpusError where no encoding fits, with the
    line; TooMuchError for a file that is too large. `on_bad_row` is told of an encoding other than
    UTF-8.
    """

    def __init__(self, path: Path, limits: ReadLimits, on_bad_row: OnBadRow) -> None:
        self.path = path
        try:
            size = path.stat().st_size
            if size > limits.bytes:
                raise TooMuchError(f"{path.name} has {size:,} bytes; at most {limits.bytes:,} are "
                                   "read.")
            with _said(path):
                self.codec, guessed = _encoding(path, limits)
        except OSError as error:
            raise _unreadable(path, error) from error
        self.progress = Progress(0, size)
        self.encoding = NAMES.get(self.codec, self.codec.removesuffix("-sig"))
        if guessed:
            on_bad_row(OtherEncoding(
                f"{path.name} is not in UTF-8 but, as far as can be told, in {self.encoding}, and "
                "is read so: look whether its accents and signs are right."
            ))
        elif not self.encoding.startswith("utf-8"):
            on_bad_row(OtherEncoding(
                f"{path.name} is in {self.encoding.upper()}, and is read so."
            ))

    def lines(self, newline: str = "\n") -> Iterator[str]:
        """The lines, with their ends; `newline` as `open` has it."""
        total = self.progress.total
        with (_said(self.path), self.path.open("rb") as packed, _unpacked(packed) as file,
              io.TextIOWrapper(file, self.codec, newline=newline) as text):
            for number, line in enumerate(text, 1):
                if number % 500 == 0:
                    self.progress = Progress(packed.tell(), total)
                yield line
        self.progress = Progress(total, total)

    def text(self, characters: int = -1) -> str:
        """The whole text, or its beginning."""
        with (_said(self.path), opened_bytes(self.path) as file,
              io.TextIOWrapper(file, self.codec, newline="") as text):
            return text.read(characters)


@contextmanager
def opened_bytes(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file.

    Of one that is packed with gzip, what is in it.
    """
    with path.open("rb") as packed, _unpacked(packed) as file:
        yield file


@contextmanager
def _unpacked(packed: IO[bytes]) -> Iterator[IO[bytes]]:
    is_gzip = packed.read(len(GZIP)) == GZIP
    packed.seek(0)
    if not is_gzip:
        yield packed
        return
    with gzip.GzipFile(fileobj=packed) as file:
        yield cast(IO[bytes], file)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    """What goes wrong while bytes are read or unpacked, as a sentence."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise CorpusError(f"{path.name} is not a whole gzip file ({str(error)[:80]}): fetch or "
                          "pack it again.") from error
    except OSError as error:
        raise _unreadable(path, error) from error


def _encoding(path: Path, limits: ReadLimits) -> tuple[str, bool]:
    """The codec of a file, and whether it is a guess; all of the file is read through."""
    with opened_bytes(path) as file:
        start = file.read(SAMPLE)
        if isinstance(file, gzip.GzipFile):
            _refuse_too_much(path, file, len(start), limits)
    for mark, codec in MARKED:
        if start.startswith(mark):
            if fault := _first_fault(path, codec):
                said = NAMES.get(codec, codec.removesuffix("-sig"))
                raise CorpusError(_sentence(path, fault, said))
            return codec, False
    if (wide := _wide(start)) and not _first_fault(path, wide):
        return wide, True
    fault = _first_fault(path, "utf-8")
    if not fault:
        return "utf-8", False
    return _guessed(path, fault, start), True


def _guessed(path: Path, fault: Fault, start: bytes) -> str:
    """The codec that a file which is not in UTF-8 seems to be in. CorpusError where none fits."""
    if _is_binary(start):
        raise CorpusError(f"{path.name} is no text, whatever it is called: {fault.byte:#04x} "
                          f"stands at byte {fault.offset:,}, among others that no text has. Bring "
                          "what it was made from, as CSV, Excel or JSON lines.")
    refusal = _sentence(path, fault, "UTF-8")
    before, after = _around(path, fault)
    if _is_utf8_with_faults(before + after):
        raise CorpusError(refusal)
    guess = _guess(after)
    if not guess:
        raise CorpusError(refusal)
    if elsewhere := _first_fault(path, guess):
        raise CorpusError(f"{refusal} It seems to be in {NAMES[guess]}, but line "
                          f"{elsewhere.line} is not.")
    return guess


def _is_binary(start: bytes) -> bool:
    """Whether a file that is not in UTF-8 has bytes that are in no other text either."""
    return len(CONTROLS.findall(start)) > MANY_CONTROLS * len(start)


def _refuse_too_much(path: Path, file: IO[bytes], read: int, limits: ReadLimits) -> None:
    meter = Meter(path.name, of_packed(limits))
    meter.more(read)
    while chunk := file.read(CHUNK):
        meter.more(len(chunk))


def _first_fault(path: Path, codec: str) -> Fault | None:
    decoder = codecs.getincrementaldecoder(codec)()
    offset, line = 0, 1
    with opened_bytes(path) as file:
        while True:
            chunk = file.read(CHUNK)
            offset += len(chunk)
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                before = error.object[: error.start]
                line += before.decode(codec, "replace").count("\n")
                return Fault(offset - len(error.object) + error.start, line,
                             error.object[error.start])
            line += text.count("\n")
            if not chunk:
                return None


def _wide(start: bytes) -> str | None:
    """UTF-16 or UTF-32 without a mark: the zeros stand in one half of the places."""
    if len(start) < 4 or start.count(0) < max(4, MANY_NULS * len(start)):
        return None
    zeros = [start[place::4].count(0) / (len(start) // 4) for place in range(4)]
    if min(zeros[2:]) > NEARLY > zeros[0]:
        return "utf-32-le"
    if min(zeros[:2]) > NEARLY > zeros[3]:
        return "utf-32-be"
    odd = start[1::2].count(0) / start.count(0)
    return "utf-16-le" if odd > NEARLY else "utf-16-be" if odd < 1 - NEARLY else None


def _around(path: Path, fault: Fault) -> tuple[bytes, bytes]:
    """The beginning of a file, and the line of a fault with what follows."""
    near = max(0, fault.offset - SAMPLE)
    with opened_bytes(path) as file:
        file.seek(near)
        region = file.read(SAMPLE + REGION)
        line = region.rfind(b"\n", 0, fault.offset - near) + 1
        file.seek(0)
        return file.read(min(REGION, near + line)), region[line:]


def _is_utf8_with_faults(sample: bytes) -> bool:
    """Whether most of what is not ASCII is UTF-8, so that the rest is damage."""
    runs = BEYOND_ASCII.findall(sample.decode("utf-8", "surrogateescape"))
    faults = sum(any("\udc80" <= mark <= "\udcff" for mark in run) for run in runs)
    return len(runs) - faults > DAMAGED * faults


def _guess(region: bytes) -> str | None:
    from charset_normalizer import from_bytes

    sample = _telling(region)
    for codec in WESTERN:
        if (text := _decoded(sample, codec)) and _natural(text):
            return codec
    best = from_bytes(sample, cp_isolation=list(NAMES), enable_fallback=False).best()
    alike = [codec for codec in NAMES if best and _decoded(sample, codec) == str(best)]
    return alike[0] if alike else None


def _telling(region: bytes) -> bytes:
    """The lines that are not ASCII, as many as an encoding is guessed of."""
    telling: list[bytes] = []
    size = 0
    for line in region.split(b"\n"):
        if not line.isascii():
            telling.append(line[:SAMPLE])
            if (size := size + len(line)) >= SAMPLE:
                while telling[-1] and telling[-1][-1] > 0x7F:  # never the half of a character
                    telling[-1] = telling[-1][:-1]
                break
    return b"\n".join(telling)


def _natural(text: str) -> bool:
    """Whether the accents and signs of a text stand where a Western language has them."""
    marks = [place.start() for place in BEYOND_ASCII_ONE.finditer(text)]
    good = 0
    for place in marks:
        sides = [side for side in (text[max(0, place - 1) : place], text[place + 1 : place + 2])
                 if side.isalpha()]
        good += (any(side.isascii() for side in sides) if text[place] in ACCENTED
                 else text[place] in SIGNS and (len(sides) < 2 or text[place] == "’"))
    return good >= NEARLY * len(marks) > 0


def _decoded(sample: bytes, codec: str) -> str | None:
    try:
        return sample.decode(codec)
    except UnicodeDecodeError:
        return None


def _sentence(path: Path, fault: Fault, encoding: str) -> str:
    return (f"{path.name} line {fault.line} is not {encoding.upper()} (byte 0x{fault.byte:02x}): "
            "save the file as UTF-8.")


def _unreadable(path: Path, error: OSError) -> CorpusError:
    return not_possible(path.name, "read", error)
