"""Values of a nested row as texts and passages.

With titles, and lists of them.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from corpus.readers.rows import EmptyItemError, OnBadRow

TEXT_KEYS = ("text", "passage_text", "passage", "content", "contents", "body", "page_content",
             "paragraph", "document", "context", "chunk", "answer", "value", "long_answer",
             "paragraph_text", "doc", "sentence", "response", "question", "query", "input_text",
             "question_text")
"""Under which an object that stands for a text has it; the earlier goes first."""
TITLE_KEYS = ("title", "section_title", "heading", "doc_title", "document_title", "headline")
JUDGED_KEYS = ("is_selected", "is_relevant", "is_correct", "is_answer", "is_gold", "is_positive",
               "is_supporting", "has_answer", "relevant", "correct", "relevance", "label")
"""Under which an object in a list says whether it answers."""


def text_of(value: object) -> str:
    """The text of a string or text-like object.

    Empty where there is none.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        for key in TEXT_KEYS:
            if isinstance(found := value.get(key), str) and found.strip():
                return found
    return ""


def title_of(value: object) -> str:
    """The title that an object gives its text."""
    if isinstance(value, Mapping):
        for key in TITLE_KEYS:
            if isinstance(found := value.get(key), str):
                return found.strip()
    return ""


def passage_of(value: object) -> Any:
    """A text, or `{"title", "text"}` where an object has both.

    A title alone is the text.
    """
    text, title = text_of(value), title_of(value)
    if not text.strip():
        return title
    return {"title": title, "text": text} if title else text


def passages_of(value: object) -> list[Any]:
    """The passages of a nested value.

    A list of texts or objects, an object of lists, or one of either. `[{"title", "text"}]`,
    `["…"]`, `{"text": ["…"], "title": ["…"]}`; empty texts are left out.
    """
    return [passage for item in items_of(value) if text_of(passage := passage_of(item)).strip()]


def filled_passages(value: object, place: str, on_bad_row: OnBadRow) -> list[Any]:
    """The passages of a value; empty places are told."""
    found, items = passages_of(value), items_of(value)
    if 0 < len(found) < len(items):
        on_bad_row(EmptyItemError(f"{place} has {len(items) - len(found)} places without a text"))
    return found


def items_of(value: object) -> list[Any]:
    """The items of a nested value.

    A list, an object whose values are lists of one length, or one thing.
    """
    if value is None:
        return []
    if isinstance(value, Mapping):
        lists = {key: part for key, part in value.items() if isinstance(part, list)}
        lengths = {len(part) for part in lists.values()}
        if lists and len(lengths) == 1 and (set(lists) & {*TEXT_KEYS, *JUDGED_KEYS}):
            return [dict(zip(lists, parts, strict=True))
                    for parts in zip(*lists.values(), strict=True)]
        return [value]
    if isinstance(value, list):
        return [item for part in value for item in (part if isinstance(part, list) else [part])]
    return [value]


def is_passage_like(value: object) -> bool:
    """Whether a value looks like passages.

    An object that stands for a text, a list of such, or lists of texts.
    """
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], Mapping) and bool(text_of(value[0])
                                                                      or title_of(value[0]))
    if isinstance(value, Mapping):
        items = items_of(value)
        return any(isinstance(item, Mapping) and text_of(item) for item in items) or (
            items != [value] and any(key in value for key in TEXT_KEYS))
    return False


def judged_key(items: Sequence[object]) -> str:
    """The key by which listed objects are judged.

    It says whether they answer; empty where none does.
    """
    objects = [item for item in items if isinstance(item, Mapping)]
    for key in JUDGED_KEYS:
        values = [item[key] for item in objects if key in item]
        if values and len(values) == len(objects) and all(
                isinstance(value, bool) or value in (0, 1, "0", "1") for value in values):
            return key
    return ""


def is_true(value: object) -> bool:
    """Whether a judgement of an object says that it answers."""
    return value in (1, True, "1")
