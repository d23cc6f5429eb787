"""What goes wrong with a data set of the Hub, as a sentence."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..limits import TooMuchError
from ..records import CorpusError
from ..words import shortened

SIGN_IN = "sign in with an account that may read it, or set HF_TOKEN to its token"

FAULTS = (
    ("OfflineModeIsEnabled", "{name} is on the Hub, and this process is told to stay offline "
                             "(HF_HUB_OFFLINE)."),
    ("GatedRepoError", "{name} is given only to those who asked for it on its page on the Hub: ask "
                       f"there, then {SIGN_IN}."),
    ("RevisionNotFoundError", "{name} has no such revision: check what stands behind the @."),
    ("RepositoryNotFoundError DatasetNotFoundError",
     f"There is no data set {{name}} on the Hub, or it is private: check the name, or {SIGN_IN}."),
    ("EmptyDatasetError DataFilesNotFoundError",
     "{name} holds no data files: take a data set of JSON, CSV or Parquet files."),
    ("ConnectError ConnectionError TimeoutException NetworkError RemoteProtocolError "
     "LocalEntryNotFoundError", "The Hub does not answer for {name}: check the network, and try "
                                "again."),
    ("CastError DatasetGenerationCastError",
     "The files of {name} have not all the same columns: choose a config whose files have."),
)
"""Names of error classes -> what to say of them; the first that is among an error's counts."""
NOT_ALLOWED = "The Hub does not let this token read {name} ({status}): " + SIGN_IN + "."
IN_TROUBLE = "The Hub is in trouble ({status} for {name}): try again in some minutes."
STATUSES = {401: NOT_ALLOWED, 403: NOT_ALLOWED, 429: "The Hub has had too many requests from here "
            "({status}): read {name} in some minutes."}


@contextmanager
def said(name: str) -> Iterator[None]:
    """Turn what the Hub's clients raise into a CorpusError.

    Each of them has errors of its own (httpx, fsspec, pandas, pyarrow), and errors of the Hub's
    client hold the request with its token: so all are replaced, and none is chained.
    """
    try:
        yield
    except CorpusError:
        raise
    except MemoryError:
        raise TooMuchError(f"{name} needs more memory than there is for it: take a smaller "
                           "split.") from None
    except Exception as error:
        raise CorpusError(_sentence(name, error)) from None


def _sentence(name: str, error: BaseException) -> str:
    links = list(_chain(error))
    kinds = {kind.__name__ for link in links for kind in type(link).__mro__}
    for known, sentence in FAULTS:
        if kinds & set(known.split()):
            return sentence.format(name=name)
    status = next((link.response.status_code for link in links if hasattr(link, "response")), None)
    if status is not None:
        return STATUSES.get(status, IN_TROUBLE).format(name=name, status=status)
    text = shortened(str(error), 200).rstrip(".")
    token = os.environ.get("HF_TOKEN")
    text = text.replace(token, "…") if token else text
    return f"{name} cannot be read ({type(error).__name__}): {text}."


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
