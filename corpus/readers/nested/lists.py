"""Rows and cells that are lists: pairs, triplets, sets, printed."""

from collections.abc import Iterator, Mapping, Sequence

from corpus.columns import Columns
from corpus.names import compact, first_called, known_names, ranked
from corpus.readers.rows import OnBadRow, Row
from corpus.records import CorpusError
from corpus.text import shortened

from .layout import Fields, Layout, mostly, names_of, plain_of, said_of, values_of
from .printed import is_partly_printed, is_printed_column, looks_printed, parsed
from .values import filled_passages, items_of, text_of

ITEM = "item "
"""What the columns of a row that is a list are called, with their number."""
SETS = ("set", "texts", "sentences", "pair")
"""What a column of texts that belong together is called; `set` alone may have more than three."""
SEVERAL_WAYS = ("patterns", "utterances", "examples", "phrases", "trainingphrases", "samples",
                "text", "texts")
"""Lists of questions each of which has every answer beside them: those of a chatbot's intents."""
INTENTS = ("intent", "tag", "intentname")


def row_lists(first: Sequence[Fields]) -> Layout | None:
    """`["question", "answer"]` or `["anchor", "positive", "negative"]`, one a row."""
    if not all(str(name).startswith(ITEM) for name in names_of(first)):
        return None
    places = names_of(first)
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


def sets(first: Sequence[Fields]) -> Layout | None:
    """sentence-transformers' sets: texts that say the same.

    And `{"texts": [a, b]}`, as its InputExample has them, with or without a label.
    """
    names = names_of(first)
    name = next((name for name in names if compact(name) in SETS), "")
    if not name or not mostly(first, name, lambda value: isinstance(value, list)):
        return None
    lengths = {len(value) for value in values_of(first, name) if isinstance(value, list)}
    others = [other for other in names if other != name]
    if name != "set" and (not lengths <= {2, 3} or ranked(others, "anchor")
                          or ranked(others, "positive")):
        return None
    triplets = name != "set" and lengths == {3}

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        texts = filled_passages(fields.get(name), f"{where}: {shortened(name, 40)}", on_bad_row)
        if len(texts) < 2:
            raise CorpusError(f"{where}: a set must hold two texts or more, not {len(texts)}.")
        good, bad = (texts[1:2], texts[2:]) if triplets else (texts[1:], [])
        yield where, {**fields, "anchor": text_of(texts[0]), "positive": good} | (
            {"negative": bad} if bad else {})

    if triplets:
        return Layout("triplets in lists", (
            f"Of the three texts of “{shortened(name, 40)}” the first is the question, the second "
            "answers it, the third does not (a hard negative)."), expand,
            Columns("anchor", "positive", ("negative",)))
    return Layout("sentence-transformers sets", (
        f"It is read as sentence-transformers' “{shortened(name, 40)}”: the first text of each is "
        "the question, and each of the others one that answers it."), expand,
        Columns("anchor", "positive") if name == "set" else None)


def question_keys(first: Sequence[Fields]) -> Layout | None:
    """Rows whose one key is the question: `{"How long?": …}`."""
    names = names_of(first)
    if len(first) < 2 or any(len(fields) != 1 for fields in first) or known_names(names):
        return None
    asking = sum(name.rstrip().endswith(("?", "？", "؟")) for name in names)
    if 2 * len(names) < len(first) or 2 * asking < len(names):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        for number, (question, answer) in enumerate(fields.items(), 1):
            yield where if len(fields) == 1 else f"{where} key {number}", {
                "question": question, "answer": answer}

    return Layout("question: answer", "Each row is a question, as its key, with its answer.",
                  expand, Columns("question", "answer"))


def parallel(first: Sequence[Fields]) -> Layout | None:
    """Questions and answers as two lists side by side.

    Not those of a chatbot's intents, where every pattern has every response.
    """
    names = names_of(first)
    anchors, positives = (
        [name for name in ranked(names, role) if mostly(
            first, name, lambda value: isinstance(value, list) and len(value) > 0)]
        for role in ("anchor", "positive"))
    anchor = next(iter(anchors), "")
    positive = next((name for name in positives if name != anchor), "")
    if not anchor or not positive or compact(anchor) in SEVERAL_WAYS or first_called(
            names, INTENTS):
        return None
    lengths = [(len(one), len(other)) for fields in first
               if isinstance(one := fields.get(anchor), list)
               and isinstance(other := fields.get(positive), list)]
    if not lengths or any(one != other for one, other in lengths) or max(lengths) < (2, 2):
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        questions, answers = (items_of(fields.get(name)) for name in (anchor, positive))
        if len(questions) != len(answers):
            raise CorpusError(f"{where} has {len(questions):,} {shortened(anchor, 40)} and "
                              f"{len(answers):,} {shortened(positive, 40)}, which cannot go side "
                              "by side.")
        others = plain_of(fields, anchor, positive)
        for number, (question, answer) in enumerate(zip(questions, answers, strict=True), 1):
            yield f"{where} item {number}", {
                **others, anchor: text_of(question) or None, positive: text_of(answer) or None}

    return Layout("lists side by side", (
        f"The lists of “{shortened(anchor, 40)}” and “{shortened(positive, 40)}” are as long as "
        "each other in every row, and are read side by side: the first question with the first "
        "answer, and so on."), expand)


def printed(first: Sequence[Fields]) -> Layout | None:
    """Cells that print lists, as pandas' `to_csv` does."""
    whole = [name for name in names_of(first) if is_printed_column(values_of(first, name))]
    partly = [name for name in names_of(first)
              if name not in whole and is_partly_printed(values_of(first, name))]
    if not whole and not partly:
        return None

    def expand(where: str, fields: Fields, on_bad_row: OnBadRow) -> Iterator[Row]:
        changed = dict(fields)
        for name in (*whole, *partly):
            cell = fields.get(name)
            if isinstance(cell, str) and looks_printed(cell):
                found = parsed(cell)
                if found is None and name in whole:
                    raise CorpusError(f"{where}: {shortened(name, 40)} looks like a printed list "
                                      f"and cannot be read as one: {shortened(cell, 60)!r}.")
                changed[name] = cell if found is None or (
                    isinstance(found, Mapping) and name in partly) else found
        yield where, changed

    return Layout("printed lists", (
        f"{'The cells' if whole else 'Some cells'} of {said_of([*whole, *partly])} are lists as "
        "Python or JSON prints them, and are read as lists: each text of one is a text of its "
        "own."), expand)
