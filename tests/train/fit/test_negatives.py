from dataclasses import replace

import pytest

from corpus.records import Corpus, Pair, Passage, Query
from retrieval.index import build_index
from support.fakes import PASSAGES, QUERIES, HashingEncoder, small_corpus
from train.fit import negatives
from train.fit.negatives import mine


def mined(per_pair=2, margin=0.95, seed=1, corpus=None):
    corpus = corpus or small_corpus()
    pairs = corpus.pairs("train")
    relevant = {pair.query.id: {pair.passage.id} for pair in pairs}
    index = build_index(HashingEncoder(), corpus)
    return pairs, index, mine(pairs, relevant, index, per_pair, margin, seed)


def many(count=40):
    """Passages that share words by sixes, and a question of each."""
    passages = tuple(Passage(f"p{i:03}", f"group {i // 6} item {i} of the catalogue")
                     for i in range(count))
    queries = {f"q{i:03}": Query(f"q{i:03}", f"group {i // 6} item {i}") for i in range(count)}
    return Corpus("many", passages, queries,
                  {"train": {f"q{i:03}": {f"p{i:03}": 1} for i in range(count)}})


def test_every_pair_gets_its_negatives_and_never_its_own_answer():
    pairs, _, found = mined()
    assert [len(ids) for ids in found] == [2, 2]
    for pair, ids in zip(pairs, found, strict=True):
        assert pair.passage.id not in ids
        assert len(set(ids)) == len(ids)


def test_no_negative_scores_above_the_margin():
    for margin in (0.3, 0.6, 0.95):
        pairs, index, found = mined(3, margin, corpus=many())
        for pair, ids in zip(pairs, found, strict=True):
            ranking = index.search_many([pair.query.text])[0]
            assert all(ranking.score(pid) <= margin * ranking.score(pair.passage.id) + 1e-6
                       for pid in ids)


def test_negatives_are_the_near_ones_not_any():
    pairs, index, found = mined(1, 0.95, corpus=many())
    ranks = [index.search_many([pair.query.text])[0].rank(ids[0])
             for pair, ids in zip(pairs, found, strict=True)]
    assert max(ranks) <= 1 + negatives.CHOICE + 5  # the five of its group may be above the margin


def test_a_passage_known_to_be_relevant_is_no_negative():
    corpus = small_corpus()
    pairs = corpus.pairs("train")
    index = build_index(HashingEncoder(), corpus)
    everything = {passage.id for passage in PASSAGES}
    relevant = {pair.query.id: everything - {"p6"} for pair in pairs}
    assert mine(pairs, relevant, index, 4, 0.95, 1) == [("p6",), ("p6",)]


def test_a_passage_with_the_text_of_the_positive_is_no_negative():
    corpus = small_corpus()
    twin = replace(corpus.passage["p1"], id="twin")
    corpus = Corpus("seven", (*PASSAGES, twin), QUERIES, corpus.qrels)
    _, _, found = mined(6, 1.5, corpus=corpus)  # a margin that would let it through
    assert "twin" not in found[0] and len(found[0]) == 5
    assert "twin" in found[1]


def test_a_query_far_from_its_own_answer_gets_only_what_is_farther():
    corpus = Corpus("three", PASSAGES[:3], {"q": Query("q", "unheard of")},
                    {"train": {"q": {"p1": 1}}})
    index = build_index(HashingEncoder(), corpus)
    scores = index.search_many(["unheard of"])[0]
    positive = min(("p1", "p2", "p3"), key=scores.score)
    pair = Pair(corpus.queries["q"], corpus.passage[positive])
    assert scores.score(positive) < 0, "the case wants a negative cosine"
    assert mine([pair], {"q": {positive}}, index, 2, 0.95, 1) == [()]


def test_a_passage_that_is_held_out_is_no_negative():
    corpus = small_corpus()
    index = build_index(HashingEncoder(), corpus)
    pairs = corpus.pairs("train")
    relevant = {pair.query.id: {pair.passage.id} for pair in pairs}
    found = mine(pairs, relevant, index, 6, 1.0, 1, held_out={"p2", "p4", "p6", "not there"})
    assert found and not {"p2", "p4", "p6"} & {pid for ids in found for pid in ids}


def test_in_chunks_it_finds_the_same(monkeypatch):
    _, _, whole = mined(3, corpus=many())
    monkeypatch.setattr(negatives, "CELLS", 100)  # two pairs at a time
    assert mined(3, corpus=many())[2] == whole


def test_the_same_seed_draws_the_same_and_another_others():
    assert mined(1, seed=1, corpus=many())[2] == mined(1, seed=1, corpus=many())[2]
    assert mined(1, seed=1, corpus=many())[2] != mined(1, seed=2, corpus=many())[2]


@pytest.mark.parametrize("per_pair", [0, -1])
def test_none_wanted_none_mined(per_pair):
    assert mined(per_pair)[2] == [(), ()]
