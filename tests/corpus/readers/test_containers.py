"""What files come packed in, or lie together in: gzip, folders, data sets as saved, own splits."""

import gzip
import json
from zipfile import ZipFile

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import ipc

from corpus.__main__ import main
from corpus.check.check import check_path
from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.load import load_corpus
from corpus.readers.rows import ReadLimits, TooMuchError
from corpus.records import CorpusError
from support.samples import write_lines


def pairs(start, end):
    return [{"question": f"How does part {n} work?", "answer": f"Part {n} turns."}
            for n in range(start, end)]


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def sizes(corpus):
    return {split: len(qrels) for split, qrels in corpus.qrels.items()}


def at_every_door(source, tmp_path):
    """The corpus that each door makes of a source; what `look` says of it."""
    said = []
    loaded = load_corpus(source, on_bad_row=said.append)
    convert(source, tmp_path / "converted")
    assert load_corpus(tmp_path / "converted").split_fingerprints == loaded.split_fingerprints
    report = check_path(source)
    assert report.pairs == sum(len(loaded.pairs(split)) for split in loaded.qrels)
    return loaded, look(source), [str(error) for error in said]


def refused_alike(source, tmp_path, said):
    """Every door says the same sentence."""
    doors = (look, load_corpus, lambda path: convert(path, tmp_path / "out"))
    sentences = set()
    for door in doors:
        with pytest.raises(CorpusError, match=said) as caught:
            door(source)
        sentences.add(str(caught.value))
    sentences.add(check_path(source).findings[0].examples[0])
    assert len(sentences) == 1, sentences
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name, text", [
    ("a.jsonl.gz", lines(pairs(0, 40))), ("a.json.gz", json.dumps(pairs(0, 40))),
    ("a.csv.gz", "question;answer\n" + "".join(
        f"{row['question']};{row['answer']}\n" for row in pairs(0, 40))),
    ("a.tsv.gz", "question\tanswer\n" + "".join(
        f"{row['question']}\t{row['answer']}\n" for row in pairs(0, 40))),
    ("a.gz", lines(pairs(0, 40))), ("a.csv", lines(pairs(0, 40))),
])
def test_text_that_is_packed_with_gzip_is_read_through(tmp_path, name, text):
    (tmp_path / name).write_bytes(gzip.compress(text.encode()))
    corpus, seen, _ = at_every_door(tmp_path / name, tmp_path)
    assert corpus.fingerprint == load_corpus(
        write_lines(tmp_path / "plain.jsonl", pairs(0, 40))).fingerprint
    assert (corpus.name, seen.name) == ("a", "a")


def test_gzip_is_bounded_and_what_is_not_whole_is_said(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(b" " * 50_000_000 + lines(pairs(0, 9)).encode()))
    with pytest.raises(TooMuchError, match="a.jsonl.gz unpacks to more than 1,000,000 bytes"):
        look(path, ReadLimits(bytes=1_000_000))
    whole = gzip.compress(lines(pairs(0, 400)).encode())
    for spoilt in (whole[: len(whole) // 2], whole[:60] + b"\xff" * 40 + whole[100:]):
        path.write_bytes(spoilt)
        refused_alike(path, tmp_path, "a.jsonl.gz is not a whole gzip file .*: fetch or pack it")
    path = tmp_path / "a.parquet.gz"
    path.write_bytes(whole)
    refused_alike(path, tmp_path, "only text is read so: unpack it first")


@pytest.mark.parametrize("text", [
    json.dumps(pairs(0, 30)), json.dumps(pairs(0, 30), indent=1), "\n" + json.dumps(pairs(0, 30)),
    "\n".join(json.dumps(row, indent=2) for row in pairs(0, 30)),
    "[\n" + ",\n".join(json.dumps(row) for row in pairs(0, 30)) + "\n]\n",
])
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_lines_may_be_a_list_or_objects_over_several_lines(tmp_path, name, text):
    (tmp_path / name).write_text(text, "utf-8")
    assert sum(sizes(load_corpus(tmp_path / name)).values()) == 30


def test_a_data_set_as_datasets_saves_it_is_read(tmp_path):
    datasets.Dataset.from_list(pairs(0, 50)).save_to_disk(tmp_path / "saved", num_shards=3)
    corpus, seen, said = at_every_door(tmp_path / "saved", tmp_path)
    assert (sizes(corpus), seen.format, said) == (
        {"train": 40, "dev": 5, "test": 5}, "Arrow, in a folder", [])
    assert [passage.text for passage in corpus.passages][::49] == ["Part 0 turns.",
                                                                   "Part 49 turns."]


def test_a_saved_dict_keeps_its_splits_and_what_is_lacking_is_cut_from_train(tmp_path):
    datasets.DatasetDict({"train": datasets.Dataset.from_list(pairs(0, 50)),
                          "test": datasets.Dataset.from_list(pairs(50, 60))},
                         ).save_to_disk(tmp_path / "saved")
    corpus, seen, said = at_every_door(tmp_path / "saved", tmp_path)
    assert sizes(corpus) == {"train": 45, "dev": 5, "test": 10}
    assert {pair.passage.text for pair in corpus.pairs("test")} == {
        f"Part {n} turns." for n in range(50, 60)}
    assert "saved brings its own splits (train, test), which are kept" in seen.notes[0]
    assert "There is no file of dev: cut out of train, by passage." in said


@pytest.mark.parametrize("kind", [ipc.new_stream, ipc.new_file])
def test_an_arrow_file_is_read_whatever_it_is_called(tmp_path, kind):
    table = pa.Table.from_pylist(pairs(0, 30))
    for name in ("a.arrow", "a.csv"):
        with kind(str(tmp_path / name), table.schema) as writer:
            writer.write_table(table)
        assert look(tmp_path / name).format == "Arrow"
        assert sum(sizes(load_corpus(tmp_path / name)).values()) == 30


@pytest.mark.parametrize("spoil", [
    lambda data: data[: len(data) // 2], lambda data: data[:100] + b"\xff" * 90 + data[190:],
    lambda data: b"\xff\xff\xff\xff", lambda data: data[:-400] + b"\x7f" * 300 + data[-100:],
])
def test_a_spoilt_arrow_file_is_refused_or_read_and_is_no_crash(tmp_path, spoil):
    table = pa.Table.from_pylist(pairs(0, 30))
    path = tmp_path / "a.arrow"
    with ipc.new_stream(str(path), table.schema) as writer:
        writer.write_table(table)
    path.write_bytes(spoil(path.read_bytes()))
    try:
        assert load_corpus(path).passages
    except CorpusError as error:
        assert "a.arrow" in str(error)


FILES = {
    "lines": {"train.jsonl": (0, 40), "dev.jsonl": (40, 46), "test.jsonl": (46, 60)},
    "other names": {"faq_training.jsonl": (0, 40), "faq-valid.jsonl": (40, 46),
                    "faq.test.jsonl": (46, 60)},
    "folders": {"train/a.jsonl": (0, 40), "validation/a.jsonl": (40, 46), "test/a.jsonl": (46, 60)},
    "packed": {"train.jsonl.gz": (0, 40), "val.jsonl.gz": (40, 46), "test.jsonl.gz": (46, 60)},
    "shards": {"data/train-00000-of-00002.parquet": (0, 25),
               "data/train-00001-of-00002.parquet": (25, 40),
               "data/validation-00000-of-00001.parquet": (40, 46),
               "data/test-00000-of-00001.parquet": (46, 60)},
}


def written(folder, files):
    for name, (start, end) in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith(".parquet"):
            pq.write_table(pa.Table.from_pylist(pairs(start, end)), path)
        else:
            text = lines(pairs(start, end)).encode()
            path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n")
    return folder


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_files_for_each_split_keep_them(tmp_path, files, packed):
    source = written(tmp_path / "mine", files)
    if packed:
        with ZipFile(tmp_path / "mine.zip", "w") as archive:
            for place in source.rglob("*.*"):
                if place.is_file():
                    archive.write(place, f"top/{place.relative_to(source)}")
        source = tmp_path / "mine.zip"
    corpus, seen, said = at_every_door(source, tmp_path)
    assert sizes(corpus) == {"train": 40, "dev": 6, "test": 14}
    assert {pair.passage.text for pair in corpus.pairs("dev")} == {
        f"Part {n} turns." for n in range(40, 46)}
    assert "mine brings its own splits (train, dev, test), which are kept" in seen.notes[0]
    assert seen.columns == ("question", "answer")


def test_a_pair_that_two_splits_have_stays_in_both_and_is_told_as_a_leak(tmp_path):
    folder = written(tmp_path / "mine", {"train.jsonl": (0, 40), "dev.jsonl": (30, 46),
                                         "test.jsonl": (46, 60)})
    assert sizes(load_corpus(folder)) == {"train": 40, "dev": 16, "test": 14}
    leak = next(found for found in check_path(folder).findings if found.kind == "split_leak")
    assert leak.count >= 10


def test_files_that_are_one_table_are_read_in_order(tmp_path):
    folder = written(tmp_path / "mine", {f"data/part-{n}.jsonl": (n, n + 1) for n in range(12)})
    assert [passage.text for passage in load_corpus(folder).passages] == [
        f"Part {n} turns." for n in range(12)]


@pytest.mark.parametrize("files, said", [
    ({"faq.jsonl": (0, 9), "shop.jsonl": (9, 19)}, r"several data files \(faq.jsonl, shop.jsonl"),
    ({"train.jsonl": (0, 9), "more.jsonl": (9, 19)}, "several data files"),
    ({}, "mine has no corpus.jsonl: a folder is read in BEIR layout.* or as files of pairs"),
])
def test_a_folder_that_is_not_one_thing_is_refused_with_the_way_out(tmp_path, files, said):
    (tmp_path / "mine").mkdir()
    refused_alike(written(tmp_path / "mine", files), tmp_path, said)


@pytest.mark.parametrize("name, content, said", [
    ("a.csv", b"\x89PNG\r\n\x1a\n" + b"\0" * 99, "a.csv is a picture, whatever it is called"),
    ("a.jsonl", b"\xff\xd8\xff\xe0" + b"\0" * 99, "a.jsonl is a picture"),
    ("a.csv", b"%PDF-1.7\n%\xe2\xe3", "a.csv is a PDF: copy its questions"),
    ("a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 5\n",
     "a.parquet is a Git LFS pointer, .* does not hold it: fetch the file itself"),
    ("a.xls", b"<!DOCTYPE html><html><table></table></html>", "a.xls is a web page"),
    ("a.csv", b"PK\x03\x04" + b"\0" * 26 + b"word/document.xml", "a document of a word processor"),
    ("a.csv", bytes(range(256)) * 40, "a.csv is no text, whatever it is called"),
    ("a.csv", b"SQLite format 3\0" + b"\0" * 99, "an SQLite data base"),
    ("a.jsonl", b"x" * 257 + b"ustar" + b"x" * 300, r"packed \(tar\)"),
    ("qrels.txt", b"1 0 doc1 1\n2 0 doc2 1\n", "qrels.txt holds judgements .* and no texts: put it "
                                             "as qrels.tsv, or qrels/test.tsv, in a folder"),
    ("test.tsv", b"query-id\tcorpus-id\tscore\nq1\td1\t1\n", "test.tsv holds judgements"),
    ("dev.trec", b"q1 0 d1 1\nq2 Q0 d2 2\n", "dev.trec holds judgements"),
])
def test_what_is_no_table_is_said_to_be_what_it_is_at_every_door(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    refused_alike(tmp_path / name, tmp_path, said)


def test_one_sheet_or_all_are_converted_as_the_command_says(tmp_path, capsys):
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    for start, name in ((0, "Pay"), (20, "Send")):
        sheet = book.create_sheet(name)
        for row in [["question", "answer"], *(list(row.values()) for row in pairs(start,
                                                                                  start + 20))]:
            sheet.append(row)
    book.save(path := tmp_path / "a.xlsx")
    for sheet, passages in (("Send", 20), ("all", 40)):
        assert main(["convert", str(path), "--sheet", sheet, "--out", str(tmp_path / sheet),
                     "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["passages"] == passages
    assert main(["look", str(path), "--sheet", "None"]) == 1
    with pytest.raises(CorpusError, match="a.csv has no sheets to choose from"):
        (tmp_path / "a.csv").write_text("question,answer\na?,b\n")
        look(tmp_path / "a.csv", sheet="Send")


def test_files_of_splits_are_read_though_others_lie_beside_them(tmp_path):
    rows = [{"question": f"How do I clean part {n}?", "answer": f"Rinse part {n}."}
            for n in range(12)]
    for name, part in (("train", rows[:8]), ("dev", rows[8:10]), ("test", rows[10:]),
                       ("all", rows)):
        write_lines(tmp_path / f"{name}.jsonl", part)
    (tmp_path / "stats.json").write_text('{"pairs": 12}', "utf-8")
    said = []
    corpus = load_corpus(tmp_path, on_bad_row=said.append)
    assert {split: len(qrels) for split, qrels in corpus.qrels.items()} == {
        "train": 8, "dev": 2, "test": 2}
    assert any("others that are not read: all.jsonl, stats.json" in str(error) for error in said)
