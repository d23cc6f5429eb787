import json
import subprocess
import sys

import pytest

from corpus import sandbox
from hub.progress import Progress
from support.services import ROOT


def test_memory_over_the_bound_is_refused_as_a_memory_error():
    pytest.importorskip("resource")
    code = ("from corpus.sandbox import bound_memory\n"
            "bound_memory(500)\n"
            "try:\n    b'x' * (600 << 20)\n"
            "except MemoryError:\n    print('refused')\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "refused\n", done.stderr


def test_where_there_are_no_limits_nothing_is_bound(monkeypatch):
    monkeypatch.setattr(sandbox, "resource", None)
    sandbox.bound_memory(1)
    assert len(b"x" * (10 << 20)) == 10 << 20


def test_out_of_memory_is_a_sentence_with_the_bound():
    assert "more memory than the 3,072 MB it may take" in sandbox.out_of_memory(3072)
    assert "what this machine has" in sandbox.out_of_memory(None)


def test_progress_is_json_lines_and_few_of_them(monkeypatch, capsys):
    clock = [100.0]
    monkeypatch.setattr(sandbox.time, "monotonic", lambda: clock[0])
    say = sandbox.progress_printer()
    for done in range(1, 1001):
        clock[0] += 0.001
        say(Progress(done, 1000, "Reading"))
    say(Progress(0, 7, "Counting"))
    printed = capsys.readouterr()
    lines = [json.loads(line) for line in printed.err.splitlines()]
    assert printed.out == ""
    assert lines[0] == {"progress": [1, 1000], "text": "Reading"}
    assert lines[-2:] == [{"progress": [1000, 1000], "text": "Reading"},
                          {"progress": [0, 7], "text": "Counting"}]
    assert 5 <= len(lines) <= 9


def test_who_reads_no_further_is_no_error_of_a_commands():
    code = "from corpus.sandbox import print_result\nprint_result('x' * 1_000_000)\n"
    child = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdout.read(10) == "x" * 10
    child.stdout.close()
    assert (child.stderr.read(), child.wait(30)) == ("", 0)
