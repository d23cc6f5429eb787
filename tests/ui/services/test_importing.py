"""What is asked of `python -m corpus`, and what becomes of its answers."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from corpus.columns import Columns
from hub.progress import drained
from support.brought_data import keep
from support.samples import write_lines
from support.services import FAKE
from train.settings import Settings
from ui.auth import Visitor
from ui.services import importing as room
from ui.services import uploads as uploads_room
from ui.services.importing import Importer, ImportFailedError, ImportRequest
from ui.services.process import CancelledError
from ui.services.uploads import UPLOAD, UploadError, Uploads

pytestmark = pytest.mark.slow

OWNER = Visitor(None, True, token="hf_owner")
BEN, CARL = Visitor("ben", token="hf_ben"), Visitor("carl")
NOBODY = Visitor(None)
COLUMNS = Columns("q", "a")


@pytest.fixture
def importer(tmp_path, monkeypatch):
    monkeypatch.setattr(uploads_room, "get_upload_folder", lambda: str(tmp_path / "gradio"))
    monkeypatch.setenv("FAKE_CORPUS_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    settings = Settings(home=tmp_path / "home", max_rows=77, max_characters=88,
                        max_upload=1_000_000)
    return Importer(settings, Uploads(settings), FAKE)


@pytest.fixture
def bring(importer, tmp_path):
    def bring(text="q,a\nhow?,so\n", visitor=BEN, name="my pairs.csv"):
        place = tmp_path / "gradio" / "x" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
        return importer.uploads.received({"path": str(place)}, visitor)
    return bring


@pytest.fixture
def asked(tmp_path):
    def asked():
        return [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    return asked


def left(importer):
    """What lies in the folder of uploads."""
    return {path.name.partition("-")[0] for path in importer.settings.uploads.iterdir()}


def test_a_look_is_asked_within_limits_and_leaves_nothing(importer, bring, asked):
    raw = bring()
    look = drained(importer.look(BEN, ImportRequest(raw.token)))
    assert look["columns"] == ["q", "a"] and look["row_count"] == 1
    (said,) = asked()
    assert said["command"] == [
        "look", str(raw.path.resolve()), "--max-rows=77", "--max-bytes=4000000",
        "--max-characters=88", f"--memory={room.LOOK_MEMORY}", "--progress", "--json"]
    assert left(importer) == {"raw"}


def test_what_is_taken_is_kept_under_a_name_made_of_it(importer, bring, asked):
    raw = bring()
    columns = Columns("-q", "a", ("n", "m"), "s", 0.5, "t")
    name = drained(importer.take(BEN, ImportRequest(raw.token), columns))
    assert UPLOAD.fullmatch(name) and left(importer) == {"raw", "upload"}
    assert importer.uploads.title(name) == "my pairs"
    assert (Path(importer.uploads.source(name, BEN)) / "corpus.jsonl").is_file()
    command = asked()[0]["command"]
    assert command[2:9] == ["--anchor=-q", "--positive=a", "--negative=n", "--negative=m",
                            "--score=s", "--least-score=0.5", "--topic=t"]


def test_the_same_is_made_once_and_anything_else_anew(importer, bring, asked):
    raw, more = bring(), bring("text\nx\n")
    brought = ImportRequest(raw.token)
    names = [drained(importer.take(BEN, brought, columns, passages)) for columns, passages in
             ((COLUMNS, None), (COLUMNS, None), (Columns("a", "q"), None), (COLUMNS, more))]
    assert names[0] == names[1] and len(set(names)) == 3 and len(asked()) == 3
    assert f"--passages={more.path.resolve()}" in asked()[-1]["command"]
    again = ImportRequest(bring().token)
    assert drained(importer.take(BEN, again, COLUMNS)) == names[0]
    other = Importer(replace(importer.settings, max_rows=5), importer.uploads, FAKE)
    assert drained(other.take(BEN, again, COLUMNS)) not in names


def test_two_visitors_with_the_same_file_have_each_their_own(importer, bring):
    names = {who: drained(importer.take(who, ImportRequest(bring(visitor=who).token), COLUMNS))
             for who in (BEN, CARL, NOBODY, OWNER)}
    assert len(set(names.values())) == 4
    for who, name in names.items():
        assert importer.uploads.source(name, who)
    with pytest.raises(UploadError):
        importer.uploads.source(names[BEN], CARL)


def test_anothers_file_is_neither_looked_at_nor_taken(importer, bring):
    raw = bring(visitor=BEN)
    for act in (importer.look(CARL, ImportRequest(raw.token)),
                importer.take(CARL, ImportRequest(raw.token), COLUMNS)):
        with pytest.raises(UploadError, match="not here any more"):
            drained(act)


@pytest.mark.parametrize("text, said", [
    ("q,a\nREFUSE,x\n", "^my pairs.csv row 3 holds 7,000,000 rows; at most 9"),
    ("q,a\nCRASH,x\n", "^This could not be read: it broke$"),
])
def test_what_is_refused_leaves_nothing_and_names_no_folder_of_the_machine(
    importer, bring, text, said
):
    raw = bring(text)
    with pytest.raises(ImportFailedError, match=said) as caught:
        drained(importer.take(BEN, ImportRequest(raw.token), COLUMNS))
    assert str(importer.settings.home) not in str(caught.value)
    assert left(importer) == {"raw"}


def test_what_takes_too_long_is_ended_and_leaves_nothing(importer, bring, monkeypatch):
    monkeypatch.setattr(room, "CONVERT_WITHIN", 0.6)
    raw = bring("q,a\nSLEEP,x\n")
    with pytest.raises(ImportFailedError, match="took more than 0.01 minutes and was ended"):
        drained(importer.take(BEN, ImportRequest(raw.token), COLUMNS))
    assert left(importer) == {"raw"}


def test_what_is_cancelled_leaves_nothing_and_so_does_a_page_that_is_closed(importer, bring):
    raw = bring("q,a\nSLEEP,x\n")
    cancel = threading.Event()
    steps = importer.take(BEN, ImportRequest(raw.token), COLUMNS, cancel=cancel)
    while next(steps) is None:
        pass
    cancel.set()
    with pytest.raises(CancelledError):
        drained(steps)
    assert left(importer) == {"raw"}
    steps = importer.take(BEN, ImportRequest(raw.token), COLUMNS)
    while next(steps) is None:
        pass
    assert left(importer) == {"raw", "part"}
    steps.close()
    assert left(importer) == {"raw"}


# --- of the Hub


def test_a_data_set_of_the_hub_is_read_as_whoever_asks_and_kept_for_nobody(importer, asked):
    brought = ImportRequest(hub="owner/name@main", config="de", split="train")
    look = drained(importer.look(BEN, brought))
    assert look["hub"]["configs"] == ["en", "de"]
    drained(importer.look(NOBODY, brought))
    ben, nobody = asked()
    assert ben["command"][:4] == ["look", "hf:owner/name@main", "--config=de", "--split=train"]
    assert ben["env"]["HF_TOKEN"] == "hf_ben" and nobody["env"]["HF_TOKEN"] == ""
    assert "hf_" not in " ".join(ben["command"])
    for said in (ben, nobody):
        assert said["env"]["HF_TOKEN_PATH"] == os.devnull
        assert said["env"]["HF_HOME"].startswith(said["env"]["TMPDIR"])
        assert not Path(said["env"]["TMPDIR"]).exists()


def test_the_owner_at_home_reads_the_hub_as_they_always_do(importer, asked):
    drained(importer.look(OWNER, ImportRequest(hub="owner/name")))
    (said,) = asked()
    assert said["env"]["HF_TOKEN"] == "hf_owner" and said["env"]["HF_HOME"] is None


def test_a_data_set_is_read_anew_each_time_it_is_taken(importer):
    brought = ImportRequest(hub="owner/name")
    names = {drained(importer.take(BEN, brought, Columns("question", "answer"))) for _ in range(2)}
    assert len(names) == 2
    assert {importer.uploads.title(name) for name in names} == {"name"}


# --- checking


def test_a_check_is_kept_with_the_data(importer, bring, asked, tmp_path):
    name = keep(importer.uploads, write_lines(tmp_path / "p.jsonl", [
        {"anchor": "a", "positive": "b"}]), BEN)
    report = drained(importer.check(BEN, name))
    assert report["pairs"] == 2
    assert drained(importer.check(BEN, name)) == report
    another = Importer(importer.settings, importer.uploads, FAKE)  # after a restart
    assert drained(another.check(BEN, name)) == report
    (said,) = asked()
    assert "--assume" not in said["command"]
    with pytest.raises(UploadError):
        drained(importer.check(CARL, name))


def test_the_check_of_the_built_in_data_is_kept_while_tandem_runs(importer, asked):
    for who in (BEN, NOBODY, OWNER):
        assert drained(importer.check(who, "porsche"))["ok"]
    (said,) = asked()
    assert said["command"][:2] == ["check", "porsche"] and "--assume" in said["command"]
    assert left(importer) == set()


def test_the_owners_data_is_named_whole_wherever_the_process_starts(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAKE_CORPUS_LOG", str(tmp_path / "log"))
    write_lines(tmp_path / "p.jsonl", [{"anchor": "a", "positive": "b"}])
    settings = Settings(home=Path("home"), data="p.jsonl")
    drained(Importer(settings, Uploads(settings), FAKE).check(NOBODY, "p.jsonl"))
    assert asked()[0]["command"][1] == str(tmp_path / "p.jsonl")


def test_what_two_ask_for_at_the_same_time_is_checked_once(importer, monkeypatch, asked):
    monkeypatch.setenv("FAKE_CHECK", "SLEEP")
    cancel = threading.Event()
    first, second = importer.check(BEN, "porsche", cancel), importer.check(CARL, "porsche")
    while next(first) is None:
        pass
    assert next(second) is None and next(second) is None and len(asked()) == 1
    monkeypatch.setenv("FAKE_CHECK", "")
    first.close()  # who waits does it then
    assert drained(second)["ok"] and len(asked()) == 2


def test_only_so_many_are_at_work_at_a_time_and_who_waits_can_leave(importer, bring, asked):
    raws = [ImportRequest(bring("q,a\nSLEEP,x\n").token) for _ in range(3)]
    cancel = threading.Event()
    one, two = (importer.take(BEN, raw, Columns("q", "a", (str(n),)))
                for n, raw in enumerate(raws[:2]))
    three = importer.take(BEN, raws[2], COLUMNS, cancel=cancel)
    for steps in (one, two):
        while next(steps) is None:
            pass
    assert next(three) is None and next(three) is None and len(asked()) == 2
    cancel.set()
    with pytest.raises(CancelledError):
        drained(three)
    one.close()
    four = importer.look(BEN, raws[0])
    assert drained(four)["row_count"] == 1
    two.close()
    assert left(importer) == {"raw"}


def test_a_check_that_is_cancelled_is_not_kept(importer, monkeypatch, asked):
    monkeypatch.setenv("FAKE_CHECK", "SLEEP")
    cancel = threading.Event()
    steps = importer.check(BEN, "porsche", cancel)
    while next(steps) is None:
        pass
    cancel.set()
    with pytest.raises(CancelledError):
        drained(steps)
    monkeypatch.setenv("FAKE_CHECK", "")
    assert drained(importer.check(BEN, "porsche"))["ok"]
    assert len(asked()) == 2


def test_data_that_is_not_there_cannot_be_checked(importer):
    with pytest.raises(UploadError, match="There is no data"):
        drained(importer.check(OWNER, "/etc/passwd"))
