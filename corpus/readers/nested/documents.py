"""One JSON value to its rows, however wrapped.

Pandas' orients, maps, groups.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from corpus.names import first_called, known_names, names_pair
from corpus.records import CorpusError
from corpus.text import shortened

from .values import text_of, title_of

ROW_KEYS = ("data", "rows", "records", "items", "examples", "pairs", "results", "entries",
            "intents", "faq", "faqs", "qa", "qas", "questions", "test_cases", "goldens", "samples",
            "instances", "documents", "conversations", "content", "list")
"""What a list of rows is called in its wrapper, where there are several; the earlier first."""
JUDGEMENT_KEYS = ("relevant_docs", "qrels", "relevant_documents", "relevance", "judgements",
                  "judgments", "mapping")
CORPUS_KEYS = ("corpus", "documents", "passages", "docs", "contexts")
QUERY_KEYS = ("query-id", "query_id", "qid", "query")
PASSAGE_KEYS = ("corpus-id", "corpus_id", "docid", "doc_id", "pid", "passage_id", "document_id")
GRADE_KEYS = ("score", "relevance", "label", "grade")
SPLIT_NAMES = {"train", "training", "dev", "val", "valid", "validation", "test", "eval"}
QUESTION_MARKS = ("?", "？", "؟")
MOST_DEPTH = 5
MOST_GRADE = 1_000_000


@dataclass(frozen=True)
class Document:
    """The rows that a JSON value holds.

    layout: what it is called, empty for a plain table. note: what was made of it, where that needs
    saying. judged: the parts of a collection with judgements, which has no rows.
    """

    rows: Iterable[Any]
    layout: str = ""
    note: str = ""
    judged: "Judged | None" = None


@dataclass(frozen=True)
class Judged:
    """Queries, passages and who answers whom.

    A folder in BEIR layout in one value.
    """

    queries: Mapping[str, str]
    passages: Mapping[str, tuple[str, str]]
    """Id -> title, text."""
    qrels: Mapping[str, Mapping[str, int]]


def document(value: Mapping[str, Any], depth: int = 0) -> Document | None:
    """The rows of an object, if unambiguous; else None."""
    for layout in (_judged, _pandas_split, _splits, _one_table, _lists, _frames, _map, _groups):
        if found := layout(value):
            return found
    inner = [part for part in value.values() if isinstance(part, Mapping)]
    if len(inner) == 1 and depth < MOST_DEPTH:
        return document(inner[0], depth + 1)
    return None


def _judged(value: Mapping[str, Any]) -> Document | None:
    """llama-index's EmbeddingQAFinetuneDataset, and collections written like it."""
    key = next((key for key in JUDGEMENT_KEYS if key in value), "")
    called = next((name for name in CORPUS_KEYS if name in value), "")
    queries, corpus = (_by_id(value.get(name)) for name in ("queries", called))
    if not (key and queries and corpus):
        return None
    qrels = _qrels(value[key])
    if not qrels:
        return None
    return Document((), "queries, corpus and judgements in one file", (
        f"It is read as llama-index's “queries”, “{called}” and “{key}” are: questions, passages, "
        "and which passage answers which question."
    ), Judged({name: text_of(part) for name, part in queries.items()},
              {name: (title_of(part), text_of(part)) for name, part in corpus.items()}, qrels))


def _by_id(part: object) -> Mapping[str, Any]:
    if isinstance(part, list):
        part = {str(item.get("_id", item.get("id"))): item for item in part
                if isinstance(item, Mapping)}
    return part if isinstance(part, Mapping) else {}


def _qrels(part: object) -> dict[str, dict[str, int]]:
    qrels: dict[str, dict[str, int]] = {}
    for row in part if isinstance(part, list) else ():
        if isinstance(row, Mapping):
            query, passage = (first_called(row, keys) for keys in (QUERY_KEYS, PASSAGE_KEYS))
            if query and passage:
                grade = row.get(first_called(row, GRADE_KEYS), 1)
                qrels.setdefault(str(row[query]), {})[str(row[passage])] = _grade(grade, row)
    for query, judged in (part.items() if isinstance(part, Mapping) else ()):
        if isinstance(judged, Mapping):
            grades = {str(name): _grade(grade, judged) for name, grade in judged.items()}
        else:
            grades = dict.fromkeys(map(str, judged if isinstance(judged, list) else [judged]), 1)
        qrels[str(query)] = grades
    return qrels


def _grade(value: object, of: Mapping[str, Any]) -> int:
    """A grade of relevance, as a whole number."""
    if isinstance(value, int | float) and -MOST_GRADE <= value <= MOST_GRADE:
        return int(value)
    raise CorpusError(f"A judgement is {value!r:.40}, which is no grade (0, 1, 2 …): {of!r:.80}.")


def _pandas_split(value: Mapping[str, Any]) -> Document | None:
    names, data = value.get("columns"), value.get("data")
    if not (isinstance(names, list) and isinstance(data, list) and names
            and all(isinstance(row, list) and len(row) == len(names) for row in data)):
        return None
    return Document((dict(zip(map(str, names), row, strict=True)) for row in data),
                    "pandas, orient “split”")


def _splits(value: Mapping[str, Any]) -> Document | None:
    """`{"train": [...], "test": [...]}`: their rows together, since they are cut again here."""
    if len(value) < 2 or not all(
            str(key).lower() in SPLIT_NAMES and isinstance(part, list)
            for key, part in value.items()):
        return None
    sizes = ", ".join(f"{key} ({len(part):,})" for key, part in value.items())
    return Document([row for part in value.values() for row in part], "splits in one file", (
        f"The rows of its splits {sizes} are joined, and cut anew into train, dev and test: to "
        "keep them, put each into a file of its own name in one folder."))


def _one_table(value: Mapping[str, Any]) -> Document | None:
    """A list of objects in a wrapper; of several, the one whose rows are pairs."""
    tables = {str(key): part for key, part in value.items()
              if isinstance(part, list) and part and isinstance(part[0], Mapping)}
    if not tables:
        return None
    table = isinstance(value.get("schema"), Mapping) and "data" in tables
    chosen = "data" if table else next(iter(tables)) if len(tables) == 1 else ""
    if not chosen:
        of_pairs = [key for key, part in tables.items() if names_pair(list(part[0]))]
        usual = [key for key in ROW_KEYS if key in tables]
        if len(of_pairs) == len(tables):
            return None  # groups of rows, by key
        chosen = of_pairs[0] if len(of_pairs) == 1 else usual[0] if usual else ""
    if not chosen:
        return None
    others = [f"“{shortened(key, 40)}” ({len(part):,})" for key, part in tables.items()
              if key != chosen]
    return Document(iter(tables[chosen]), "pandas, orient “table”" if table else "", (
        f"The rows of “{shortened(chosen, 40)}” are read; those of {', '.join(others)} are not."
        if others and not table else ""))


def _lists(value: Mapping[str, Any]) -> Document | None:
    """Columns that are lists of one length."""
    lists = {key: part for key, part in value.items()
             if isinstance(part, list) and not (part and isinstance(part[0], Mapping))}
    if len(lists) < 2 or len(set(map(len, lists.values()))) != 1 or (
            len(lists) == len(value) and _are_questions(list(lists))):
        return None
    return Document(dict(zip(lists, cells, strict=True))
                    for cells in zip(*lists.values(), strict=True))


def _frames(value: Mapping[str, Any]) -> Document | None:
    """Objects of objects: the orients `columns` and `index` of pandas, or answers by question."""
    parts = {key: part for key, part in value.items() if isinstance(part, Mapping)}
    if len(parts) < len(value) or not parts:
        return None
    inner = list(next(iter(parts.values())))
    outer = [str(key) for key in parts]
    by_row = names_pair(inner) or known_names(inner) and not known_names(outer)
    if by_row and not names_pair(outer):
        if not any(known_names(map(str, part)) for part in parts.values()):
            return None
        lacks_question = not names_pair(inner) and _are_questions(outer)
        rows = ({"question": key, **part} if lacks_question else dict(part)
                for key, part in parts.items())
        return Document(rows, "objects by question" if lacks_question
                        else "pandas, orient “index”")
    if not known_names(outer) and any(
            isinstance(row, list) and row and isinstance(row[0], Mapping)
            for part in parts.values() for row in part.values()):
        return None  # groups of rows
    same = len(parts) > 1 and all(part.keys() == parts[outer[0]].keys() for part in parts.values())
    if same and not _are_questions(inner):
        first = next(iter(parts.values()))
        numbered, named = all(map(str.isdigit, outer)), not all(str(key).isdigit() for key in inner)
        if numbered and named:
            return Document((dict(part) for part in parts.values()), "pandas, orient “index”")
        return Document(({key: part[place] for key, part in parts.items()} for place in first),
                        "pandas, orient “columns”")
    return None


def _map(value: Mapping[str, Any]) -> Document | None:
    """`{question: answer}`, an answer being a text or a list of texts; or a single pair."""
    if names_pair(list(value)) and all(isinstance(part, str) for part in value.values()):
        return Document([dict(value)])
    if not value or not all(isinstance(part, str) or _is_texts(part) for part in value.values()):
        return None
    keys = [str(key) for key in value]
    if not _are_questions(keys):
        return None
    rows = ({"question": key, "answer": part} for key, part in value.items())
    return Document(rows, "question: answer", (
        "It is read as an object of questions, each with its answer: the keys are the questions."))


def _groups(value: Mapping[str, Any]) -> Document | None:
    """`{category: [rows]}` or `{category: {question: answer}}`: the key is the topic."""
    found = list(_grouped(value)) if value else []
    if not found:
        return None
    return Document(found, "rows by category", (
        "It is read as groups of questions with their answers: what a group is called is its "
        "topic."))


def _grouped(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The rows of all groups; nothing where one of them is no group of pairs."""
    rows: list[dict[str, Any]] = []
    groups = {key: part for key, part in value.items() if isinstance(part, Mapping | list)}
    if not groups or any(isinstance(part, str) and len(part) > 200
                         for key, part in value.items() if key not in groups):
        return
    for key, part in groups.items():
        if isinstance(part, Mapping):
            inner = _map(part) or _one_table(part)
            found = list(inner.rows) if inner else []
            if not found or not all(isinstance(row, Mapping) and names_pair(list(row))
                                    for row in found):
                return
            rows += [{"topic": str(key), **row} for row in found]
        else:
            if not part or not all(isinstance(row, Mapping) and names_pair(list(row))
                                   for row in part):
                return
            rows += [{"topic": str(key), **row} for row in part]
    yield from rows


def _is_texts(part: object) -> bool:
    return isinstance(part, list) and bool(part) and all(isinstance(text, str) for text in part)


def _are_questions(keys: list[str]) -> bool:
    """Whether keys read as questions, rather than as the names of columns or parts."""
    if not keys or known_names(keys):
        return False
    asking = sum(key.rstrip().endswith(QUESTION_MARKS) or len(key.split()) >= 3 for key in keys)
    return 2 * asking > len(keys)
