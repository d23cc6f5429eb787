"""`python -m train publish`: a run to the Hub with the token of this machine."""

import argparse
import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .card_data import CardEdits, CardError
from .hub import Hub
from .hub_errors import PublishError
from .may_write import check_repo_id
from .publish import ON_EDITED, Wish, publish, write_dry
from .record import Run
from .settings import Settings
from .verify import corpus_of

log = logging.getLogger("train")
DRY_RUN = "dry-run"
"""Where, in the run directory, a dry run writes what would be sent."""


def add_publish(commands: Any) -> None:
    """Add the command to the parser of `python -m train`."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "publish", help="a run to the Hub, with its card, verified")
    parser.add_argument("run", type=Path, metavar="RUN_DIR")
    parser.add_argument("--to", type=_repo_id, required=True, metavar="OWNER/NAME")
    seen = parser.add_mutually_exclusive_group()
    seen.add_argument("--private", dest="private", action="store_true", default=True,
                      help="the default: a repository that is public is refused")
    seen.add_argument("--public", dest="private", action="store_false")
    parser.add_argument("--pr", action="store_true", help="a pull request instead of a commit")
    parser.add_argument("--dry-run", action="store_true",
                        help=f"write what would be sent into RUN_DIR/{DRY_RUN}; ask nobody")
    parser.add_argument("--over", action="store_true",
                        help="also over a repository that holds something else")
    parser.add_argument("--on-edited", choices=ON_EDITED, default="ask",
                        help="what becomes of a card that was edited on the Hub")
    parser.add_argument("--title")
    parser.add_argument("--license", help="as the Hub names it; the base model's where it is known")
    parser.add_argument("--language", action="append", default=[], metavar="CODE")
    parser.add_argument("--description")
    parser.add_argument("--private-data", action="store_true", default=None,
                        help="no text of the data on the card")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=publish_command, as_text=_text, parser=parser)


def publish_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Publish a run directory, or write what would be published."""
    from huggingface_hub import get_token

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # what matters is said here
    run = Run(options.run)
    record = run.record()
    wish = Wish(options.to, options.private, options.pr, options.on_edited, options.over)
    edits = _edits(record, options)
    if options.dry_run:
        folder = run.folder / DRY_RUN
        shutil.rmtree(folder, ignore_errors=True)
        return write_dry(run, wish, folder, edits), 0
    result: dict[str, Any] = {}
    last = ""
    for event in publish(run, wish, Hub(get_token()), edits=edits,
                         corpus=lambda: corpus_of(run), cache=Settings.from_env().cache):
        if event["type"] == "done":
            result = {key: value for key, value in event.items() if key != "type"}
        elif (line := _line(event)) != last:
            log.info("%s", line)
            last = line
    return result, 0


def _repo_id(text: str) -> str:
    try:
        return check_repo_id(text)
    except PublishError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _edits(record: Mapping[str, Any], options: argparse.Namespace) -> CardEdits:
    """What the record keeps, with what is given now."""
    kept = {key: tuple(value) if isinstance(value, list) else value
            for key, value in (record.get("card") or {}).items()}
    given = {"title": options.title, "license": options.license,
             "language": tuple(options.language), "description": options.description,
             "private_data": options.private_data}
    try:
        return CardEdits(**kept | {key: value for key, value in given.items() if value})
    except CardError as error:
        options.parser.error(str(error))


def _line(event: Mapping[str, Any]) -> str:
    if event["type"] == "progress":
        share = event["done"] / event["total"] if event["total"] else 1
        return f"{event['phase']} {share:.0%}"
    return str(event.get("text") or event["phase"])


def _text(result: Mapping[str, Any]) -> str:
    if "folder" in result:
        return f"{len(result['files'])} files would be sent; they are in {result['folder']}."
    said = "verified" if result["verified"] else "not verified"
    did = "published" if result["changed"] else "nothing new to publish"
    return f"{result['url']}: {did}, {said}, at {result['revision']}."
