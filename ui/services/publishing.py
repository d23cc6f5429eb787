"""Publishing from the page.

In a thread of its own, so that it outlives the page that asked.
"""

import logging
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from corpus.records import Corpus
from hub.client import Hub
from hub.progress import Progress, drained
from train.publish.dataset import add_to_collection, publish_data
from train.publish.errors import PublishError
from train.publish.onnx import PATH, export_int8
from train.publish.permissions import check_may_write
from train.publish.publish import PublishRequest, publish
from train.publish.remote import EditedCardError
from train.publish.steps import Step
from train.report.card_metadata import CardEdits
from train.run.data import corpus_of
from train.run.files import sentence_of
from train.run.record import Run, RunError
from ui.auth import Visitor

from .app import Services
from .runs import RunService, TrainForm

log = logging.getLogger("tandem")
T = TypeVar("T")

LOOK_EVERY = 1.0
"""Seconds between two looks at a run that is to be published when it is done."""
PHASES = {
    "wait": "Waiting for the run",
    "check": "Asking the Hub",
    "prepare": "Putting the files together",
    "upload": "Sending",
    "commit": "Committing",
    "verify": "Downloading it again to compare",
    "ask": "Loading it, and asking test questions again",
    "onnx": "Exporting to ONNX, and measuring that",
}


@dataclass(frozen=True)
class Publication:
    """How far one publication is.

    kind: `waiting` for its run, `working`, `done`, `failed` or `edited`, where somebody must say
    what becomes of the card on the Hub. progress: in bytes of the phase, or in passages where a
    model is measured.
    """

    to: str
    kind: str = "working"
    phase: str = "check"
    progress: Progress = Progress()
    text: str = ""
    diff: str = ""
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def active(self) -> bool:
        """Whether it goes on."""
        return self.kind in ("waiting", "working")


@dataclass(frozen=True)
class Extras:
    """What else is published.

    onnx: the weights in int8 beside them. data_to: the data as a data set of its own, under
    `data_license`. collection: its slug, to add the model to.
    """

    onnx: bool = False
    data_to: str = ""
    data_license: str = ""
    collection: str = ""


@dataclass
class Publishing:
    """The publications of this app.

    One a run at a time.
    """

    services: Services
    make_hub: Callable[..., Hub] = Hub
    _now: dict[str, Publication] = field(default_factory=dict)
    _stops: dict[str, threading.Event] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, run_id: str) -> Publication | None:
        """How far the publication of a run is.

        None if there was none since the app started.
        """
        return self._now.get(run_id)

    def check(self, asked: PublishRequest, token: str | None) -> None:
        """Whether somebody may publish there, asked before anything is trained.

        PublishError.
        """
        check_may_write(self.make_hub(token), asked.to, asked.private, asked.pull_request)

    def start_and_publish(
        self, service: RunService, visitor: Visitor, asked: TrainForm, to: str | None,
        private: bool = True,
    ) -> Run:
        """Start a run.

        With `to`, publish it there when it is done, if that may be done at all.
        """
        if not to or not to.strip():
            return service.start(visitor, asked)
        publication = PublishRequest(to, private)
        self.check(publication, visitor.token)
        run = service.start(visitor, asked)
        self.when_done(run, publication, visitor.token)
        return run

    def start(
        self, run: Run, asked: PublishRequest, token: str | None, edits: CardEdits | None,
        extras: Extras = Extras(),  # noqa: B008 - frozen: none
    ) -> None:
        """Publish a run, now; returns at once."""
        self._begin(run, asked, Publication(asked.to), lambda stop: self._publish(
            run, asked, self.make_hub(token, should_stop=stop.is_set), edits, extras))

    def when_done(self, run: Run, asked: PublishRequest, token: str | None) -> None:
        """Publish a run as soon as it has a model.

        The token is kept in memory until then.
        """
        def wait(stop: threading.Event) -> None:
            while run.record().is_active:
                if stop.wait(LOOK_EVERY):
                    raise PublishError("It was not published, as you asked.", "stopped")
            if not run.has_model or not run.record().is_usable:
                raise PublishError("The run has no model, so nothing was published.")
            self._publish(run, asked, self.make_hub(token, should_stop=stop.is_set), None)

        run.update(publish_to=asked.to)
        self._begin(run, asked, Publication(asked.to, "waiting", "wait"), wait)

    def stop(self, run_id: str) -> None:
        """Ask a publication to stop.

        Nothing is on the Hub then, or all of it.
        """
        if run_id in self._stops:
            self._stops[run_id].set()

    def _begin(
        self,
        run: Run,
        asked: PublishRequest,
        first: Publication,
        work: Callable[[threading.Event], None],
    ) -> None:
        with self._lock:
            before = self._now.get(run.id)
            if before is not None and before.active:
                raise RunError(f"{run.id} is being published to {before.to} already.")
            stop = self._stops[run.id] = threading.Event()
            self._now[run.id] = first
        threading.Thread(target=self._safely, args=(run, lambda: work(stop)), daemon=True,
                         name=f"publish {run.id}").start()

    def _safely(self, run: Run, work: Callable[[], None]) -> None:
        at = self._now[run.id]
        try:
            work()
        except EditedCardError as error:
            self._now[run.id] = replace(at, kind="edited", text=str(error), diff=error.diff)
        except (ValueError, OSError) as error:
            self._now[run.id] = replace(at, kind="failed", text=sentence_of(error))
        except Exception as error:
            # Whoever watches must learn that it ended; what a library raises may hold a token.
            log.error("Publishing ended in %s", type(error).__name__)
            self._now[run.id] = replace(at, kind="failed", text="Something unforeseen went wrong "
                                        f"({type(error).__name__}). Try again.")

    def _publish(
        self, run: Run, asked: PublishRequest, hub: Hub, edits: CardEdits | None,
        extras: Extras = Extras(),  # noqa: B008 - frozen: none
    ) -> None:
        began, cache = time.monotonic(), self.services.settings.cache
        self._now[run.id] = Publication(asked.to)
        if extras.onnx:
            exported = self._told(run, export_int8(run, self._corpus(run), cache))
            asked = replace(asked, extra={PATH: exported.file})
        if extras.data_to:  # the card names where the data is
            edits = replace(edits or CardEdits.of(run.record()), datasets=(extras.data_to,))
        # On ZeroGPU this process only seems to have a GPU.
        device = "cpu" if self.services.settings.zero_gpu else None
        result = self._told(run, publish(run, asked, hub, edits=edits, device=device, cache=cache,
                                         corpus=lambda: corpus_of(run)))
        if extras.data_to:
            self._told(run, publish_data(
                self._corpus(run), extras.data_to, hub, licence=extras.data_license,
                private=asked.private, language=CardEdits.of(run.record()).language))
        if extras.collection:
            add_to_collection(hub, extras.collection, result["repo"])
        self._now[run.id] = replace(self._now[run.id], kind="done", result=result)
        log.info("%s published to %s in %.0f s", run.id, asked.to, time.monotonic() - began)

    def _corpus(self, run: Run) -> Corpus:
        corpus = corpus_of(run)
        if corpus is None:
            raise PublishError("The data of this run is not here any more: publish without the "
                               "extras that need it.")
        return corpus

    def _told(self, run: Run, steps: Generator[Step, None, T]) -> T:
        """Tell all of them; returns what came of them."""
        return drained(steps, lambda step: self._tell(run, step))

    def _tell(self, run: Run, step: Step) -> None:
        at = self._now[run.id]
        self._now[run.id] = replace(at, text=step.text) if step.text else \
            replace(at, phase=step.phase, progress=step.progress)
