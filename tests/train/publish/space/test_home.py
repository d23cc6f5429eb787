"""Finished runs in a private data set or bucket, and back after a restart."""

import shutil

import pytest

from hub.client import Hub, Patience
from hub.errors import HubError
from support.fake_hub.state import ME
from train.publish.home import HomeRepo, home_repo, run_of
from train.publish.storage import storage
from train.run.record import Run, create_run, list_runs
from train.settings import Settings, SettingsError

QUICK = Patience(silence=5, tries=2, pause=0.01, longest_wait=2)
PLACES = pytest.mark.parametrize("place", ["me/runs", "buckets/me/runs"],
                                 ids=["data set", "bucket"])


@pytest.fixture
def home(hub, tmp_path):
    """A home on the Hub, as an app sees it that has just started on an empty disk."""
    def make(place, disk="disk"):
        return HomeRepo(tmp_path / disk, storage(Hub(ME, hub.endpoint, QUICK), place))
    return make


@pytest.fixture
def finished(run, tmp_path):
    def put(disk="disk", name="20260102T030405Z-parts", **changes):
        folder = tmp_path / disk / name
        shutil.copytree(run.folder, folder)
        found = Run(folder)
        found.update(**changes)
        return found
    return put


def files(run):
    return {path.relative_to(run.folder).as_posix(): path.read_bytes()
            for path in run.folder.rglob("*") if path.is_file()}


@PLACES
def test_a_run_that_is_over_is_kept_privately_and_read_after_a_restart(home, finished, hub, place):
    run = finished()
    before = files(run)
    home(place).keep()
    there = hub.buckets.get("me/runs") or hub.repos["dataset", "me/runs"]
    assert there.private
    again = home(place, "new disk")
    told = []
    assert again.restore(told.append) == 1 and again.problem == ""
    [back] = list_runs(again.runs)
    assert files(back) == before and back.has_model and back.record() == run.record()
    assert told == [f"Fetching {run.id} from {place}"]
    assert again.restore() == 0
    assert [path.name for path in again.runs.iterdir()] == [run.id]


@PLACES
def test_what_has_not_changed_is_not_sent_again_and_what_has_is(home, finished, hub, place):
    run, kept = finished(), home(place)
    kept.keep()
    asked = len(hub.asked)
    kept.keep()
    assert len(hub.asked) == asked
    run.update(note="published since")
    kept.keep()
    assert len(hub.asked) > asked and (place != "me/runs" or len(hub.uploads) == 1)
    again = home(place, "new disk")
    again.restore()
    assert list_runs(again.runs)[0].record().note == "published since"


@PLACES
def test_a_run_that_is_deleted_here_does_not_come_back(home, finished, hub, place):
    run, other = finished(), finished(name="20260102T030406Z-other")
    kept = home(place)
    kept.keep()
    run.delete()
    kept.keep()
    again = home(place, "new disk")
    assert again.restore() == 1
    assert [each.id for each in list_runs(again.runs)] == [other.id]


def test_a_run_that_was_fetched_and_deleted_is_deleted_there_too(home, finished):
    finished()
    home("me/runs").keep()
    second = home("me/runs", "second")
    second.restore()
    list_runs(second.runs)[0].delete()
    second.keep()
    assert home("me/runs", "third").restore() == 0


def test_nothing_is_deleted_there_that_this_app_never_had(home, finished):
    finished()
    home("me/runs").keep()
    stranger = home("me/runs", "second")
    stranger.keep()
    assert home("me/runs", "third").restore() == 1


@PLACES
def test_runs_at_work_are_not_kept_and_interrupted_ones_are_with_their_checkpoints(
        home, finished, place):
    at_work = finished(status="running")
    done, paused = finished(name="done"), finished(name="paused", status="interrupted")
    for run in (done, paused):
        (run.checkpoints / "best").mkdir(parents=True)
        (run.checkpoints / "best" / "vectors.npy").write_bytes(b"numbers")
    kept = home(place)
    kept.keep()
    again = home(place, "new disk")
    assert again.restore() == 2
    assert (again.runs / "paused/checkpoints/best/vectors.npy").read_bytes() == b"numbers"
    assert not (again.runs / "done/checkpoints").exists()
    assert not (again.runs / at_work.id).exists()
    paused.update(status="done")  # what it was resumed from is no longer needed
    kept.keep()
    assert not [path for path in kept.place.files() if "checkpoints" in path]


@pytest.mark.parametrize("place", ["me/runs", "buckets/me/runs"])
def test_a_place_that_is_public_gets_nothing_and_that_is_said(home, finished, hub, place):
    finished()
    hub.repo("me/runs", kind="dataset", private=False)
    hub.tokens[ME]["name"] = "me"
    if place.startswith("buckets"):
        Hub(ME, hub.endpoint, QUICK).api.create_bucket("me/runs", private=False)
    kept = home(place)
    kept.close()
    assert "public" in kept.problem and kept.problem.startswith("Runs are not kept in")
    assert not kept.place.files() if place.startswith("buckets") else (
        len(hub.repos["dataset", "me/runs"].commits) == 1)


def test_a_hub_that_is_away_is_said_and_the_run_kept_when_it_is_back(home, finished, hub):
    finished()
    kept = home("me/runs")
    hub.fail("/api/", times=99, status=503, body=b"{}")
    kept._safely(kept.keep)
    assert "in trouble" in kept.problem and ME not in kept.problem
    hub.faults.clear()
    kept._safely(kept.keep)
    assert kept.problem == "" and home("me/runs", "new disk").restore() == 1


def test_a_half_written_or_damaged_run_is_left_where_it_is(home, hub, caplog):
    hub.repo("me/runs", kind="dataset", files={
        "runs/half/model/model.safetensors": b"x", "runs/broken/run.json": b"{",
        "runs/../../etc/run.json": b"{}", "runs/hidden/.git/config.json": b"{}",
        "notes.md": b"mine", "runs/code/run.py": b"x"})
    kept = home("me/runs")
    assert kept.restore() == 0 and kept.problem == ""
    assert list(kept.runs.iterdir()) == [] and "broken is left in me/runs" in caplog.text


def test_a_file_that_comes_other_than_it_is_there_is_not_taken(home, finished, hub):
    finished()
    home("me/runs").keep()
    hub.fail(r"GET /datasets/me/runs/resolve/\S+/run.json", times=9, status=200, body=b"{}")
    again = home("me/runs", "new disk")
    assert again.restore() == 0
    assert "came other than it is there" in again.problem and not list_runs(again.runs)


@pytest.mark.parametrize("path, name", [
    ("runs/a/run.json", "a"), ("runs/a/model/x.safetensors", "a"), ("runs/a/../b/run.json", ""),
    ("runs/a/x.py", ""), ("other/a/run.json", ""), ("runs/run.json", ""), ("runs/-a/run.json", ""),
    ("/runs/a/run.json", "")])
def test_only_plain_files_of_a_run_are_taken(path, name):
    assert run_of(path) == name


def test_the_setting_is_checked_and_needs_a_token(tmp_path, monkeypatch):
    assert Settings.from_env({"TANDEM_HOME_REPO": "me/runs"}).home_repo == "me/runs"
    with pytest.raises(SettingsError, match="TANDEM_HOME_REPO must be owner/name"):
        Settings.from_env({"TANDEM_HOME_REPO": "/data"})
    assert home_repo(Settings()) is None
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with pytest.raises(HubError, match="TANDEM_HOME_REPO is me/runs, and there is no token"):
        home_repo(Settings(home_repo="me/runs"))
    monkeypatch.setattr("huggingface_hub.get_token", lambda: ME)
    assert home_repo(Settings(home=tmp_path, home_repo="hf://buckets/me/x")).place.name \
        == "buckets/me/x"


def test_the_app_that_ends_keeps_what_is_not_kept_yet(home, finished):
    kept = home("me/runs")
    kept.open()
    finished()
    kept.close()
    assert home("me/runs", "new disk").restore() == 1


def test_the_thread_keeps_a_run_as_soon_as_it_is_over(home, tmp_path):
    from support.waiting import until

    kept = home("me/runs")
    kept.every = 0.02
    run = create_run(kept.runs, "parts")
    kept.open()
    try:
        run.update(status="failed", error="Out of memory.")
        until(lambda: run.id in kept._kept)
    finally:
        kept.close()
