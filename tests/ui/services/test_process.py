"""Processes that the page asks things of: what they say, how they are bounded and ended."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from hub.progress import Progress, drained
from support.runs.children import wait_for
from train.engines.local import hub_environment
from ui.services import process as room
from ui.services.process import CancelledError, NoAnswerError, answer_of, follow

pytestmark = pytest.mark.slow

TELLS = "import json, sys, time\n" \
        "tell = lambda *p, text='': print(json.dumps({'progress': p, 'text': text}), " \
        "file=sys.stderr, flush=True)\n"


def python(code):
    return [sys.executable, "-S", "-c", code]


def asked(tmp_path, code, within=30, **more):
    return follow(python(code), tmp_path, os.environ, within, **more)


def test_what_a_process_says_of_its_progress_is_told_while_it_works(tmp_path):
    go = tmp_path / "go"
    code = TELLS + f"""
import os
tell(1, 4, text='Reading')
while not os.path.exists({str(go)!r}): time.sleep(.02)
tell(4, 4, text='Writing')
time.sleep(.6)
print('{{"ok": true}}')"""
    told = []
    steps = asked(tmp_path, code)
    try:
        while True:
            step = next(steps)
            if step and step not in told:
                told.append(step)
                go.touch()
    except StopIteration as finished:
        assert finished.value == {"ok": True}
    assert told == [Progress(1, 4, "Reading"), Progress(4, 4, "Writing")]
    assert [step.share for step in told] == [0.25, 1.0]


def test_the_time_left_is_guessed_from_the_pace_of_what_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "ENOUGH", 0.2)
    code = TELLS + """
tell(0, 10, text='Checking'); time.sleep(.5); tell(5, 10, text='Checking'); time.sleep(.6)
tell(1, 2, text='Another'); time.sleep(.6)
print('{}')"""
    steps = [step for step in asked(tmp_path, code) if step]
    (half,) = {step for step in steps if step.done == 5}
    assert 0.3 < half.left_s < 1.5
    assert all(step.left_s is None for step in steps if step.done != 5)


@pytest.mark.parametrize("line", [
    "a log line", "{}", "{broken", '{"progress": 3}', '{"progress": [1]}', '{"progress": ["x", 2]}',
    '{"progress": [1, 2, 3]}', '{"progress": [1e999, 2]}', "[1, 2]", '"x"', "{" * 5000,
])
def test_what_tells_of_no_progress_is_a_line_of_the_log(tmp_path, line):
    code = f"import sys; print({line!r}, file=sys.stderr)"
    with pytest.raises(NoAnswerError) as caught:
        drained(asked(tmp_path, code))
    assert str(caught.value) == line[:300]


def test_progress_is_not_what_a_failure_is_explained_by(tmp_path):
    code = TELLS + "print('the reason', file=sys.stderr); tell(1, 2, text='x')"
    with pytest.raises(NoAnswerError, match="^the reason$"):
        drained(asked(tmp_path, code))


@pytest.mark.parametrize("printed", ["", "[1]", "3", "null", "{", "[" * 5000])
def test_only_an_object_is_an_answer(tmp_path, printed):
    with pytest.raises(NoAnswerError):
        answer_of(python(f"print({printed!r})"), tmp_path, os.environ, 30)


def test_an_answer_comes_after_what_was_printed_before_it(tmp_path):
    said = answer_of(python("print('a warning'); print('{\"a\": 1}')"), tmp_path, os.environ, 30)
    assert said == {"a": 1}


def test_a_process_that_floods_both_its_outputs_does_not_hang_nor_is_it_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "MOST_PRINTED", 1000)
    code = "import sys\nfor _ in range(300): print('x' * 10_000); print('y' * 10_000, " \
           "file=sys.stderr)"
    with pytest.raises(NoAnswerError) as caught:
        answer_of(python(code), tmp_path, os.environ, 30)
    assert len(str(caught.value)) <= 300


def sleeper(tmp_path):
    """A process that starts another one, and the pids of both as they come."""
    pids = tmp_path / "pids"
    code = f"""
import os, subprocess, sys, time
other = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])
open({str(pids)!r} + '.part', 'w').write(f'{{os.getpid()}} {{other.pid}}')
os.rename({str(pids)!r} + '.part', {str(pids)!r})
time.sleep(600)"""
    return code, pids


def gone(pids):
    return all(not os.path.exists(f"/proc/{pid}/stat")
               or " Z " in open(f"/proc/{pid}/stat").read() for pid in pids.read_text().split())


def until(steps, there):
    while not there.exists():
        next(steps)


def test_a_closed_generator_ends_the_process_and_what_it_started(tmp_path):
    code, pids = sleeper(tmp_path)
    steps = asked(tmp_path, code)
    until(steps, pids)
    steps.close()
    wait_for(lambda: gone(pids), 10)


def test_cancelling_ends_the_process_at_once(tmp_path):
    code, pids = sleeper(tmp_path)
    cancel = threading.Event()
    steps = asked(tmp_path, code, cancel=cancel)
    until(steps, pids)
    cancel.set()
    began = time.monotonic()
    with pytest.raises(CancelledError):
        drained(steps)
    assert time.monotonic() - began < 5
    wait_for(lambda: gone(pids), 10)


def test_a_process_that_takes_too_long_is_ended_with_what_it_started(tmp_path):
    code, pids = sleeper(tmp_path)
    with pytest.raises(subprocess.TimeoutExpired):
        drained(asked(tmp_path, code, within=1.5))
    wait_for(lambda: gone(pids), 10)


def test_a_process_that_is_killed_is_said_to_be(tmp_path):
    code = f"import os; os.kill(os.getpid(), {int(signal.SIGKILL)})"
    with pytest.raises(NoAnswerError, match="ended by SIGKILL, perhaps for want of memory"):
        drained(asked(tmp_path, code))


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_a_process_has_so_much_time_of_the_processor_even_if_nobody_watches(tmp_path):
    code = "import json, resource; print(json.dumps({'most': " \
           "resource.getrlimit(resource.RLIMIT_CPU)[0]}))"
    said = answer_of(python("import time; time.sleep(.5)\n" + code), tmp_path, os.environ, 7)
    assert said["most"] == 7 * os.cpu_count() + 1


def test_a_process_knows_home_and_takes_few_cores(tmp_path):
    code = "import json, os; print(json.dumps(dict(os.environ)))"
    said = answer_of(python(code), tmp_path, {"A": "b"}, 30)
    assert said["A"] == "b" and said["TANDEM_HOME"] == str(tmp_path)
    assert "OMP_NUM_THREADS" in said and "HOME" not in said


def test_the_hub_is_asked_in_a_visitors_name_and_never_in_the_owners(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_owner")
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_owner")
    for token in ("hf_ben", None):
        said = hub_environment(False, token)
        assert said["HF_TOKEN"] == (token or "") and said["HF_TOKEN_PATH"] == os.devnull
        assert "hf_owner" not in json.dumps(said)
    assert hub_environment(True, None)["HF_TOKEN"] == "hf_owner"


def test_when_tandem_ends_nothing_that_it_asked_for_goes_on(tmp_path):
    steps = follow([sys.executable, "-S", "-c", "import time; time.sleep(60)"], tmp_path, {}, 60)
    next(steps)
    (group,) = room.AT_WORK
    room.end_all()
    with pytest.raises(NoAnswerError, match="ended by SIGKILL"):
        for _ in steps:
            pass
    assert not room.AT_WORK
    with pytest.raises(ProcessLookupError):
        os.killpg(group, 0)
