import numpy as np

from corpus.records import Passage
from retrieval.fast.sentences import SentenceVectors, sentences_to_mark
from retrieval.index import build_index
from support.fakes import HashingEncoder, small_corpus


def test_a_passage_of_one_sentence_has_nothing_to_mark():
    assert sentences_to_mark(Passage("p", "One sentence only.")) == []
    assert sentences_to_mark(Passage("p", " One is. Two is! ", "Title. No.")) == [
        " One is.", "Two is! "]


def test_the_nearest_sentence_is_that_with_the_largest_cosine_whatever_its_length():
    vectors = np.array([[100, 100], [0, 1], [2, 0], [0, 0]], np.float32)
    packed = SentenceVectors.of([0, 2, 2], vectors)
    text = "Aa. Bb."
    assert packed.nearest(0, "Aa.", np.array([1, 0], np.float32)) is None
    assert packed.nearest(1, text, np.array([0, 1], np.float32)) == (4, 7)
    assert packed.nearest(1, text, np.array([1, 1], np.float32)) == (0, 3)
    other_is_zeros = packed.nearest(2, text, np.array([-1, 0], np.float32))
    assert other_is_zeros == (0, 3)


def test_a_text_with_other_sentences_than_its_vectors_is_not_marked():
    packed = SentenceVectors.of([2], np.eye(2, dtype=np.float32))
    assert packed.nearest(0, "Aa. Bb. Cc.", np.array([1, 0], np.float32)) is None


def test_vectors_that_are_no_numbers_mark_nothing():
    packed = SentenceVectors.of([2], np.full((2, 2), np.nan, np.float32))
    assert packed.nearest(0, "Aa. Bb.", np.array([1, 0], np.float32)) is None


def test_a_truncated_index_marks_with_shorter_vectors_of_the_same_sentences():
    index = build_index(HashingEncoder(), small_corpus(), sentences=True)
    cut = index.truncated(32)
    assert cut.sentences is index.sentences
    ranking = cut.search_many(["yellow calipers mark them"])[0]
    passage = small_corpus().passage["p5"]
    start, end = cut.sentences.nearest(ranking.places["p5"], passage.text, ranking.query)
    assert passage.text[start:end] == "They are marked by yellow calipers."
