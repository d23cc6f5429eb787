"""What each process of a team does in test_team.py: trains each recipe, then shows its faults."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch

from retrieval.encoder import load_encoder
from retrieval.index import build_index
from test_loop import EVERYTHING, SMALL, numbers
from train.loop import Loop
from train.recipe import Recipe
from train.team import Team, join_team

RECIPES = {
    "plain": SMALL,
    "everything": replace(EVERYTHING, batching="neighbours"),
    "parts": replace(EVERYTHING, mini_batch_size=1),
    "lora": replace(SMALL, lora_rank=4),
    "odd": replace(SMALL, batch_size=3),
}


def trained(model: str, recipe: Recipe, team: Team) -> tuple[Loop, list[float]]:
    """A loop after its first epoch, with the losses; only the main process has the index."""
    encoder = load_encoder(model, device="cpu")
    index = build_index(encoder, numbers()) if team.is_main else None
    loop = Loop(encoder.model, recipe, numbers(), 1, index, team)
    return loop, list(loop.train_epoch())


def failing(loop: Loop, team: Team) -> str:
    """What each process says when memory runs out in the second one only."""
    def full(features):
        raise MemoryError

    if not team.is_main:
        loop.model[0].forward = full
    try:
        next(loop.train_epoch())
    except ValueError as error:
        return f"{type(error).__name__}: {error}"
    return "nothing"


def main(model: str, folder: str) -> None:
    torch.set_num_threads(1)
    team = join_team()
    said: dict = {"rank": team.rank, "losses": {}, "sum": [], "stop": []}
    for name, recipe in RECIPES.items():
        loop, said["losses"][name] = trained(model, recipe, team)
        torch.save(loop.trained, Path(folder) / f"{name}-{team.rank}.pt")
    said["stop"] = [team.any(False), team.any(team.rank == 1), team.from_main(team.rank)]
    tensor = torch.full((3,), 1.0 + team.rank)
    team.add([tensor, tensor[:0]])
    said["sum"] = tensor.tolist()
    said["failure"] = failing(loop, team)
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
