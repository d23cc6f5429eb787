"""The command line: one scenario after another."""

import argparse
import json
import tempfile
from pathlib import Path

from .scenarios import SCENARIOS
from .target import machine


def main() -> None:
    """Try what is asked for, and say what was found."""
    parser = argparse.ArgumentParser(prog="python -m bench.attacks", description=__doc__)
    parser.add_argument("names", nargs="+", choices=SCENARIOS)
    parser.add_argument("--amount", type=float, help="seconds, or how often, instead of the usual")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = json.loads(options.out.read_text()) if options.out and options.out.exists() else {}
    for name in options.names:
        attack, usual = SCENARIOS[name]
        amount = type(usual)(options.amount) if options.amount else usual
        with tempfile.TemporaryDirectory() as folder:
            before = machine()
            found[name] = attack(Path(folder) / "home", amount) | {
                "machine": before, "load_after": machine()["load"]}
        print(name, json.dumps(found[name], indent=1), flush=True)
        if options.out:
            options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
