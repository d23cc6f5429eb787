"""The services behind the page, whoever looks at it."""

from dataclasses import dataclass

from train.engines.queue import Queue
from train.settings import Settings
from ui.auth import Door

from .opening import Showcase
from .uploads import Uploads


@dataclass(frozen=True)
class House:
    """What stands behind the page, whoever looks at it."""

    settings: Settings
    showcase: Showcase
    queue: Queue
    door: Door
    uploads: Uploads
