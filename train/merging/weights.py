"""Weighted means of a base's and a tuned model's weights.

Wortsman et al. 2022, "Robust fine-tuning of zero-shot models": between the two the quality won
mostly stays, and what was lost elsewhere mostly comes back.
"""

import copy
import hashlib

from retrieval.encoder import SentenceTransformerEncoder

LEAST, MOST = 0.5, 1.0


def check_alpha(alpha: float) -> float:
    """An alpha within its range; ValueError otherwise."""
    if not LEAST <= alpha <= MOST:  # also what is not a number
        raise ValueError(f"alpha must be from {LEAST} (half of the base) to {MOST:g} (the "
                         f"fine-tuned model as it is), not {alpha:g}.")
    return alpha


def merged(
    base: SentenceTransformerEncoder, tuned: SentenceTransformerEncoder, alpha: float
) -> SentenceTransformerEncoder:
    """The model between base and tuned, by alpha.

    Its weights are alpha times tuned plus (1 - alpha) times base. It is used as the tuned one is:
    its prompts, tokens and dimensions. ValueError where the two do not have the same weights by
    name and shape.
    """
    import torch

    check_alpha(alpha)
    model = copy.deepcopy(tuned.model)
    before, after = base.model.state_dict(), model.state_dict()
    if before.keys() != after.keys() or any(before[name].shape != after[name].shape
                                            for name in after):
        raise ValueError(f"{tuned.name} and {base.name} have different weights: a merge needs a "
                         "model and the base it was made from.")
    with torch.no_grad():
        mean = {name: torch.lerp(before[name].to(weight.device, weight.dtype), weight, alpha)
                if weight.is_floating_point() else weight for name, weight in after.items()}
    model.load_state_dict(mean)
    prints = f"{base.weights_fingerprint} {tuned.weights_fingerprint} {alpha}"
    return SentenceTransformerEncoder(
        model, f"{tuned.name}, alpha {alpha:g}", hashlib.sha256(prints.encode()).hexdigest(),
        tuned.truncate_dim, prompted=tuned.prompted, max_tokens=tuned.max_tokens)
