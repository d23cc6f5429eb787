import json
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hub.account import Account
from support.brought_data import keep
from support.runs.children import wait_for
from support.samples import write_lines
from train.run.spec import RunSpec
from train.settings import Settings
from ui.auth import Visitor
from ui.services import uploads as room
from ui.services import uploads as uploads_room
from ui.services.uploads import RAW, UPLOAD, UploadError, Uploads, mark_of, name_of

PAIRS = [{"anchor": "How big is it?", "positive": "It holds 150 litres."}]
OWNER = Visitor(None, True)
BEN, CARL = Visitor("ben", browser="browser-1"), Visitor("carl")
NOBODY = Visitor(None)
HOUR = 3600


@pytest.fixture
def uploads(tmp_path):
    return Uploads(Settings(home=tmp_path / "home", max_upload=10_000))


@pytest.fixture
def pairs(tmp_path):
    return write_lines(tmp_path / "my pairs.jsonl", PAIRS)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """Where Gradio puts what is uploaded."""
    folder = tmp_path / "gradio"
    monkeypatch.setattr(uploads_room, "get_upload_folder", lambda: str(folder))
    return folder


@pytest.fixture
def sent(temporary):
    """Uploads a file as a browser does; gives what a handler is told of it."""
    def send(name="my pairs.jsonl", content=b'{"anchor": "a", "positive": "b"}\n'):
        place = temporary / "0123abcd" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
        return {"path": str(place), "meta": {"_type": "gradio.FileData"}}
    return send


def kept(uploads):
    folder = uploads.settings.uploads
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def old(uploads, name, hours):
    then = time.time() - hours * HOUR
    os.utime(uploads.settings.uploads / name, (then, then), follow_symlinks=False)
    return name


# --- a file as it was brought


@pytest.mark.parametrize("name", ["my pairs.jsonl", "a.json", "a.csv", "a.tsv", "a.txt", "a.XLSX",
                                  "a.parquet", "a.zip"])
def test_a_file_is_taken_over_whole_and_gradios_copy_is_gone(uploads, sent, temporary, name):
    raw = uploads.received(sent(name, b"some bytes"), BEN)
    assert RAW.fullmatch(raw.token) and raw.title == Path(name).stem
    assert raw.path.read_bytes() == b"some bytes" and raw.size == 10
    assert raw.path.suffix == Path(name).suffix.lower()
    assert list(temporary.iterdir()) == []
    assert uploads.raw(raw.token, BEN) == raw
    assert kept(uploads) == [raw.token]


def test_the_digest_is_of_the_bytes_alone(uploads, sent):
    one, same, other = (uploads.received(sent(name, content), BEN) for name, content in
                        (("a.csv", b"x"), ("b.csv", b"x"), ("a.csv", b"y")))
    assert one.digest == same.digest != other.digest
    assert len({one.token, same.token, other.token}) == 3


@pytest.mark.parametrize("name, content, said", [
    ("pairs.exe", b"x", r"Data is read from \.jsonl, .*, not from 'pairs.exe'"),
    ("pairs", b"x", "not from 'pairs'"), ("a.jsonl.bz2", b"x", "not from"),
    ("a.csv", b"x" * 1_200_000, r"has 1\.2 MB; at most 0 MB .*TANDEM_MAX_UPLOAD_MB"),
    ("a.csv", b"", "The file is empty"),
])
def test_a_file_that_is_refused_leaves_nothing_on_the_disk(
    uploads, sent, temporary, name, content, said
):
    with pytest.raises(UploadError, match=said):
        uploads.received(sent(name, content), BEN)
    assert kept(uploads) == [] and list(temporary.iterdir()) == []


def test_a_program_names_no_file_but_one_it_uploaded(uploads, sent, temporary, tmp_path):
    there = Path(sent("pairs.jsonl")["path"])
    (tmp_path / "secret.jsonl").write_text("{}")
    os.symlink(tmp_path / "secret.jsonl", there.parent / "link.jsonl")
    for path in ("/etc/passwd", "", str(tmp_path / "secret.jsonl"), str(there.parent),
                 str(there.parent / ".." / ".." / "secret.jsonl"),
                 str(there.parent / "link.jsonl"), str(there) + "x", "\0", "x" * 10_000):
        with pytest.raises(UploadError, match="did not arrive"):
            uploads.received({"path": path}, BEN)
    for odd in (None, [], "x", {}, {"path": None}, {"path": 5}):
        with pytest.raises(UploadError, match="did not arrive"):
            uploads.received(odd, BEN)
    assert (tmp_path / "secret.jsonl").exists() and there.exists()


def test_another_file_of_the_same_upload_is_left(uploads, sent, temporary):
    beside = Path(sent("other.csv")["path"])
    uploads.received(sent("pairs.csv"), BEN)
    assert beside.exists()


@pytest.mark.parametrize("token", ["", None, 5, "raw-" + "0" * 24, "raw-../../x", "x" * 10_000,
                                   "raw-" + "0" * 24 + "\n", "upload-" + "0" * 24])
def test_a_file_that_is_not_here_any_more_is_said(uploads, token):
    with pytest.raises(UploadError, match="not here any more"):
        uploads.raw(token, OWNER)


# --- whose it is


def test_data_is_a_folder_that_a_corpus_is_read_from(uploads, pairs):
    name = keep(uploads, pairs, BEN)
    assert UPLOAD.fullmatch(name) and "pairs" not in name
    assert (Path(uploads.source(name, BEN)) / "corpus.jsonl").is_file()
    assert uploads.title(name) == "my pairs" and uploads.has(name)


@pytest.mark.parametrize("whose, who", [
    (BEN, BEN), (BEN, OWNER), (OWNER, OWNER), (NOBODY, NOBODY), (NOBODY, CARL), (NOBODY, OWNER),
    (Visitor("browser-1", browser="browser-1"), BEN),  # who has signed in since
    (Visitor("browser-1", browser="browser-1"), Visitor("ben", browser="browser-1")),
])
def test_whose_data_it_is_names_it(uploads, pairs, sent, whose, who):
    name, raw = keep(uploads, pairs, whose), uploads.received(sent(), whose)
    assert uploads.source(name, who).endswith(name)
    assert uploads.raw(raw.token, who) == raw


@pytest.mark.parametrize("whose, who", [
    (BEN, CARL), (BEN, NOBODY), (BEN, Visitor("browser-2")), (OWNER, BEN), (OWNER, NOBODY),
    (OWNER, Visitor("None")), (Visitor("browser-2", browser="browser-2"), BEN),
])
def test_anothers_data_is_not_there_for_a_visitor_who_knows_its_name(
    uploads, pairs, sent, whose, who
):
    name, raw = keep(uploads, pairs, whose), uploads.received(sent(), whose)
    for asked in (lambda: uploads.source(name, who), lambda: uploads.raw(raw.token, who)):
        with pytest.raises(UploadError) as caught:
            asked()
        assert str(caught.value) == uploads_room.GONE  # as if it had never been


def test_a_folder_that_is_signed_by_nobody_is_nobodys(uploads, pairs):
    name = keep(uploads, pairs, BEN)
    for said in ("", "{", "[]", '{"title": "x"}', '{"owner": 5}'):
        (uploads.settings.uploads / name / room.OWNER_FILE).write_text(said)
        with pytest.raises(UploadError, match="not here any more"):
            uploads.source(name, BEN)


def test_equal_data_of_two_visitors_has_two_names_and_of_one_visitor_one():
    assert name_of("a", mark_of(BEN)) == name_of("a", mark_of(BEN))
    assert name_of("a", mark_of(BEN)) != name_of("a", mark_of(CARL))
    assert name_of("a", mark_of(OWNER)) != name_of("a", mark_of(Visitor("None")))
    assert name_of("a", mark_of(NOBODY)) != name_of("a", mark_of(NOBODY))
    assert name_of("ab", "c") != name_of("a", "bc")


def test_what_two_make_at_the_same_time_is_kept_once(uploads, pairs):
    name = keep(uploads, pairs, BEN)
    with uploads.staged() as scratch:
        (scratch / "made").mkdir()
        uploads.settle(name, scratch / "made", CARL, "another")
    assert uploads.title(name) == "my pairs" and kept(uploads) == [name]


def test_what_somebody_calls_their_data_is_cut(uploads, pairs):
    assert len(uploads.title(keep(uploads, pairs, BEN, "x" * 500))) == 60
    for other in ("porsche", "../my pairs", "/etc/passwd", "upload-" + "0" * 24, None, 5):
        assert uploads.title(other) == ""


def test_kept_data_that_vanished_is_said(uploads, pairs):
    name = keep(uploads, pairs, BEN)
    shutil.rmtree(uploads.settings.uploads)
    with pytest.raises(UploadError, match="not here any more: bring it again"):
        uploads.source(name, BEN)


@pytest.mark.parametrize("data", ["", None, "porsche"])
def test_no_name_is_the_built_in_data(uploads, data):
    assert uploads.source(data, NOBODY) == "porsche"


def test_the_owners_own_data_goes_by_its_name(tmp_path):
    assert Uploads(Settings(data=str(tmp_path))).source(str(tmp_path), NOBODY) == str(tmp_path)


@pytest.mark.parametrize("data", [
    "/etc/passwd", "../run.json", "upload-../../x.jsonl", "upload-" + "0" * 24 + ".jsonl",
    "upload-" + "g" * 24, "upload-" + "0" * 24 + "/../x", "raw-" + "0" * 24,
    "uploads/upload-" + "0" * 24, "upload-" + "0" * 24 + "\n", "\x00",
    "<img onerror=x>", "~", ".", 5, ["porsche"], {"a": 1}, True, "owner/dataset", "x" * 100_000,
])
def test_no_other_file_of_the_machine_can_be_named(uploads, pairs, data):
    keep(uploads, pairs, OWNER)
    with pytest.raises(UploadError, match="There is no data") as caught:
        uploads.source(data, OWNER)
    assert len(str(caught.value)) < 200


def test_a_link_in_the_folder_is_not_followed_and_goes_alone(uploads, pairs, tmp_path):
    name = keep(uploads, pairs, BEN)
    elsewhere = shutil.move(uploads.settings.uploads / name, tmp_path / "elsewhere")
    os.symlink(elsewhere, uploads.settings.uploads / name)
    with pytest.raises(UploadError, match="not here any more"):
        uploads.source(name, BEN)
    assert not uploads.has(name)
    old(uploads, name, 100)
    Uploads(replace(uploads.settings, keep_hours=1)).sweep()
    assert kept(uploads) == [] and (tmp_path / "elsewhere" / "corpus.jsonl").is_file()


@pytest.mark.parametrize("relative", [False, True])
def test_a_run_on_an_upload_is_known_as_one_wherever_home_is(
    tmp_path, pairs, monkeypatch, relative
):
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path, tmp_path / "link")
    home = Path(".tandem") if relative else tmp_path / "link" / "home"
    uploads = Uploads(Settings(home=home))
    name = keep(uploads, pairs, BEN)
    source = uploads.source(name, BEN)
    recorded = RunSpec(source).create(home / "runs").record().data.source
    assert uploads.is_upload(recorded)
    assert recorded.endswith(name)


@pytest.mark.parametrize("source", ["porsche", "owner/dataset", "/data/pairs.jsonl", ""])
def test_other_data_is_no_upload(uploads, source):
    assert not uploads.is_upload(source)


def test_a_report_is_kept_with_its_data_alone(uploads, pairs, tmp_path):
    source = uploads.source(keep(uploads, pairs, BEN), BEN)
    assert uploads.report(source) == {}
    uploads.keep_report(source, {"ok": True})
    assert uploads.report(source) == {"ok": True}
    for other in ("porsche", str(tmp_path)):
        uploads.keep_report(other, {"ok": True})
        assert uploads.report(other) == {}
    assert not (tmp_path / room.REPORT_FILE).exists()


# --- for how long


def test_what_is_being_made_is_removed_whatever_happens(uploads):
    with pytest.raises(RuntimeError), uploads.staged() as scratch:
        (scratch / "x").write_text("x")
        raise RuntimeError
    assert kept(uploads) == []


def test_data_goes_so_many_hours_after_it_was_last_used(uploads, pairs):
    for hours, limit, stays in ((5, 6, True), (7, 6, False), (10_000, None, True)):
        mine = Uploads(replace(uploads.settings, keep_hours=limit))
        name = old(mine, keep(mine, pairs, BEN), hours)
        mine.sweep()
        assert mine.has(name) is stays
    mine = Uploads(replace(uploads.settings, keep_hours=6))
    name = old(mine, keep(mine, pairs, BEN), 7)
    mine.source(name, BEN)  # used
    mine.sweep()
    assert mine.has(name)


@pytest.mark.parametrize("hours", [None, 1000])
def test_a_file_as_it_was_brought_goes_after_an_hour_and_so_does_what_was_left_half_made(
    uploads, sent, hours
):
    mine = Uploads(replace(uploads.settings, keep_hours=hours))
    gone, stays = (mine.received(sent(), BEN).token for _ in range(2))
    (mine.settings.uploads / "part-x").mkdir()
    for name in (gone, "part-x"):
        old(mine, name, 1.1)
    old(mine, stays, 0.9)
    mine.sweep()
    assert kept(mine) == [stays]


@pytest.mark.parametrize("status, stays", [
    ("queued", True), ("running", True), ("interrupted", True), ("done", False),
    ("stopped", False), ("failed", False)])
def test_data_that_a_run_needs_yet_stays(uploads, pairs, status, stays):
    mine = Uploads(replace(uploads.settings, keep_hours=1))
    name = keep(mine, pairs, BEN)
    run = RunSpec(mine.source(name, BEN), owner="ben").create(mine.settings.runs)
    run.update(status=status)
    old(mine, name, 2)
    mine.sweep()
    assert mine.has(name) is stays


def test_at_the_start_what_was_half_made_goes_and_then_what_is_too_old(uploads, pairs, monkeypatch):
    mine = Uploads(replace(uploads.settings, keep_hours=1))
    name = old(mine, keep(mine, pairs, BEN), 2)
    (mine.settings.uploads / "part-x").mkdir()
    mine.open()
    wait_for(lambda: kept(mine) == [], 10)
    assert not mine.has(name)


def test_nothing_to_sweep_is_no_fault(uploads):
    uploads.sweep()
    uploads.open()
    assert not uploads.settings.uploads.exists()


def test_only_so_much_of_one_visitor_is_kept_and_of_all(uploads, pairs, monkeypatch):
    monkeypatch.setattr(room, "MOST_OF_VISITOR", {"upload-": 2, "raw-": 2})
    monkeypatch.setattr(room, "MOST_DATA", 4)
    bens = [old(uploads, keep(uploads, pairs, BEN), 9 - n) for n in range(2)]
    carls = [old(uploads, keep(uploads, pairs, CARL), 20)]
    uploads.make_room(BEN)
    assert [uploads.has(name) for name in (*bens, *carls)] == [False, True, True]
    mine = [old(uploads, keep(uploads, pairs, OWNER), n) for n in (3, 2)]
    uploads.make_room(OWNER)  # there are four
    assert [uploads.has(name) for name in (bens[1], *carls, *mine)] == [True, False, True, True]


def test_of_files_as_they_were_brought_only_so_many_are_kept(uploads, sent, monkeypatch):
    monkeypatch.setattr(room, "MOST_OF_VISITOR", {"upload-": 2, "raw-": 2})
    tokens = [old(uploads, uploads.received(sent(), BEN).token, 0.5 - n / 10) for n in range(3)]
    assert kept(uploads) == sorted(tokens[1:])


def test_all_together_take_no_more_of_the_disk_than_they_may(uploads, pairs, monkeypatch):
    monkeypatch.setattr(room, "TIMES", 1)
    first, second = (old(uploads, keep(uploads, pairs, BEN), hours) for hours in (2, 1))
    for name in (first, second):
        (uploads.settings.uploads / name / "corpus.jsonl").write_bytes(b"x" * 6_000)
    old(uploads, first, 2)
    uploads.make_room(CARL)
    assert not uploads.has(first) and uploads.has(second)


def test_where_runs_need_all_that_is_kept_more_is_refused(uploads, pairs, monkeypatch, sent):
    monkeypatch.setattr(room, "TIMES", 1)
    name = keep(uploads, pairs, BEN)
    (uploads.settings.uploads / name / "corpus.jsonl").write_bytes(b"x" * 20_000)
    RunSpec(uploads.source(name, BEN), owner="ben").create(uploads.settings.runs)
    with pytest.raises(UploadError, match="no room for more data now"):
        uploads.received(sent(), CARL)
    assert kept(uploads) == [name]


def test_data_of_an_earlier_tandem_goes_like_any_other(uploads, tmp_path):
    folder = uploads.settings.uploads
    folder.mkdir(parents=True)
    (folder / f"upload-{'0' * 24}.jsonl").write_text(json.dumps(PAIRS[0]))
    old(uploads, f"upload-{'0' * 24}.jsonl", 9)
    Uploads(replace(uploads.settings, keep_hours=1)).sweep()
    assert kept(uploads) == []


# --- whose share it takes

HOUSE = "a hash of one address"
FORGER = [Visitor(f"browser-{n}", browser=f"browser-{n}", address=HOUSE) for n in range(4)]
"""One script with a new cookie for each call."""
KNOWN = Visitor("ada", account=Account("ada", "1", ("ada",)), address="another")


def test_a_made_up_cookie_is_no_new_visitor(uploads, pairs, monkeypatch):
    monkeypatch.setattr(room, "MOST_OF_VISITOR", {"upload-": 2, "raw-": 2})
    names = [old(uploads, keep(uploads, pairs, who), 4 - n) for n, who in enumerate(FORGER[:2])]
    uploads.make_room(FORGER[2])
    assert [uploads.has(name) for name in names] == [False, True]


def test_nobody_without_a_name_pushes_out_who_has_one(uploads, pairs, monkeypatch):
    monkeypatch.setattr(room, "MOST_DATA", 2)
    names = [old(uploads, keep(uploads, pairs, who), 9) for who in (KNOWN, OWNER)]
    with pytest.raises(UploadError, match="no room for more data now"):
        uploads.make_room(BEN)
    uploads.make_room(KNOWN)
    assert [uploads.has(name) for name in names] == [False, True]


def test_what_goes_is_of_whoever_holds_most(uploads, pairs, monkeypatch):
    monkeypatch.setattr(room, "MOST_DATA", 4)
    one = old(uploads, keep(uploads, pairs, CARL), 20)
    several = [old(uploads, keep(uploads, pairs, who), 3 - n) for n, who in enumerate(FORGER[:3])]
    uploads.make_room(BEN)
    assert [uploads.has(name) for name in (one, *several)] == [True, False, True, True]


def test_what_is_being_read_stays_and_more_is_refused_until_it_was(uploads, sent, monkeypatch):
    monkeypatch.setattr(room, "MOST_OF_VISITOR", {"upload-": 2, "raw-": 2})
    raws = [uploads.received(sent(), who).token for who in FORGER[:2]]
    with uploads.in_use(raws[0], ""), uploads.in_use(*raws):
        with pytest.raises(UploadError, match="no room"):
            uploads.received(sent(), FORGER[2])
        assert kept(uploads) == sorted(raws)
    assert not uploads._used
    uploads.received(sent(), FORGER[2])
    assert len(kept(uploads)) == 2


def test_judgements_on_data_that_is_gone_go_with_it(uploads):
    judged = uploads.settings.judgements
    kept_one, gone = f"upload-{'a' * 24}", f"upload-{'b' * 24}"
    (uploads.settings.uploads / kept_one).mkdir(parents=True)
    for place in (judged / kept_one, judged / gone):
        place.mkdir(parents=True)
        (place / "corpus.jsonl").write_text("{}\n")
    (judged / "of-the-built-in.jsonl").write_text("{}\n")
    uploads.sweep()
    assert sorted(path.name for path in judged.iterdir()) == ["of-the-built-in.jsonl", kept_one]
