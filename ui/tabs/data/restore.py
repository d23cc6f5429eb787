"""What the data section remembers in the browser.

And what of it comes back.
"""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from corpus.columns import Columns
from ui.auth import Visitor
from ui.services.importing import ImportRequest, chosen_columns
from ui.services.uploads import UploadError, Uploads
from ui.tabs.shared import read_back

OWN = "own"
"""What the choice of data is where somebody brings their own."""
NO_DATA = "none-yet"
"""The name of the data while somebody chose to bring their own and has not yet: no data has it."""
BRING_FIRST = "Bring your data first: what was found in it, and what a fine-tune on it takes, " \
              "stands here then."
ROLES = ("anchor", "positive", "negatives", "score", "least_score", "topic")
"""What the boxes for the columns say, in their order."""
FILE_GONE = ("The file itself was kept for an hour and is gone: to choose other columns of it, "
             "bring it again.")
DATA_GONE = "The data you had brought is not here any more: bring it again."


def marked(**what: Any) -> str:
    """What was brought, as the page holds it.

    Never twice the same, so that it is noticed.
    """
    return json.dumps({**what, "mark": secrets.token_hex(4)})


def is_restored(brought: str) -> bool:
    """Whether what was brought stood there before a reload."""
    return "restored" in read_back(brought, {})


def restored_columns(brought: str) -> Columns | None:
    """The columns that were chosen before a reload."""
    try:
        return chosen_columns(read_back(brought, {})["restored"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def restored(kept: object, uploads: Uploads, visitor: Visitor) -> tuple[list[Any], str] | None:
    """The section as before a reload, with a note.

    kept: the choice of data, the name of what was taken, what was brought, the file of more
    passages, then the boxes for the columns. The same in this order comes back, without the
    boxes, and empty where it is not here any more. None for another version of the page.
    """
    if not isinstance(kept, list) or len(kept) != 4 + len(ROLES):
        return None
    source, mine, brought, extra = (str(value or "") for value in kept[:4])
    said = ""
    if mine and not _is_here(lambda: uploads.source(mine, visitor)):
        mine, said = "", DATA_GONE
    if extra and not _is_here(lambda: uploads.raw(extra, visitor)):
        extra = ""
    again = _again(brought, dict(zip(ROLES, kept[4:], strict=True)), uploads, visitor)
    if mine and brought and not again:
        said = FILE_GONE
    return [source, mine, again, extra], said if source == OWN else ""


def _again(
    brought: str, roles: Mapping[str, Any], uploads: Uploads, visitor: Visitor
) -> str:
    try:
        what = ImportRequest.from_json(brought)
    except ValueError:
        return ""
    if what.raw and not _is_here(lambda: uploads.raw(what.raw, visitor)):
        return ""
    return marked(raw=what.raw, hub=what.hub, config=what.config, split=what.split,
                  sheet=what.sheet, restored=roles)


def _is_here(find: Callable[[], object]) -> bool:
    try:
        find()
    except UploadError:
        return False
    return True
