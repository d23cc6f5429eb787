import pytest

from corpus.columns import Columns, check_columns, guess_columns, no_columns
from corpus.records import CorpusError


@pytest.mark.parametrize("names, anchor, positive", [
    (["anchor", "positive"], "anchor", "positive"),
    (["answer", "question"], "question", "answer"),
    (["Question", "Best Answer"], "Question", "Best Answer"),
    (["sentence1", "sentence2"], "sentence1", "sentence2"),
    (["sentence_A", "sentence_B"], "sentence_A", "sentence_B"),
    (["query", "pos", "neg"], "query", "pos"),
    (["Frage", "Antwort"], "Frage", "Antwort"),
    (["question", "Réponse"], "question", "Réponse"),
    (["Pregunta", "RESPUESTA"], "Pregunta", "RESPUESTA"),
    (["spørgsmål", "svar"], "spørgsmål", "svar"),
    (["вопрос", "ответ"], "вопрос", "ответ"),
    (["問題", "解答"], "問題", "解答"),
    (["질문", "답변"], "질문", "답변"),
    (["id", "title", "answers", "context", "question"], "question", "context"),
    (["instruction", "input", "output"], "instruction", "output"),
])
def test_columns_are_told_by_their_names_however_they_are_written(names, anchor, positive):
    guess = guess_columns(names)
    assert (guess.columns.anchor, guess.columns.positive, guess.certain) == (anchor, positive, True)


def test_negatives_score_and_topic_are_told_too():
    names = ["Query", "Positive Passage", "negative_1", "Hard Negatives", "neg2", "Similarity",
             "Category", "negotiation"]
    assert guess_columns(names).columns == Columns(
        "Query", "Positive Passage", ("negative_1", "Hard Negatives", "neg2"), "Similarity",
        topic="Category")


def test_where_names_say_nothing_the_texts_do_and_that_is_no_certainty():
    rows = [{"id": str(i), "b": "It holds 150 litres, and more when the seats are down.",
             "c": f"How big is it in {i}?", "url": "http://x"} for i in range(5)]
    guess = guess_columns(list(rows[0]), rows)
    assert (guess.columns, guess.certain) == (Columns("c", "b"), False)


def test_of_texts_without_questions_the_shorter_is_the_anchor():
    rows = [{"x": "boot of a macan", "y": "It holds 458 litres behind the rear seats."}]
    assert guess_columns(["y", "x"], rows).columns == Columns("x", "y")


def test_one_known_name_leaves_the_other_to_the_texts():
    rows = [{"question": "How?", "n": "12", "body of it": "With both hands on the wheel."}]
    guess = guess_columns(list(rows[0]), rows)
    assert (guess.columns, guess.certain) == (Columns("question", "body of it"), False)


@pytest.mark.parametrize("rows", [[], [{"a": "1", "b": "2"}], [{"a": "text", "b": None}],
                                  [{"a": {"deep": 1}, "b": ["x"]}]])
def test_without_two_columns_of_text_there_is_no_guess(rows):
    assert guess_columns(["a", "b"], rows) is None


def test_columns_come_back_from_json():
    columns = Columns("q", "a", ("n", "m"), "s", 0.5, "t")
    assert Columns.from_json(columns.as_json()) == columns


@pytest.mark.parametrize("columns, said", [
    (Columns("x", "a"), "f.csv has no column “x”: it has q, a, n, s"),
    (Columns("q", "a", ("y",)), "no column “y”"),
    (Columns("q", "a", score="z"), "no column “z”"),
    (Columns("q", "q"), "anchor and positive are both “q”"),
    (Columns("q", "a", ("a",)), "a column of negatives cannot be"),
    (Columns("q", "a", least_score=0.5), "needs the column of the score"),
])
def test_columns_that_cannot_be_are_refused(columns, said):
    with pytest.raises(CorpusError, match=said):
        check_columns(columns, ["q", "a", "n", "s"], "f.csv")


def test_columns_that_turn_up_later_are_no_fault_where_rows_differ():
    check_columns(Columns("q", "a", ("n",), topic="t"), ["q", "a"], "f.jsonl", sparse=True)
    with pytest.raises(CorpusError, match="no column “x”"):
        check_columns(Columns("x", "a"), ["q", "a"], "f.jsonl", sparse=True)


def test_the_refusal_lists_what_there_is_and_says_how_to_name_it():
    said = str(no_columns([f"c{i}" for i in range(1000)], "f.csv"))
    assert "has no anchor or question or query: it has c0, c1" in said
    assert "--anchor and --positive" in said and "tab" in said
    assert len(said) < 600
    assert "has no positive or answer" in str(no_columns(["Question"], "f.csv"))
