"""Load a model for answering: its fast form, else itself.

The fast form is made once for each model and kept under the cache. Before it serves it is compared
with the model in float32, once: a graph made by hand must prove itself.
"""

import json
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from corpus.records import Corpus
from retrieval.encoder import COSINE, DOT, Encoder, SentenceTransformerEncoder
from retrieval.models import (
    EMBEDDED_MODEL,
    PROBES,
    AskedPrompts,
    cached_folder,
    chosen_prompts,
    file_sha256,
    fingerprint,
    load_encoder,
    local_folder,
    split_revision,
)
from retrieval.prompts import names_of_folder

from .bert import FILE as GRAPH
from .bert import WEIGHTS, NoFastFormError
from .encoder import FastEncoder
from .form import FastForm, object_in
from .shipped import shipped_sample

log = logging.getLogger("tandem")

MOST_APART = 0.01
"""How far a text's two vectors may be apart, of their length: more, and it is another model."""
MOST_TRIED = 50
LONGEST_TRIED = 16
"""Questions of dev, and longest passages, that are encoded both ways."""
CHECKED = "checked.json"
FORMS = "forms"


ServedEncoder = SentenceTransformerEncoder | FastEncoder
"""A model that answers questions: in its fast form, else as it is, and then it says why (`plain`,
empty on a machine with a GPU)."""


def load_served(
    model: str, revision: str | None = None, *, cache: Path, texts: Sequence[str] = (),
    device: str | None = None, token: str | bool | None = None,
    prompts: AskedPrompts | None = None,
) -> ServedEncoder:
    """Load a model to answer with, fast if possible.

    texts: on which the fast form is compared with the model, where that was not done yet. The
    others: as for `load_encoder`, whose errors it raises.
    """
    if revision is None:
        model, revision = split_revision(model)

    def plainly() -> SentenceTransformerEncoder:
        return load_encoder(model, revision, device, token, prompts)

    if has_cuda() and device != "cpu":
        return plainly()
    folder = None if revision else local_folder(model)
    loaded = None if folder else plainly()  # the Hub's, which brings it onto this machine
    try:
        if loaded is not None:
            return _fast_of_hub(loaded, revision, cache, texts)
        assert folder is not None
        return _fast(_Source.of_folder(model, folder, prompts or {}), cache, texts, plainly)
    except (NoFastFormError, OSError) as error:
        loaded = loaded or plainly()
        loaded.plain = _why(error)
        log.info("%s answers as it is, not in its fast form: %s.", model, loaded.plain)
        return loaded


def _fast_of_hub(
    loaded: SentenceTransformerEncoder, revision: str | None, cache: Path, texts: Sequence[str]
) -> FastEncoder:
    folder = cached_folder(loaded.name, revision)
    if folder is None:
        raise NoFastFormError("it is not in a folder of this machine")
    source = _Source(loaded.name, folder, loaded.weights_fingerprint, loaded.prompts,
                     loaded.similarity, loaded.truncate_dim, loaded.revision)
    return _fast(source, cache, texts, lambda: loaded)


def make_fast(
    encoder: Encoder, model: Path, cache: Path, corpus: Corpus
) -> None:
    """Make and check a trained model's fast form.

    encoder: the model itself. Whoever serves it later finds what came of that.
    """
    if has_cuda():
        return
    try:
        source = _Source.of_folder(str(model), model, {})
        _fast(source, cache, texts_to_try(corpus), lambda: encoder)
    except (NoFastFormError, OSError) as error:
        log.info("This model answers as it is, not in its fast form: %s.", _why(error))


def forget_fast(cache: Path, weights: str) -> None:
    """Remove the fast form of a model that is gone.

    weights: the model's fingerprint.
    """
    if weights:
        shutil.rmtree(cache / FORMS / weights[:24], ignore_errors=True)


def texts_to_try(corpus: Corpus) -> list[str]:
    """Texts on which both forms of a model are compared.

    Questions of dev, and the longest passages.
    """
    asked = [corpus.queries[query].text for query in corpus.qrels.get("dev", {})]
    longest = sorted((passage.content for passage in corpus.passages), key=len)
    return asked[:MOST_TRIED] + longest[-LONGEST_TRIED:]


@dataclass(frozen=True)
class _Source:
    """A model on this machine, as its files have it.

    weights: its fingerprint. prompts: what stands before a `query` and a `passage`.
    """

    name: str
    folder: Path
    weights: str
    prompts: Mapping[str, str]
    similarity: str
    truncate_dim: int | None = None
    revision: str | None = None

    @classmethod
    def of_folder(cls, name: str, folder: Path, asked: AskedPrompts) -> "_Source":
        known = object_in(folder / "config_sentence_transformers.json")
        prompts = chosen_prompts(
            known.get("prompts") or {}, known.get("default_prompt_name"),
            names_of_folder(folder, object_in(folder / "config.json")), asked)
        return cls(name, folder, fingerprint(folder), prompts,
                   str(known.get("similarity_fn_name") or COSINE), known.get("truncate_dim"))


def _fast(
    source: _Source, cache: Path, texts: Sequence[str], plainly: Callable[[], Encoder]
) -> FastEncoder:
    if source.similarity not in (COSINE, DOT):
        raise NoFastFormError(f"it compares by {source.similarity}")
    kept = cache / FORMS / source.weights[:24]
    if _is_damaged(kept):
        log.warning("The fast form of %s in the cache is damaged: it is made again.", source.name)
        shutil.rmtree(kept, ignore_errors=True)
    encoder = FastEncoder(
        FastForm.of_folder(source.folder, kept), source.name, source.weights, source.prompts,
        source.similarity, source.truncate_dim, revision=source.revision)
    if not _is_checked(kept):
        _check(encoder, kept, texts, plainly)
    return encoder


def _check(
    encoder: FastEncoder, kept: Path, texts: Sequence[str], plainly: Callable[[], Encoder]
) -> None:
    """Compare both forms; NoFastFormError where they differ."""
    known = shipped_sample() if encoder.name == EMBEDDED_MODEL else None
    if known is not None and known.model == encoder.fingerprint:
        given, wanted = known.texts, known.vectors  # what torch made of them, long ago
    else:
        given = [*PROBES, *texts]
        wanted = plainly().encode_passages(given)
    try:
        ours = encoder.encode_passages(given)
    except Exception as error:  # ONNX Runtime's own errors share no base
        raise NoFastFormError("ONNX Runtime cannot run its graph") from error
    lengths = np.linalg.norm(wanted, axis=1)
    apart = np.linalg.norm(ours - wanted, axis=1) / np.where(lengths > 0, lengths, 1)
    found = {"texts": len(given), "apart": float(apart.max()), "allowed": MOST_APART,
             "files": {name: file_sha256(kept / name) for name in (GRAPH, WEIGHTS)}}
    (kept / CHECKED).write_text(json.dumps(found), "utf-8")
    _is_checked(kept)


def _is_damaged(kept: Path) -> bool:
    """Whether a fast form's files are not those that were compared."""
    files = object_in(kept / CHECKED).get("files")
    if not isinstance(files, dict):
        return (kept / CHECKED).exists()
    try:
        return any(file_sha256(kept / name) != files.get(name) for name in (GRAPH, WEIGHTS))
    except OSError:
        return True


def _is_checked(kept: Path) -> bool:
    """Whether a fast form was compared; NoFastFormError where it was found another model."""
    found = object_in(kept / CHECKED)
    if not isinstance(apart := found.get("apart"), float):
        return False
    if not apart <= MOST_APART:
        raise NoFastFormError(
            f"of {found['texts']} texts one has a vector that is {apart:.3f} of its length away "
            "from that of the model itself")
    return True


def _why(error: Exception) -> str:
    if isinstance(error, NoFastFormError):
        return str(error)
    return "its files cannot be read or written here"


def has_cuda() -> bool:
    """Whether this machine has an NVIDIA GPU.

    Torch is not asked: loading it takes seconds.
    """
    return any(Path("/dev").glob("nvidia[0-9]*"))
