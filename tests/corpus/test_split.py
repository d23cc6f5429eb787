from corpus.split import split_by_passage


def many(passages: int) -> dict:
    return {f"q{i}.{j}": {f"p{i}": 1} for i in range(passages) for j in range(1 + i % 3)}


def test_no_passage_is_in_two_splits_and_no_query_is_lost():
    qrels = many(200)
    splits = split_by_passage(qrels)
    seen = [{pid for rel in split.values() for pid in rel} for split in splits.values()]
    assert not (seen[0] & seen[1] or seen[0] & seen[2] or seen[1] & seen[2])
    assert sorted(q for split in splits.values() for q in split) == sorted(qrels)


def test_splits_are_80_10_10_by_passages():
    splits = split_by_passage(many(200))
    sizes = [len({pid for rel in split.values() for pid in rel}) for split in splits.values()]
    assert sizes == [160, 20, 20]


def test_same_seed_same_splits_in_any_order_of_queries():
    qrels = many(50)
    turned = dict(reversed(qrels.items()))
    assert split_by_passage(qrels, 7) == split_by_passage(turned, 7)
    assert split_by_passage(qrels, 7) != split_by_passage(qrels, 8)


def test_queries_linked_through_passages_stay_together():
    chain = {f"q{i}": {f"p{i}": 1, f"p{i + 1}": 1} for i in range(30)}
    splits = split_by_passage(chain | many(0))
    assert sorted(len(split) for split in splits.values()) == [0, 0, 30]


def test_a_passage_judged_not_relevant_links_nobody():
    linked = {f"q{i}": {f"p{i}": 1, "p0": 1} for i in range(30)}
    apart = {f"q{i}": {f"p{i}": 1} | ({"p0": 0} if i else {}) for i in range(30)}
    assert sorted(len(split) for split in split_by_passage(linked).values()) == [0, 0, 30]
    splits = split_by_passage(apart)
    assert [len(split) for split in splits.values()] == [24, 3, 3]
    assert {query: grades for split in splits.values() for query, grades in split.items()} == apart
    assert split_by_passage({"q": {"p": 0}}) == {"train": {}, "dev": {}, "test": {}}
