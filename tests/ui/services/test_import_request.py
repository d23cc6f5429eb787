import json

import pytest

from corpus.columns import Columns
from ui.services.importing import (
    ImportFailedError,
    ImportRequest,
    UnsureError,
    certain_guess,
    chosen_columns,
    columns_for,
)

GUESS = {"anchor": "q", "positive": "a", "negatives": [], "score": "", "least_score": None,
         "topic": ""}
LOOK = {"kind": "pairs", "columns": ["q", "a", "x"], "guess": GUESS, "certain": True}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "3", "{}", '{"raw": ""}', "[" * 5000,
                                  None])
def test_nothing_brought_is_said(text):
    with pytest.raises(ImportFailedError, match="Bring a file or name a data set first"):
        ImportRequest.from_json(text)


def test_what_a_page_sends_back_is_read_by_its_names():
    sent = {"raw": "raw-1", "config": None, "mark": "x", "restored": {}, "more": 5}
    assert ImportRequest.from_json(json.dumps(sent)) == ImportRequest("raw-1")


@pytest.mark.parametrize("hub", ["owner/name", "owner/na-me.v1", "owner/name@refs/pr/1"])
def test_a_data_set_of_the_hub_is_an_owner_and_a_name(hub):
    brought = ImportRequest.from_json(
        json.dumps({"hub": hub, "config": "de", "split": "train[:10]"})
    )
    assert (brought.hub, brought.config, brought.split) == (hub, "de", "train[:10]")
    assert brought.title == hub.partition("@")[0].partition("/")[2]


@pytest.mark.parametrize("hub", ["name", "/etc/passwd", "../x", "a/b/c", "https://evil.example/x",
                                 "--out=/x", "a b/c", "", "@x", "a/\0", "x" * 5000])
def test_what_can_be_no_data_set_is_refused(hub):
    with pytest.raises(ImportFailedError):
        ImportRequest(hub=hub).check()


@pytest.mark.parametrize("field", ["config", "split"])
@pytest.mark.parametrize("text", ["\0", "x" * 5000, "\ud800"])
def test_a_configuration_no_command_line_can_carry_is_refused(field, text):
    with pytest.raises(ImportFailedError, match=f"The {field}"):
        ImportRequest(hub="owner/name", **{field: text}).check()


def test_chosen_columns_hold_what_was_chosen():
    assert chosen_columns({"anchor": "q", "positive": "a", "negatives": ["n1", "n2"],
                           "score": "s", "least_score": "0.5", "topic": None}) == \
        Columns("q", "a", ("n1", "n2"), "s", 0.5, "")
    assert chosen_columns({"anchor": "q", "positive": "a", "negatives": "n"}).negatives == ("n",)
    assert chosen_columns({"anchor": "-q", "positive": " a"}) == Columns("-q", " a")


@pytest.mark.parametrize("chosen, said", [
    ({}, "Choose the column of the questions"), ({"anchor": "q"}, "Choose the column"),
    ({"anchor": "q", "positive": None}, "Choose the column"),
    ({"anchor": "q", "positive": "q"}, "The column 'q' is chosen twice"),
    ({"anchor": "q", "positive": "a", "negatives": ["a"]}, "The column 'a' is chosen twice"),
    ({"anchor": "q", "positive": "a", "topic": "q"}, "The column 'q' is chosen twice"),
    ({"anchor": "q", "positive": "a", "least_score": 0.5}, "needs the column that holds"),
    ({"anchor": "q", "positive": "a", "score": "s", "least_score": "x"}, "must be a number"),
    ({"anchor": "q", "positive": "a", "score": "s", "least_score": "nan"}, "must be a number"),
    ({"anchor": "q", "positive": "a", "score": "s", "least_score": "1e999"}, "must be a number"),
    ({"anchor": "x" * 5000, "positive": "a"}, "has 5,000 characters"),
    ({"anchor": "q\0", "positive": "a"}, "cannot be used"),
    ({"anchor": "q", "positive": "\udfff"}, "cannot be used"),
])
def test_columns_that_cannot_be_are_refused_with_a_sentence(chosen, said):
    with pytest.raises(ImportFailedError, match=said) as caught:
        chosen_columns(chosen)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("negatives", [5, {"a": 1}, None])
def test_odd_negatives_are_none(negatives):
    assert chosen_columns({"anchor": "q", "positive": "a", "negatives": negatives}).negatives == ()


def test_what_was_chosen_goes_before_what_is_guessed():
    assert columns_for(LOOK, None) == Columns("q", "a")
    assert columns_for(LOOK, {"anchor": "x", "positive": "a"}) == Columns("x", "a")


def test_a_guess_that_is_not_certain_is_not_taken():
    for look, said in (
            (LOOK | {"certain": False}, "'q', 'a', 'x'.*say which are the anchor and the"),
            (LOOK | {"guess": None}, "No two columns can be question and answer")):
        assert certain_guess(look) is None
        with pytest.raises(UnsureError, match=said):
            columns_for(look, None)


def test_data_that_is_no_pairs_has_no_columns():
    assert columns_for({"kind": "beir"}, {"anchor": "q"}) is None
