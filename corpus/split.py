"""Train, dev and test without a test passage trained on."""

import random
from collections.abc import Mapping, Sequence

from .records import SPLITS, Corpus, Qrels
from .text import folded

SHARES = (0.8, 0.1, 0.1)
BY_PASSAGE, BY_QUESTION = SPLIT_BY = "passage", "question"
"""Ways to cut: whole passages to one split, or whole questions."""
FEW_PASSAGES = 30
"""Passages that answer, below which a split by passage leaves too few for dev and test."""
MOST_OF_IT = 0.5
"""Share of the questions in one group, from which on the group is why a split is empty."""
QUESTION_SPLIT = (
    "The split is by question: dev and test ask other questions than train, but their answers were "
    "trained on. It shows whether new wordings find the known answers; it cannot show how well "
    "answers are found that training never saw, so that a run gives figures on it and no verdict."
)
WAY_OUT = ("split it by question instead (“Split by question” under the columns, or python -m "
           "corpus convert --split-by question), which shows whether new wordings find the known "
           "answers, not whether new answers are found")

Relevant = Mapping[str, Sequence[str]]
"""Query id -> the passages that answer it."""
Splits = dict[str, dict[str, dict[str, int]]]


def split(qrels: Qrels, seed: int = 42, by: str = BY_PASSAGE) -> Splits:
    """Split judged queries into train, dev and test.

    By passage, or by question.
    """
    return split_by_question(qrels, seed) if by == BY_QUESTION else split_by_passage(qrels, seed)


def split_by_passage(qrels: Qrels, seed: int = 42) -> Splits:
    """Split judged queries by passage, 80/10/10.

    Queries that share a relevant passage, and relevant passages that share a query, stay
    together; one judged not relevant links nobody, and a query without a relevant passage is in no
    split. The same qrels and seed give the same splits, in whatever order the queries come.
    """
    groups = connected(_relevant(qrels))
    random.Random(seed).shuffle(groups)
    passages = sum(len(group_passages) for _, group_passages in groups)
    bounds = [SHARES[0] * passages, (SHARES[0] + SHARES[1]) * passages]
    splits: Splits = {name: {} for name in SPLITS}
    seen = 0
    for query_ids, group_passages in groups:
        place = sum(seen >= bound for bound in bounds)
        for query_id in query_ids:
            splits[SPLITS[place]][query_id] = dict(qrels[query_id])
        seen += len(group_passages)
    return splits


def split_by_question(qrels: Qrels, seed: int = 42) -> Splits:
    """Split judged queries by question, 80/10/10.

    By number of queries. A passage may answer in several splits: for data of few answers with many
    questions each. A query without a relevant passage is in no split.
    """
    queries = sorted(_relevant(qrels))
    random.Random(seed).shuffle(queries)
    ends = [round(SHARES[0] * len(queries)), round((SHARES[0] + SHARES[1]) * len(queries))]
    parts = queries[: ends[0]], queries[ends[0] : ends[1]], queries[ends[1] :]
    return {name: {query: dict(qrels[query]) for query in part}
            for name, part in zip(SPLITS, parts, strict=True)}


def untrainable(corpus: Corpus) -> str:
    """Why a fine-tune would refuse a corpus, if so.

    With the way out; empty where it would not. A split is empty: because the data brings no such,
    or because a few answers, or one group of questions and passages that hang together, hold nearly
    everything.
    """
    empty = [name for name in SPLITS if not corpus.pairs(name)]
    if not empty:
        return ""
    said = (f"{corpus.name} has no judged queries in its {empty[0]} split"
            + (f", and none in {empty[1]}" if len(empty) == 2 else "")
            + ": a fine-tune needs train to learn from, dev to choose on and test to measure on. ")
    return said + _cause(corpus, empty)


def _cause(corpus: Corpus, empty: Sequence[str]) -> str:
    judged = {query: grades for qrels in corpus.qrels.values() for query, grades in qrels.items()}
    groups = connected(_relevant(judged))
    questions = sum(len(queries) for queries, _ in groups)
    passages = sum(len(found) for _, found in groups)
    if not questions:
        return "Add questions with their answers."
    if any(name not in corpus.qrels for name in empty):
        return (f"The data brings its own splits, without {' and '.join(empty)}: add them, or give "
                "one qrels.tsv instead to have all three made.")
    largest, linked = max((len(queries), len(found)) for queries, found in groups)
    if linked > 1 and largest >= MOST_OF_IT * questions and questions > 2:
        return (f"{largest:,} of its {questions:,} questions hang together through the passages "
                f"they share, and stay in one split: judge fewer passages as answers of many "
                f"questions, or {WAY_OUT}.")
    if passages < FEW_PASSAGES and questions > 2 * passages:
        answers = "one answer" if passages == 1 else f"{passages:,} answers"
        return (f"Its {questions:,} questions have {answers} together, and whole answers go to one "
                f"split: add other answers with their questions, or {WAY_OUT}.")
    return f"Its {questions:,} questions are too few to be cut in three. Add pairs."


def _relevant(qrels: Qrels) -> dict[str, list[str]]:
    """The passages that answer each query that has one."""
    found = {query_id: [passage_id for passage_id, grade in grades.items() if grade > 0]
             for query_id, grades in qrels.items()}
    return {query_id: ids for query_id, ids in found.items() if ids}


def leaked_queries(corpus: Corpus, split: str) -> frozenset[str]:
    """Queries of a split that an earlier one leaks.

    Those whose question, or whose answer, stands in a split before it as well: for `test` in
    `train`, which is learned from, or in `dev`, which is chosen by. Of texts that differ in case
    and spacing alone, one gives the other away.
    """
    earlier = [pair for before in SPLITS[: SPLITS.index(split)] for pair in corpus.pairs(before)]
    asked = {folded(pair.query.text) for pair in earlier}
    answers = {folded(pair.passage.content) for pair in earlier}
    return frozenset(
        pair.query.id for pair in corpus.pairs(split)
        if folded(pair.query.text) in asked or folded(pair.passage.content) in answers)


def with_missing_splits(
    splits: Mapping[str, Mapping[str, dict[str, int]]], seed: int = 42
) -> tuple[dict[str, dict[str, dict[str, int]]], tuple[str, ...]]:
    """One's own splits, with missing ones cut from train.

    Dev or test, where none was brought. Also gives what there is to say of it. A split they brought
    stays as it is.
    """
    found = {name: dict(qrels) for name, qrels in splits.items() if qrels}
    missing = [name for name in SPLITS[1:] if name not in found]
    if "train" not in found:
        return found, ("There are no files of train: this data can be measured on, not trained "
                       "on.",)
    if not missing:
        return found, ()
    cut = split_by_passage(found["train"], seed)
    for name in missing:
        found[name] = cut[name]
    found["train"] = {query_id: grades for query_id, grades in found["train"].items()
                      if not any(query_id in cut[name] for name in missing)}
    return {name: found[name] for name in SPLITS}, (
        f"There {'is no file' if len(missing) == 1 else 'are no files'} of "
        f"{' and '.join(missing)}: cut out of train, by passage.",)


def connected(relevant: Relevant) -> list[tuple[list[str], set[str]]]:
    """Groups of queries linked through passages, in a fixed order.

    Each with its passages. relevant: query id -> ids of passages, at least one each.
    """
    parent: dict[str, str] = {}

    def root(passage_id: str) -> str:
        parent.setdefault(passage_id, passage_id)
        while parent[passage_id] != passage_id:
            parent[passage_id] = parent[parent[passage_id]]
            passage_id = parent[passage_id]
        return passage_id

    for ids in relevant.values():
        first, *others = sorted(ids)
        for other in others:
            parent[root(other)] = root(first)
    return _gather(relevant, {query_id: root(min(ids)) for query_id, ids in relevant.items()})


def _gather(relevant: Relevant, roots: Mapping[str, str]) -> list[tuple[list[str], set[str]]]:
    groups: dict[str, tuple[list[str], set[str]]] = {}
    for query_id in sorted(relevant):
        queries, passages = groups.setdefault(roots[query_id], ([], set()))
        queries.append(query_id)
        passages.update(relevant[query_id])
    return sorted(groups.values(), key=lambda group: group[0])
