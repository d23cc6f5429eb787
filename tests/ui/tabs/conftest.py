"""Two models and what they are compared on, as the tabs show them."""

import pytest

from retrieval.evaluation import Evidence, evaluate
from retrieval.index import build_index
from support.fakes import HashingEncoder
from support.runs.finished import questions
from ui.services.model_pair import ModelPair


@pytest.fixture(scope="module")
def pair():
    """Base and fine-tuned over sixty passages, with evidence."""
    corpus = questions()
    base = build_index(HashingEncoder("base", dim=8), corpus)
    tuned = build_index(HashingEncoder("tuned"), corpus)
    evidence = Evidence("test", len(corpus.passages), evaluate(base, corpus, "test"),
                        evaluate(tuned, corpus, "test"))
    return ModelPair(corpus, base).with_tuned(tuned, evidence, "about it")
