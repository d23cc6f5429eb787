"""Real data from file to verdict, as a benchmark.

As the Fine-tune tab takes it.

    python -m bench.trials FILE FILE@128 BEIR.zip --recipe tandem --runs FOLDER --out FILE.json

Each source is converted, checked and trained on by the commands that the page uses, each in a
process of its own; behind an @ stand the tokens a text is cut to. Prints what the check found, base
and tuned on the test split with the interval of their difference, what the test split could have
shown, and what it all took. A trial that is whole in `--runs` is read from there.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from retrieval.metrics import PRIMARY

from .quality import ROOT, Data, cpu_model

SAID = ("accuracy@1", "accuracy@10", PRIMARY, "mrr@10")


def main() -> None:
    """Run the trials, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", nargs="+")
    parser.add_argument("--recipe", default="tandem")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    result: dict[str, Any] = {"cpu": cpu_model(), "recipe": options.recipe, "seed": options.seed,
                              "started": time.strftime("%FT%TZ", time.gmtime()), "trials": []}
    for source in options.sources:
        result["trials"].append(trial(Data.parsed(source), options))
        options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    show(result["trials"])


def trial(data: Data, options: argparse.Namespace) -> dict[str, Any]:
    """One source through all of it."""
    place = Path(data.place)
    name = f"{place.parent.name}-{place.stem}{f'@{data.tokens}' if data.tokens else ''}"
    home = options.runs / f"{name}-{options.recipe}-{options.seed}"
    done = home / "trial.json"
    if not done.is_file():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        made = _made(name, data, home, options)
        done.write_text(json.dumps(made, indent=1) + "\n", "utf-8")
    found: dict[str, Any] = json.loads(done.read_text("utf-8"))
    print(f"{name}: {found['test']['verdict']}", file=sys.stderr, flush=True)
    return found


def _made(name: str, data: Data, home: Path, options: argparse.Namespace) -> dict[str, Any]:
    folder, run = str(home / "data"), str(home / "run")
    converted, converting = asked(["corpus", "convert", data.place, "--out", folder])
    report, checking = asked(["corpus", "check", folder])
    values = [f"max_seq_length={data.tokens}"] if data.tokens else []
    settings = [part for value in values + options.set for part in ("--set", value)]
    fitted, _ = asked(["train", "fit", "--data", folder, "--recipe", options.recipe, "--seed",
                       str(options.seed), "--out", run, *settings])
    evidence = json.loads((home / "run" / "run.json").read_text("utf-8"))["metrics"]["test"]
    return {
        "name": name, "left_out": converted["left_out"], "fixed": converted["fixed"],
        "notes": converted["notes"], "check": report, "test": evidence,
        "steps": fitted["steps"], "status": fitted["status"],
        "cpu_seconds": {"convert": converting, "check": checking, "fit": fitted["cpu_seconds"]},
    }


def asked(command: list[str]) -> tuple[dict[str, Any], float]:
    """What a command prints with --json, and its CPU seconds.

    Ends the benchmark if it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json"], cwd=ROOT, capture_output=True, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stdout[-500:]} {done.stderr[-1000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return json.loads(done.stdout), round(seconds, 1)


def show(trials: list[dict[str, Any]]) -> None:
    """The tables, as Markdown."""
    print("| data | pairs | test questions | found, worst first | could show | shows |\n"
          "|---|---|---|---|---|---|")
    for one in trials:
        check = one["check"]
        found = ", ".join(f"{finding['kind']} {finding['count']:,}"
                          for finding in check["findings"])
        print(f"| {one['name']} | {check['pairs']:,} | {check['splits']['test']:,} | {found} "
              f"| {check['detectable_difference']:.3f} "
              f"| {one['test']['detectable_difference']:.3f} |")
    print(f"\n| data | {' | '.join(SAID)} | difference in {PRIMARY} | won, lost, tied "
          f"| CPU s: convert, check, fit |\n|{'---|' * (len(SAID) + 4)}")
    for one in trials:
        test, seconds = one["test"], one["cpu_seconds"]
        sides = " | ".join(f"{test['base'][m]:.3f} → {test['tuned'][m]:.3f}" for m in SAID)
        gap = test["difference"][PRIMARY]
        print(f"| {one['name']} | {sides} "
              f"| {gap['value']:+.3f} ({gap['low']:+.3f} to {gap['high']:+.3f}) "
              f"| {', '.join(str(test['outcomes'][key]) for key in ('won', 'lost', 'tied'))} "
              f"| {seconds['convert']:.0f}, {seconds['check']:.0f}, {seconds['fit']:.0f} |")


if __name__ == "__main__":
    main()
