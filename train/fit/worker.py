"""What the other processes of a team do: train along with the main one, and write nothing."""

import logging
import signal
from dataclasses import dataclass
from pathlib import Path

from corpus.records import Corpus
from retrieval.encoder import SentenceTransformerEncoder
from retrieval.models import load_encoder
from train.recipe import Recipe

from .distributed import Team, TeamGoneError
from .loop import Loop

log = logging.getLogger("train")


@dataclass(frozen=True)
class Order:
    """What the main process tells the others to train.

    prompts, default_prompt: those it trains with. state: where to go on from, None to begin.
    """

    base: str
    revision: str | None
    recipe: Recipe
    corpus: Corpus
    seed: int
    max_seq_length: int | None
    prompts: dict[str, str | None]
    default_prompt: str | None
    state: Path | None

    def give(self, team: Team) -> None:
        """Tell the others of the main process, and wait until they are ready."""
        team.from_main(self)
        with team.together():
            pass


def order_for(
    encoder: SentenceTransformerEncoder, recipe: Recipe, corpus: Corpus, seed: int,
    state: Path | None,
) -> Order:
    """The order to train a model as it stands in the main process."""
    model = encoder.model
    longest = model.max_seq_length if model.transformers_model is not None else None
    return Order(encoder.name, encoder.revision, recipe, corpus, seed, longest,
                 dict(model.prompts), model.default_prompt_name, state)


def follow(team: Team) -> int:
    """Train along until the main process leaves or something fails; returns the exit status.

    Only that process is asked to stop: a signal to all of them must not break its last step.
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
