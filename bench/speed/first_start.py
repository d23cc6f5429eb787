"""The first start as a visitor meets it.

Until Base answers, until both do, a question meanwhile.

    python -m bench.speed.first_start --data porsche --out FILE.json

Starts the app in a process of its own with an empty home, asks through `/compare` once a second,
and compares the time of a question while training with the time when nothing else runs.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gradio_client import Client

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = ("does the boxster have a frunk", "how quick off the line is the base 718",
             "flappy paddle gearbox jerks when cold", "what does the electric one tow")


def main() -> None:
    """Measure one first start."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="porsche")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as home:
        env = os.environ | {"TANDEM_HOME": home, "TANDEM_DATA": options.data, "PORT": str(port)}
        start = time.monotonic()
        app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            result = measured(f"http://127.0.0.1:{port}", start)
        finally:
            app.terminate()
            app.wait(20)
        (record,) = Path(home).glob("runs/*/run.json")
        run = json.loads(record.read_text("utf-8"))
    result |= {"data": options.data, "recipe": run["recipe"]["name"],
               "train_pairs": run["splits"]["train"]["pairs"], "run_seconds": run["seconds"]}
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


def measured(url: str, start: float) -> dict[str, object]:
    """Seconds to the page, to Base, to both.

    Seconds a question while training and after.
    """
    client = _connected(url)
    page = time.monotonic() - start
    base: float | None = None
    training: list[float] = []
    asked = 0
    while True:
        began = time.monotonic()
        try:
            answer = client.predict(QUESTIONS[asked % len(QUESTIONS)], api_name="/compare")
        except Exception as error:
            if "still being loaded" not in str(error) or began - start > 300:
                raise
            time.sleep(0.25)
            continue
        asked += 1
        base = base or time.monotonic() - start
        if answer["tuned"]:
            break
        training.append(time.monotonic() - began)
        time.sleep(1)
    both = time.monotonic() - start
    idle = []
    for i in range(40):
        began = time.monotonic()
        client.predict(QUESTIONS[i % len(QUESTIONS)], api_name="/compare")
        idle.append(time.monotonic() - began)
    return {"page_s": page, "base_s": base, "both_s": both, "question_training": _spread(training),
            "question_idle": _spread(idle)}


def _connected(url: str) -> Client:
    for _ in range(300):
        try:
            return Client(url, verbose=False)
        except Exception:  # whatever the client's transport raises while nobody listens
            time.sleep(0.2)
    raise SystemExit(f"Nothing answers at {url}.")


def _spread(seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)
    return {"n": len(ranked), "median_s": statistics.median(ranked),
            "p95_s": ranked[int(0.95 * (len(ranked) - 1))], "max_s": ranked[-1]}


if __name__ == "__main__":
    main()
