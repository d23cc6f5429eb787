"""What may be asked: a question, and how many hits and dimensions to answer it with."""

MAX_QUERY = 2_000
"""Characters of a question."""
MAX_K = 50


class QueryError(ValueError):
    """A question, or an option of it, that cannot be answered."""


def check_query(query: object) -> str:
    """The question, trimmed; QueryError when it is empty, too long, or no text."""
    if not isinstance(query, str):
        raise QueryError(f"The question must be text, not {type(query).__name__}.")
    text = query.encode("utf-8", "replace").decode().strip()  # half an emoji cannot be encoded
    if not text:
        raise QueryError("Type a question first, or choose an example.")
    if len(text) > MAX_QUERY:
        raise QueryError(
            f"The question has {len(text):,} characters; at most {MAX_QUERY:,} can be searched "
            "for. Shorten it."
        )
    return text


def check_k(k: object) -> int:
    """How many hits to show; QueryError unless it is a whole number within 1 to MAX_K."""
    number = _whole(k)
    if number is None or not 1 <= number <= MAX_K:
        raise QueryError(f"k must be a whole number from 1 to {MAX_K}, not {k!r:.40}.")
    return number


def check_dim(value: object) -> int | None:
    """A truncate_dim, or None for all; QueryError unless it is a whole number above 0."""
    if value in (None, "", 0, "all"):
        return None
    number = _whole(value)
    if number is None or number < 1:
        raise QueryError(f"truncate_dim must be a whole number of dimensions, not {value!r:.40}.")
    return number


def _whole(value: object) -> int | None:
    """The whole number that a number or a text is, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None
