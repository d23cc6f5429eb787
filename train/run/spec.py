"""What a run is asked to do.

Written into its record before anything starts. An engine is handed a run directory and nothing
else, so whoever takes it up, now, after a restart or on another machine, finds there all that it
needs.
"""

import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from corpus.load import BUILT_IN
from retrieval.models import EMBEDDED_MODEL, AskedPrompts
from train.recipe import Recipe, RecipeError, retired_values

from .record import Run, RunError, create_run


@dataclass(frozen=True)
class RunSpec:
    """A fine-tune that somebody asks for.

    data: `porsche`, a BEIR folder or a file of pairs. base: a Hub id or a folder; revision: which
    commit of the Hub id, None for the newest. query_prompt, passage_prompt: what is put before a
    text, None for what the base has. owner: the Hub name or the browser that asks, None
    for the owner of this Tandem. engine: where it runs; flavor: on which of the engine's machines.
    data_name: what the data is called, where its file name says nothing. folds: to cross-validate
    over, None for no cross-validation.
    """

    data: str = BUILT_IN
    base: str = EMBEDDED_MODEL
    revision: str | None = None
    recipe: Recipe = field(default_factory=Recipe)
    seed: int = 42
    owner: str | None = None
    engine: str = "local"
    flavor: str | None = None
    data_name: str = ""
    query_prompt: str | None = None
    passage_prompt: str | None = None
    folds: int | None = None

    @property
    def prompts(self) -> AskedPrompts:
        """The prompts that were asked for, by side."""
        return {"query": self.query_prompt, "passage": self.passage_prompt}

    @property
    def called(self) -> str:
        """What the data is called."""
        return self.data_name or Path(self.data).stem

    def create(self, runs: Path) -> Run:
        """Create a queued run with this request in `runs`."""
        # Whoever knows the id of a run on data that somebody brought can look at it: nobody may
        # guess it from what they called their file.
        name = f"{self.called}-{self.recipe.name}"
        if self.data_name:
            name = f"{self.called[:18]}-{self.recipe.name}-{secrets.token_hex(6)}"
        run = create_run(runs, name)
        try:
            run.update(**self.as_record())
        except OSError:
            run.delete()
            raise RunError("A run cannot be begun: the disk is full, or cannot be written to. Make "
                           "space, for example by deleting runs.") from None
        return run

    def as_record(self) -> dict[str, Any]:
        """The request as `run.json` keeps it."""
        return {
            "owner": self.owner,
            "recipe": asdict(self.recipe),
            "seed": self.seed,
            "base_model": {"name": placed(self.base), "revision": self.revision,
                           "query_prompt": self.query_prompt,
                           "passage_prompt": self.passage_prompt},
            "data": {"source": placed(self.data), "name": self.called},
            "engine": {"name": self.engine, "flavor": self.flavor},
        } | ({"folds": self.folds} if self.folds else {})


def placed(name: str) -> str:
    """A data path made whole; other names as they are.

    So that it means the same in another folder.
    """
    path = Path(name).expanduser()
    return str(path.resolve()) if path.exists() else name


def spec_of(run: Run) -> RunSpec:
    """The request a run was created with.

    RunError if its record has none.
    """
    record = run.record()
    asked = {"data": record.data.source, "base model": record.base_model.name,
             "recipe": record.recipe, "engine": record.engine}
    if record.recipe is None or record.engine is None or not all(asked.values()):
        raise _cannot_start(run, f"no {next(name for name in asked if not asked[name])}")
    kept = record.recipe.hyperparameters
    if gone := retired_values(kept):
        raise RunError(f"{run.folder} was asked to train with {', '.join(gone)}, which Tandem no "
                       "longer does: start a new run without it.")
    try:
        recipe = Recipe.from_record(kept)
    except RecipeError as error:
        raise _cannot_start(run, str(error)) from None
    return RunSpec(
        data=record.data.source or "",
        base=record.base_model.name,
        revision=record.base_model.revision,
        recipe=recipe,
        seed=record.seed,
        owner=record.owner,
        engine=record.engine.name,
        flavor=record.engine.flavor,
        data_name=record.data.name,
        query_prompt=record.base_model.query_prompt,
        passage_prompt=record.base_model.passage_prompt,
        folds=record.folds,
    )


def _cannot_start(run: Run, why: str) -> RunError:
    return RunError(
        f"{run.folder}/run.json does not say what the run was asked to do ({why}): it cannot be "
        "started again. Start a new run."
    )
