"""What takes long and would hold up the page, asked of a process of its own at low priority."""

import contextlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train.engines.local import NICENESS, spare_cores

HOUSE = Path(__file__).resolve().parents[1]


class NoAnswerError(ValueError):
    """The process gave no answer: the message is the last line it logged."""


def answer_of(
    command: Sequence[str], home: Path, environment: Mapping[str, str], within: float
) -> dict[str, Any]:
    """The JSON object that a command prints last; an `error` in it is an answer too.

    within: seconds it may take; subprocess.TimeoutExpired when it was ended. NoAnswerError when it
    prints none.
    """
    child = subprocess.Popen(
        command, cwd=HOUSE, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
        env={**environment, "TANDEM_HOME": str(home.resolve()),
             "OMP_NUM_THREADS": str(spare_cores()), "TOKENIZERS_PARALLELISM": "false"},
    )
    with contextlib.suppress(OSError, AttributeError):  # where there are no priorities
        os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
    try:
        printed, logged = child.communicate(timeout=within)
    except subprocess.TimeoutExpired:
        child.kill()
        child.communicate()
        raise
    try:
        answer: dict[str, Any] = json.loads(printed.strip().splitlines()[-1])
    except (ValueError, IndexError):
        lines = logged.strip().splitlines()
        raise NoAnswerError(lines[-1][:300] if lines else "?") from None
    return answer
