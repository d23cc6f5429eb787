import numpy as np
import pytest

from retrieval.bm25 import build_lexical_index
from retrieval.index import Index, Ranking, build_index, store_index
from retrieval.models import load_encoder
from retrieval.spread import build_index_spread
from support.fakes import HashingEncoder, small_corpus
from support.tiny import tiny_model_for


def ranking(scores):
    ids = [f"p{i}" for i in range(len(scores))]
    return Ranking(ids, np.array(scores, np.float32), {pid: i for i, pid in enumerate(ids)})


def test_equal_scores_are_ranked_by_passage_id():
    tied = ranking([0.5, 0.9, 0.5, 0.5])
    assert [pid for pid, _ in tied.top(3)] == ["p1", "p0", "p2"]
    assert [tied.rank(f"p{i}") for i in range(4)] == [2, 1, 3, 4]


@pytest.mark.parametrize("seed", range(5))
def test_top_and_rank_agree_with_a_full_sort_of_many_ties(seed):
    scores = np.random.default_rng(seed).integers(0, 6, 200).astype(np.float32)
    full = sorted(range(200), key=lambda i: (-scores[i], i))
    made = ranking(scores)
    assert [pid for pid, _ in made.top(40)] == [f"p{i}" for i in full[:40]]
    assert [made.rank(f"p{i}") for i in full] == list(range(1, 201))


def test_top_of_more_than_there_are_is_all_and_of_none_is_none():
    assert len(ranking([1, 2]).top(10)) == 2
    assert ranking([1, 2]).top(0) == []
    assert ranking([1, 2]).rank("unknown") is None


def test_search_finds_the_passage_that_shares_words(corpus):
    index = build_index(HashingEncoder(), corpus)
    found = index.search_many(["yellow calipers", "Targa roof"])
    assert [r.top(1)[0][0] for r in found] == ["p5", "p6"]


def test_a_second_build_reads_the_cache_and_a_damaged_one_is_encoded_again(corpus, tmp_path):
    first = build_index(HashingEncoder(), corpus, tmp_path)
    again = HashingEncoder()
    assert np.array_equal(build_index(again, corpus, tmp_path).vectors, first.vectors)
    assert again.calls == 0
    next(tmp_path.glob("*.npy")).write_bytes(b"\x93NUMPY broken")
    assert np.array_equal(build_index(again, corpus, tmp_path).vectors, first.vectors)
    assert again.calls > 0


def test_the_cache_tells_models_corpora_and_dims_apart(corpus, tmp_path):
    store_index(build_index(HashingEncoder(), corpus), corpus, tmp_path)
    store_index(build_index(HashingEncoder(salt="x"), corpus), corpus, tmp_path)
    store_index(build_index(HashingEncoder(dim=8), corpus), corpus, tmp_path)
    assert len(list(tmp_path.glob("*.npy"))) == 3


def test_truncated_index_is_that_of_the_truncated_encoder(corpus):
    cut = build_index(HashingEncoder(), corpus).truncated(8)
    assert np.allclose(cut.vectors, build_index(HashingEncoder(dim=8), corpus).vectors, atol=1e-6)
    with pytest.raises(ValueError, match="truncate_dim"):
        cut.truncated(100)


def test_progress_reaches_the_number_of_passages(corpus):
    seen = []
    build_index(HashingEncoder(), corpus, progress=lambda at: seen.append((at.done, at.total)))
    assert seen[-1] == (6, 6)


def test_vectors_that_are_not_numbers_rank_last_and_break_nothing(corpus):
    from retrieval.encoder import normalised

    vectors = normalised(np.array([[np.nan, 1], [0, 0], [3, 4]], np.float32))
    assert np.allclose(vectors, [[0, 0], [0, 0], [0.6, 0.8]])
    index = Index(HashingEncoder(dim=2), ("a", "b", "c"), vectors)
    assert len(index.search_many(["word"])[0].top(3)) == 3


def test_bm25_ranks_by_words_and_folds_endings():
    found = build_lexical_index(small_corpus()).search_many(["caliper brake", "zzz", ""])
    assert found[0].top(1)[0][0] == "p5"
    assert [pid for pid, score in found[1].top(2)] == ["p1", "p2"]
    assert found[2].top(1)[0][1] == 0


def test_vectors_that_cannot_be_written_whole_leave_nothing_behind(
    corpus, tmp_path, monkeypatch, caplog
):
    from retrieval.fast import store as room

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room.np, "save", full)
    with pytest.raises(OSError, match="No space left"):
        room._write(tmp_path / "a.npy", build_index(HashingEncoder(), corpus).vectors)
    index = build_index(HashingEncoder(), corpus, tmp_path)
    assert len(index.ids) == len(corpus.passages) and "used from memory" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_in_the_cache_is_said_and_the_index_made_again(corpus, tmp_path, caplog):
    whole = build_index(HashingEncoder(), corpus, tmp_path)
    (path,) = tmp_path.glob("*.npy")
    for at in (200, -1):  # of a vector, and of the checksum itself
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(content)
        caplog.clear()
        again = build_index(HashingEncoder(), corpus, tmp_path)
        assert "damaged: it is made again" in caplog.text
        assert (again.vectors == whole.vectors).all()
        caplog.clear()
        build_index(HashingEncoder(), corpus, tmp_path)
        assert not caplog.text


def test_an_index_of_an_earlier_tandem_without_a_checksum_is_read(corpus, tmp_path, caplog):
    build_index(HashingEncoder(), corpus, tmp_path)
    (path,) = tmp_path.glob("*.npy")
    path.write_bytes(path.read_bytes()[:-39])
    encoder = HashingEncoder()
    encoder.encode_passages = None  # nothing is to be encoded
    assert len(build_index(encoder, corpus, tmp_path).ids) == len(corpus.passages)


def test_an_index_that_cannot_be_kept_is_used_from_memory(corpus, tmp_path, caplog):
    (tmp_path / "file").write_text("x")
    index = build_index(HashingEncoder(), corpus, tmp_path / "file" / "cache")
    assert len(index.ids) == len(corpus.passages)
    assert "used from memory" in caplog.text and str(tmp_path) not in caplog.text


@pytest.mark.slow
def test_two_processes_give_the_vectors_of_one_and_say_how_far_they_are(tmp_path):
    corpus = small_corpus()
    encoder = load_encoder(str(tiny_model_for(corpus, tmp_path)), device="cpu")
    told = []
    spread = build_index_spread(encoder, corpus, progress=told.append, devices=["cpu", "cpu"])
    alone = build_index(encoder, corpus)
    assert spread.ids == alone.ids and spread.encoder is encoder and encoder.processes == 1
    np.testing.assert_allclose(spread.vectors, alone.vectors, atol=1e-6)
    assert told[-1].done == told[-1].total == len(corpus.passages)
    encoder.model.start_multi_process_pool = None  # would fail: on one device nothing is spread
    again = build_index_spread(encoder, corpus, tmp_path / "cache", devices=["cuda:0"])
    np.testing.assert_array_equal(again.vectors, alone.vectors)
