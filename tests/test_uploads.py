import os
import shutil
from pathlib import Path

import pytest

from samples import write_lines
from train.request import Request
from train.settings import Settings
from ui.uploads import UPLOAD, UploadError, Uploads

PAIRS = [{"anchor": "How big is it?", "positive": "It holds 150 litres."}]


@pytest.fixture
def uploads(tmp_path):
    return Uploads(Settings(home=tmp_path / "home", max_upload=10_000))


@pytest.fixture
def pairs(tmp_path):
    return write_lines(tmp_path / "my pairs.jsonl", PAIRS)


def test_a_file_is_kept_whole_under_a_name_made_of_its_content(uploads, pairs, tmp_path):
    name = uploads.keep(pairs)
    assert UPLOAD.fullmatch(name) and "pairs" not in name
    assert Path(uploads.source(name)).read_bytes() == pairs.read_bytes()
    again = write_lines(tmp_path / "other.jsonl", PAIRS)
    assert uploads.keep(again) == name
    assert uploads.keep(write_lines(again, PAIRS * 2)) != name
    assert len(list(uploads.settings.uploads.glob("*.jsonl"))) == 2


def test_what_somebody_called_their_data_is_remembered_beside_it(uploads, pairs, tmp_path):
    name = uploads.keep(pairs)
    assert uploads.title(name) == "my pairs"
    long = pairs.rename(pairs.with_name("x" * 200 + ".csv"))
    assert 0 < len(uploads.title(uploads.keep(long))) <= 100
    for other in ("porsche", "../my pairs", "/etc/passwd", "upload-" + "0" * 24 + ".csv"):
        assert uploads.title(other) == ""


@pytest.mark.parametrize("suffix", [".json", ".csv", ".tsv", ".JSONL"])
def test_every_kind_of_pair_file_is_taken(uploads, pairs, suffix):
    name = uploads.keep(pairs.rename(pairs.with_suffix(suffix)))
    assert name.endswith(suffix.lower())
    assert uploads.source(name)


@pytest.mark.parametrize("name", ["pairs.exe", "pairs", "pairs.jsonl.zip", "<img onerror=x>.html"])
def test_a_file_of_another_kind_is_refused_by_name(uploads, pairs, name):
    with pytest.raises(UploadError, match=r"Pairs are read from \.jsonl, .*, not from"):
        uploads.keep(pairs.rename(pairs.with_name(name)))
    assert not uploads.settings.uploads.exists()


def test_a_file_that_is_too_large_is_refused_with_both_sizes(uploads, pairs):
    pairs.write_bytes(b"x" * 1_200_000)
    with pytest.raises(UploadError, match=r"has 1\.2 MB; at most 0 MB .*TANDEM_MAX_UPLOAD_MB"):
        uploads.keep(pairs)
    assert not uploads.settings.uploads.exists()


def test_a_file_that_is_gone_is_said_without_its_path(uploads, tmp_path):
    with pytest.raises(UploadError, match="upload it again") as caught:
        uploads.keep(tmp_path / "gone.jsonl")
    assert str(tmp_path) not in str(caught.value)


def test_a_kept_file_that_vanished_is_said(uploads, pairs):
    name = uploads.keep(pairs)
    shutil.rmtree(uploads.settings.uploads)
    with pytest.raises(UploadError, match="not here any more: upload it again"):
        uploads.source(name)


@pytest.mark.parametrize("data", ["", None, "porsche"])
def test_no_name_is_the_built_in_data(uploads, data):
    assert uploads.source(data) == "porsche"


def test_the_owners_own_data_goes_by_its_name(tmp_path):
    assert Uploads(Settings(data=str(tmp_path))).source(str(tmp_path)) == str(tmp_path)


@pytest.mark.parametrize("data", [
    "/etc/passwd", "../run.json", "upload-../../x.jsonl", "upload-" + "0" * 24,
    "upload-" + "g" * 24 + ".jsonl", "upload-" + "0" * 24 + ".jsonl/../x.jsonl",
    "uploads/upload-" + "0" * 24 + ".jsonl", "upload-" + "0" * 24 + ".jsonl\n", "\x00",
    "<img onerror=x>", "~", ".", 5, ["porsche"], {"a": 1}, True, "owner/dataset", "x" * 100_000,
])
def test_no_other_file_of_the_machine_can_be_named(uploads, pairs, data):
    uploads.keep(pairs)
    with pytest.raises(UploadError, match="There is no data") as caught:
        uploads.source(data)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("relative", [False, True])
def test_a_run_on_an_upload_is_known_as_one_wherever_home_is(
    tmp_path, pairs, monkeypatch, relative
):
    monkeypatch.chdir(tmp_path)
    os.symlink(tmp_path, tmp_path / "link")
    home = Path(".tandem") if relative else tmp_path / "link" / "home"
    uploads = Uploads(Settings(home=home))
    name = uploads.keep(pairs)
    recorded = Request(uploads.source(name)).create(home / "runs").record()["data"]["source"]
    assert uploads.is_upload(recorded)
    assert recorded.endswith(name)


@pytest.mark.parametrize("source", ["porsche", "owner/dataset", "/data/pairs.jsonl", ""])
def test_other_data_is_no_upload(uploads, source):
    assert not uploads.is_upload(source)
