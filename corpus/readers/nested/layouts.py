"""Nested layouts, recognised by first rows and unfolded.

To flat rows. A flat row holds texts, numbers, lists of texts, and passages as `{"title", "text"}`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Any

from corpus.columns import Columns
from corpus.names import first_called, known_names, names_pair
from corpus.readers.rows import NoAnswerError, OnBadRow, Remark, Row
from corpus.records import CorpusError
from corpus.text import shortened

from .conversations import conversation_column, turns
from .printed import is_printed_column, looks_printed, parsed
from .values import (
    is_passage_like,
    is_true,
    items_of,
    judged_key,
    passage_of,
    passages_of,
    text_of,
)

FIRST_ROWS = 100
"""Rows that are looked at to tell a layout."""
MOST_TIMES = 4
"""Layouts within layouts: rows by category of printed lists of objects are three."""
ITEM = "item "
"""What the columns of a row that is a list are called, with their number."""

Fields = Mapping[str, Any]
Expand = Callable[[str, Fields, OnBadRow], Iterable[Row]]


@dataclass(frozen=True)
class Layout:
    """A nested layout: its name, parts, and unfolding.

    What it is called, what was made of its parts, and how a row is unfolded. columns: of the flat
    rows, where the layout leaves no doubt which hold what.
    """

    name: str
    note: str
    expand: Expand
    columns: Columns | None = None

    def rows(self, rows: Iterable[Row], on_bad_row: OnBadRow) -> Iterator[Row]:
        """The flat rows of nested ones.

        Those that cannot be unfolded are told of.
        """
        for where, fields in rows:
            try:
                yield from self.expand(where, fields, on_bad_row)
            except CorpusError as error:
                on_bad_row(error)


Find = Callable[[Sequence[Fields]], Layout | None]


@dataclass(frozen=True)
class Unfolded:
    """Rows after every layout in them was unfolded.

    columns: where a layout tells them.
    """

    rows: Iterator[Row]
    layouts: tuple[str, ...] = ()
    columns: Columns | None = None


def unfolded(rows: Iterable[Row], on_bad_row: OnBadRow) -> Unfolded:
    """Rows unfolded, and the names of their layouts.

    What each part became is told as a Remark; so is each row that is left out.
    """
    taken = iter(rows)
    names: list[str] = []
    columns = None
    finders = list(FINDERS)
    for _ in range(MOST_TIMES):
        first = list(islice(taken, FIRST_ROWS))
        taken = chain(first, taken)
        finder, layout = _found([fields for _, fields in first], finders)
        if layout is None:
            break
        if finder is not _grouped:  # categories may hold categories
            finders.remove(finder)
        if layout.note:
            on_bad_row(Remark(layout.note))
        names += [layout.name] if layout.name else []
        columns = layout.columns
        taken = layout.rows(taken, on_bad_row)
        if columns:
            break
    return Unfolded(taken, tuple(names), columns)


def _found(first: Sequence[Fields], finders: Sequence[Find]) -> tuple[Find, Layout | None]:
    """The layout of rows that the first of them show, and what found it; None for flat ones."""
    for find in finders if first else ():
        if layout := find(first):
            return find, layout
    return finders[0], None


def _names(first: Sequence[Fields]) -> list[str]:
    return list(dict.fromkeys(str(name) for fields in first for name in fields))


def _values(first: Sequence[Fields], name: str) -> list[Any]:
    return [value for fields in first if (value := fields.get(name)) not in (None, "", [], {})]


def _most(first: Sequence[Fields], name: str, is_so: Callable[[Any], bool]) -> bool:
    """Whether most of the values that stand under a name are so."""
    values = _values(first, name)
    return bool(values) and 2 * sum(map(is_so, values)) > len(values)


# --- rows that are lists, and sets

def _items(first: Sequence[Fields]) -> Layout | None:
    """`["question", "answer"]` or `["anchor", "positive", "negative"]`, one a row."""
    if not all(str(name).startswith(ITEM) for name in _names(first)):
        return None
    places = _names(first)
    head = [str(first[0].get(place) or "") for place in places]
    if len(known_names(head)) > 1 and len(set(head)) == len(head):
        return _headed(places, head)
    texts = [[str(row.get(place) or "") for row in first] for place in places[:3]]
    if len(texts) < 2:
        return None
    asking = [sum(text.rstrip().endswith("?") for text in column) for column in texts]
    swapped = 2 * asking[1] > len(first) and 10 * asking[0] < len(first)
    anchor, positive = (1, 0) if swapped else (0, 1)
    lengths = [sum(map(len, column)) for column in texts]
    third = len(texts) == 3 and len(places) == 3 and 2 * lengths[2] > lengths[positive]
    names = {places[anchor]: "anchor", places[positive]: "positive"}
    names |= {places[2]: "negative"} if third else {}
    ordinal = ("first", "second")
    note = (f"Each row is a list: its {ordinal[anchor]} text is read as the question, its "
            f"{ordinal[positive]} as the answer"
            + (", its third as one that does not answer (a hard negative)." if third else ".")
            + ("" if third or len(places) < 3 else f" What else it holds ({len(places) - 2}) is "
               "not used."))

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        yield where, {names.get(str(name), str(name)): value for name, value in fields.items()}

    return Layout("lists", note, expand,
                  Columns("anchor", "positive", ("negative",) if third else ()))


def _headed(places: Sequence[str], head: Sequence[str]) -> Layout:
    """Lists of which the first has the names of the columns."""
    names = dict(zip(places, head, strict=True))

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        if [str(fields.get(place) or "") for place in places] != list(head):
            yield where, {names.get(str(name), str(name)): value for name, value in fields.items()}

    return Layout("lists with a header", "The first list of the rows has the names of the columns.",
                  expand)


def _sets(first: Sequence[Fields]) -> Layout | None:
    """sentence-transformers' `{"set": [a, b, …]}`: all of a set say the same."""
    if "set" not in _names(first) or not _most(first, "set", lambda value: isinstance(value, list)):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        texts = passages_of(fields.get("set"))
        if len(texts) < 2:
            raise CorpusError(f"{where}: a set must hold two texts or more, not {len(texts)}.")
        yield where, {**fields, "anchor": text_of(texts[0]), "positive": texts[1:]}

    return Layout("sentence-transformers sets", (
        "It is read as sentence-transformers' “set”: the first text of each is the question, and "
        "each of the others one that answers it."), expand, Columns("anchor", "positive"))


# --- printed lists

def _printed(first: Sequence[Fields]) -> Layout | None:
    """Cells that print a list or an object, as pandas' `to_csv` leaves them."""
    columns = [name for name in _names(first) if is_printed_column(_values(first, name))]
    if not columns:
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        changed = dict(fields)
        for name in columns:
            cell = fields.get(name)
            if isinstance(cell, str) and looks_printed(cell):
                changed[name] = parsed(cell)
                if changed[name] is None:
                    raise CorpusError(f"{where}: {shortened(name, 40)} looks like a printed list "
                                      f"and cannot be read as one: {shortened(cell, 60)!r}.")
        yield where, changed

    said = ", ".join(f"“{shortened(name, 40)}”" for name in columns[:5])
    return Layout("printed lists", f"The cells of {said} are lists as Python or JSON prints them, "
                  "and are read as lists: each text of one is a text of its own.", expand)


# --- conversations

def _conversations(first: Sequence[Fields]) -> Layout | None:
    """ChatML, ShareGPT and their like."""
    name = conversation_column(first, _names(first))
    if not name:
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        others = {key: value for key, value in fields.items()
                  if key != name and isinstance(value, str | int | float)}
        found = turns(fields.get(name))
        if not found:
            on_bad_row(NoAnswerError(f"{where}: no user turn of {name} has an assistant's after "
                                     "it"))
        for number, (question, answer) in enumerate(found, 1):
            place = where if len(found) == 1 else f"{where} turn {number}"
            yield place, {**others, "question": question, "answer": answer}

    return Layout("conversations", (
        f"It is read as conversations (“{shortened(name, 40)}”, as ChatML or ShareGPT has them): "
        "each user turn is a question, the assistant's turn after it its answer. Other turns "
        "(system, tools) are not used, and a later turn stands without the earlier ones."),
        expand, Columns("question", "answer"))


# --- SQuAD

def _squad(first: Sequence[Fields]) -> Layout | None:
    """`data > paragraphs > qas`, by article or by paragraph."""
    names = _names(first)
    by_article = "paragraphs" in names and _most(first, "paragraphs", _holds_qas)
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


def _squad_flat(first: Sequence[Fields]) -> Layout | None:
    """SQuAD as the Hub has it: question, context, and answers as `{text: [], answer_start: []}`."""
    names = _names(first)
    if not {"question", "context", "answers"} <= set(names) or not _most(
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
                      "answers": "; ".join(passages_of(fields.get("answers")))}

    return Layout("SQuAD", (
        "It is read as SQuAD: each question with its “context” as the passage (“answers” are "
        "spans of it). Questions without an answer are left out."),
        expand, Columns("question", "context"))


def _is_spans(value: object) -> bool:
    return isinstance(value, Mapping) and "answer_start" in value and "text" in value


# --- rows in rows

def _grouped(first: Sequence[Fields]) -> Layout | None:
    """Rows that each hold a list of pairs, or of rows that do: an FAQ by category."""
    names = _names(first)
    inner = [name for name in names if _most(first, name, _holds_pairs)]
    if len(inner) != 1 or names_pair([name for name in names if name != inner[0]]):
        return None
    name = inner[0]

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        outer = {key: value for key, value in fields.items()
                 if key != name and isinstance(value, str | int | float)}
        topic = first_called(outer, ("category", "title", "name", "section", "tag", "heading",
                                     "group", "kategorie", "thema", "topic"))
        outer = {"topic" if key == topic else key: value for key, value in outer.items()}
        rows = fields.get(name)
        for number, row in enumerate(rows if isinstance(rows, list) else [], 1):
            place = f"{where} {shortened(name, 40)} {number}"
            if isinstance(row, Mapping):
                yield place, {**outer, **row}
            else:
                on_bad_row(CorpusError(f"{place} must be an object, not {shortened(str(row))!r}."))

    return Layout("rows by category", (
        f"Its rows are groups: the pairs are those of “{shortened(name, 40)}” in each, and what "
        "the group is called is their topic."), expand)


def _holds_pairs(value: object, depth: int = 0) -> bool:
    if not isinstance(value, list) or not value or not isinstance(value[0], Mapping):
        return False
    rows = [row for row in value if isinstance(row, Mapping)]
    return names_pair(list(rows[0])) or depth < MOST_TIMES and any(
        _holds_pairs(part, depth + 1) for part in rows[0].values())


# --- passages as objects

def _selected(first: Sequence[Fields]) -> Layout | None:
    """A list of passages each with a word whether it answers: MS MARCO's `passages`."""
    for name in _names(first):
        lists = [items for value in _values(first, name)
                 if isinstance(value, list | Mapping) and len(items := items_of(value)) > 0]
        key = judged_key([item for items in lists for item in items])
        if key and 2 * len(lists) > len(first):
            return _judged_list(name, key, first)
    return None


def _judged_list(name: str, key: str, first: Sequence[Fields]) -> Layout:
    anchor = first_called(_names(first), ("query", "question", "anchor", "prompt"))

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        items = items_of(fields.get(name))
        good, bad = (passages_of([item for item in items if isinstance(item, Mapping)
                                  and is_true(item.get(key)) == wanted])
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


def _objects(first: Sequence[Fields]) -> Layout | None:
    """Objects, or lists of objects, that stand for passages: Tevatron, MIRACL, DPR."""
    names = _names(first)
    columns = [name for name in names if _most(first, name, is_passage_like)]
    lifted = [name for name in names if name not in columns and _most(
        first, name, lambda value: isinstance(value, Mapping) and any(
            isinstance(value[key], str) for key in known_names(value)))]
    if not columns and not lifted:
        return None
    is_dpr = "positive_ctxs" in columns

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        changed = {name: value for name, value in fields.items() if name not in lifted
                   and not (is_dpr and name == "answers")}
        for name in columns:
            passages = passages_of(fields.get(name))
            single = isinstance(fields.get(name), Mapping) and len(passages) == 1
            changed[name] = passages[0] if single else passages
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
        said = ", ".join(f"“{shortened(name, 40)}”" for name in [*columns, *lifted][:5])
        note = f"The objects in {said} are read as the texts, and titles, that they hold."
    return Layout("DPR" if is_dpr else "Tevatron" if "positive_passages" in columns
                  else "objects with texts", note, expand)


# --- exports whose columns have names of their own

def _ragas(first: Sequence[Fields]) -> Layout | None:
    """RAGAS: question, contexts, ground_truth; or user_input, reference_contexts, reference."""
    names = set(_names(first))
    old = "question" in names and bool(names & {"ground_truth", "ground_truths"})
    new = "user_input" in names and bool(names & {"reference", "reference_contexts"})
    if not old and not new:
        return None
    truth = next(name for name in ("reference", "ground_truth", "ground_truths",
                                   "reference_contexts") if name in names)
    testset = bool(names & {"evolution_type", "reference_contexts"}) or "answer" not in names
    contexts = "reference_contexts" if new else "contexts"
    by_context = testset and _most(first, contexts, lambda value: isinstance(value, list))
    positive = contexts if by_context else truth
    question = "user_input" if new else "question"
    said = ("each text of it is a passage that answers" if by_context
            else "since the contexts there are what a system found, right or wrong")
    return _as_columns("RAGAS", f"It is read as RAGAS: “{question}” with “{positive}”, {said}.",
                       Columns(question, positive))


def _deepeval(first: Sequence[Fields]) -> Layout | None:
    """DeepEval's goldens and test cases: input, expected_output, context."""
    names = set(_names(first))
    if "input" not in names or not names & {"expected_output", "actual_output"}:
        return None
    by_context = _most(first, "context", lambda value: isinstance(value, list))
    positive = "context" if by_context else "expected_output"
    if positive not in names:
        return None
    return _as_columns("DeepEval", f"It is read as DeepEval's test cases: “input” with “{positive}”"
                       + (", each text of it a passage that answers." if by_context else "."),
                       Columns("input", positive))


def _alpaca(first: Sequence[Fields]) -> Layout | None:
    """Alpaca: what the instruction is about stands in `input`, where it needs it."""
    names = set(_names(first))
    if not {"instruction", "input", "output"} <= names or not _values(first, "input"):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        more = text_of(fields.get("input")).strip()
        asked = fields.get("instruction")
        if more and isinstance(asked, str):
            asked = f"{asked}\n{more}"
        yield where, {"instruction": asked,
                      **{key: value for key, value in fields.items()
                         if key not in ("instruction", "input")}}

    return Layout("Alpaca", "It is read as Alpaca: “instruction”, with “input” after it where "
                  "there is one, is the question, and “output” the answer.", expand,
                  Columns("instruction", "output"))


def _as_columns(name: str, note: str, columns: Columns) -> Layout:
    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        yield where, {key: passages_of(value) if key == columns.positive and isinstance(
            value, list | Mapping) else value for key, value in fields.items()}

    return Layout(name, note, expand, columns)


FINDERS: tuple[Find, ...] = (
    _items, _printed, _conversations, _squad, _sets, _grouped, _selected, _squad_flat, _objects,
    _ragas, _deepeval, _alpaca,
)
"""What recognises a layout, in this order."""
