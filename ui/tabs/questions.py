"""Questions to begin with.

Of the test split, for somebody who has none of their own.
"""

import random
from collections.abc import Callable
from typing import Any

import gradio as gr

from corpus.records import Corpus, Query
from ui.services.load_upload import is_own
from ui.services.model_pair import LexicalOnly, ModelPair
from ui.services.opening import OpeningPair

EXAMPLES = 4
SPOKEN = frozenset(
    "i i'm my me mine you your can can't could will won't would should don't doesn't is there any "
    "what's who's why's how's that this just really still too big old get got ones".split())
"""Words that people use when they talk."""
LONGEST_EXAMPLE = 120
"""Characters that still fit on a button."""


def landing_question(opening: OpeningPair) -> str:
    """The question a visitor finds.

    Its answer rose to the first rank, as far as can be seen. From within the first hundred: further
    down nobody looks. Without one, what gained most.
    """
    corpus, evidence = opening.corpus, opening.evidence
    if corpus and evidence:
        risen = [query for query in evidence.queries
                 if query.tuned_rank == 1 and 1 < (query.base_rank or 0) <= 100]
        if risen:
            furthest = max(risen, key=lambda query: (query.base_rank or 0, query.query_id))
            return corpus.queries[furthest.query_id].text
        if best := max(evidence.gaps, key=evidence.gaps.__getitem__, default=""):
            return corpus.queries[best].text
    return next((query.text for query in example_queries(corpus)), "")


def a_win(pair: ModelPair) -> str:
    """A test question whose answer Fine-tuned ranks better."""
    return _by_gap(pair, lambda gap: gap > 0, "Fine-tuned won no question of the test split.")


def a_regression(pair: ModelPair) -> str:
    """A test question whose answer Fine-tuned ranks worse."""
    return _by_gap(pair, lambda gap: gap < 0, "Fine-tuned lost no question of the test split.")


def a_surprise(pair: ModelPair | LexicalOnly) -> str:
    """Any test question."""
    queries = _test_queries(pair.corpus)
    if not queries:
        raise ValueError("The corpus has no test questions.")
    return random.choice(queries).text


def _by_gap(pair: ModelPair, wanted: Callable[[float], bool], none: str) -> str:
    if pair.evidence is None:
        raise ValueError("This needs a fine-tuned model: it is there when training is done.")
    found = [query_id for query_id, gap in pair.evidence.gaps.items() if wanted(gap)]
    if not found:
        raise ValueError(none)
    return pair.corpus.queries[random.choice(found)].text


def _test_queries(corpus: Corpus) -> list[Query]:
    return [corpus.queries[query_id] for query_id in corpus.qrels.get("test", {})]


def example_queries(corpus: Corpus | None) -> list[Query]:
    """Test questions as people ask them, about different model lines.

    The same at every start. Of data that somebody brought, whose questions may have any length,
    those nearest to that.
    """
    chosen: dict[str, Query] = {}
    queries = sorted(_test_queries(corpus) if corpus else [],
                     key=lambda query: (-_spoken(query.text), len(query.text), query.id))
    for query in queries:
        if 30 <= len(query.text) <= 57:
            chosen.setdefault(query.model_line or query.id, query)
    for query in sorted(queries, key=lambda query: (abs(len(query.text) - 45), query.id)):
        if len(chosen) < EXAMPLES and len(query.text) <= LONGEST_EXAMPLE:
            chosen.setdefault(query.model_line or query.id, query)
    return list(chosen.values())[:EXAMPLES]


def _spoken(text: str) -> float:
    """The share of words of a question that people use when they talk."""
    words = text.casefold().replace("’", "'").split()
    return sum(word.strip(",.?!") in SPOKEN for word in words) / max(1, len(words))


def first_question(
    opening: OpeningPair, run: str, question: str, queries: list[Query]
) -> Any:
    """A first question of one's own data.

    In place of one of the data the page opened with.
    """
    opened = opening.corpus
    if not is_own(run) or not queries or opened is None:
        return gr.skip()
    known = {query.text for query in queries}
    of_opening = not question or bool(opened.relevant(question))
    return queries[0].text if of_opening and question not in known else gr.skip()
