"""Command line of the data: look, convert, check, fingerprint.

`python -m corpus look|convert SOURCE`, `python -m corpus check|fingerprint PATH`. Exit status 0
when the data can be used, 1 when not, 2 wrong use. Everything but the result goes to standard
error.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from corpus.check.check import check_path
from corpus.check.report import as_text
from corpus.importing.commands import add_commands
from hub.progress import silent
from retrieval.sampling import base_spread
from train.settings import Settings

from .load import BUILT_IN, GENERAL, load_corpus
from .records import SPLITS
from .sandbox import bound_memory, out_of_memory, print_result, progress_printer

log = logging.getLogger("corpus")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    options = _parser().parse_args(arguments)
    try:
        text, status = options.command(options)
    except (ValueError, OSError) as error:
        log.error("%s", error)
        return 1
    print_result(text)
    return int(status)


def check_command(options: argparse.Namespace) -> tuple[str, int]:
    """Say what is wrong with a corpus."""
    if options.memory:
        bound_memory(options.memory)
    try:
        report = check_path(
            options.path, progress=progress_printer() if options.progress else silent,
            measure=None if options.assume else partial(base_spread, cache=_cache()),
        )
    except MemoryError:
        said = out_of_memory(options.memory)
        log.error("%s", said)
        return json.dumps({"error": said}) if options.json else "", 1
    text = json.dumps(report.as_json()) if options.json else as_text(report)
    return text, 0 if report.ok else 1


def _cache() -> Path:
    """Where an app of this home has the fast form of its models."""
    return Settings.from_env({"TANDEM_HOME": os.environ.get("TANDEM_HOME", "")}).cache


def fingerprint_command(options: argparse.Namespace) -> tuple[str, int]:
    """Print what identifies a corpus and its splits, as JSON."""
    corpus = load_corpus(options.path)
    return json.dumps({
        "corpus": corpus.fingerprint,
        "splits": corpus.split_fingerprints,
        "split_sizes": {split: len(corpus.qrels.get(split, {})) for split in SPLITS},
    }, indent=1), 0


def _megabytes(text: str) -> int:
    if (megabytes := int(text)) < 1:
        raise ValueError(text)
    return megabytes


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_commands(commands)
    check = commands.add_parser("check", help="say what is wrong with a corpus, before training")
    check.set_defaults(command=check_command)
    check.add_argument("--assume", action="store_true", help="assume how much the base model's "
                       "figures differ from question to question, rather than measure it")
    check.add_argument("--progress", action="store_true",
                       help="say how far it is, as JSON lines on standard error")
    check.add_argument("--memory", type=_megabytes, metavar="MB",
                       help="take this much memory at most, where the system can see to it")
    fingerprint = commands.add_parser(
        "fingerprint", help="print what identifies a corpus and its splits: always JSON"
    )
    fingerprint.set_defaults(command=fingerprint_command)
    for command in (check, fingerprint):
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.add_argument("path", metavar="PATH",
                             help=f"`{BUILT_IN}`, `{GENERAL}`, a folder in BEIR layout, "
                                  "or a file of pairs")
    return parser


if __name__ == "__main__":
    sys.exit(main())
