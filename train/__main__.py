"""Command line of runs: `python -m train`.

Fit, estimate, model, evaluate, publish and others. Exit status 0 success, 1 failed, 2 wrong use.
`--json` prints one JSON object on standard output; everything else goes to standard error.
"""

import argparse
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from corpus.load import BUILT_IN, load_corpus
from corpus.sandbox import print_result
from retrieval.metrics import PRIMARY
from retrieval.models import EMBEDDED_MODEL, check_model, split_revision
from train.commands.evaluate import add_evaluate, evidence_text
from train.commands.merge import add_merge
from train.commands.model import add_model, add_prompts, add_size, check_base, check_size
from train.commands.publish import add_publish
from train.commands.report import add_report
from train.commands.retention import add_retention
from train.commands.script import add_script
from train.fit.distributed import Team, join_team
from train.fit.runner import RunLimits, begun, carry_out, follow, taken_up
from train.fit.stopping import Stop
from train.folds.cost import with_folds
from train.folds.cut import check_folds
from train.folds.validate import is_trained, validate_run
from train.run.events import EvalEvent, Event, StepEvent
from train.run.lock import held
from train.run.record import mark_interrupted, open_run
from train.run.schema import as_json
from train.run.spec import RunSpec

from .recipe import RECIPES, RecipeError, named_recipe
from .settings import Settings

log = logging.getLogger("train")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    for chatty in ("bm25s", "httpx", "httpx2", "sentence_transformers"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        result, status = options.command(options)
    except RecipeError as error:
        parser.error(str(error))
    except (ValueError, OSError) as error:
        log.error("%s", error)
        if options.json:
            print_result(json.dumps({"error": str(error)}))
        return 1
    print_result(json.dumps(result) if options.json else options.as_text(result))
    return int(status)


def fit_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Fine-tune into a run directory.

    In one of several processes, help the main one.
    """
    team = join_team()
    if not team.is_main:
        sys.exit(follow(team))
    try:
        return _fit(options, team)
    finally:
        team.leave()


def _fit(options: argparse.Namespace, team: Team) -> tuple[dict[str, Any], int]:
    stop = Stop().on_signals()
    asked = None if options.resume else _request(options)  # wrong use leaves no folder behind
    if asked:  # nor does what is no embedding model, or data of too few questions for the folds
        check_base(asked.base, asked.revision, asked.prompts, asked.recipe)
        if asked.folds:
            check_folds(asked.folds, load_corpus(asked.data, asked.seed))
    settings = Settings.from_env()
    run = open_run(options.out)
    with held(run):
        mark_interrupted(run)
        request = taken_up(run, options.data) if options.resume else None
        if run.record().status != "done" or not options.resume:
            resume, request = request is not None, request or begun(run, asked or _request(options))
            limits = RunLimits(settings.max_pairs, settings.max_minutes)
            if not (resume and request.folds and is_trained(run)):
                carry_out(run, request, resume=resume, stop=stop, cache=settings.cache,
                          limits=limits, tell=_tell, team=team, goes_on=bool(request.folds))
            if request.folds and is_trained(run):
                team.leave()  # a fold trains alone: nobody is to wait for it
                validate_run(run, request, stop, settings.cache, limits.max_minutes, _tell)
    record = run.record()
    result = {
        "run": str(run.folder),
        "status": record.status,
        "seconds": record.seconds,
        "cpu_seconds": record.cpu_seconds,
        "steps": record.steps_done,
        "metrics": as_json(record.metrics) or None,
        "error": record.error,
    } | ({"cross_validation": record.cross_validation.to_json()}
         if record.cross_validation else {})
    return result, 0 if record.is_usable else 1


def estimate_command(options: argparse.Namespace) -> tuple[dict[str, Any], int]:
    """Say what a fine-tune will take, before it starts."""
    from train.fit.estimate import estimate

    request, settings = _request(options), Settings.from_env()
    corpus = load_corpus(request.data, request.seed)
    RunLimits(settings.max_pairs).check(corpus)
    if options.refuse_over is not None:
        check_size(request.base, check_model(request.base, request.revision), options.refuse_over)
    if request.folds:
        check_folds(request.folds, corpus)
    return with_folds(estimate(request.recipe, corpus, request.base, request.revision,
                               request.seed), request.folds), 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fit = commands.add_parser("fit", help="fine-tune a model")
    before = commands.add_parser("estimate", help="say what a fine-tune will take")
    for command in (fit, before):
        _ask(command)
    fit.add_argument("--out", type=Path, required=True, metavar="RUN_DIR")
    fit.add_argument("--resume", action="store_true",
                     help="go on from the last checkpoint, with what was asked for then")
    fit.set_defaults(command=fit_command, as_text=_fit_text)
    add_size(before)
    before.set_defaults(command=estimate_command, as_text=_estimate_text)
    for add in (add_evaluate, add_merge, add_publish, add_retention, add_report, add_script,
                add_model):
        add(commands)
    for command in (fit, before):
        command.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def _ask(command: argparse.ArgumentParser) -> None:
    """The arguments that say what to train, and on what."""
    command.add_argument("--data", help=f"`{BUILT_IN}` (the default), a BEIR folder, or pairs")
    command.add_argument("--base", default=EMBEDDED_MODEL, metavar="MODEL[@REVISION]",
                         help="Hub id or folder of the base model")
    add_prompts(command)
    command.add_argument("--recipe", default="tandem", help=f"one of {', '.join(RECIPES)}")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE",
                         help="replace a hyperparameter of the recipe")
    command.add_argument("--seed", type=int, default=42)
    command.add_argument("--folds", type=_folds, metavar="K", help="cross-validate as well: K more "
                         "models, so that every question is tested by one that never saw it")


def _folds(text: str) -> int:
    try:
        return check_folds(int(text) if text.strip().isdecimal() else -1)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error).replace("-1", repr(text))) from None


def _request(options: argparse.Namespace) -> RunSpec:
    """What the command line asks for."""
    values: dict[str, str] = {}
    for setting in options.set:
        key, equals, value = setting.partition("=")
        if not equals:
            raise RecipeError(f"--set takes key=value, not {setting!r:.60}.")
        values[key.strip()] = value.strip()
    base, revision = split_revision(options.base)
    return RunSpec(
        data=options.data or BUILT_IN,
        base=base,
        revision=revision,
        recipe=named_recipe(options.recipe).with_values(values),
        seed=options.seed,
        query_prompt=options.query_prompt,
        passage_prompt=options.passage_prompt,
        folds=options.folds,
    )


def _tell(event: Event) -> None:
    log.info("%s", _line(event))


def _line(event: Event) -> str:
    if isinstance(event, StepEvent):
        return (f"step {event.step}/{event.steps}  loss {event.loss:.4f}"
                + (f"  {event.left_s:.0f} s left" if event.left_s is not None else ""))
    if isinstance(event, EvalEvent):
        return f"epoch {event.epoch}: dev {PRIMARY} {event.metrics[PRIMARY]:.4f}"
    return " ".join(str(value) for value in event.to_json().values())


def _fit_text(result: Mapping[str, Any]) -> str:
    metrics = result["metrics"]
    head = f"{result['run']}: {result['status']}"
    folds = (result.get("cross_validation") or {}).get("verdict", "")
    return f"{head}\n{evidence_text(metrics['test'])}\n{folds}".rstrip() if metrics else head


def _estimate_text(result: Mapping[str, Any]) -> str:
    time = result["seconds"]
    said = (f"{result['pairs']:,} pairs, {result['steps']:,} steps, {result['passages']:,} "
            f"passages: {time['low']:.0f} to {time['high']:.0f} s on {result['device']}, "
            f"{result['memory_bytes'] / 1e9:.1f} GB of memory.")
    if "folds" in result:
        folds, more = result["folds"]["count"], result["folds"]["seconds"]
        said += (f" The cross-validation trains {folds} more models: {more['low']:.0f} to "
                 f"{more['high']:.0f} s.")
    return said


if __name__ == "__main__":
    sys.exit(main())
