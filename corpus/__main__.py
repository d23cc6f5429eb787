"""Command line: `python -m corpus look|convert SOURCE`, `python -m corpus check|fingerprint PATH`.

Exit status 0 when the data can be used, 1 when not, 2 wrong use. Everything but the result goes
to standard error.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from .bring import add_commands
from .check import Report, check_path
from .read import BUILT_IN, GENERAL, load_corpus
from .records import SPLITS

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
    sys.stdout.write(text + "\n")
    return int(status)


def check_command(options: argparse.Namespace) -> tuple[str, int]:
    """Say what is wrong with a corpus."""
    report = check_path(options.path)
    text = json.dumps(report.as_json()) if options.json else as_text(report)
    return text, 0 if report.ok else 1


def fingerprint_command(options: argparse.Namespace) -> tuple[str, int]:
    """Print what identifies a corpus and its splits, as JSON."""
    corpus = load_corpus(options.path)
    return json.dumps({
        "corpus": corpus.fingerprint,
        "splits": corpus.split_fingerprints,
        "split_sizes": {split: len(corpus.qrels.get(split, {})) for split in SPLITS},
    }, indent=1), 0


def as_text(report: Report) -> str:
    """The report for a person: the sizes, the findings worst first, how it is written."""
    splits = ", ".join(f"{split} {count:,}" for split, count in report.splits.items())
    lines = [
        f"{report.name}: {'can be used' if report.ok else 'cannot be used as it is'}",
        f"{report.pairs:,} pairs, {report.queries:,} questions ({splits}), "
        f"{report.passages:,} passages",
    ]
    if report.detectable_difference is not None:
        lines.append(f"The test split can show a difference of {report.detectable_difference:.3f} "
                     "ndcg@10 or more (80 % power, 5 % two-sided, assumed spread).")
    for finding in report.findings:
        lines += ["", f"{finding.severity.upper()} {finding.kind}: {finding.count:,}",
                  f"  {finding.action}", *(f"  - {example}" for example in finding.examples)]
    if not report.findings:
        lines += ["", "Nothing to report."]
    return "\n".join(lines + (["", *_writing_lines(report.writing)] if report.writing else []))


def _writing_lines(writing: Mapping[str, Any]) -> list[str]:
    tokens = writing["tokens"]
    lines = [f"Tokens ({tokens['counted_by']}):"]
    for what in ("questions", "passages", "passages_with_title"):
        spread = tokens[what]
        if spread and (what != "passages_with_title" or spread != tokens["passages"]):
            lines.append(f"  {what.replace('_', ' ')} {spread['min']} to {spread['max']}, "
                         f"mean {spread['mean']}")
    if (share := writing["at_most_one_shared_word"]) is not None:
        lines.append(f"Questions with at most one word of their passage: {share:.0%}")
    for what, pattern in writing["commonest_pattern"].items():
        if pattern:
            lines.append(f"Commonest opening of {what}: “{pattern['pattern']}”, "
                         f"{pattern['share']:.1%}")
    return lines


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m corpus", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_commands(commands)
    check = commands.add_parser("check", help="say what is wrong with a corpus, before training")
    check.set_defaults(command=check_command)
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
