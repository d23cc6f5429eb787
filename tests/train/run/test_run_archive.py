import json
import os
import zipfile

import pytest

from train.run import archive as room
from train.run.archive import MOST_ARCHIVES, zipped
from train.run.events import event_of
from train.run.record import create_run


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(room.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    return tmp_path / "tmp"


@pytest.fixture
def run(tmp_path):
    run = create_run(tmp_path / "runs", "a")
    run.append(event_of({"type": "log", "text": "ü"}))
    for name in ("checkpoints/step-1/optimizer.pt", "model/model.safetensors", "model/README.md",
                 "model/1_Pooling/config.json", "process.log", ".lock"):
        place = run.folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(name * 100)
    return run


def names(place):
    with zipfile.ZipFile(place) as archive:
        assert archive.testzip() is None
        return {name.partition("/")[2] for name in archive.namelist()}


def test_an_archive_holds_the_record_the_model_and_nothing_that_only_resuming_needs(run):
    place = zipped(run)
    assert place.name == f"{run.id}.zip"
    assert names(place) == {"run.json", "events.jsonl", "model/model.safetensors",
                            "model/README.md", "model/1_Pooling/config.json"}


def test_everything_in_an_archive_lies_in_one_folder_of_the_runs_name(run):
    with zipfile.ZipFile(zipped(run)) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {run.id}
        assert json.loads(archive.read(f"{run.id}/run.json")) == run.record().to_json()


def test_a_link_is_not_followed_out_of_the_run(run, tmp_path):
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "token").write_text("hf_secret")
    os.symlink(secret / "token", run.folder / "model" / "token")
    os.symlink(secret, run.folder / "model" / "folder")
    assert not {name for name in names(zipped(run)) if "token" in name or "folder" in name}


def test_an_archive_made_again_is_of_the_run_as_it_is_now(run):
    zipped(run)
    (run.model / "new.json").write_text("{}")
    assert "model/new.json" in names(zipped(run))


def test_only_so_many_archives_are_kept_the_newest(run, tmp_path, temporary):
    made = []
    for number in range(MOST_ARCHIVES + 2):
        made.append(zipped(create_run(tmp_path / "runs", f"r{number}")))
        os.utime(made[-1], (number, number))
    kept = set(made[0].parent.glob("*"))
    assert kept == set(made[-MOST_ARCHIVES:])


def test_an_archive_that_could_not_be_written_leaves_nothing_behind(run, temporary, monkeypatch):
    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(zipfile.ZipFile, "write", full)
    with pytest.raises(OSError, match="No space"):
        zipped(run)
    assert not [path for path in temporary.rglob("*") if path.is_file()]


def test_nobody_else_on_the_machine_reads_the_archives(run):
    assert zipped(run).parent.stat().st_mode & 0o077 == 0
