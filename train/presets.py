"""Base models whose use is known: which revision, how many dimensions, which query prompt."""

from dataclasses import dataclass

from retrieval.encoder import EMBEDDED_MODEL


@dataclass(frozen=True)
class Preset:
    """A base model as its authors mean it to be used.

    revision: the commit on the Hub, None for what is newest (or carried along). truncate_dim: None
    for all dimensions. query_prompt: what its authors put before a query; passages get none.
    """

    name: str
    base: str
    revision: str | None = None
    truncate_dim: int | None = None
    query_prompt: str | None = None


PRESETS = {
    preset.name: preset
    for preset in (
        Preset("minilm", EMBEDDED_MODEL),
        # The ancestor's: DESIGN section 7. It pools the first token, which its files say.
        Preset(
            "mxbai-large",
            "mixedbread-ai/mxbai-embed-large-v1",
            revision="e7857440379da569f68f19e8403b69cd7be26e50",
            truncate_dim=512,
            query_prompt="Represent this sentence for searching relevant passages: ",
        ),
    )
}


def preset_of(base: str) -> Preset | None:
    """The preset of a base model, by the preset's name or the model's; None where there is none."""
    return next((p for p in PRESETS.values() if base in (p.name, p.base)), None)
