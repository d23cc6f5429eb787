"""Files of a run come back as they were written, or it is said that they do not."""

import pytest

from train.fit.checkpoints import Checkpoints
from train.fit.errors import sentence
from train.recipe import Recipe
from train.run import record as room
from train.run.checksums import allow, damaged_in, digest_of, is_damaged, seal
from train.run.files import sentence_of
from train.run.record import Run, RunError, create_run, open_run
from train.run.spec import RunSpec


def flipped(path, at=5):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


@pytest.fixture
def best(tmp_path):
    folder = tmp_path / "run" / "checkpoints" / "best"
    (folder / "1_Pooling").mkdir(parents=True)
    for name in ("model.safetensors", "vectors.npy", "1_Pooling/config.json"):
        (folder / name).write_bytes(b"what was written")
    seal(folder)
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "vectors.npy", "1_Pooling/config.json"])
def test_a_flipped_bit_of_the_best_checkpoint_is_said_and_it_is_not_taken(best, name):
    kept = Checkpoints(Run(best.parents[1]))
    assert damaged_in(best) == ""
    flipped(best / name)
    assert damaged_in(best) == name
    with pytest.raises(RunError, match=f"{name} is not what was written.*resume to train"):
        kept.best_as(best.parents[1] / "model")
    assert not best.exists() and not (best.parents[1] / "model").exists()


def test_a_whole_one_becomes_the_model_without_its_checksums(best):
    Checkpoints(Run(best.parents[1])).best_as(best.parents[1] / "model")
    assert sorted(path.name for path in (best.parents[1] / "model").iterdir()) == [
        "1_Pooling", "model.safetensors"]


def test_missing_files_and_unreadable_sums_are_damage_and_none_at_all_is_an_older_tandem(best):
    (best / "vectors.npy").unlink()
    assert damaged_in(best) == "vectors.npy"
    (best / "checksums.json").write_text("{")
    assert damaged_in(best) == "checksums.json"
    (best / "checksums.json").unlink()
    assert damaged_in(best) == ""


def test_a_file_may_be_the_old_or_the_new_one_while_it_is_replaced(tmp_path):
    state, new = tmp_path / "state.pt", tmp_path / "new"
    state.write_bytes(b"the old state")
    new.write_bytes(b"the new state")
    assert not is_damaged(state)  # nobody said what it should be
    allow(state, [digest_of(state), digest_of(new)])
    assert not is_damaged(state)
    new.replace(state)
    assert not is_damaged(state)
    flipped(state)
    assert is_damaged(state)


@pytest.mark.parametrize("begin", [
    lambda runs: create_run(runs, "a"), lambda runs: open_run(runs / "a"),
    lambda runs: RunSpec().create(runs)], ids=["create", "open", "spec"])
@pytest.mark.parametrize("fails_at", [1, 2])
def test_a_start_on_a_full_disk_leaves_no_folder_without_a_record(
    tmp_path, monkeypatch, begin, fails_at
):
    written = []

    def write(path, value):
        written.append(path)
        if len(written) >= fails_at:
            raise OSError(28, "No space left on device", str(path))
        path.write_text('{"schema": 1, "status": "queued"}')

    monkeypatch.setattr(room, "write_json", write)
    try:
        begin(tmp_path / "runs")
    except RunError as error:
        assert "cannot be begun" in str(error) and str(tmp_path) not in str(error)
        assert not list((tmp_path / "runs").iterdir())
    else:
        assert fails_at == 2


@pytest.mark.parametrize("error, said", [
    (PermissionError(13, "Permission denied", "/var/lib/x/state.pt"),
     "state.pt may not be read or written"),
    (OSError(30, "Read-only file system", "/var/lib/x/run.json"),
     "run.json lies on a disk that cannot be written to"),
    (OSError(5, "Input/output error"), "A file cannot be read or written"),
], ids=["permission", "read-only", "broken"])
def test_a_fault_of_the_machine_is_said_without_a_path_and_the_systems_words(tmp_path, error, said):
    for text in (sentence_of(error), sentence(error, create_run(tmp_path, "a"), Recipe())):
        assert said in text and "/var" not in text and "Errno" not in text
        assert error.strerror not in text
