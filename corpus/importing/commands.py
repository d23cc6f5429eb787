"""The commands `look` and `convert`.

From what somebody brings to a folder in BEIR layout.
"""

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from corpus.columns import Columns
from corpus.readers.rows import USUAL, ReadLimits
from corpus.sandbox import bound_memory, out_of_memory, progress_printer
from corpus.split import BY_PASSAGE, SPLIT_BY
from corpus.text import shortened
from hub.progress import silent

from .convert import convert
from .preview import Look, look

SOURCE_HELP = ("a file (JSON lines, JSON, CSV with any delimiter, Parquet, Arrow, Excel, .ods), "
               "a folder of such files or in BEIR layout, a zip of these, or "
               "hf:OWNER/NAME[@REVISION]")


def add_commands(commands: Any) -> None:
    """Add `look` and `convert` to the commands of a parser."""
    first = commands.add_parser("look", help="show the columns and first rows of some data")
    first.set_defaults(command=look_command)
    whole = commands.add_parser("convert", help="make a folder in BEIR layout of some data")
    whole.set_defaults(command=convert_command, parser=whole)
    whole.add_argument("--out", type=Path, required=True, metavar="FOLDER",
                       help="where to write; it must not be there yet")
    for name, said in (("anchor", "the question"), ("positive", "what answers it"),
                       ("score", "how well it answers, or a label that says whether it does"),
                       ("topic", "what it is about")):
        whole.add_argument(f"--{name}", default="", metavar="COLUMN", help=f"the column of {said}")
    whole.add_argument("--negative", action="append", default=[], metavar="COLUMN",
                       help="a column of what does not answer; may be given again")
    whole.add_argument("--least-score", type=float, metavar="X",
                       help="leave out rows whose score is lower")
    whole.add_argument("--strip-html", action="store_true", help="take HTML tags out of texts")
    whole.add_argument("--split-by", choices=SPLIT_BY, default=BY_PASSAGE,
                       help="what goes to train, dev or test as a whole; by question where few "
                       "answers have many questions each")
    whole.add_argument("--passages", type=Path, metavar="FILE",
                       help="passages without questions, which join the corpus")
    whole.add_argument("--fix-mojibake", action="store_true",
                       help="put right texts whose UTF-8 was read as another encoding (Ã¼ for ü)")
    for command in (first, whole):
        command.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
        command.add_argument("--json", action="store_true", help="print one JSON object")
        command.add_argument("--config", default="", help="the configuration of a Hub data set")
        command.add_argument("--split", default="", help="the split of a Hub data set")
        command.add_argument("--sheet", default="", metavar="NAME",
                             help="the sheet of a workbook, or `all`; the first that is a table")
        for name in ("rows", "bytes", "characters"):
            command.add_argument(f"--max-{name}", type=_count, default=getattr(USUAL, name),
                                 metavar="N", help=f"of {name}; {getattr(USUAL, name):,}")
        command.add_argument("--progress", action="store_true",
                             help="print on standard error how far it is, as JSON lines")
        command.add_argument("--memory", type=_count, metavar="MB",
                             help="end with a sentence when more memory than this is needed")


def look_command(options: argparse.Namespace) -> tuple[str, int]:
    """Show the beginning of some data."""
    def looked() -> tuple[Mapping[str, Any], str]:
        seen = look(options.source, _limits(options), config=options.config, split=options.split,
                    sheet=options.sheet)
        return seen.as_json(), _look_as_text(seen)

    return _answered(options, looked)


def convert_command(options: argparse.Namespace) -> tuple[str, int]:
    """Convert some data."""
    def converted() -> tuple[Mapping[str, Any], str]:
        progress = progress_printer() if options.progress else silent
        about = convert(options.source, options.out, _columns(options), _limits(options),
                        options.passages, progress, config=options.config, split=options.split,
                        sheet=options.sheet, fix_mojibake=options.fix_mojibake,
                        strip_html=options.strip_html, split_by=options.split_by)
        return about, _about_as_text(about, options.out)

    return _answered(options, converted)


def _answered(
    options: argparse.Namespace, work: Callable[[], tuple[Mapping[str, Any], str]]
) -> tuple[str, int]:
    """What a command prints, and its exit status; with --json a refusal is an object too."""
    try:
        if options.memory:
            bound_memory(options.memory)
        with _ended_tidily():
            found, text = work()
    except (ValueError, OSError, MemoryError) as error:
        said = out_of_memory(options.memory) if isinstance(error, MemoryError) else str(error)
        if not options.json:
            raise ValueError(said) from error
        return json.dumps({"error": shortened(said, 600)}), 1
    return json.dumps(found) if options.json else text, 0


@contextlib.contextmanager
def _ended_tidily() -> Iterator[None]:
    """While in it, a polite end (SIGTERM) is an exception: what was begun is cleared away."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _columns(options: argparse.Namespace) -> Columns | None:
    """The columns that were named; wrong use when only some of those that must be are."""
    named = [options.anchor, options.positive, *options.negative, options.score, options.topic]
    if not any(named) and options.least_score is None:
        return None
    if not (options.anchor and options.positive):
        options.parser.error("name both columns, --anchor and --positive, or none")
    return Columns(options.anchor, options.positive, tuple(options.negative), options.score,
                   options.least_score, options.topic)


def _limits(options: argparse.Namespace) -> ReadLimits:
    return ReadLimits(options.max_rows, options.max_bytes, options.max_characters)


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise ValueError(text)
    return count


def _look_as_text(seen: Look) -> str:
    encoding = f", {seen.encoding}" if seen.encoding else ""
    count = "" if seen.row_count is None else f", {seen.row_count:,} rows"
    lines = [f"{seen.name}: {seen.format}{encoding}{count}"]
    if seen.columns:
        lines.append("Columns: " + ", ".join(shortened(name, 40) for name in seen.columns[:50]))
    if seen.guess:
        lines.append(f"Anchor: {seen.guess.anchor}; positive: {seen.guess.positive}"
                     + ("" if seen.certain else " (guessed)"))
    lines += seen.notes
    for number, row in enumerate(seen.rows, 1):
        lines += ["", f"Row {number}", *(f"  {shortened(name, 40)}: {shortened(text, 100)}"
                                         for name, text in row.items())]
    return "\n".join(lines)


def _about_as_text(about: Mapping[str, Any], out: Path) -> str:
    lines = [f"{about['name']}: {about['pairs']:,} pairs, {about['queries']:,} questions, "
             f"{about['passages']:,} passages of {about['rows']:,} rows, in {out}", *about["notes"]]
    for what, said in (("left_out", "left out"), ("fixed", "fixed")):
        for kind, found in about[what].items():
            lines += [f"{said}: {kind}: {found['count']:,}",
                      *(f"  - {example}" for example in found["examples"])]
    return "\n".join(lines)
