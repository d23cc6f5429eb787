"""What somebody chose to see in Compare and Scoreboard: how far it is, and what they can do."""

from dataclasses import dataclass
from pathlib import Path

from train.record import ACTIVE, USABLE, Run

from .acts import Acts
from .lane import Stage
from .own_data import is_own
from .pair import Words
from .visitor import Visitor


@dataclass(frozen=True)
class Views:
    """What is chosen: the id of a run, or the name of data that somebody brought.

    Every refusal is a ValueError with a sentence.
    """

    acts: Acts

    @property
    def trains(self) -> bool:
        """Whether anything is fine-tuned here."""
        return self.acts.house.settings.train != "off"

    def choose(self, visitor: Visitor, shown: str) -> None:
        """Begin to make ready what somebody chose, anew if it was stopped or failed."""
        showcase, begin = self.acts.house.showcase, self.acts.seen(visitor, shown)
        if not showcase.is_opening(shown):
            showcase.chosen.again(shown)
            if showcase.chosen.stage(shown) is None:
                begin()

    def stage(self, visitor: Visitor, shown: str) -> Stage | None:
        """How far it is; None where it was not begun, or has been let go of."""
        self.acts.seen(visitor, shown)
        return self.acts.house.showcase.chosen.stage(shown)

    def words(self, visitor: Visitor, shown: str) -> Words | None:
        """What BM25 can be asked of somebody's data before Base has read it."""
        stage = self.stage(visitor, shown)
        return stage.words if stage else None

    def stop(self, visitor: Visitor, shown: str) -> None:
        """Stop reading somebody's data; the pair of a run is loaded for whoever may see it."""
        self.acts.seen(visitor, shown)
        if is_own(shown):
            self.acts.house.showcase.chosen.stop(shown)

    def run_on(self, visitor: Visitor, data: str) -> Run | None:
        """A visitor's newest run on their data that has a model; where none has, an active one."""
        source = Path(self.acts.source(visitor, data)).resolve()
        runs = [run for run in self.acts.runs(visitor) if visitor.owns(run) and
                Path(str(run.record().get("data", {}).get("source", ""))) == source]
        usable = [run for run in runs if run.has_model and run.record()["status"] in USABLE]
        active = [run for run in runs if run.record()["status"] in ACTIVE]
        return next(iter(usable or active), None)
