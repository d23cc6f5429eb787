"""Caches within bounds: what was used longest ago goes first."""

import os
import time

import pytest

from ui.serving import caches as room
from ui.serving.caches import sweep_indexes, sweep_models


def aged(path, hours):
    then = time.time() - hours * 3600
    os.utime(path, (then, then), follow_symlinks=False)


@pytest.fixture
def cache(tmp_path):
    """A cache of the Hub with three models of a thousand bytes, the first used longest ago."""
    for hours, name in ((9, "old"), (8, "kept"), (7, "new")):
        commit = str(hours) * 40
        folder = tmp_path / f"models--acme--{name}"
        blob, snapshot = folder / "blobs" / "blob", folder / "snapshots" / commit
        for place in (blob.parent, snapshot, folder / "refs"):
            place.mkdir(parents=True)
        blob.write_bytes(b"x" * 1_000)
        (folder / "refs" / "main").write_text(commit)
        os.symlink(blob, snapshot / "model.safetensors")
        aged(blob, hours)
    return tmp_path


def names(cache):
    return sorted(path.name.split("--")[-1] for path in cache.glob("models--*"))


def test_the_models_used_longest_ago_go_until_the_rest_fits(cache):
    sweep_models(3_000, [], cache)
    assert names(cache) == ["kept", "new", "old"]
    sweep_models(2_000, [], cache)
    assert names(cache) == ["kept", "new"]


def test_the_models_of_the_page_and_those_of_just_now_stay(cache, monkeypatch):
    sweep_models(0, ["acme/kept"], cache)
    assert names(cache) == ["kept"]
    monkeypatch.setattr(room, "YOUNG", 1e9)
    sweep_models(0, [], cache)
    assert names(cache) == ["kept"]


def test_indexes_are_kept_within_a_size_and_other_files_alone(tmp_path):
    for hours, name in ((9, "a.npy"), (8, "b.npy"), (7, "c.npy"), (20, "d.of")):
        (tmp_path / name).write_bytes(b"x" * 100)
        aged(tmp_path / name, hours)
    sweep_indexes(tmp_path, 200)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.npy", "c.npy", "d.of"]
    for path in tmp_path.iterdir():
        aged(path, 0)
    sweep_indexes(tmp_path, 0)
    assert len(list(tmp_path.iterdir())) == 3


def test_no_cache_is_no_fault(tmp_path):
    sweep_models(0, [], tmp_path / "none")
    sweep_indexes(tmp_path / "none")
