"""Zip files that somebody brings: BEIR folders, single files, and traps."""

import io
import struct
import zipfile
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import pytest

from corpus.readers import archive
from corpus.readers.registry import IN_FOLDERS
from corpus.readers.rows import ReadLimits, TooMuchError
from corpus.records import CorpusError

LIMITS = ReadLimits()
BEIR = {"corpus.jsonl": '{"_id": "p"}\n', "queries.jsonl": '{"_id": "q"}\n',
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\n"}


def unpacked(path, into, limits):
    return archive.unpacked(path, into, limits, IN_FOLDERS)


def zipped(path, files, kind=ZIP_DEFLATED):
    with ZipFile(path, "w", kind) as packed:
        for name, content in files.items() if isinstance(files, dict) else files:
            packed.writestr(name, content)
    return path


def refused(path, said, limits=LIMITS, kind=CorpusError):
    """Refused with that sentence, and nothing is left of it."""
    into = path.parent / "into"
    before = sorted(path.parent.rglob("*"))
    with pytest.raises(kind, match=said):
        unpacked(path, into, limits)
    assert sorted(path.parent.rglob("*")) == before


def files_in(folder):
    return {file.relative_to(folder).as_posix(): file.read_text("utf-8")
            for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("top", ["", "scifact/", "./a b/c/", "win\\dows\\"])
def test_a_beir_folder_is_unpacked_wherever_it_stands(tmp_path, top):
    more = {"__MACOSX/._corpus.jsonl": "x", top + ".DS_Store": "x", top + "README.md": "x",
            top + "evil.py": "x", top + "images/a.csv": "x", "folder/": ""}
    path = zipped(tmp_path / "a.zip", {top + name: text for name, text in BEIR.items()} | more)
    folder = unpacked(path, tmp_path / "into", LIMITS)
    assert folder == tmp_path / "into"
    assert files_in(folder) == BEIR
    assert not (tmp_path / "into.part").exists()


def test_validation_is_dev_and_a_single_qrels_file_will_do(tmp_path):
    files = {"corpus.jsonl": "1", "queries.jsonl": "2", "qrels.tsv": "3",
             "qrels/validation.tsv": "4"}
    folder = unpacked(zipped(tmp_path / "a.zip", files), tmp_path / "into", LIMITS)
    assert files_in(folder) == {"corpus.jsonl": "1", "queries.jsonl": "2", "qrels.tsv": "3",
                                "qrels/dev.tsv": "4"}


@pytest.mark.parametrize("name, made", [
    ("pairs.csv", "pairs.csv"), ("deep/er/My pairs (1).JSONL", "My_pairs_1.jsonl"),
    ("x/漢字.parquet", "漢字.parquet"), ("*?|.xlsx", "data.xlsx"),
    ("a" * 999 + ".tsv", "a" * 60 + ".tsv"),
])
def test_a_single_data_file_is_unpacked_under_a_name_made_here(tmp_path, name, made):
    path = zipped(tmp_path / "a.zip", {name: "text", "README.md": "x", "__MACOSX/._a.csv": "x"})
    file = unpacked(path, tmp_path / "into", LIMITS)
    assert file == tmp_path / "into" / made
    assert file.read_text("utf-8") == "text"


@pytest.mark.parametrize("files, said", [
    ({}, "holds no data: put corpus.jsonl"),
    ({"a.txt": "x"}, "holds no data"),
    ({"a.csv": "x", "b.json": "x"}, r"holds several data files \(a.csv, b.json\): keep one"),
    ({"a/corpus.jsonl": "x", "b/corpus.jsonl": "x"}, r"several BEIR folders \(a, b\): keep one"),
    ({"a.zip": "x"}, r"holds a packed file again \(a.zip\): unpack it first"),
    ({"corpus.tar.gz": "x"}, "holds a packed file again"),
])
def test_a_zip_without_the_one_thing_to_read_is_refused(tmp_path, files, said):
    refused(zipped(tmp_path / "a.zip", files), said)


@pytest.mark.parametrize("name", [
    "../corpus.jsonl", "a/../../corpus.jsonl", "/etc/corpus.jsonl", "..\\corpus.jsonl",
    "C:\\corpus.jsonl", "C:corpus.jsonl", "/../README.md",
])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    refused(zipped(tmp_path / "a.zip", BEIR | {name: "x"}),
            "is a trap: .* would be written outside of its folder")


@pytest.mark.parametrize("mode", [0o120777, 0o020644, 0o010644], ids=["link", "device", "pipe"])
def test_what_is_no_file_is_refused(tmp_path, mode):
    member = ZipInfo("corpus.jsonl")
    member.create_system, member.external_attr = 3, mode << 16
    files = [(member, "/etc/passwd"), ("queries.jsonl", "x")]
    refused(zipped(tmp_path / "a.zip", files),
            "'corpus.jsonl' is not a file but a link or a device")


def test_an_encrypted_member_is_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.csv": "x" * 99})
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.rindex(b"PK\1\2") + 8] |= 1
    path.write_bytes(data)
    refused(path, "'a.csv' is encrypted: take the password off first")


def test_a_name_that_stands_there_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"):
        twice = zipped(tmp_path / "a.zip", [*BEIR.items(), ("corpus.jsonl", "other")])
    refused(twice, "holds 'corpus.jsonl' twice")
    refused(zipped(tmp_path / "a.zip", BEIR | {"./corpus.jsonl": "x"}),
            "holds './corpus.jsonl' twice")


def test_a_bomb_is_refused_by_what_it_says_and_by_what_it_is(tmp_path):
    limits = ReadLimits(bytes=1_000_000)
    path = zipped(tmp_path / "a.zip", BEIR | {"corpus.jsonl": "x" * 30_000_000})
    assert path.stat().st_size < 50_000
    refused(path, r"a.zip has 30,000,\d+ bytes, and the limit is 1,000,000", limits, TooMuchError)
    data = path.read_bytes()
    honest = struct.pack("<L", 30_000_000)
    assert data.count(honest) == 2
    path.write_bytes(data.replace(honest, struct.pack("<L", 3_000)))  # as if it held 3,000 bytes
    refused(path, "'corpus.jsonl' cannot be unpacked", limits)


def test_members_that_are_the_same_bytes_are_refused(tmp_path):
    # Fifield's bomb: many names in the table of contents for one piece of packed data.
    path = zipped(tmp_path / "a.zip", {"corpus.jsonl": "x" * 100_000, "queries.jsonl": "y"})
    data = path.read_bytes()
    with ZipFile(path) as archive:
        second = archive.getinfo("queries.jsonl").header_offset
        start = archive.start_dir
    at = data.index(b"PK\1\2", start + 4)
    assert struct.unpack_from("<L", data, at + 42) == (second,)
    path.write_bytes(data[: at + 42] + struct.pack("<L", 0) + data[at + 46:])
    refused(path, "is a trap: .* are the same bytes of it|is not a whole zip file")


def test_many_members_are_refused_before_they_are_listed(tmp_path):
    few = io.BytesIO()
    with ZipFile(few, "w", ZIP_STORED) as archive:
        archive.writestr("a.csv", "x")
    data = few.getvalue()
    at = data.index(b"PK\1\2")
    end = data.index(b"PK\5\6")
    entries, number = data[at:end], 90_000
    body = data[:at] + entries * number
    # zip64, as more than 65,535 members need it
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, number, number,
                        len(entries) * number, at)
    locator = struct.pack("<4sLQL", b"PK\6\7", 0, len(body), 1)
    tail = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = tmp_path / "a.zip"
    path.write_bytes(body + end64 + locator + tail)
    assert len(zipfile.ZipFile(path).infolist()) == number
    refused(path, r"its table of contents has [\d,]+ bytes, and the limit is", kind=TooMuchError)
    some = zipped(tmp_path / "a.zip", {f"{n}.txt": "" for n in range(10_001)})
    refused(some, "holds 10,001 files, and the limit is 10,000", kind=TooMuchError)


def test_a_wrong_checksum_and_a_spoilt_member_are_refused(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.csv": "question,answer\n" * 9}, ZIP_STORED)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"question", b"QUESTION", 1))
    refused(path, "'a.csv' cannot be unpacked: Bad CRC-32")
    packed = zipped(tmp_path / "a.zip", {"a.csv": "question,answer\n" * 9})
    data = packed.read_bytes()
    packed.write_bytes(data[:36] + b"\xff\xff\xff" + data[39:])
    refused(packed, "'a.csv' cannot be unpacked")


def test_what_is_no_zip_is_refused(tmp_path):
    path = tmp_path / "a.zip"
    for data in (b"", b"PK\5\6", b"hello", b"\x1f\x8b\x08"):
        path.write_bytes(data)
        refused(path, "a.zip is not a whole zip file")
    whole = zipped(path, BEIR).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "a.zip is not a whole zip file")
    with pytest.raises(CorpusError, match="gone.zip"):
        unpacked(tmp_path / "gone.zip", tmp_path / "into", LIMITS)


def test_a_folder_with_something_in_it_is_left_as_it_is(tmp_path):
    path = zipped(tmp_path / "a.zip", BEIR)
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "mine").write_text("x")
    with pytest.raises(OSError):
        unpacked(path, tmp_path / "into", LIMITS)
    assert files_in(tmp_path / "into") == {"mine": "x"}
    assert not (tmp_path / "into.part").exists()
