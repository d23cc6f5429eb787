"""Where an error arose, for the log.

Lines of code only: the text of an error may hold what a visitor wrote. An owner who looks for a
fault has whole errors with TANDEM_LOG=errors.
"""

import logging
import traceback
from pathlib import Path

log = logging.getLogger("tandem.errors")
"""At level DEBUG, errors are logged whole."""

ROOT = Path(__file__).resolve().parents[2]
PASSED_BY_ALL = ("middleware.py", "request_limits.py", "preview.py")


def traced(error: BaseException) -> str:
    """An error's kind, and the lines that it passed.

    Of our code; the last of any where it passed none.
    """
    if log.isEnabledFor(logging.DEBUG):
        return "".join(traceback.format_exception(error))
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if _is_ours(frame)] or stack[-4:]
    return type(error).__name__ + "".join(
        f"\n  {_shown(Path(frame.filename))}:{frame.lineno} {frame.line}" for frame in frames)


def passed_our_code(error: BaseException) -> bool:
    """Whether an error passed anything of ours.

    It has not where all of it happened in Gradio, before an event of ours was reached.
    """
    return any(map(_is_ours, traceback.extract_tb(error.__traceback__)))


def passed_through(error: BaseException, *functions: str) -> bool:
    """Whether an error passed a function of such a name."""
    return any(frame.name in functions for frame in traceback.extract_tb(error.__traceback__))


def _is_ours(frame: traceback.FrameSummary) -> bool:
    place = Path(frame.filename)
    return (place.is_relative_to(ROOT) and "site-packages" not in place.parts
            and place.parent != Path(__file__).parent and place.name not in PASSED_BY_ALL)


def _shown(place: Path) -> str:
    return place.relative_to(ROOT).as_posix() if place.is_relative_to(ROOT) else place.name
