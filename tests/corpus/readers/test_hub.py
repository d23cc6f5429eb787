"""Data sets of the Hub, through the unmodified clients, from a Hub on loopback."""

import io
import json
import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.readers.hub import HubData, is_hub_source, parse
from corpus.records import CorpusError
from support.fake_hub.repos import loopback
from support.fake_hub.state import ME
from support.services import ROOT

pytestmark = pytest.mark.slow

# A job: what to do, source, config, split, limits; an answer: what came of it, or the sentence.
JOBS = """
import json, sys
from corpus.readers.hub import hub_choices, hub_rows, parse
from corpus.readers.rows import ReadLimits as Limits
from corpus.records import CorpusError
answers = []
for what, name, config, split, limits in json.load(sys.stdin):
    try:
        source = parse(name, config, split)
        answers.append(hub_choices(source).as_json() if what == "choices"
                       else list(hub_rows(source, Limits(**limits))))
    except CorpusError as error:
        answers.append(f"{type(error).__name__}: {error}")
json.dump(answers, sys.stdout)
"""
FAQ = b'{"question": "who?", "answer": "he"}\n{"question": "what?", "answer": "it"}\n'
SECRET = b'{"question": "SECRET?", "answer": "yes"}\n'


class Asker:
    """Asks a child process, whose home and temporary folder must be empty afterwards."""

    def __init__(self, hub, folder):
        self.hub, self.home, self.temporary = hub, folder / "home", folder / "temporary"
        self.home.mkdir()
        self.temporary.mkdir()

    def __call__(self, *jobs, cwd=ROOT, **env):
        jobs = [[*job, *(None, None, None, None, {})[len(job):]] for job in jobs]
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("HF_")}
        environment |= {"HF_ENDPOINT": self.hub.endpoint, "HF_HOME": str(self.home),
                        "TMPDIR": str(self.temporary), "PYTHONPATH": str(ROOT)} | env
        done = subprocess.run([sys.executable, "-c", JOBS], input=json.dumps(jobs), cwd=cwd,
                              env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-2000:]
        assert ME not in done.stdout + done.stderr
        assert [path.name for path in self.home.rglob("*") if path.is_file()] in ([], ["token"])
        assert not list(self.temporary.iterdir())
        return json.loads(done.stdout)


@pytest.fixture
def ask(tmp_path):
    with loopback() as hub:
        yield Asker(hub, tmp_path)


def data_set(ask, name, files, card=None, private=False):
    content = {path: data if isinstance(data, bytes) else data.encode()
               for path, data in files.items()}
    if card is not None:
        content["README.md"] = f"---\n{json.dumps(card)}\n---\n# A data set\n".encode()
    return ask.hub.repo(name, name.partition("/")[0], private, "dataset", content)


def parquet(**columns):
    made = io.BytesIO()
    pq.write_table(pa.table(columns), made)
    return made.getvalue()


@pytest.mark.parametrize("text, data", [
    ("hf:acme/pairs", HubData("acme/pairs")),
    ("hf:acme/pairs@v1.0", HubData("acme/pairs", revision="v1.0")),
    ("hf:acme/pairs@refs/pr/1", HubData("acme/pairs", revision="refs/pr/1")),
    ("https://huggingface.co/datasets/acme/pairs/", HubData("acme/pairs")),
    ("https://huggingface.co/datasets/acme/pairs/tree/dev", HubData("acme/pairs", revision="dev")),
])
def test_a_source_is_read_as_it_is_written(text, data):
    assert is_hub_source(text)
    assert parse(text) == data


@pytest.mark.parametrize("text", ["hf:", "hf:pairs", "hf:a/b/c", "hf:../etc", "hf:a/..",
                                  "acme/pairs", "hf:a/b@x y", "hf:a b/c", "hf:a/b@../../c"])
def test_what_names_no_data_set_is_refused(text):
    with pytest.raises(CorpusError, match="names no data set of the Hub: write hf:OWNER/NAME"):
        parse(text)


def test_configs_splits_and_rows_are_had_with_the_commit(ask):
    repo = data_set(ask, "acme/pairs", {
        "faq/a.jsonl": FAQ, "t.jsonl": '{"question": "a", "answer": "b"}', "o.jsonl": FAQ,
    }, {"configs": [
        {"config_name": "faq", "data_files": [{"split": "train", "path": "faq/*.jsonl"},
                                              {"split": "test", "path": "t.jsonl"}]},
        {"config_name": "other", "data_files": "o.jsonl"}]})
    name, source = "hf:acme/pairs", f"hf:acme/pairs@{repo.head.oid}"
    none, faq, test, other, unchosen, no_config, no_split = ask(
        ("choices", name), ("choices", name, "faq"), ("rows", name, "faq", "test"),
        ("rows", source, "other"), ("rows", name), ("rows", name, "x"), ("rows", name, "faq", "x"))
    assert none == {"source": source, "config": None, "split": None,
                    "configs": ["faq", "other"], "splits": []}
    assert faq == {"source": source, "config": "faq", "split": "train",
                   "configs": ["faq", "other"], "splits": ["train", "test"]}
    assert test == [["acme/pairs test row 1", {"question": "a", "answer": "b"}]]
    assert [where for where, _ in other] == ["acme/pairs train row 1", "acme/pairs train row 2"]
    assert unchosen == "CorpusError: acme/pairs has several configs: choose one of faq, other."
    assert no_config == "CorpusError: acme/pairs has no config 'x': it has faq, other."
    assert no_split == "CorpusError: acme/pairs has no split 'x': it has train, test."


def test_rows_are_had_from_parquet_csv_and_json_without_what_is_no_text(ask):
    data_set(ask, "acme/parquet", {"data/train-00000-of-00001.parquet": parquet(
        anchor=["q"], positive=["è"], negatives=[["x", "y"]], score=[0.5], vector=[[0.1]],
        blob=[b"x"], none=pa.nulls(1))})
    data_set(ask, "acme/csv", {"train.csv": "question,answer\na,\"b,\nc\"\n"})
    data_set(ask, "acme/json", {"train.json": '[{"anchor": "x", "n": 1, "deep": {"a": 1}}]'})
    assert ask(*(("rows", f"hf:acme/{kind}") for kind in ("parquet", "csv", "json"))) == [
        [["acme/parquet train row 1", {"anchor": "q", "positive": "è", "negatives": ["x", "y"],
                                       "score": 0.5, "none": None}]],
        [["acme/csv train row 1", {"question": "a", "answer": "b,\nc"}]],
        [["acme/json train row 1", {"anchor": "x", "n": 1}]]]


def test_a_marked_config_is_the_default_and_of_several_splits_one_is_asked_for(ask):
    data_set(ask, "acme/pairs", {"a.jsonl": FAQ, "dev.jsonl": FAQ, "test.jsonl": FAQ}, {"configs": [
        {"config_name": "a", "data_files": "a.jsonl"},
        {"config_name": "b", "default": True, "data_files": [
            {"split": "dev", "path": "dev.jsonl"}, {"split": "test", "path": "test.jsonl"}]}]})
    choices, rows = ask(("choices", "hf:acme/pairs"), ("rows", "hf:acme/pairs"))
    assert (choices["config"], choices["split"]) == ("b", None)
    assert rows == "CorpusError: acme/pairs has several splits: choose one of dev, test."


def test_a_private_data_set_is_had_with_its_token_and_never_with_one_that_lies_about(ask):
    data_set(ask, "me/secret", {"train.jsonl": SECRET}, private=True)
    (ask.home / "token").write_text(ME)  # as `hf auth login` leaves it
    job = ("rows", "hf:me/secret")
    assert ask(job) == [
        "CorpusError: There is nothing of that name on the Hub, or it is private (404 while "
        "reading the data set me/secret). Check the name, or sign in with an account that may "
        "read it, or set HF_TOKEN to its token."]
    assert not any(bearer for _, bearer in ask.hub.asked)
    assert ask(job, HF_TOKEN="hf_wrong")[0].startswith(
        "CorpusError: The Hub does not take this sign-in or token (401 while reading the data set "
        "me/secret)")
    assert ask(job, HF_TOKEN=ME) == [[["me/secret train row 1", {
        "question": "SECRET?", "answer": "yes"}]]]


def test_what_the_hub_has_not_or_does_not_give_is_said(ask):
    data_set(ask, "acme/script", {"script.py": "raise SystemExit", "a.jsonl": FAQ})
    data_set(ask, "acme/empty", {})
    data_set(ask, "acme/pictures", {"train/cat/a.jpg": b"\xff\xd8", "train/dog/b.jpg": b"\xff\xd8"})
    data_set(ask, "acme/gated", {"train.jsonl": FAQ}, {})
    data_set(ask, "acme/bad", {"train.jsonl": '{"question": "who?", "answer": "he"}\n{"question'})
    data_set(ask, "acme/mixed", {"data/a.jsonl": FAQ, "data/b.jsonl": '{"other": 1}'})
    ask.hub.fail("GET /datasets/acme/gated/resolve|HEAD /datasets/acme/gated/resolve", 99,
                 status=403, headers={"x-error-code": "GatedRepo"})
    for name, status in (("busy", 429), ("down", 500)):
        ask.hub.fail(f"/api/datasets/acme/{name}", 99, status=status)
    names = ("gone", "script", "empty", "pictures", "gated", "bad", "mixed", "busy", "down")
    jobs = [("rows", f"hf:acme/{name}") for name in names]
    said = dict(zip((*names, "revision"), ask(*jobs, ("rows", "hf:acme/bad@v9")), strict=True))
    for name, sentence in {
        "gone": "There is nothing of that name on the Hub, or it is private (404 while reading the "
                "data set acme/gone)",
        "script": "acme/script is read by a program of its own, which is not run here",
        "empty": "acme/empty holds no data files",
        "pictures": "acme/pictures holds no tables",
        "gated": "The Hub gives this only to those who asked for it on its page (403 while reading "
                 "the data set acme/gated)",
        "bad": "acme/bad cannot be read",
        "mixed": "The files of acme/mixed have not all the same columns",
        "busy": "The Hub has had too many requests from here (429 while reading the data set acme/",
        "down": "The Hub is in trouble (500 while reading the data set acme/down)",
        "revision": "There is no such revision (404 while reading the data set acme/bad)",
    }.items():
        assert said[name].startswith(f"CorpusError: {sentence}"), said[name]


@pytest.mark.parametrize("where", ["README.md", ".huggingface.yaml"])
def test_a_card_that_names_files_of_this_machine_or_addresses_is_refused(ask, where, tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"question": "MINE", "answer": "x"}')
    traps = [str(tmp_path / "mine.jsonl"), f"file://{tmp_path}/mine.jsonl",
             f"{ask.hub.endpoint}/private.jsonl", "../../../../etc/passwd", "~/.ssh/id_rsa",
             "hf://datasets/me/secret/train.jsonl", "zip://a.jsonl::https://x/a.zip", "a/../../b"]
    for number, trap in enumerate(traps):
        for shape, files in enumerate((trap, [{"split": "train", "path": ["a.jsonl", trap]}])):
            card = {"configs": [{"config_name": "a", "data_files": files}]}
            text = f"---\n{json.dumps(card)}\n---\n" if where == "README.md" else json.dumps(card)
            data_set(ask, f"acme/trap{number}{shape}", {"a.jsonl": FAQ, where: text})
    names = [f"acme/trap{number}{shape}" for number in range(len(traps)) for shape in (0, 1)]
    for name, answer in zip(names, ask(*(("rows", f"hf:{name}") for name in names)), strict=True):
        assert answer.startswith(f"CorpusError: The card of {name} names "), answer
        assert answer.endswith("which is not a file of the data set: it is not read.")
    assert not ask.hub.count("private.jsonl|secret")


def test_a_picture_that_names_a_file_of_this_machine_is_not_opened(ask, tmp_path):
    (tmp_path / "mine.txt").write_text("MINE")
    row = {"question": "q", "answer": "a", "image": str(tmp_path / "mine.txt")}
    data_set(ask, "acme/pairs", {"train.jsonl": json.dumps(row)}, {"dataset_info": {"features": [
        {"name": "question", "dtype": "string"}, {"name": "answer", "dtype": "string"},
        {"name": "image", "dtype": "image"}]}})
    (answer,) = ask(("rows", "hf:acme/pairs"))
    assert answer == [["acme/pairs train row 1", {"question": "q", "answer": "a"}]]


def test_a_folder_of_this_machine_is_not_taken_for_the_data_set(ask, tmp_path):
    local = tmp_path / "acme" / "pairs"
    local.mkdir(parents=True)
    (local / "train.jsonl").write_text('{"question": "LOCAL", "answer": "x"}')
    data_set(ask, "acme/pairs", {"train.jsonl": FAQ})
    (rows,) = ask(("rows", "hf:acme/pairs"), cwd=tmp_path)
    assert [row["question"] for _, row in rows] == ["who?", "what?"]


def test_too_many_rows_bytes_and_columns_are_refused_with_the_figure(ask):
    data_set(ask, "acme/pairs", {"train.jsonl": FAQ})
    data_set(ask, "acme/wide", {"train.parquet": parquet(**{f"c{n}": ["x"] for n in range(11)})})
    rows, size, columns, bomb = ask(
        ("rows", "hf:acme/pairs", None, None, {"rows": 1}),
        ("rows", "hf:acme/pairs", None, None, {"bytes": 9}),
        ("rows", "hf:acme/wide", None, None, {"columns": 10}),
        ("rows", "hf:acme/pairs", None, None, {"bytes": len(FAQ), "rows": 2}))
    assert rows == ("TooMuchError: acme/pairs train has 2 rows, and the limit is 1: give a smaller "
                    "part of it.")
    assert size.startswith(f"TooMuchError: acme/pairs train has {len(FAQ)} bytes, and the limit is")
    assert columns.startswith("TooMuchError: acme/wide train has 11 columns, and the limit is 10")
    assert len(bomb) == 2


def test_without_a_hub_and_offline_a_sentence_says_so(ask):
    data_set(ask, "acme/pairs", {"train.jsonl": FAQ})
    job = ("choices", "hf:acme/pairs")
    assert ask(job, HF_HUB_OFFLINE="1") == [
        "CorpusError: This process is told to stay offline (HF_HUB_OFFLINE): the Hub was not asked "
        "while reading the data set acme/pairs. Unset it, and try again."]
    assert ask(job, HF_ENDPOINT="http://127.0.0.1:9") == [
        "CorpusError: The Hub does not answer: the connection failed while reading the data set "
        "acme/pairs. Check the network, and try again."]
