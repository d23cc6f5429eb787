"""A clock for the ages of files that nobody sets."""

import time

STARTED = time.time() - time.monotonic()


def steady_time() -> float:
    """Seconds since 1970, as this process has counted them.

    The machine's clock may be set while it runs: data of today would be two days old at once.
    """
    return STARTED + time.monotonic()
