"""Passages as objects: Tevatron, DPR, MS MARCO, HotpotQA, multiple choice."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from corpus.columns import Columns
from corpus.names import compact, first_called, known_names, ranked
from corpus.readers.rows import NoAnswerError, OnBadRow, Row
from corpus.records import CorpusError
from corpus.text import shortened

from .layout import Fields, Layout, mostly, names_of, said_of, values_of
from .values import (
    filled_passages,
    is_passage_like,
    is_true,
    items_of,
    judged_key,
    passage_of,
    text_of,
)

CHOICES = ("choices", "options", "candidates", "endings")
RIGHT = ("answer", "answerkey", "answeridx", "answerindex", "answerid", "correct", "correctanswer",
         "correctoption", "correctindex", "label", "gold", "goldindex", "target", "cop")
"""What the column is called that says which of several choices is right."""


def selected(first: Sequence[Fields]) -> Layout | None:
    """Passages that say whether they answer: MS MARCO's `passages`."""
    for name in names_of(first):
        lists = [items for value in values_of(first, name)
                 if isinstance(value, list | Mapping) and len(items := items_of(value)) > 0]
        key = judged_key([item for items in lists for item in items])
        if key and 2 * len(lists) > len(first):
            return _judged_list(name, key, first)
    return None


def _judged_list(name: str, key: str, first: Sequence[Fields]) -> Layout:
    anchor = first_called(names_of(first), ("query", "question", "anchor", "prompt"))

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        items = items_of(fields.get(name))
        good, bad = (filled_passages(
            [item for item in items if isinstance(item, Mapping)
             and is_true(item.get(key)) == wanted], f"{where}: {shortened(name, 40)}", on_bad_row)
            for wanted in (True, False))
        if not good:
            on_bad_row(NoAnswerError(f"{where}: no passage of {name} is judged to answer it "
                                     f"({key}): {shortened(str(fields.get(anchor)), 80)!r}"))
            return
        others = {key: value for key, value in fields.items() if key != name}
        yield where, {**others, f"{name} that answer": good, f"{name} that do not": bad}

    return Layout(f"passages judged by {key}", (
        f"The passages of “{shortened(name, 40)}” say themselves whether they answer (“{key}”): "
        "those that do are the answers, the others hard negatives. Questions of which none does "
        "are left out."), expand,
        Columns(anchor, f"{name} that answer", (f"{name} that do not",)) if anchor else None)


def hotpot(first: Sequence[Fields]) -> Layout | None:
    """HotpotQA: `context` is titled paragraphs, `supporting_facts` the titles that answer.

    Paragraphs are `[title, [sentence, …]]`, or an object with a list of titles and of sentences.
    """
    if not {"question", "context", "supporting_facts"} <= set(names_of(first)) or not mostly(
            first, "context", lambda value: bool(_paragraphs(value))):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        facts = fields.get("supporting_facts")
        named = facts.get("title") if isinstance(facts, Mapping) else [
            fact[0] for fact in facts or () if isinstance(fact, list) and fact]
        titles = set(map(str, named or ()))
        found = [(title in titles, passage_of({"title": title, "text": text}))
                 for title, text in _paragraphs(fields.get("context"))]
        if not any(answers for answers, _ in found):
            on_bad_row(NoAnswerError(f"{where}: no paragraph of its context supports an answer: "
                                     f"{shortened(str(fields.get('question')), 80)!r}"))
            return
        yield where, {"question": fields.get("question"),
                      "paragraphs that answer": [text for answers, text in found if answers],
                      "paragraphs that do not": [text for answers, text in found if not answers]}

    return Layout("HotpotQA", (
        "It is read as HotpotQA: the paragraphs of “context” that “supporting_facts” names are the "
        "answers, with their titles; the others hard negatives. The short “answer” is not used."),
        expand, Columns("question", "paragraphs that answer", ("paragraphs that do not",)))


def _paragraphs(context: object) -> list[tuple[str, str]]:
    """Title and text of each."""
    if isinstance(context, Mapping):
        titles, texts = (context.get(name) for name in ("title", "sentences"))
        parts = list(zip(titles, texts, strict=False)) if (
            isinstance(titles, list) and isinstance(texts, list)) else []
    else:
        parts = [(part[0], part[1]) for part in context or ()
                 if isinstance(part, list) and len(part) == 2] if isinstance(context, list) else []
    return [(title, "".join(text for text in sentences if isinstance(text, str)).strip())
            for title, sentences in parts if isinstance(title, str) and isinstance(sentences, list)]


def choices(first: Sequence[Fields]) -> Layout | None:
    """Multiple choice: choices, and which answer is right.

    By its number, letter, label or text, as MMLU, ARC and CommonsenseQA have it.
    """
    names = names_of(first)
    name = next((name for name in names if compact(name) in CHOICES), "")
    right = first_called([one for one in names if one != name], RIGHT)
    anchor = next(iter(ranked([one for one in names if one not in (name, right)], "anchor")), "")
    if not (name and right and anchor):
        return None
    known = [_place(fields.get(right), *_choices(fields.get(name))) for fields in first]
    if 2 * sum(place is not None for place in known) <= len(first):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        labels, texts = _choices(fields.get(name))
        place = _place(fields.get(right), labels, texts)
        if place is None:
            raise CorpusError(f"{where}: {shortened(right, 40)} is "
                              f"{shortened(str(fields.get(right)), 40)!r}, which names none of "
                              f"its {len(texts):,} {shortened(name, 40)}.")
        yield where, {**{key: value for key, value in fields.items() if key not in (name, right)},
                      "right choice": texts[place],
                      "wrong choices": texts[:place] + texts[place + 1:]}

    return Layout("multiple choice", (
        f"It is read as multiple choice: the one of “{shortened(name, 40)}” that "
        f"“{shortened(right, 40)}” names is the answer, the others hard negatives."), expand,
        Columns(anchor, "right choice", ("wrong choices",)))


def _choices(value: object) -> tuple[list[str], list[str]]:
    """The labels and texts of choices; labels are empty where they have none."""
    items = items_of(value) if isinstance(value, list | Mapping) else []
    texts = [text_of(item) for item in items]
    labels = [str(item["label"]) for item in items if isinstance(item, Mapping) and "label" in item]
    return (labels, texts) if len(labels) == len(texts) else ([], texts)


def _place(value: object, labels: list[str], texts: list[str]) -> int | None:
    """Which of the choices a value names."""
    word = str(value).strip()
    if word in labels:
        return labels.index(word)
    if isinstance(value, str) and word in texts:
        return texts.index(word)
    if isinstance(value, bool) or value is None:
        return None
    if word.isascii() and word.isdigit() and len(word) < 4:
        place = int(word)
    else:
        place = "ABCDEFGHIJ".find(word.upper()) if len(word) == 1 else -1
    return place if 0 <= place < len(texts) else None


def objects(first: Sequence[Fields]) -> Layout | None:
    """Objects that stand for passages: Tevatron, MIRACL, DPR."""
    names = names_of(first)
    columns = [name for name in names if mostly(first, name, is_passage_like)]
    lifted = [name for name in names if name not in columns and mostly(
        first, name, lambda value: isinstance(value, Mapping) and any(
            isinstance(value[key], str) for key in known_names(value)))]
    if not columns and not lifted:
        return None
    is_dpr = "positive_ctxs" in columns

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        changed = {name: value for name, value in fields.items() if name not in lifted
                   and not (is_dpr and name == "answers")}
        for name in columns:
            changed[name] = _texts(fields.get(name), f"{where}: {shortened(name, 40)}", on_bad_row)
        for name in lifted:
            part = fields.get(name)
            if isinstance(part, Mapping):
                changed |= {f"{name}.{key}": value for key, value in part.items()}
        if is_dpr and not changed["positive_ctxs"]:
            on_bad_row(NoAnswerError(f"{where} has no positive_ctxs: "
                                     f"{shortened(str(fields.get('question')), 80)!r}"))
            return
        yield where, changed

    if is_dpr:
        note = ("It is read as DPR: the texts of “positive_ctxs” are the answers, with their "
                "titles; those of “hard_negative_ctxs” and “negative_ctxs” hard negatives. The "
                "short strings of “answers” are not used.")
    elif "positive_passages" in columns:
        note = ("It is read as Tevatron or MIRACL: the texts of “positive_passages” are the "
                "answers, with their titles; those of “negative_passages” hard negatives.")
    else:
        note = (f"The objects in {said_of([*columns, *lifted])} are read as the texts, and titles, "
                "that they hold.")
    return Layout("DPR" if is_dpr else "Tevatron" if "positive_passages" in columns
                  else "objects with texts", note, expand)


def _texts(value: object, place: str, on_bad_row: OnBadRow) -> Any:
    """The passages of a value; of an object that is one, it alone."""
    found = filled_passages(value, place, on_bad_row)
    return found[0] if isinstance(value, Mapping) and len(found) == 1 else found
