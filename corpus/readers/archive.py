"""Zip files, of which nothing is believed: a BEIR folder, or a single file of pairs."""

import io
import os
import re
import shutil
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile, ZipFile, ZipInfo

from corpus.records import SPLITS, CorpusError
from corpus.text import shortened

from .rows import Meter, ReadLimits, TooMuchError

MOST_MEMBERS = 10_000
MOST_AT_ONCE = 4 << 20
"""Bytes that are read from a zip in one piece; its table of contents is one such piece."""
CHUNK = 1 << 16
DATA_SUFFIXES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".xlsx")
PACKED_SUFFIXES = (".zip", ".gz", ".tgz", ".tar", ".bz2", ".xz", ".7z", ".rar", ".zst")
BEIR_NAMES = {name: name for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv")} | {
    f"qrels/{split}.tsv": f"qrels/{split}.tsv" for split in SPLITS
} | {"qrels/validation.tsv": "qrels/dev.tsv", "qrels/valid.tsv": "qrels/dev.tsv"}
"""Where a member stands in a BEIR folder -> what it is written as."""
NOT_DATA = re.compile(
    r"(^|/)(__macosx/|\.|(readme|licen[sc]e|about|dataset_infos?)(\.\w+)?$)", re.I)


def unpacked(path: Path, into: Path, limits: ReadLimits) -> Path:
    """Unpack a zip's BEIR folder or single data file; gives the folder, or the file in it.

    into: a folder that is not there yet, or is empty; after a refusal it is as before. Only
    members of known names are written, under names made here, and what is written is counted.
    """
    part = into.with_name(into.name + ".part")
    with opened_zip(path) as archive:
        meter = Meter(path.name, limits)
        wanted = _wanted(path, archive)
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
    return into if "corpus.jsonl" in names else into / names[0]


@contextmanager
def opened_zip(path: Path) -> Iterator[ZipFile]:
    """A zip file whose table of contents is of a bearable size, and whose members do not overlap.

    Raises CorpusError for what is no such file.
    """
    try:
        bounded = _Bounded(path)
    except OSError as error:
        raise CorpusError(f"{path.name} cannot be read: {error.strerror}.") from error
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
    """What a member holds, piece by piece, each counted; its checksum is right when this ends."""
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


def _wanted(path: Path, archive: ZipFile) -> dict[str, ZipInfo]:
    """What to unpack: the name to write -> the member."""
    members = [member for member in archive.infolist() if not member.is_dir()]
    for member in members:
        _refuse_traps(path, member)
    members = [member for member in members if not NOT_DATA.search("/".join(_parts(member)))]
    folders: dict[str, dict[str, ZipInfo]] = {}
    for member in members:
        top, inner = _place(_parts(member))
        if inner in BEIR_NAMES:
            folder = folders.setdefault(top, {})
            if BEIR_NAMES[inner] in folder:
                raise CorpusError(f"{path.name} holds {shown(member)} twice.")
            folder[BEIR_NAMES[inner]] = member
    if whole := [top for top, names in folders.items() if "corpus.jsonl" in names]:
        if len(whole) > 1:
            raise CorpusError(f"{path.name} holds several BEIR folders ({_listed(whole)}): keep "
                              "one.")
        return folders[whole[0]]
    data = [member for member in members if member.filename.lower().endswith(DATA_SUFFIXES)]
    if len(data) == 1:
        return {_own_name(data[0]): data[0]}
    if data:
        raise CorpusError(
            f"{path.name} holds several data files ({_listed(m.filename for m in data)}): keep one "
            "file of pairs, or corpus.jsonl, queries.jsonl and qrels."
        )
    packed = [m.filename for m in members if m.filename.lower().endswith(PACKED_SUFFIXES)]
    if packed:
        raise CorpusError(f"{path.name} holds a packed file again ({_listed(packed)}): unpack it "
                          "first.")
    raise CorpusError(f"{path.name} holds no data: put corpus.jsonl, queries.jsonl and qrels in "
                      f"it, or one file of pairs ({', '.join(DATA_SUFFIXES)}).")


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


def _place(parts: list[str]) -> tuple[str, str]:
    """The folder that a BEIR file's name is in, and the name within."""
    depth = 2 if len(parts) > 1 and parts[-2] == "qrels" else 1
    return "/".join(parts[:-depth]), "/".join(parts[-depth:])


def _own_name(member: ZipInfo) -> str:
    """A name for the single data file that is like its own, and is surely a name."""
    stem, suffix = os.path.splitext(re.split(r"[/\\]", member.filename)[-1])
    return (re.sub(r"[^\w-]+", "_", stem)[:60].strip("_") or "data") + suffix.lower()


def _listed(names: "Iterator[str] | list[str]") -> str:
    found = [shortened(name) or "the top" for name in names]
    return ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")


def _said(error: BaseException) -> str:
    return shortened(str(error), 200).rstrip(".") or type(error).__name__
