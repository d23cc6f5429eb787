"""Low-rank adaptation (Hu et al. 2021, arXiv 2106.09685): train a small change of each weight.

Our own forty lines and not `peft`: there is one kind of layer to adapt, no adapter to keep or to
switch, and whatever saves the model in mid-training must get a plain one. An adapted layer is a
`Linear` that measures with, and saves, its weight with the change added.
"""

from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class Adapted(nn.Linear):
    """A linear layer whose weight is frozen and whose change, `up @ down`, is trained."""

    def __init__(self, plain: nn.Linear, rank: int, alpha: float) -> None:
        """Take over a layer's weight; the change is nothing at first."""
        nn.Module.__init__(self)
        self.in_features, self.out_features = plain.in_features, plain.out_features
        self.weight, self.bias = plain.weight, plain.bias
        self.down = nn.Parameter(plain.weight.new_empty(rank, plain.in_features))
        self.up = nn.Parameter(plain.weight.new_zeros(plain.out_features, rank))
        nn.init.kaiming_uniform_(self.down, a=5**0.5)
        self.share = alpha / rank

    def merged(self) -> Tensor:
        """The weight with its change added: (out, in)."""
        return self.weight + self.share * (self.up @ self.down)

    def forward(self, input: Tensor) -> Tensor:
        """The layer's output; what is measured is computed with the very weight that is saved."""
        linear = nn.functional.linear
        if not self.training:
            return linear(input, self.merged(), self.bias)
        return super().forward(input) + self.share * linear(linear(input, self.down), self.up)

    def _save_to_state_dict(
        self, destination: dict[str, Any], prefix: str, keep_vars: bool
    ) -> None:
        destination[prefix + "weight"] = self.merged().detach()
        if self.bias is not None:
            destination[prefix + "bias"] = self.bias if keep_vars else self.bias.detach()


def adapt(model: "SentenceTransformer", rank: int, alpha: float) -> int:
    """Freeze a model and adapt each linear layer of its transformer; how many there are."""
    model.requires_grad_(False)
    found = [
        (module, name, layer)
        for module in model[0].modules()
        for name, layer in module.named_children()
        if type(layer) is nn.Linear
    ]
    for module, name, layer in found:
        setattr(module, name, Adapted(layer, rank, alpha))
    return len(found)
