"""Two processes on this machine that train together, for the tests."""

import os
import socket
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[1]
SECONDS = 120


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def run_team(script: Path, *arguments: str, size: int = 2) -> list[subprocess.CompletedProcess]:
    """Run a script in a process for each rank; what each printed, in order of rank."""
    port = str(free_port())
    children = [
        subprocess.Popen(
            [sys.executable, str(script), *arguments],
            cwd=HOUSE,
            env=os.environ | {
                "PYTHONPATH": f"{HOUSE}{os.pathsep}{HOUSE / 'tests'}", "OMP_NUM_THREADS": "1",
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(size),
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
            },
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for rank in range(size)
    ]
    done = []
    try:
        for child in children:
            out, err = child.communicate(timeout=SECONDS)
            done.append(subprocess.CompletedProcess(child.args, child.returncode, out, err))
    finally:
        for child in children:
            child.kill()
    return done
