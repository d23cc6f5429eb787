"""Carry out a run, and record how it ended.

One process does; where several train together the others `follow` it, and write nothing.
"""

import logging
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from corpus.load import BUILT_IN, load_corpus
from corpus.records import Corpus, CorpusError
from retrieval.models import load_encoder
from train.run.events import ErrorEvent, Event
from train.run.record import Run, RunError, now
from train.run.spec import RunSpec, placed, spec_of

from .checkpoints import Checkpoints
from .distributed import Order, Team, TeamGoneError
from .errors import foreseen, sentence
from .loop import Loop
from .stopping import Stop

log = logging.getLogger("train")


@dataclass(frozen=True)
class RunLimits:
    """The most pairs and minutes that a run may take.

    Minutes of one start; None for as much as it wants.
    """

    max_pairs: int | None = None
    max_minutes: float | None = None

    def check(self, corpus: Corpus) -> None:
        """Refuse data that is too large, before anything is loaded."""
        pairs = sum(len(corpus.pairs(split)) for split in corpus.qrels)
        if self.max_pairs is not None and pairs > self.max_pairs:
            raise CorpusError(
                f"{corpus.name} has {pairs:,} pairs, and at most {self.max_pairs:,} may be trained "
                "with here (TANDEM_MAX_PAIRS). Take fewer, or raise the limit."
            )


def begun(run: Run, request: RunSpec) -> RunSpec:
    """Write a request into a queued run's record; RunError otherwise."""
    record = run.record()
    if record.status != "queued":
        raise RunError(
            f"{run.folder} holds a run that is {record.status}: choose another --out, or give "
            "--resume."
        )
    asked = request.as_record()
    if record.engine is not None:  # queued by somebody else than this command line
        asked |= {"owner": record.owner, "engine": record.engine}
    run.update(**asked)
    return spec_of(run)


def taken_up(run: Run, data: str | None = None) -> RunSpec | None:
    """The request of a run that is resumed; None without.

    data: where the same data is now; None for where it was. RunError if it is other data.
    """
    record = run.record()
    if record.recipe is None:
        return None
    source = record.data.source
    if source is None or record.engine is None:  # from before requests were recorded
        run.update(data=record.data.changed(source=source or placed(data or BUILT_IN)),
                   engine=record.engine or {"name": "local", "flavor": None})
    request = spec_of(run)
    if data is None or placed(data) == request.data:
        return request
    known = record.fingerprints.corpus
    if not known or load_corpus(data, request.seed).fingerprint != known:
        raise RunError(f"{run.folder} was started on other data: resume it with the same --data.")
    run.update(data=run.record().data.changed(source=placed(data)))
    return spec_of(run)


def carry_out(
    run: Run,
    request: RunSpec,
    *,
    resume: bool = False,
    stop: Stop | None = None,
    cache: Path | None = None,
    limits: "RunLimits | None" = None,
    tell: Callable[[Event], None] = lambda event: None,
    team: Team = Team(),  # noqa: B008 - frozen: a team of one
    goes_on: bool = False,
) -> None:
    """Fit, writing each event; an error fails the run.

    To be called with the run held (`train.run.lock`). tell: is called with each event. team: the
    processes that train with this one. goes_on: the run is not done when its model is. An error
    that nobody foresaw is recorded and raised again.
    """
    from .fit import fit

    try:
        corpus = load_corpus(request.data, request.seed)
        known = run.record().fingerprints.corpus
        if resume and known not in ("", corpus.fingerprint):
            raise RunError(f"{run.folder} was started on other data: what is at {request.data} has "
                           "changed since. Start a new run.")
        limits = limits or RunLimits()
        limits.check(corpus)
        for event in fit(request.recipe, corpus, run, request.base, revision=request.revision,
                         prompts=request.prompts, seed=request.seed, cache=cache, resume=resume,
                         stop=stop, max_minutes=limits.max_minutes, team=team, goes_on=goes_on):
            run.append(event)
            tell(event)
    except Exception as error:
        # Whatever it was, whoever watches must learn of it: the record keeps the sentence, and
        # an error nobody foresaw keeps its trace on standard error.
        said = sentence(error, run, request.recipe)
        Checkpoints(run).remove_parts()  # if the disk is full, this is room for the last words
        run.update(status="failed", error=said, ended_by="error", process=None, finished=now())
        failure = ErrorEvent(text=said)
        run.append(failure)
        tell(failure)
        if not foreseen(error, run):
            raise


def follow(team: Team) -> int:
    """Train along with the main process; returns the exit status.

    Until that leaves, or something fails. Only that process is asked to stop: a signal to all of
    them must not break its last step.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    try:
        order: Order | None = team.from_main(None)
        if order is not None:
            _train(order, team)
    except TeamGoneError as error:
        log.error("%s", error)
        return 1
    except ValueError as error:  # the main process knows it too, and says it
        log.info("%s", error)
    finally:
        team.leave()
    return 0


def _train(order: Order, team: Team) -> None:
    with team.together():
        model = load_encoder(order.base, order.revision).model
        if order.max_seq_length is not None:
            model.max_seq_length = order.max_seq_length
        model.prompts, model.default_prompt_name = order.prompts, order.default_prompt
    loop = Loop(model, order.recipe, order.corpus, order.seed, team=team)
    if order.state is not None:
        loop.load(order.state)
    loop.follow()
