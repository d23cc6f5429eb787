"""What is told while something is published."""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from hub.progress import Progress


@dataclass(frozen=True)
class Step:
    """A step of a publication.

    phase: what is being done now (`check`, `prepare`, `onnx`, `upload`, `commit`, `verify`, `ask`).
    progress: how far that is: of bytes, or of passages for `onnx`. text: a message instead.
    """

    phase: str = ""
    progress: Progress = Progress()
    text: str = ""


PublishSteps = Generator[Step, None, dict[str, Any]]
"""Steps as they come; returns what the command line prints."""
