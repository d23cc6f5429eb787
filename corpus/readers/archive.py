"""Zip files, of which nothing is believed.

A BEIR folder, or the files of one table.
"""

import io
import os
import re
import shutil
import stat
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from corpus.records import CorpusError, not_possible
from corpus.text import listed, shortened

from .folder import beir_name, layout_of, several, stem_of, suffix_of
from .rows import Meter, ReadLimits, TooMuchError

MOST_MEMBERS = 10_000
MOST_AT_ONCE = 4 << 20
"""Bytes that are read from a zip in one piece; its table of contents is one such piece."""
CHUNK = 1 << 16
PACKED_SUFFIXES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst")


def unpacked(path: Path, into: Path, limits: ReadLimits, suffixes: Collection[str]) -> Path:
    """Unpack a zip's BEIR folder or data files.

    Gives the folder, or the one file in it. into: a folder that is not there yet, or is empty;
    after a refusal it is as before. suffixes: of files that hold data. Only members of known names
    are written, under names made here, and what is written is counted.
    """
    part = into.with_name(into.name + ".part")
    with opened_zip(path) as archive:
        meter = Meter(path.name, limits)
        wanted = _wanted(path, archive, suffixes)
        meter.hold(bytes=sum(member.file_size for member in wanted.values()))
        part.mkdir(parents=True)
        try:
            for name, member in wanted.items():
                (part / name).parent.mkdir(exist_ok=True)
                with open(part / name, "xb") as file:
                    for chunk in chunks(archive, member, meter):
                        file.write(chunk)
            os.replace(part, into)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    names = list(wanted)
    return into / names[0] if len(names) == 1 and not beir_name(names[0]) else into


@contextmanager
def opened_zip(path: Path) -> Iterator[ZipFile]:
    """Open a zip file whose table of contents is sane.

    Of a bearable size, and its members do not overlap. Raises CorpusError for what is no such file.
    """
    try:
        bounded = _Bounded(path)
    except OSError as error:
        raise not_possible(path.name, "read", error) from error
    with bounded as file:
        try:
            archive = ZipFile(file)
        except CorpusError:
            raise
        except (BadZipFile, OSError, EOFError, ValueError, RuntimeError) as error:
            raise CorpusError(f"{path.name} is not a whole zip file: {_said(error)}.") from error
        with archive:
            members = sorted(archive.infolist(), key=lambda member: member.header_offset)
            if len(members) > MOST_MEMBERS:
                raise TooMuchError(f"{path.name} holds {len(members):,} files, and the limit is "
                                   f"{MOST_MEMBERS:,}.")
            for one, other in zip(members, members[1:], strict=False):
                if one.header_offset + one.compress_size > other.header_offset:
                    raise CorpusError(f"{path.name} is a trap: {shown(one)} and {shown(other)} "
                                      "are the same bytes of it.")
            yield archive


def chunks(archive: ZipFile, member: ZipInfo, meter: Meter) -> Iterator[bytes]:
    """What a member holds, piece by piece, each counted.

    Its checksum is right when this ends.
    """
    name = f"{meter.name}: {shown(member)}"
    if member.flag_bits & 1:
        raise CorpusError(f"{name} is encrypted: take the password off first.")
    try:
        with archive.open(member) as file:
            while piece := file.read(CHUNK):
                meter.more(len(piece))
                yield piece
    except CorpusError:
        raise
    except (BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError) as error:
        raise CorpusError(f"{name} cannot be unpacked: {_said(error)}.") from error


def shown(member: ZipInfo) -> str:
    """A member's name as it may be shown."""
    return repr(member.filename[-80:])


class _Bounded(io.FileIO):
    """A file that is not read in large pieces, whatever the one who reads it was told to."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0 or size > MOST_AT_ONCE:
            left = os.fstat(self.fileno()).st_size - self.tell()
            size = left if size is None or size < 0 else min(size, left)
            if size > MOST_AT_ONCE:
                raise TooMuchError(
                    f"{Path(str(self.name)).name} holds more files than are looked at: its table "
                    f"of contents has {size:,} bytes, and the limit is {MOST_AT_ONCE:,}."
                )
        return super().read(size)


def _wanted(path: Path, archive: ZipFile, suffixes: Collection[str]) -> dict[str, ZipInfo]:
    """What to unpack: the name to write -> the member."""
    members: dict[str, ZipInfo] = {}
    for member in archive.infolist():
        if member.is_dir():
            continue
        _refuse_traps(path, member)
        name = "/".join(_parts(member))
        if name in members and (beir_name(name) or suffix_of(name) in suffixes):
            raise CorpusError(f"{path.name} holds {shown(member)} twice.")
        members[name] = member
    layout = layout_of(members, path.name, suffixes)
    if layout.beir:
        return {called: members[name] for called, name in layout.beir.items()}
    if layout.unread:
        raise several(path.name, [*layout.unread, *(
            names[0] for names in layout.tables.values())])
    if files := [(split, name) for split, names in layout.tables.items() for name in names]:
        return {_own_name(members[name], split, number if len(files) > 1 else None): members[name]
                for number, (split, name) in enumerate(files, 1)}
    packed = [name for name in members if name.lower().endswith(PACKED_SUFFIXES)]
    if packed:
        raise CorpusError(f"{path.name} holds a packed file again ({listed(packed, 5)}): unpack it "
                          "first.")
    raise CorpusError(f"{path.name} holds no data: put corpus.jsonl, queries.jsonl and qrels in "
                      f"it, or files of pairs ({', '.join(suffixes)}).")


def _refuse_traps(path: Path, member: ZipInfo) -> None:
    parts = member.filename.replace("\\", "/").split("/")
    if not parts[0] or ":" in parts[0] or ".." in parts:
        raise CorpusError(f"{path.name} is a trap: {shown(member)} would be written outside of "
                          "its folder.")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise CorpusError(f"{path.name}: {shown(member)} is not a file but a link or a device: "
                          "put the file itself there.")


def _parts(member: ZipInfo) -> list[str]:
    parts = member.filename.replace("\\", "/").split("/")
    return [part for part in parts if part not in ("", ".")]


def _own_name(member: ZipInfo, split: str, number: int | None) -> str:
    """A name for a data file that is like its own, and is surely a name.

    Of several files it has the split and a number instead, which keep them apart and in order.
    """
    suffix = suffix_of(member.filename) + (
        ".gz" if member.filename.lower().endswith(".gz") else "")
    if number is not None:
        return f"{split or 'part'}-{number:05d}{suffix}"
    return (re.sub(r"[^\w-]+", "_", stem_of(member.filename))[:60].strip("_") or "data") + suffix


def _said(error: BaseException) -> str:
    return shortened(str(error), 200).rstrip(".") or type(error).__name__
