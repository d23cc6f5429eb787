"""The fuzz run itself: it must see harm where there is some."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from bench import fuzz
from bench.mutations import ACCIDENTS, good_files, mutated
from corpus.records import CorpusError
from support.services import ROOT


@pytest.fixture(scope="module")
def files():
    return good_files()


@pytest.mark.slow
def test_every_good_file_is_converted(files):
    assert list(files) == ["JSONL", "JSON", "CSV", "Parquet", "Arrow", "Excel", "gzip", "nested",
                           "zip"]
    for made in files.values():
        for suffix, data in made:
            fuzz.bring_good(data, suffix)


def test_a_case_is_the_same_whenever_it_is_made(files):
    data, others = files["CSV"][0][1], [files["JSON"][0][1]]
    made = [[mutated(random.Random(n), data, others) for n in range(60)] for _ in range(2)]
    assert made[0] == made[1]
    assert len(set(made[0])) > 50


def test_accidents_happen_to_empty_files_too():
    for accident in ACCIDENTS:
        for data in (b"", b"x"):
            for n in range(20):
                assert isinstance(accident(random.Random(n), data, [b""]), bytes)


def endless(*_):
    time.sleep(60)


def greedy(*_):
    return bytearray(4_000_000_000)


def crashing(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def leaving(path, *_):
    (path.parent / "rest").write_text("x")
    raise CorpusError("It is refused all the same.")


def unsaid(*_):
    raise CorpusError("KeyError\nat line 3")


def wrong(*_):
    raise KeyError("anchor")


@pytest.mark.slow
@pytest.mark.parametrize("harm, end", [
    (endless, "time-out"), (greedy, "memory"), (crashing, "crash (signal 9)"),
    (leaving, "files left"), (unsaid, "no sentence"), (wrong, "exception"),
], ids=lambda value: getattr(value, "__name__", ""))
def test_harm_is_seen(monkeypatch, harm, end):
    monkeypatch.setattr(fuzz, "look", harm)
    case = fuzz.run(b"anchor,positive\na,b\n", ".csv", 3_000, 2)
    assert case.end == end, case.said
    if end == "exception":
        assert "KeyError: 'anchor'" in case.said


@pytest.mark.slow
def test_a_short_run_finds_nothing_and_writes_its_figures(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "bench.fuzz", "--seconds", "2", "--seed", "11", "--out",
         str(tmp_path / "fuzz.json"), "--failures", str(tmp_path / "failures")],
        cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout
    figures = json.loads((tmp_path / "fuzz.json").read_text())
    assert figures["failures"] == []
    assert figures["cases"] == sum(row["cases"] for row in figures["formats"].values()) > 0
    assert "| Parquet |" in done.stdout
