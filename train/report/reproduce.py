"""Commands that repeat a run for somebody else.

Where they have the data.
"""

import shlex
from dataclasses import fields
from pathlib import PurePath

from train.recipe import RECIPES, Recipe, RecipeError
from train.run.record import RunRecord

from .card_metadata import CardEdits
from .plain_script import script_text


def base_name(name: str) -> str:
    """A path as somebody else has it.

    The file alone, not the folders of this machine.
    """
    return PurePath(name).name if name.startswith(("/", "~", ".")) or "\\" in name else name


def download(record: RunRecord) -> str:
    """The command that fetches the data, where that is published.

    Empty where it is not.
    """
    published = _published(record)
    if not published:
        return ""
    return (f"hf download {shlex.quote(published)} --repo-type dataset "
            f"--local-dir {data_argument(record)}")


def command(record: RunRecord) -> str:
    """The command line that repeats this run.

    In the folder that has the data.
    """
    known = {field.name for field in fields(Recipe)} - {"name"}
    recipe = record.recipe.hyperparameters if record.recipe else {}
    named = recipe.get("name") if recipe.get("name") in RECIPES else "tandem"
    changed = [f"--set {name}={shlex.quote(str(value))}" for name, value in recipe.items()
               if name in known and value != getattr(RECIPES[str(named)], name)]
    base, revision = base_name(record.base_model.name), record.base_model.revision
    return " ".join([
        f"python -m train fit --data {data_argument(record)}",
        f"--base {shlex.quote(f'{base}@{revision}' if revision else base)}",
        f"--recipe {named}", *changed, f"--seed {record.seed} --out my-run"])


def plain_script(record: RunRecord) -> str:
    """The script that trains alike without Tandem.

    Empty where the recipe is none of today's.
    """
    base = record.base_model.changed(name=base_name(record.base_model.name))
    try:
        return script_text(record.changed(base_model=base)).rstrip("\n")
    except RecipeError:
        return ""


def _published(record: RunRecord) -> str | None:
    """The data set of the Hub that the run's data is in."""
    return next(iter(CardEdits.of(record).datasets), None)


def data_argument(record: RunRecord) -> str:
    """The data as the commands name it.

    A published data set's folder, or the file's name.
    """
    if published := _published(record):
        return shlex.quote(published.rpartition("/")[2])
    return shlex.quote(base_name(record.data.source or record.data.name))
