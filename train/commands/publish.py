"""`python -m train publish`.

A run to the Hub with the token of this machine.
"""

import argparse
import logging
import shutil
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from hub.client import Hub, quiet
from hub.progress import drained
from hub.tokens import local_token
from train.publish.dataset import add_to_collection, publish_data
from train.publish.errors import PublishError
from train.publish.onnx import PATH, export_int8
from train.publish.permissions import check_repo_id
from train.publish.publish import ON_EDITED, PublishRequest, publish, write_dry
from train.publish.remote import EditedCardError
from train.publish.steps import Step
from train.report.card_metadata import CardEdits, CardError
from train.run.data import corpus_of
from train.run.record import Run, RunRecord
from train.settings import Settings

T = TypeVar("T")
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
    texts = parser.add_mutually_exclusive_group()
    texts.add_argument("--private-data", dest="private_data", action="store_true", default=None,
                       help="no text of the data on the card: the default for data of one's own")
    texts.add_argument("--public-data", dest="private_data", action="store_false",
                       help="examples from the data on the card")
    parser.add_argument("--onnx", action="store_true",
                        help="also as int8 ONNX for a CPU, if it ranks as well")
    parser.add_argument("--with-data", type=_repo_id, metavar="OWNER/NAME",
                        help="the data as a data set of its own, afterwards")
    parser.add_argument("--data-license", help="of the data; needed with --with-data")
    parser.add_argument("--collection", metavar="SLUG", help="add the model to a collection")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=publish_command, as_text=_text, parser=parser)


def publish_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Publish a run directory, or write what would be published."""
    quiet()
    run = Run(options.run)
    record = run.record()
    request = PublishRequest(
        options.to,
        options.private,
        options.pr,
        options.on_edited,
        options.over,
        _onnx(run) if options.onnx else {},
    )
    edits = _edits(record, options)
    if options.dry_run:
        folder = run.folder / DRY_RUN
        shutil.rmtree(folder, ignore_errors=True)
        return write_dry(run, request, folder, edits), 0
    if options.with_data and not options.data_license:
        options.parser.error("--with-data needs --data-license: under which licence the texts are")
    with stop_on_interrupt() as should_stop:
        hub = Hub(local_token(), should_stop=should_stop)
        try:
            result = _published(run, request, hub, edits)
        except EditedCardError as error:
            log.info("%s", error.diff.rstrip())
            raise PublishError(f"{error} Give --on-edited keep, replace or merge.", error.kind
                               ) from None
        return result | _beside(run, replace(request, to=result["repo"]), hub, options), 0


def _published(
    run: Run, request: PublishRequest, hub: Hub, edits: CardEdits
) -> dict[str, Any]:
    return _Teller().drained(publish(run, request, hub, edits=edits, corpus=lambda: corpus_of(run),
                                     cache=Settings.from_env().cache))


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C end publishing where its state is known.

    The second one ends it all. Gives whether it was pressed. A commit that has begun is waited for:
    its answer is the answer.
    """
    asked = threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        log.info("Stopping, as soon as it is known what is on the Hub.")

    if threading.current_thread() is not threading.main_thread():  # no signal comes there
        yield asked.is_set
        return
    before = signal.signal(signal.SIGINT, ask)
    try:
        yield asked.is_set
    finally:
        signal.signal(signal.SIGINT, before)


def _onnx(run: Run) -> dict[str, Path]:
    corpus = corpus_of(run)
    if corpus is None:
        raise PublishError("An ONNX export is measured on the data of the run, which is not here "
                           "any more. Publish without --onnx.", "onnx")
    exported = _Teller().drained(export_int8(run, corpus, Settings.from_env().cache))
    return {PATH: exported.file}


def _beside(
    run: Run, request: PublishRequest, hub: Hub, options: argparse.Namespace
) -> dict[str, Any]:
    """What is published beside the model, once that is there."""
    extras: dict[str, Any] = {}
    if options.with_data:
        corpus = corpus_of(run)
        if corpus is None:
            raise PublishError(f"{request.to} is published; its data is not, as it is not here any "
                               "more.", "nothing", True)
        extras["data_set"] = _Teller().drained(publish_data(
            corpus, options.with_data, hub, licence=options.data_license, private=request.private,
            language=options.language))
    if options.collection:
        add_to_collection(hub, options.collection, request.to)
        extras["collection"] = options.collection
    return extras


@dataclass
class _Teller:
    """Logs steps, a progress every tenth of the way."""

    last: str = ""

    def tell(self, step: Step) -> None:
        line, at = step.text or step.phase, step.progress
        if at.total:
            line += f" {100 * at.done // at.total // 10 * 10} % of {at.total:,} bytes"
        if line != self.last:
            log.info("%s", line)
            self.last = line

    def drained(self, steps: Generator[Step, None, T]) -> T:
        """Log all; returns what came of them."""
        return drained(steps, self.tell)


def _repo_id(text: str) -> str:
    try:
        return check_repo_id(text)
    except PublishError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _edits(record: RunRecord, options: argparse.Namespace) -> CardEdits:
    """What the record keeps, with what is given now."""
    given = {"title": options.title, "license": options.license,
             "language": tuple(options.language), "description": options.description,
             "private_data": options.private_data,
             "datasets": (options.with_data,) if options.with_data else ()}
    try:
        return replace(CardEdits.kept(record), **{
            key: value for key, value in given.items() if value not in (None, "", ())})
    except CardError as error:
        parser: argparse.ArgumentParser = options.parser
        parser.error(str(error))


def _text(result: Mapping[str, Any]) -> str:
    if "folder" in result:
        return f"{len(result['files'])} files would be sent; they are in {result['folder']}."
    said = "verified" if result["verified"] else "not verified"
    did = "published" if result["changed"] else "nothing new to publish"
    note = f" {result['note']}" if result.get("note") else ""
    return f"{result['url']}: {did}, {said}, at {result['revision']}.{note}"
