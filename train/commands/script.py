"""`python -m train script`: a run as plain sentence-transformers."""

import argparse
from pathlib import Path
from typing import Any

from train.report.plain_script import SCRIPT, write_script
from train.run.data import same_corpus_of
from train.run.record import Run, RunError


def add_script(commands: Any) -> None:
    """Add the command to the parser of `python -m train`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "script", help="a run's fine-tune as a script that needs no Tandem")
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="RUN_DIR/script otherwise")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(
        command=script_command,
        as_text=lambda result: f"{result['out']}: {', '.join(result['files'])}. "
                               f"Start it with: python {Path(result['out']) / SCRIPT}")


def script_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Write the script of a run, its data beside it."""
    run = Run(options.run)
    record = run.record()
    if record.recipe is None:
        raise RunError(f"{run.folder} was not asked to train anything yet: it has no recipe.")
    corpus = same_corpus_of(run, "the script needs it")
    out = options.out or run.folder / "script"
    return {"run": str(run.folder), "out": str(out),
            "files": write_script(record, corpus, out)}, 0
