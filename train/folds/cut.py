"""Folds of a corpus, cut by shared answers.

Questions that share an answer, directly or by way of others, or that ask the same in the same
words, are in one fold: no model is tested on an answer that it was trained on.
"""

import random
from dataclasses import replace

from corpus.records import SPLITS, Corpus, CorpusError, Qrels
from corpus.split import connected
from corpus.text import folded

FEWEST, MOST = 2, 20
DEV_SHARE = 0.1
"""Of all questions, how many of a fold's others choose its checkpoint."""


def check_folds(count: int, corpus: Corpus | None = None) -> int:
    """A number of folds that can be cut; ValueError otherwise.

    CorpusError where the data has too few questions with answers of their own.
    """
    if isinstance(count, bool) or not isinstance(count, int) or not FEWEST <= count <= MOST:
        raise ValueError(f"folds must be a whole number from {FEWEST} to {MOST}, not "
                         f"{count!r:.40}.")
    if corpus is not None:
        groups = len(_groups(corpus))
        if groups < count + 1:  # one more to choose on, while another is tested
            most = f"at most {groups - 1}" if groups - 1 >= FEWEST else "no cross-validation"
            raise CorpusError(
                f"{count} folds need {count + 1} groups of questions that share no answer; "
                f"{corpus.name} has {groups}: ask for {most}, or add questions with answers of "
                "their own.")
    return count


def cut(corpus: Corpus, count: int, seed: int) -> list[Corpus]:
    """The corpus once a fold, with splits of its own.

    All judged questions are pooled; fold by fold one part is test, about a tenth of all dev, and
    the others train. The same corpus and seed give the same folds. CorpusError as `check_folds`.
    """
    check_folds(count, corpus)
    judged = _judged(corpus)
    groups = _groups(corpus)
    random.Random(seed).shuffle(groups)
    parts: list[list[list[str]]] = [[] for _ in range(count)]
    for group in sorted(groups, key=len, reverse=True):
        min(parts, key=lambda part: sum(map(len, part))).append(group)
    return [_fold(corpus, judged, parts, number, seed) for number in range(count)]


def _fold(
    corpus: Corpus, judged: Qrels, parts: list[list[list[str]]], number: int, seed: int
) -> Corpus:
    others = [group for place, part in enumerate(parts) if place != number for group in part]
    random.Random(f"{seed} {number}").shuffle(others)
    others.sort(key=len)  # a large group to choose by would leave little to learn from
    small = others[: max(1, len(others) - 1)]
    random.Random(f"{seed} {number}").shuffle(small)
    dev: list[list[str]] = []
    for group in small:
        if dev and sum(map(len, dev)) + len(group) > DEV_SHARE * len(judged):
            continue
        dev.append(group)
    kept = {query_id for group in dev for query_id in group}
    train = [group for group in others if not kept.intersection(group)]
    chosen = dict(zip(SPLITS, (train, dev, parts[number]), strict=True))
    return replace(corpus, qrels={
        split: {query_id: dict(judged[query_id]) for group in part for query_id in group}
        for split, part in chosen.items()})


def _judged(corpus: Corpus) -> dict[str, dict[str, int]]:
    """The grades of every question with an answer, over all splits."""
    found: dict[str, dict[str, int]] = {}
    for qrels in corpus.qrels.values():
        for query_id, grades in qrels.items():
            found.setdefault(query_id, {}).update(grades)
    return {query_id: grades for query_id, grades in found.items()
            if any(grade > 0 for grade in grades.values())}


def _groups(corpus: Corpus) -> list[list[str]]:
    """Questions that share an answer or their words, in a fixed order."""
    shared = {query_id: [*(pid for pid, grade in grades.items() if grade > 0),
                         f"asked: {folded(corpus.queries[query_id].text)}"]
              for query_id, grades in _judged(corpus).items()}
    return [queries for queries, _ in connected(shared)]
