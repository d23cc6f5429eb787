"""What can be wrong with a corpus.

One generator for each kind, a sentence for each case.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from corpus.html_text import has_html
from corpus.readers.clean import without_mojibake
from corpus.records import Corpus, Pair, Passage, Query
from corpus.text import folded, shortened
from hub.progress import OnProgress, silent

from .near_duplicates import near_duplicates
from .power import Power
from .tokens import MOST_TOKENS, TokenCounts

FEWEST_TRAIN_PAIRS = 100
FEWEST_TEST_QUERIES = 30
MUCH_LONGER = 1.5
"""Anchors this many times as long as positives look like answers."""
HASHED = re.compile(r"[qp][0-9a-f]{12}")
"""Ids that are made of a text, and say nothing to a person."""
QUESTION_MARKS = ("?", "？", "؟")

Judged = Sequence[tuple[str, Pair]]
"""Every relevant (query, passage) of a corpus, each with its split."""


def over_length(corpus: Corpus, tokens: TokenCounts) -> Iterator[str]:
    """Texts of which a model reads the beginning only."""
    for query, count in zip(corpus.queries.values(), tokens.queries, strict=True):
        if count > MOST_TOKENS:
            yield f"Question {_place(query)} has {count:,} tokens: {shortened(query.text)}"
    for passage, count in zip(corpus.passages, tokens.contents, strict=True):
        if count > MOST_TOKENS:
            yield f"Passage {_place(passage)} has {count:,} tokens: {_opening(passage)}"


def duplicate_pairs(judged: Judged) -> Iterator[str]:
    """Pairs that repeat an earlier one.

    But for case, spacing and the closing mark.
    """
    first: dict[tuple[str, str], Pair] = {}
    for _, pair in judged:
        earlier = first.setdefault((folded(pair.query.text), folded(pair.passage.content)), pair)
        if earlier is not pair:
            yield (f"{_pair_name(pair)} repeats {_pair_name(earlier)}: "
                   f"“{shortened(pair.query.text)}” with “{_opening(pair.passage)}”, as "
                   f"“{shortened(earlier.query.text)}” with “{_opening(earlier.passage)}”")


Near = Sequence[tuple[int, int]]
"""Places of passages that nearly repeat each other: the earlier, the later."""


def near_passages(corpus: Corpus, progress: OnProgress = silent) -> Near:
    """Passages that share most of their three-word shingles."""
    return near_duplicates([passage.content for passage in corpus.passages], progress)


def near_duplicate_passages(corpus: Corpus, near: Near) -> Iterator[str]:
    """Passages that nearly repeat an earlier one."""
    passages = corpus.passages
    for earlier, later in near:
        yield (f"{_place(passages[later])} nearly repeats {_place(passages[earlier])}: "
               f"“{shortened(passages[later].text, 100)}”, and "
               f"“{shortened(passages[earlier].text, 100)}”")


def shared_answers(judged: Judged) -> Iterator[str]:
    """Passages that answer several queries."""
    asked: dict[str, list[Pair]] = defaultdict(list)
    for _, pair in judged:
        asked[pair.passage.id].append(pair)
    for pairs in asked.values():
        queries = {pair.query.id for pair in pairs}
        if len(queries) > 1:
            asked_so = "”, “".join(shortened(pair.query.text, 50) for pair in pairs[:2])
            yield (f"{_place(pairs[0].passage)} answers {len(queries):,} questions: "
                   f"{_opening(pairs[0].passage)} (“{asked_so}”)")


def conflicting_answers(judged: Judged, from_pairs: bool) -> Iterator[str]:
    """Questions asked in the same words with different answers.

    One query judged with several passages is no conflict; in a pair file (`from_pairs`) every
    row is a judgement of its own, so that equal anchors with different positives are one, unless
    one row lists them.
    """
    answers: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    passage = {pair.passage.id: pair.passage for _, pair in judged}
    for _, pair in judged:
        answers[folded(pair.query.text)][pair.query.id].add(pair.passage.id)
    for text, of_query in answers.items():
        differ = len({frozenset(ids) for ids in of_query.values()}) > 1
        ids = sorted(set().union(*of_query.values()))
        rows = {passage[identifier].where for identifier in ids}
        of_one_row = len(rows) == 1 and rows != {""}
        if text and len(ids) > 1 and (differ or from_pairs and not of_one_row):
            yield (f"“{shortened(text)}” has {len(ids):,} answers: “{_opening(passage[ids[0]])}”, "
                   f"“{_opening(passage[ids[1]])}” ({_place(passage[ids[0]])}, "
                   f"{_place(passage[ids[1]])})")


def split_leaks(judged: Judged, by_question: bool = False) -> Iterator[str]:
    """Queries or answers that stand in two splits.

    Answers not where the split is by question.
    """
    questions: dict[str, dict[str, Query]] = defaultdict(dict)
    for split, pair in judged:
        questions[folded(pair.query.text)].setdefault(split, pair.query)
    for text, places in questions.items():
        if text and len(places) > 1:
            ids = ", ".join(f"{split} ({_place(query)})" for split, query in places.items())
            yield f"The question “{shortened(text)}” is in {ids}"
    if not by_question:
        yield from answers_in_splits(judged)


def across_splits(corpus: Corpus, judged: Judged, near: Near) -> Near:
    """Near duplicates that answer in different splits."""
    splits: dict[str, set[str]] = defaultdict(set)
    for split, pair in judged:
        splits[pair.passage.id].add(split)
    found = []
    for places in near:
        one, other = (splits[corpus.passages[place].id] for place in places)
        if one and other and not one & other:
            found.append(places)
    return found


def answers_in_splits(judged: Judged) -> Iterator[str]:
    """Passages that answer in two splits or more."""
    answers: dict[str, dict[str, Passage]] = defaultdict(dict)
    for split, pair in judged:
        answers[pair.passage.id].setdefault(split, pair.passage)
    for passages in answers.values():
        if len(passages) > 1:
            first = next(iter(passages.values()))
            yield (f"Passage {_place(first)} is an answer in {' and '.join(passages)}: "
                   f"{_opening(first)}")


def with_html(corpus: Corpus) -> Iterator[str]:
    """Texts with HTML tags or entities in them."""
    for item in _texts(corpus):
        if has_html(item.text):
            yield f"{_kind(item)} {_place(item)}: {shortened(item.text, 120)}"


def with_mojibake(corpus: Corpus) -> Iterator[str]:
    """Texts with mojibake, and what they meant.

    Their accents are those of a wrong encoding.
    """
    for item in _texts(corpus):
        if (right := without_mojibake(item.text)) != item.text:
            yield (f"{_kind(item)} {_place(item)}: “{shortened(item.text, 90)}” for "
                   f"“{shortened(right, 90)}”")


def swapped_columns(judged: Judged) -> Iterator[str]:
    """Pairs that look the wrong way round.

    If the whole looks so.
    """
    pairs = [pair for _, pair in judged]
    anchors = sum(len(pair.query.text.split()) for pair in pairs)
    positives = sum(len(pair.passage.text.split()) for pair in pairs)
    asking = sum(_asks(pair.passage.text) for pair in pairs)
    asked = sum(_asks(pair.query.text) for pair in pairs)
    if anchors > MUCH_LONGER * positives or asking > max(asked, len(pairs) / 2):
        for pair in pairs:
            if _asks(pair.passage.text) or len(pair.query.text) > len(pair.passage.text):
                yield f"anchor “{shortened(pair.query.text)}”, positive “{_opening(pair.passage)}”"


def too_few_pairs(corpus: Corpus, power: Power) -> Iterator[str]:
    """Splits too small to learn from or to measure on."""
    train, test = len(corpus.pairs("train")), len(corpus.qrels.get("test", {}))
    if train < FEWEST_TRAIN_PAIRS:
        yield f"train has {train:,} pairs, of the {FEWEST_TRAIN_PAIRS} that are the least"
    if power.too_small:
        yield f"test: {power.sentence()}"
    elif test < FEWEST_TEST_QUERIES:
        yield f"test has {test:,} questions, of the {FEWEST_TEST_QUERIES} that are the least"


def _texts(corpus: Corpus) -> Iterator[Query | Passage]:
    yield from corpus.queries.values()
    yield from corpus.passages


def _asks(text: str) -> bool:
    return text.rstrip("\"'”’)» ").endswith(QUESTION_MARKS)


def _name(identifier: str) -> str:
    return shortened(identifier, 40)


def _place(item: Query | Passage) -> str:
    """Where a text stands in what was brought; its id where nobody knows, or it is one's own."""
    own = not HASHED.fullmatch(item.id)
    if not item.where:
        return _name(item.id)
    return f"{_name(item.id)} ({shortened(item.where, 60)})" if own else shortened(item.where, 60)


def _kind(item: Query | Passage) -> str:
    return "Question" if isinstance(item, Query) else "Passage"


def _pair_name(pair: Pair) -> str:
    query, passage = _place(pair.query), _place(pair.passage)
    return query if query == passage else f"{query} with {passage}"


def _opening(passage: Passage) -> str:
    return shortened(passage.text, 60)
