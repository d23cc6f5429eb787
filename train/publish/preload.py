"""Models that a Space fetches from the Hub.

Its front matter names them, so that they are there before the app starts (`preload_from_hub`).
"""

import json
from functools import partial

from hub.client import Hub
from hub.errors import Failure
from retrieval.models import EMBEDDED_MODEL, split_revision
from train.report.card_metadata import is_repo_id

from .bundle import SUFFIXES
from .errors import PublishError

KEY = "preload_from_hub"
FENCE = "---\n"
EXPORTS = ("onnx", "openvino")
"""Folders of a model that Tandem does not load."""


def preloaded(hub: Hub, models: tuple[str, ...]) -> list[str]:
    """Front matter entries for models of the Hub.

    The files that Tandem loads of each. Not of the embedded model, which comes as a package, nor of
    a private one, which the Hub does not preload. PublishError for a model that is not there.
    """
    entries = []
    for model in models:
        name, revision = split_revision(model)
        if not is_repo_id(name):
            raise PublishError(f"{model!r:.80} is no model of the Hub (owner/name): a Space cannot "
                               "read a folder of this machine. Publish it first.", "not_found")
        if name == EMBEDDED_MODEL and revision is None:
            continue
        info = hub.attempt(partial(hub.api.model_info, name, revision=revision))
        if isinstance(info, Failure):
            raise PublishError.of(info, f"looking at {model}", "Nothing was published.")
        files = [each.rfilename for each in info.siblings or [] if _is_loaded(each.rfilename)]
        if not info.private and files:
            entries.append(" ".join([name, ",".join(sorted(files)),
                                     *([str(info.sha)] if revision else [])]))
    return entries


def _is_loaded(path: str) -> bool:
    hidden = any(part.startswith(".") for part in path.split("/"))
    return path.endswith(SUFFIXES) and not hidden and path.split("/")[0] not in EXPORTS


def with_preload(readme: str, entries: list[str]) -> str:
    """A README whose front matter names what is preloaded.

    readme: with front matter that names nothing.
    """
    if not entries:
        return readme
    head, rest = readme.removeprefix(FENCE).split(FENCE, 1)
    listed = "".join(f"  - {json.dumps(entry)}\n" for entry in entries)
    return f"{FENCE}{head}{KEY}:\n{listed}{FENCE}{rest}"


def preload_of(readme: str) -> list[str]:
    """What the front matter of a README names already."""
    from huggingface_hub import RepoCard

    try:
        named = RepoCard(readme, ignore_metadata_errors=True).data.get(KEY)
    except ValueError:
        return []
    return [str(each) for each in named] if isinstance(named, list) else []
