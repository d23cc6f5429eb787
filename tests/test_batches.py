from collections import Counter
from itertools import pairwise

from corpus.records import Pair, Passage, Query
from train.batches import epoch_batches


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
