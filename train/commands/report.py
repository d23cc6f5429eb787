"""`python -m train report`.

What a run found, as one file to forward.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

from train.report.findings import findings_of
from train.report.write import FORMATS, write_report
from train.run.data import corpus_of
from train.run.record import Run

log = logging.getLogger("train")


def add_report(commands: Any) -> None:
    """Add the command to the parser of `python -m train`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "report", help="what a run found, as HTML, CSV or JSON")
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--out", type=_place, required=True, metavar="FILE",
                        help=f"ends in {', '.join(FORMATS)}")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(
        command=report_command,
        as_text=lambda result: f"{result['out']}: {result['bytes']:,} bytes. {result['verdict']}")


def report_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Write the report of a run directory."""
    run = Run(options.run)
    run.record()  # what is no run is said before its data is looked for
    corpus = corpus_of(run)
    if corpus is None:
        log.warning("The data of %s is not where it was: questions go by their ids.", run.id)
    findings = findings_of(run, corpus)
    size = write_report(findings, options.out)
    return {"run": str(run.folder), "out": str(options.out), "bytes": size,
            "verdict": findings.evidence.verdict}, 0


def _place(text: str) -> Path:
    if Path(text).suffix not in FORMATS:
        raise argparse.ArgumentTypeError(f"--out must end in {', '.join(FORMATS)}, not {text!r}")
    return Path(text)
