from dataclasses import replace

import numpy as np
import pytest

from corpus.records import Passage
from retrieval.index import build_index, forget_vectors
from support.fakes import HashingEncoder


class Counting(HashingEncoder):
    """Counts the passages that it encodes."""

    texts = 0

    def encode_passages(self, texts):
        self.texts += len(texts)
        return super().encode_passages(texts)


def changed(corpus):
    first, *rest = corpus.passages
    new = Passage("p0", "A passage of today. It is new.", "New")
    return replace(corpus, passages=(replace(first, text="Another text. Of two."), *rest, new))


@pytest.mark.parametrize("sentences", [False, True], ids=["passages", "with-sentences"])
def test_only_passages_that_changed_are_encoded_again(corpus, tmp_path, sentences):
    build_index(HashingEncoder(), corpus, tmp_path, sentences=sentences)
    encoder, later = Counting(), changed(corpus)
    index = build_index(encoder, later, tmp_path, sentences=sentences)
    assert encoder.texts == 2 + 4 * sentences
    fresh = build_index(HashingEncoder(), later, sentences=sentences)
    assert index.ids == fresh.ids
    assert np.allclose(index.vectors, fresh.vectors, atol=1e-6)
    if sentences:
        assert (index.sentences.counts == fresh.sentences.counts).all()
        assert (index.sentences.directions == fresh.sentences.directions).all()


def test_another_model_takes_nothing_of_the_first_ones_vectors(corpus, tmp_path):
    build_index(HashingEncoder(), corpus, tmp_path)
    encoder = Counting(salt="x")
    build_index(encoder, changed(corpus), tmp_path)
    assert encoder.texts == 7


def test_equal_texts_under_several_ids_are_all_taken_from_before(corpus, tmp_path):
    twice = replace(corpus, passages=(
        *corpus.passages, replace(corpus.passages[0], id="p9")))
    build_index(HashingEncoder(), twice, tmp_path)
    encoder = Counting()
    again = replace(twice, passages=tuple(replace(p, id=f"x{p.id}") for p in twice.passages))
    index = build_index(encoder, again, tmp_path)
    assert encoder.texts == 0
    assert np.allclose(index.vectors, build_index(HashingEncoder(), again).vectors, atol=1e-6)


def test_fewer_dimensions_are_cut_from_what_is_kept_and_nothing_is_written(corpus, tmp_path):
    build_index(HashingEncoder(), corpus, tmp_path, sentences=True)
    kept = sorted(tmp_path.iterdir())
    encoder = Counting(dim=8)
    short = build_index(encoder, corpus, tmp_path, sentences=True)
    assert encoder.texts == 0
    assert np.allclose(short.vectors, build_index(HashingEncoder(dim=8), corpus).vectors, atol=1e-6)
    assert sorted(tmp_path.iterdir()) == kept


def test_vectors_are_mapped_and_shared_not_read(corpus, tmp_path):
    build_index(HashingEncoder(), corpus, tmp_path)
    again = build_index(HashingEncoder(), corpus, tmp_path)
    assert isinstance(again.vectors.base, np.memmap)


def test_vectors_without_sentences_do_where_none_are_wanted_and_not_where_they_are(
    corpus, tmp_path
):
    build_index(HashingEncoder(), corpus, tmp_path)
    encoder = Counting()
    assert build_index(encoder, corpus, tmp_path, sentences=True).sentences is not None
    assert encoder.texts == 6  # the sentences alone
    assert build_index(encoder, corpus, tmp_path, sentences=True).sentences is not None
    assert encoder.texts == 6
    with_them = Counting()
    assert build_index(with_them, corpus, tmp_path).sentences is None
    assert with_them.texts == 0


def test_what_is_kept_of_a_corpus_is_forgotten_whole(corpus, tmp_path):
    build_index(HashingEncoder(), corpus, tmp_path, sentences=True)
    forget_vectors(tmp_path, corpus.fingerprint)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".texts", ".counts", ".sentences"])
def test_what_is_damaged_beside_the_vectors_is_made_again(corpus, tmp_path, suffix):
    build_index(HashingEncoder(), corpus, tmp_path, sentences=True)
    (path,) = tmp_path.glob(f"*{suffix}")
    path.write_bytes(b"\x93NUMPY broken")
    index = build_index(HashingEncoder(), changed(corpus), tmp_path, sentences=True)
    assert np.allclose(index.vectors, build_index(HashingEncoder(), changed(corpus)).vectors)
