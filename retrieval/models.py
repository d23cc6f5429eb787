"""A base model by Hub id or folder -> an encoder: loaded, or refused with a sentence."""

import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from corpus.check.tokens import PACKAGE as EMBEDDED_PACKAGE
from hub.client import Hub
from hub.errors import Failure, failure_of
from hub.tokens import hide_tokens, local_token

from .encoder import SentenceTransformerEncoder

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PRESCRIBED = {
    "mixedbread-ai/mxbai-embed-large-v1":
        {"query": "Represent this sentence for searching relevant passages: "},
}
"""Prompts that a model's authors prescribe, where older revisions do not store them."""
HUB_TIMEOUT = 10
"""Seconds to wait for the Hub's first answer."""


class ModelError(ValueError):
    """A model that cannot be had: the message says which, why, and what to do."""


def load_encoder(
    model: str, revision: str | None = None, device: str | None = None,
    token: str | bool | None = None,
) -> SentenceTransformerEncoder:
    """Load a model by Hub id (`ID` or `ID@REVISION`) or folder: safetensors only, no remote code.

    The embedded model comes from its package, without network, and its weights must have the
    published hash. token: who asks the Hub; None is the owner of this process (their HF_TOKEN), so
    a model that a visitor names must come with the visitor's, or with False for nobody's. Raises
    ModelError with a sentence for a person.
    """
    if revision is None:
        model, revision = split_revision(model)
    folder = _embedded_folder() if model == EMBEDDED_MODEL and revision is None else _folder(model)
    asks: str | Literal[False] = (
        token if isinstance(token, str) else token is None and local_token()) or False
    offline = folder is None and not _hub_answers(model, revision, asks)
    loaded = _load(str(folder or model), model, revision, device, asks, offline)
    if not any(loaded.prompts.values()):
        loaded.prompts = {**loaded.prompts, **PRESCRIBED.get(model, {})}
    return SentenceTransformerEncoder(
        loaded, model, fingerprint(folder) if folder else _hub_fingerprint(loaded, model),
        revision=None if folder else _commit(model, revision),
    )


def split_revision(model: str) -> tuple[str, str | None]:
    """`ID@REVISION` as (id, revision); a folder may have an @ in its name."""
    name, at, revision = model.rpartition("@")
    if not at or not name or not revision or Path(model).expanduser().exists():
        return model, None
    return name, revision


def fingerprint(folder: Path) -> str:
    """SHA-256 over a model folder's weights and configuration, as hex."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".safetensors", ".json") and path.is_file():
            digest.update(path.relative_to(folder).as_posix().encode())
            digest.update(bytes.fromhex(file_sha256(path)))
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _embedded_folder() -> Path | None:
    spec = importlib.util.find_spec(EMBEDDED_PACKAGE)
    if spec is None or spec.origin is None:
        return None  # then it is a Hub id like any other
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(
            f"{EMBEDDED_MODEL} is not in its package {EMBEDDED_PACKAGE}: {weights.name} is missing."
            " Reinstall the package."
        )
    found = file_sha256(weights)
    if found != EMBEDDED_SHA256:
        raise ModelError(
            f"{EMBEDDED_MODEL} in package {EMBEDDED_PACKAGE} is not the published model: its "
            f"weights have SHA-256 {found[:12]}…, not {EMBEDDED_SHA256[:12]}…. Reinstall it."
        )
    return folder


def _folder(model: str) -> Path | None:
    path = Path(model).expanduser()
    if not path.exists():
        if model.startswith((".", "/", "~")) or model.count("/") > 1:
            raise ModelError(f"There is no model folder at {model}. Check the path.")
        return None
    if not path.is_dir():
        raise ModelError(f"{model} is a file: give the folder that holds the model.")
    if not (path / "modules.json").is_file() and not (path / "config.json").is_file():
        raise ModelError(
            f"{model} holds no model: neither modules.json nor config.json is in it. Give a folder "
            "saved by sentence-transformers."
        )
    if not any(path.rglob("*.safetensors")):
        raise ModelError(
            f"{model} has no .safetensors weights. Other weight formats can run code when they "
            "are read; save the model again as safetensors."
        )
    return path


def _hub_answers(model: str, revision: str | None, token: str | Literal[False]) -> bool:
    """Whether the Hub says anything about a model: asked once, since loading asks many times."""
    hub = Hub.of(token or None)
    found = hub.call(
        lambda: hub.api.model_info(model, revision=revision, timeout=HUB_TIMEOUT))
    return not isinstance(found, Failure) or found.status is not None  # a no is an answer


def _load(
    place: str,
    model: str,
    revision: str | None,
    device: str | None,
    token: str | Literal[False],
    offline: bool,
) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # weights load in a second
    try:
        return SentenceTransformer(
            place,
            revision=revision,
            device=device,
            token=token,
            local_files_only=offline,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except Exception as error:  # whatever a hub, a config or a tokenizer can raise
        why = ("the Hub does not answer and it is not in the cache." if offline
               else _reason(error, token, f"loading {model}"))
        raise ModelError(
            f"The model {model} could not be loaded: {why} Check the name, the network, and that "
            "its weights are safetensors."
        ) from None


def _commit(model: str, revision: str | None) -> str | None:
    """Which commit of the Hub a model was just loaded from: the cache keeps each in its folder."""
    from huggingface_hub import try_to_load_from_cache

    for name in ("config.json", "modules.json"):
        path = try_to_load_from_cache(model, name, revision=revision)
        if isinstance(path, str):
            return Path(path).parent.name
    return None


def _reason(error: Exception, token: str | Literal[False], doing: str) -> str:
    """What the Hub has against it, else the first sentence of an error, without headers."""
    failure = failure_of(error, token or None)
    if failure.status is not None:
        return failure.sentence(doing)
    lines: Iterator[str] = (line.strip() for line in str(error).splitlines())
    line = next((line for line in lines if line), type(error).__name__)
    return hide_tokens(line, token or None)[:200].rstrip(".") + "."


def _hub_fingerprint(model: "SentenceTransformer", name: str) -> str:
    """SHA-256 over a loaded model's weights, for one whose files the Hub cache holds."""
    digest = hashlib.sha256(name.encode())
    for key, tensor in sorted(model.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()
