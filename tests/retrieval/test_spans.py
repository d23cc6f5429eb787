from retrieval.compare import matching_spans
from retrieval.fast.sentences import sentence_spans
from support.fakes import HashingEncoder
from support.marks import nearest_sentences


def marked(query, text):
    return [text[start:end] for start, end in matching_spans(query, text)]


def test_content_words_match_whatever_their_case_and_ending():
    assert marked("Which brakes squeal?", "Braking: the BRAKE squeals.") == [
        "Braking", "BRAKE", "squeals"]


def test_stop_words_and_parts_of_words_do_not_match():
    assert marked("what is in the car", "The carpet is in what we call the boot") == []


def test_a_query_of_marks_matches_nothing():
    assert marked("?!… ${x} <b>", "a text") == []


def test_sentences_end_at_a_stop_before_a_capital_and_not_within_numbers():
    text = "The 3.0 engine has 1,200 parts. It runs! “Really?” Yes"
    assert [text[a:b] for a, b in sentence_spans(text)] == [
        "The 3.0 engine has 1,200 parts.", "It runs!", "“Really?", "Yes"]
    assert sentence_spans("  ") == []


def test_the_nearest_sentence_is_the_one_with_the_words_of_the_query():
    text = "It is light. Yellow calipers mark it. It lasts."
    (span,) = nearest_sentences(HashingEncoder(), "yellow calipers", [text])
    assert text[slice(*span)] == "Yellow calipers mark it."


def test_a_text_of_one_sentence_has_none_to_point_out():
    assert nearest_sentences(HashingEncoder(), "q", ["One.", ""]) == [None, None]
    two = nearest_sentences(HashingEncoder(), "two", ["One.", "One is here. Two is there."])
    assert two == [None, (13, 26)]
