"""What somebody brings and which column of it holds what, as a page or a program says it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from corpus.columns import Columns
from train.card_data import is_repo_id

MOST_NAMED = 1_000
"""Characters of the name of a column, a configuration or a split."""


class IntakeError(ValueError):
    """Data that cannot be used as it is: the message says why."""


class UnsureError(IntakeError):
    """Data of which nobody can tell by their names which column holds what."""


@dataclass(frozen=True)
class Brought:
    """What somebody brings: a file that was received, or a data set of the Hub.

    raw: the token of the file. hub: owner/name, with @revision for one of its commits. config,
    split: of the data set, empty for its first.
    """

    raw: str = ""
    hub: str = ""
    config: str = ""
    split: str = ""

    @classmethod
    def from_json(cls, text: object) -> "Brought":
        """What a page sends back. IntakeError where it is none."""
        try:
            fields = json.loads(str(text))
            found = cls(**{name: str(fields.get(name) or "") for name in asdict(cls())})
        except (ValueError, AttributeError, RecursionError):
            raise IntakeError("Bring a file or name a data set first.") from None
        if not (found.raw or found.hub):
            raise IntakeError("Bring a file or name a data set first.")
        found.check()
        return found

    def check(self) -> None:
        """Refuse what can be no data set of the Hub; IntakeError."""
        name = self.hub.partition("@")[0]
        if not self.raw and not is_repo_id(name):
            raise IntakeError(f"A data set of the Hub is named owner/name, not {self.hub!r:.80}.")
        for what, text in (("revision", self.hub), ("config", self.config), ("split", self.split)):
            check_argument(f"The {what}", text)

    @property
    def title(self) -> str:
        """What a data set is called; a file has a title of its own."""
        return self.hub.partition("@")[0].partition("/")[2] or self.hub


def columns_for(look: Mapping[str, Any], chosen: Mapping[str, Any] | None) -> Columns | None:
    """The columns to take: those that were chosen, else those that the names leave no doubt of.

    look: what `corpus look` said. None for data that is not pairs. UnsureError where somebody has
    to choose.
    """
    if look.get("kind") != "pairs":
        return None
    if chosen:
        return chosen_columns(chosen)
    if guess := certain_guess(look):
        return guess
    names = ", ".join(repr(str(name)[:60]) for name in list(look.get("columns") or [])[:20])
    raise UnsureError("Which column holds the question and which its answer cannot be told from "
                      f"their names ({names}): say which are the anchor and the positive.")


def certain_guess(look: Mapping[str, Any]) -> Columns | None:
    """Which column holds what, where the names leave no doubt."""
    guess = look.get("guess")
    return Columns.from_json(guess) if guess and look.get("certain", True) else None


def chosen_columns(chosen: Mapping[str, Any]) -> Columns:
    """Columns as somebody chose them. IntakeError where they cannot be."""
    anchor, positive, score, topic = (
        str(chosen.get(name) or "") for name in ("anchor", "positive", "score", "topic"))
    told = chosen.get("negatives") or ()
    negatives = tuple(map(str, [told] if isinstance(told, str) else told)) \
        if isinstance(told, str | Sequence) else ()
    if not anchor or not positive:
        raise IntakeError("Choose the column of the questions (anchor) and that of their answers "
                          "(positive).")
    named = [anchor, positive, *negatives, *([score] if score else []), *([topic] if topic else [])]
    for name in named:
        check_argument("A column’s name", name)
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise IntakeError(f"The column {twice!r:.80} is chosen twice: each can hold one thing.")
    least = _number(chosen.get("least_score"))
    if least is not None and not score:
        raise IntakeError("A least score needs the column that holds the scores.")
    return Columns(anchor, positive, negatives, score, least, topic)


def _number(value: object) -> float | None:
    if value in (None, ""):
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = float("nan")
    if not abs(number) < float("inf"):
        raise IntakeError(f"The least score must be a number, not {value!r:.60}.")
    return number


def check_argument(what: str, text: str) -> None:
    """Refuse what no command line can carry; IntakeError."""
    if len(text) > MOST_NAMED:
        raise IntakeError(f"{what} has {len(text):,} characters; at most {MOST_NAMED:,} are taken.")
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise IntakeError(f"{what} holds a character that cannot be used: {text!r:.80}.")
