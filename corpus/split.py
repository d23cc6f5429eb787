"""Train, dev and test, cut so that no test passage was trained on."""

import random
from collections.abc import Mapping, Sequence

from .records import SPLITS, Corpus, Qrels
from .text import folded

SHARES = (0.8, 0.1, 0.1)

Relevant = Mapping[str, Sequence[str]]
"""Query id -> the passages that answer it."""


def split_by_passage(qrels: Qrels, seed: int = 42) -> dict[str, dict[str, dict[str, int]]]:
    """Cut judged queries into train, dev and test, 80/10/10 by number of passages.

    Queries that share a relevant passage, and relevant passages that share a query, stay
    together; one judged not relevant links nobody, and a query without a relevant passage is in no
    split. The same qrels and seed give the same splits, in whatever order the queries come.
    """
    relevant = {query_id: [passage_id for passage_id, grade in grades.items() if grade > 0]
                for query_id, grades in qrels.items()}
    groups = connected({query_id: ids for query_id, ids in relevant.items() if ids})
    random.Random(seed).shuffle(groups)
    passages = sum(len(group_passages) for _, group_passages in groups)
    bounds = [SHARES[0] * passages, (SHARES[0] + SHARES[1]) * passages]
    splits: dict[str, dict[str, dict[str, int]]] = {split: {} for split in SPLITS}
    seen = 0
    for query_ids, group_passages in groups:
        place = sum(seen >= bound for bound in bounds)
        for query_id in query_ids:
            splits[SPLITS[place]][query_id] = dict(qrels[query_id])
        seen += len(group_passages)
    return splits


def leaked_queries(corpus: Corpus, split: str) -> frozenset[str]:
    """The queries of a split that an earlier split gives away.

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
    """Splits that somebody brought, with dev or test cut out of train where they brought none.

    Also gives what there is to say of it. A split they brought stays as it is.
    """
    found = {split: dict(qrels) for split, qrels in splits.items() if qrels}
    missing = [split for split in SPLITS[1:] if split not in found]
    if "train" not in found:
        return found, ("There are no files of train: this data can be measured on, not trained "
                       "on.",)
    if not missing:
        return found, ()
    cut = split_by_passage(found["train"], seed)
    for split in missing:
        found[split] = cut[split]
    found["train"] = {query_id: grades for query_id, grades in found["train"].items()
                      if not any(query_id in cut[split] for split in missing)}
    return {split: found[split] for split in SPLITS}, (
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
