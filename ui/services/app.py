"""The services behind the page, whoever looks at it."""

from dataclasses import dataclass

from train.engines.queue import Queue
from train.publish.home import HomeRepo
from train.settings import Settings
from ui.auth import Auth

from .opening import OpeningPair
from .uploads import Uploads


@dataclass(frozen=True)
class Services:
    """What stands behind the page, whoever looks at it."""

    settings: Settings
    opening: OpeningPair
    queue: Queue
    auth: Auth
    uploads: Uploads
    home: HomeRepo | None = None
