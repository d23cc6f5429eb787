from collections import Counter
from itertools import pairwise

import numpy as np
import pytest

from corpus.records import Pair, Passage, Query
from train.fit.batches import epoch_batches


def made(count, per_passage=1):
    pairs, relevant = [], {}
    for i in range(count):
        for j in range(per_passage):
            query = Query(f"q{i}.{j}", f"question {i} {j}")
            pairs.append(Pair(query, Passage(f"p{i}", "word " * (1 + i % 37))))
            relevant[query.id] = [f"p{i}"]
    return pairs, relevant


def test_every_pair_is_in_an_epoch_once():
    pairs, relevant = made(100)
    batches = epoch_batches(pairs, 8, "shuffled", relevant, 1)
    assert Counter(p.query.id for b in batches for p in b) == Counter(p.query.id for p in pairs)
    assert sorted({len(batch) for batch in batches}) == [4, 8]


def test_no_batch_holds_a_passage_that_answers_two_of_its_queries():
    pairs, relevant = made(20, per_passage=4)
    for batch in epoch_batches(pairs, 8, "like_length", relevant, 1):
        assert len({pair.passage.id for pair in batch}) == len(batch)


def test_a_query_with_two_answers_never_meets_its_other_answer():
    pairs, relevant = made(12)
    for i in range(0, 12, 2):
        relevant[f"q{i}.0"].append(f"p{i + 1}")
    for seed in range(5):
        for batch in epoch_batches(pairs, 6, "shuffled", relevant, seed):
            for pair in batch:
                others = {other.passage.id for other in batch if other is not pair}
                assert not others & set(relevant[pair.query.id])


def test_same_seed_same_batches_and_another_seed_others():
    pairs, relevant = made(64)
    first = epoch_batches(pairs, 8, "like_length", relevant, 1)
    assert first == epoch_batches(pairs, 8, "like_length", relevant, 1)
    assert first != epoch_batches(pairs, 8, "like_length", relevant, 2)


def test_batches_of_like_length_pad_less():
    pairs, relevant = made(320)

    def padding(batching):
        return sum(
            max(len(p.passage.text) for p in batch) * len(batch)
            - sum(len(p.passage.text) for p in batch)
            for batch in epoch_batches(pairs, 16, batching, relevant, 1)
        )

    assert padding("like_length") < padding("shuffled") / 4


def test_a_pair_without_a_negative_is_left_out():
    pairs, relevant = made(1, per_passage=3)
    assert epoch_batches(pairs, 8, "shuffled", relevant, 1) == []


def test_epochs_are_shuffled_anew():
    pairs, relevant = made(64)
    epochs = [epoch_batches(pairs, 8, "shuffled", relevant, seed) for seed in range(3)]
    assert all(a != b for a, b in pairwise(epochs))


def clustered(clusters, each, dim=16):
    """Pairs whose passages lie in tight clusters: pair i is of cluster i % clusters."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((clusters, dim))
    pairs, relevant = made(clusters * each)
    vectors = centres[np.arange(len(pairs)) % clusters]
    return pairs, relevant, (vectors + 0.01 * rng.standard_normal(vectors.shape)).astype("float32")


def test_batches_of_neighbours_hold_what_the_base_finds_alike():
    pairs, relevant, vectors = clustered(8, 16)
    place = {pair.query.id: i for i, pair in enumerate(pairs)}

    def clusters_a_batch(batching):
        batches = epoch_batches(pairs, 16, batching, relevant, 1, vectors)
        return np.mean([len({place[p.query.id] % 8 for p in batch}) for batch in batches])

    assert clusters_a_batch("neighbours") < 2
    assert clusters_a_batch("shuffled") > 5


def test_batches_of_neighbours_hold_every_pair_once_and_are_full():
    pairs, relevant, vectors = clustered(53, 2)
    batches = epoch_batches(pairs, 8, "neighbours", relevant, 3, vectors)
    assert Counter(p.query.id for b in batches for p in b) == Counter(p.query.id for p in pairs)
    assert sum(len(batch) == 8 for batch in batches) == 106 // 8


def test_batches_of_neighbours_keep_answers_of_one_question_apart():
    pairs, relevant = made(24, per_passage=2)
    for i in range(0, 24, 2):
        relevant[f"q{i}.0"].append(f"p{i + 1}")
    vectors = np.eye(24, dtype="float32")[[int(pair.passage.id[1:]) for pair in pairs]]
    for seed in range(3):
        for batch in epoch_batches(pairs, 6, "neighbours", relevant, seed, vectors):
            assert len({pair.passage.id for pair in batch}) == len(batch)
            for pair in batch:
                others = {other.passage.id for other in batch if other is not pair}
                assert not others & set(relevant[pair.query.id])


def test_neighbours_are_grouped_anew_by_another_seed_and_alike_by_the_same():
    pairs, relevant = made(96)
    vectors = np.random.default_rng(0).standard_normal((96, 8)).astype("float32")

    def groups(seed):
        batches = epoch_batches(pairs, 8, "neighbours", relevant, seed, vectors)
        return {frozenset(pair.query.id for pair in batch) for batch in batches}

    assert groups(1) == groups(1)
    assert len(groups(1) & groups(2)) < 3


def test_equal_vectors_are_grouped_too():
    pairs, relevant = made(50)
    batches = epoch_batches(pairs, 8, "neighbours", relevant, 1, np.ones((50, 4), "float32"))
    assert sum(map(len, batches)) == 50


def test_batches_of_neighbours_without_vectors_are_refused():
    pairs, relevant = made(8)
    for vectors in (None, np.ones((7, 4), "float32")):
        with pytest.raises(ValueError, match="one vector of the base model a pair"):
            epoch_batches(pairs, 4, "neighbours", relevant, 1, vectors)
