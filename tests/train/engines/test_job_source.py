"""The source that a job is sent: its code, and the files that the code reads."""

import gzip
import json

import pytest

from corpus.importing.convert import convert
from corpus.load import load_corpus
from support.doors import PAIRS
from support.samples import write_lines
from support.services import ROOT
from train.engines import EngineError
from train.engines.jobs.bundle import data_files, source_files


def test_a_job_is_sent_the_templates_that_its_card_is_written_with():
    sent = {place.removeprefix("tandem/") for place, _ in source_files(with_corpus=False)}
    files = {path.relative_to(ROOT).as_posix() for ending in ("py", "j2", "css")
             for path in (ROOT / "train").rglob(f"*.{ending}")}
    assert {"train/report/report.html.j2", "train/report/style.css"} <= files
    assert files <= sent


def beir(folder, qrels="qrels.tsv", packed=False):
    folder.mkdir(parents=True)
    texts = {
        "corpus.jsonl": "".join(json.dumps({"_id": f"p{n}", "text": text}) + "\n"
                                for n, (_, text) in enumerate(PAIRS)),
        "queries.jsonl": "".join(json.dumps({"_id": f"q{n}", "text": text}) + "\n"
                                 for n, (text, _) in enumerate(PAIRS))}
    for name, text in texts.items():
        if packed:
            (folder / f"{name}.gz").write_bytes(gzip.compress(text.encode()))
        else:
            (folder / name).write_text(text, "utf-8")
    (folder / qrels).parent.mkdir(exist_ok=True)
    (folder / qrels).write_text("".join(f"q{n} 0 p{n} 1\n" for n in range(len(PAIRS))), "utf-8")
    (folder / "notes.pdf").write_bytes(b"%PDF nothing to do with it")
    return folder


def split_files(folder):
    (folder / "data").mkdir(parents=True)
    for number, split in enumerate(("train", "validation", "test")):
        write_lines(folder / "data" / f"{split}-00000-of-00001.jsonl",
                    [{"question": question, "answer": answer}
                     for question, answer in PAIRS[number::3]])
    return folder


def by_question(folder):
    folder.parent.mkdir(parents=True)
    path = write_lines(folder.parent / "few.jsonl", [
        {"question": question, "answer": f"See chapter {number % 2}."}
        for number, (question, _) in enumerate(PAIRS)])
    convert(path, folder, split_by="question")
    return folder


@pytest.mark.parametrize("make", [
    beir, lambda folder: beir(folder, packed=True), lambda folder: beir(folder, "qrels.test.txt"),
    lambda folder: beir(folder, "qrels/dev.trec"), split_files, by_question,
], ids=["beir", "packed", "qrels.test.txt", "qrels folder", "files of splits", "by question"])
def test_a_job_is_sent_every_layout_of_data_that_can_be_read(tmp_path, make):
    """And reads there what is read here, splits and all; nothing else of the folder is sent."""
    here = make(tmp_path / "here" / "set")
    for name, path in data_files(str(here)):
        there = tmp_path / "there" / name.removeprefix("request/data/")
        there.parent.mkdir(parents=True, exist_ok=True)
        there.write_bytes(path.read_bytes())
        assert path.suffix != ".pdf"
    read, sent = (load_corpus(tmp_path / place / "set") for place in ("here", "there"))
    assert (sent.name, sent.fingerprint, sent.split_fingerprints) == (
        read.name, read.fingerprint, read.split_fingerprints)
    assert any(read.pairs(split) for split in read.qrels)


def test_data_that_is_gone_or_is_several_tables_is_refused_before_a_job(tmp_path):
    (tmp_path / "one.csv").write_text("question,answer\na,b\n")
    (tmp_path / "two.csv").write_text("question,answer\na,b\n")
    for place, said in ((tmp_path / "gone", "any more"), (tmp_path, "several data files")):
        with pytest.raises(EngineError, match=said):
            list(data_files(str(place)))
