"""What a visitor chose to see in Compare and Scoreboard.

How far it is, and what they can do meanwhile.
"""

from dataclasses import dataclass
from pathlib import Path

from train.run.record import Run
from ui.auth import Visitor

from .load_upload import is_own
from .model_pair import LexicalOnly
from .runs import RunService
from .worker import Stage


@dataclass(frozen=True)
class Selection:
    """What is chosen.

    The id of a run, or the name of data that somebody brought. Every refusal is a ValueError with a
    sentence.
    """

    service: RunService

    @property
    def trains(self) -> bool:
        """Whether anything is fine-tuned here."""
        return self.service.services.settings.train != "off"

    def choose(self, visitor: Visitor, shown: str) -> None:
        """Begin to make a selection ready.

        Anew if it was stopped or failed.
        """
        opening, begin = self.service.services.opening, self.service.seen(visitor, shown)
        if not opening.is_opening(shown):
            opening.pairs.again(shown)
            if opening.pairs.stage(shown) is None:
                begin()

    def stage(self, visitor: Visitor, shown: str) -> Stage | None:
        """How far it is.

        None where it was not begun, or has been let go of.
        """
        self.service.seen(visitor, shown)
        return self.service.services.opening.pairs.stage(shown)

    def words(self, visitor: Visitor, shown: str) -> LexicalOnly | None:
        """BM25 over uploaded data that Base has not read."""
        stage = self.stage(visitor, shown)
        return stage.words if stage else None

    def stop(self, visitor: Visitor, shown: str) -> None:
        """Stop reading somebody's data.

        The pair of a run is loaded for whoever may see it.
        """
        self.service.seen(visitor, shown)
        if is_own(shown):
            self.service.services.opening.pairs.stop(shown)

    def run_on(self, visitor: Visitor, data: str) -> Run | None:
        """A visitor's newest run on their data.

        One that has a model; where none has, an active one.
        """
        source = Path(self.service.source(visitor, data)).resolve()
        runs = [run for run in self.service.runs(visitor) if visitor.owns(run) and
                Path(run.record().data.source or "") == source]
        usable = [run for run in runs if run.has_model and run.record().is_usable]
        active = [run for run in runs if run.record().is_active]
        return next(iter(usable or active), None)
