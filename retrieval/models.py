"""Load a base model by Hub id or folder.

As an encoder, or refused with a sentence.
"""

import hashlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from corpus.check.tokens import PACKAGE as EMBEDDED_PACKAGE
from hub.client import Hub
from hub.errors import Failure, failure_of
from hub.tokens import hide_tokens, local_token

from .encoder import PASSAGE_PROMPTS, QUERY_PROMPTS, SentenceTransformerEncoder, found_prompt
from .model_kinds import SAFETENSORS, ModelFiles, is_model2vec, refusal
from .prompts import names_of_folder, published_prompts

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

EMBEDDED_MODEL = "sentence-transformers/all-MiniLM-L6-v2"
EMBEDDED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
HUB_TIMEOUT = 10
"""Seconds to wait for the Hub's first answer."""
PROBES = ("How long is the warranty?", "Two years, from the day of delivery; see page 214.")
"""A query and a passage that a model is tried on."""
LONGEST_PROMPT = 2_000
"""Characters of a prompt."""

Token = str | Literal[False]
AskedPrompts = Mapping[str, str | None]
"""Prompts that somebody set: `query` and `passage`, None for what the model has."""


@dataclass(frozen=True)
class Preset:
    """A base model as its authors mean it used.

    revision: the commit on the Hub, None for what is newest (or carried along). truncate_dim: None
    for all dimensions. Its prompts are those its authors publish.
    """

    name: str
    base: str
    revision: str | None = None
    truncate_dim: int | None = None

    @property
    def query_prompt(self) -> str | None:
        """What its authors put before a query."""
        return published_prompts([self.base]).get("query")


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
        ),
    )
}


def preset_of(base: str) -> Preset | None:
    """The preset of a base model, by either name.

    The preset's or the model's; None where there is none.
    """
    return next((p for p in PRESETS.values() if base in (p.name, p.base)), None)


class ModelError(ValueError):
    """A model that cannot be had.

    The message says which, why, and what to do.
    """


def load_encoder(
    model: str, revision: str | None = None, device: str | None = None,
    token: str | bool | None = None, prompts: AskedPrompts | None = None,
) -> SentenceTransformerEncoder:
    """Load an embedding model by Hub id or folder.

    `ID` or `ID@REVISION`; in float32. Safetensors only, no code of a repository. What is no text
    embedder is refused by name, before its weights are fetched. The embedded model comes from its
    package, without network, and its weights must have the published hash. token: who asks the Hub;
    None is the owner of this process (their HF_TOKEN), so a model that a visitor names must come
    with the visitor's, or with False for nobody's. prompts: instead of those that the model stores,
    or, where it stores none, that its authors publish. Raises ModelError with a sentence for a
    person.
    """
    if revision is None:
        model, revision = split_revision(model)
    asks = _asks(token)
    place = _place(model, revision, asks)
    loaded = _load(place, device, asks)
    _give_prompts(loaded, place, prompts or {})
    folder = place.folder
    return SentenceTransformerEncoder(
        loaded, model, fingerprint(folder) if folder else _hub_fingerprint(loaded, model),
        revision=None if folder else _commit(model, revision),
    )


def check_model(
    model: str, revision: str | None = None, token: str | bool | None = None
) -> ModelFiles | None:
    """Refuse what is no text embedder by its files.

    They are given back. No weights are fetched or read. None where the Hub lists no files: then
    loading says why. token: as for `load_encoder`. Raises ModelError.
    """
    if revision is None:
        model, revision = split_revision(model)
    return _place(model, revision, _asks(token)).files


def probe(encoder: SentenceTransformerEncoder) -> None:
    """Encode a query and a passage.

    ModelError unless their vectors can be told apart.
    """
    try:
        vectors = np.concatenate([encoder.encode_queries(PROBES[:1]),
                                  encoder.encode_passages(PROBES[1:])])
    except Exception as error:  # whatever a model's own layers can raise
        raise ModelError(f"The model {encoder.name} cannot encode a text: "
                         f"{_reason(error, False, 'encoding')} Take "
                         "another, or save it again from where it works.") from error
    why = ""
    if vectors.shape != (2, encoder.dim) or not encoder.dim:
        why = f"gives vectors of shape {vectors.shape} where (2, {encoder.dim}) were expected"
    elif not vectors.any(axis=1).all():
        why = "gives no usable vector for a plain sentence (zeros, or not a number)"
    elif np.allclose(vectors[0], vectors[1], rtol=0, atol=1e-5):
        why = "gives two different sentences the same vector"
    if why:
        raise ModelError(f"The model {encoder.name} {why}: its weights may be damaged, or only "
                         "partly there. Fetch or save it again, or take another.")


def check_prompts(prompts: AskedPrompts) -> AskedPrompts:
    """The prompts that somebody set; ModelError where one cannot be."""
    for side, text in prompts.items():
        if text is not None and len(text) > LONGEST_PROMPT:
            raise ModelError(f"The {side} prompt has {len(text):,} characters; at most "
                             f"{LONGEST_PROMPT:,} can be put before a text. Shorten it.")
    return prompts


def split_revision(model: str) -> tuple[str, str | None]:
    """`ID@REVISION` as (id, revision).

    A folder may have an @ in its name.
    """
    name, at, revision = model.rpartition("@")
    if not at or not name or not revision or Path(model).expanduser().exists():
        return model, None
    return name, revision


def fingerprint(folder: Path) -> str:
    """SHA-256 of a model's weights and configuration, as hex."""
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


def local_folder(model: str) -> Path | None:
    """The folder of this machine that holds a model.

    The embedded one's is its package's, whose weights are checked. None for one of the Hub, unless
    its cache has it. Raises ModelError.
    """
    return _embedded_folder() if model == EMBEDDED_MODEL else _folder(model)


def cached_folder(model: str, revision: str | None) -> Path | None:
    """The folder in which the Hub's cache keeps a model.

    At the commit it was last fetched at; None where it does not.
    """
    return _cached(model, revision)


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
    return path


@dataclass(frozen=True)
class _Place:
    """Where a model is loaded from.

    folder: on this machine, None for the Hub. files: None where the Hub does not list them.
    offline: the Hub does not answer.
    """

    model: str
    revision: str | None
    folder: Path | None
    files: ModelFiles | None
    offline: bool = False


def _place(model: str, revision: str | None, token: Token) -> _Place:
    """Where a model is, if it is one that can be searched with; ModelError if it is not."""
    embedded = model == EMBEDDED_MODEL and revision is None
    folder = _embedded_folder() if embedded else _folder(model)
    if folder:
        place = _Place(model, revision, folder, ModelFiles.of_folder(folder, model))
    else:
        place = _on_hub(model, revision, token)
    if place.files is None:
        return place
    if why := refusal(place.files):
        raise ModelError(f"{model} {why}")
    return place


def _on_hub(model: str, revision: str | None, token: Token) -> _Place:
    """A model of the Hub; asked once whether it answers, since loading asks many times."""
    hub = Hub.of(token or None)
    info = hub.call(lambda: hub.api.model_info(model, revision=revision, timeout=HUB_TIMEOUT,
                                               files_metadata=True))
    if isinstance(info, Failure):
        if info.status is not None:  # a no is an answer; loading says which
            return _Place(model, revision, None, None)
        cached = _cached(model, revision)
        files = ModelFiles.of_folder(cached, model) if cached else None
        return _Place(model, revision, None, files, offline=True)

    def fetched(name: str) -> Path:
        found = hub.call(lambda: hub.api.hf_hub_download(model, name, revision=revision))
        if isinstance(found, Failure):
            raise ModelError(f"The model {model} could not be looked at: "
                             f"{found.sentence(f'fetching {name}')}")
        return Path(found)

    listed = info.siblings or []
    weights = sum(file.size or 0 for file in listed if file.rfilename.endswith(SAFETENSORS))
    names = frozenset(file.rfilename for file in listed)
    files = ModelFiles(model, names, fetched, weights, local=False)
    return _Place(model, revision, None, files)


def _asks(token: str | bool | None) -> Token:
    """Who asks the Hub, as its client takes it: False for nobody."""
    return (token if isinstance(token, str) else token is None and local_token()) or False


def _load(
    place: _Place, device: str | None, token: Token
) -> "SentenceTransformer":
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # weights load in a second
    where: dict[str, Any] = {"revision": place.revision, "token": token,
                             "local_files_only": place.offline}
    name = str(place.folder or place.model)
    try:
        if place.files and is_model2vec(place.files):
            from sentence_transformers.sentence_transformer.modules import StaticEmbedding

            module = StaticEmbedding.load(name, **where)
            return SentenceTransformer(modules=[module], device=device).float()
        # Half precision is for answering: what trains, and what is measured, is in float32.
        return SentenceTransformer(
            name, device=device, trust_remote_code=False, **where,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        ).float()
    except Exception as error:  # whatever a hub, a config or a tokenizer can raise
        why = ("the Hub does not answer and it is not in the cache." if place.offline
               else _reason(error, token, f"loading {place.model}"))
        raise ModelError(
            f"The model {place.model} could not be loaded: {why} Check the name, the network, and "
            "that its weights are safetensors."
        ) from None


def _give_prompts(
    model: "SentenceTransformer", place: _Place, asked: AskedPrompts
) -> None:
    """Have a model store what is put before its texts, under the names the library looks for."""
    config = place.files.config() if place.files else {}
    own = chosen_prompts(
        model.prompts, model.default_prompt_name,
        names_of_folder(place.folder, config) if place.folder else [place.model], asked)
    others = {name: text for name, text in model.prompts.items()
              if name not in (*QUERY_PROMPTS, *PASSAGE_PROMPTS)}
    model.prompts = {**others, "query": own["query"], "document": own["passage"]}


def chosen_prompts(
    stored: Mapping[str, Any], default: str | None, names: Iterable[str], asked: AskedPrompts
) -> dict[str, str]:
    """What stands before a `query` and a `passage`.

    What somebody asked for, else what the model stores, else, where it stores none, what its
    authors publish. names: what may tell which model it is.
    """
    check_prompts(asked)
    own = {"query": found_prompt(stored, default, QUERY_PROMPTS),
           "passage": found_prompt(stored, default, PASSAGE_PROMPTS)}
    if not any(own.values()):
        own |= published_prompts(names)
    return own | {side: text for side, text in asked.items() if text is not None}


def _cached(model: str, revision: str | None) -> Path | None:
    """The folder in which the Hub's cache keeps a model at the commit it was last fetched at."""
    from huggingface_hub import try_to_load_from_cache

    for name in ("config.json", "modules.json"):
        path = try_to_load_from_cache(model, name, revision=revision)
        if isinstance(path, str):
            return Path(path).parent
    return None


def _commit(model: str, revision: str | None) -> str | None:
    """Which commit of the Hub a model was just loaded from: the cache keeps each in its folder."""
    cached = _cached(model, revision)
    return cached.name if cached else None


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
