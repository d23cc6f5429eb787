"""Durations as people say them."""

def time_left(seconds: float) -> str:
    """How long it will still take, no more exactly than it can be known."""
    if seconds < 5:
        return "a few seconds left"
    if seconds < 90:
        return f"about {5 * round(seconds / 5)} s left"
    return f"about {seconds / 60:.0f} min left"


def duration(seconds: float) -> str:
    """A duration, as short as it can be said."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
