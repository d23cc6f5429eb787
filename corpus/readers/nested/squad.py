"""SQuAD, as published and as the Hub has it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from corpus.columns import Columns
from corpus.readers.rows import NoAnswerError, OnBadRow, Row
from corpus.text import shortened

from .layout import Fields, Layout, mostly, names_of
from .values import items_of, passage_of, passages_of, text_of


def squad(first: Sequence[Fields]) -> Layout | None:
    """`data > paragraphs > qas`, by article or by paragraph."""
    names = names_of(first)
    by_article = "paragraphs" in names and mostly(first, "paragraphs", _holds_qas)
    if not by_article and not ("context" in names and _holds_qas(first)):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        title = str(fields.get("title") or "").replace("_", " ")
        numbers = count(1)
        for paragraph in _objects_in(fields.get("paragraphs")) if by_article else [fields]:
            passage = passage_of({"title": title, "text": paragraph.get("context")})
            for qa in _objects_in(paragraph.get("qas")):
                place = f"{where} question {next(numbers)}"
                if qa.get("is_impossible") or qa.get("answers", True) in ([], None, {}):
                    on_bad_row(NoAnswerError(f"{place} has no answer in its paragraph: "
                                             f"{shortened(str(qa.get('question')), 80)!r}"))
                else:
                    yield place, {"question": qa.get("question"), "passage": passage}

    return Layout("SQuAD", (
        "It is read as SQuAD: each question of “qas” with its paragraph (“context”) as the "
        "passage, and the article's title as its title. Questions without an answer "
        "(“is_impossible”) are left out."), expand, Columns("question", "passage"))


def _objects_in(part: object) -> list[Mapping[str, Any]]:
    return [item for item in part if isinstance(item, Mapping)] if isinstance(part, list) else []


def _holds_qas(part: object) -> bool:
    return (isinstance(part, list | tuple) and bool(part) and isinstance(part[0], Mapping)
            and isinstance(part[0].get("qas"), list))


def squad_flat(first: Sequence[Fields]) -> Layout | None:
    """Question, context, and answers as `{text: [], answer_start: []}`."""
    names = names_of(first)
    if not {"question", "context", "answers"} <= set(names) or not mostly(
            first, "answers", _is_spans):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        if not any(text_of(answer) for answer in items_of(fields.get("answers"))):
            on_bad_row(NoAnswerError(f"{where} has no answer in its passage: "
                                     f"{shortened(str(fields.get('question')), 80)!r}"))
            return
        passage = passage_of({"title": str(fields.get("title") or "").replace("_", " "),
                              "text": fields.get("context")})
        yield where, {"question": fields.get("question"), "context": passage,
                      "answers": "; ".join(map(text_of, passages_of(fields.get("answers"))))}

    return Layout("SQuAD", (
        "It is read as SQuAD: each question with its “context” as the passage (“answers” are "
        "spans of it). Questions without an answer are left out."),
        expand, Columns("question", "context"))


def _is_spans(value: object) -> bool:
    return isinstance(value, Mapping) and "answer_start" in value and "text" in value
