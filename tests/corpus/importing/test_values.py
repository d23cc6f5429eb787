"""Columns are believed for what they hold, and labels for what they say: at every door the same."""

import csv
import io

import pytest

from corpus.columns import Columns, guess_columns
from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.labels import labels_of
from corpus.load import load_corpus
from corpus.records import SPLITS, CorpusError
from support.doors import PAIRS, through_every_door
from support.samples import write_lines

PLAIN = {(question, "", answer) for question, answer in PAIRS}
LONG = "A leaflet of five chapters, of which the second says how things are cleaned and dried. "


def table(path, head, rows):
    text = io.StringIO()
    csv.writer(text).writerows([head, *rows])
    path.write_text(text.getvalue(), "utf-8")
    return path


def test_a_context_that_is_mostly_empty_is_no_answer(tmp_path):
    rows = [{"instruction": question, "context": LONG if number % 4 == 0 else "",
             "response": answer, "category": "open_qa"}
            for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(write_lines(tmp_path / "dolly.jsonl", rows))
    assert doors.judged() == PLAIN and doors.left_out == {}
    assert "“context” is not used: it is empty in 75%" in doors.notes


def test_short_spans_beside_passages_are_no_answers(tmp_path):
    rows = [{"question": question, "answers": [answer[:9]], "context": f"{LONG}{answer}"}
            for question, answer in PAIRS]
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    assert doors.judged() == {(question, "", f"{LONG}{answer}") for question, answer in PAIRS}
    assert "“answers” is not used: its texts are short spans" in doors.notes


def test_numbers_do_not_win_by_their_name():
    rows = [{"question": "How many?", "answer": 5, "explanation of it": "Five, one a wheel."}] * 9
    guess = guess_columns(list(rows[0]), rows)
    assert (guess.columns.positive, guess.certain) == ("explanation of it", False)
    alone = guess_columns(["question", "answer"], [{"question": "1", "answer": "2"}] * 9)
    assert (alone.columns, alone.certain) == (Columns("question", "answer"), True)


@pytest.mark.parametrize("head", [
    ("question_en", "question_dk", "answer_en", "answer_dk"),
    ("Question (EN)", "Question (DE)", "Answer (EN)", "Answer (DE)"),
    ("en_question", "fr_question", "en_answer", "fr_answer"),
    ("Question English", "Question German", "Answer English", "Answer German"),
])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 2, 0), (1, 3, 0, 2)])
def test_a_language_is_paired_with_itself(tmp_path, head, order):
    names = [head[place] for place in order]
    rows = [(question, f"Hvordan {question}", answer, f"Sådan: {answer}")
            for question, answer in PAIRS]
    guess = guess_columns(names, [dict(zip(head, row, strict=True)) for row in rows])
    assert head.index(guess.columns.positive) - head.index(guess.columns.anchor) == 2
    assert guess.certain and len(guess.notes) == 2 and "another language" in guess.notes[0]


@pytest.mark.parametrize("names, anchor, positive", [
    (["id", "User Question", "Final Answer"], "User Question", "Final Answer"),
    (["customerQuestion", "agentReply", "answerDate"], "customerQuestion", "agentReply"),
    (["Frage des Kunden", "Musterantwort"], "Frage des Kunden", "Musterantwort"),
    (["question_text", "answer_text", "question_id"], "question_text", "answer_text"),
    (["Question 1", "Answer 1"], "Question 1", "Answer 1"),
    (["question1", "question2", "is_duplicate"], "question1", "question2"),
    (["premise", "hypothesis", "label"], "premise", "hypothesis"),
    (["prompt", "chosen", "rejected"], "prompt", "chosen"),
    (["q", "a"], "q", "a"),
    (["Question client", "Réponse finale", "Catégorie"], "Question client", "Réponse finale"),
    (["question_content", "question_title", "best_answer"], "question_title", "best_answer"),
    (["Title", "Body", "AcceptedAnswer"], "Title", "AcceptedAnswer"),
    (["pertanyaan", "jawaban"], "pertanyaan", "jawaban"),
    (["שאלה", "תשובה"], "שאלה", "תשובה"),
])
def test_names_that_contain_a_known_word_count(names, anchor, positive):
    guess = guess_columns(names)
    assert (guess.columns.anchor, guess.columns.positive, guess.certain) == (anchor, positive, True)


@pytest.mark.parametrize("name", ["question_id", "answer_score", "question type", "answer_start",
                                  "query_date", "num_answers_total"])
def test_what_is_about_a_question_is_none(name):
    assert guess_columns([name, "x"]) is None


LABELS = [("label", "1", "0"), ("is_duplicate", "true", "false"), ("similar", "yes", "no"),
          ("gold_label", "entailment", "contradiction"), ("relevance", "2", "0"),
          ("label", "duplicate", "not_duplicate"), ("esci_label", "E", "I"),
          ("label", "1.0", "0.0"),
          ("Relevant?", "Y", "N"), ("label", "1", "-1"), ("judgement", "relevant", "irrelevant")]


@pytest.mark.parametrize("name, yes, no", LABELS)
def test_rows_that_are_no_pairs_become_hard_negatives_and_it_is_said(tmp_path, name, yes, no):
    wrong = [PAIRS[(place + 1) % len(PAIRS)][1] for place in range(len(PAIRS))]
    rows = [row for (question, answer), other in zip(PAIRS, wrong, strict=True)
            for row in ((question, answer, yes), (question, other, no))]
    doors = through_every_door(table(tmp_path / "a.csv", ("sentence1", "sentence2", name), rows))
    assert doors.judged() == PLAIN
    assert {(question, text) for question, _, text in doors.judged(0)} == {
        (question, other) for (question, _), other in zip(PAIRS, wrong, strict=True)}
    assert f"{yes} ({len(PAIRS)}) is a pair; {no} ({len(PAIRS)}) is none" in doors.notes
    assert f"{len(PAIRS)} rows are no pairs by their label" in " ".join(doors.report.notes)


def test_what_is_neither_is_left_out_and_counted(tmp_path):
    rows = [{"premise": question, "hypothesis": answer, "label": 1 if number < 3 else 0}
            for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(write_lines(tmp_path / "nli.jsonl", rows))
    assert (doors.about["pairs"], doors.left_out) == (len(PAIRS) - 3, {"no_pair": 3})


def test_a_label_that_only_later_says_no_is_one_all_the_same(tmp_path):
    rows = [{"question": f"What is {number}?", "answer": f"It is thing {number}.",
             "label": int(number < 150)} for number in range(200)]
    about = convert(write_lines(tmp_path / "a.jsonl", rows), tmp_path / "out")
    assert about["pairs"] == 150
    assert "50 of the questions have no row that is a pair" in " ".join(about["notes"])


def test_a_label_whose_numbers_mean_nothing_known_is_asked_for(tmp_path):
    rows = [{"question": question, "answer": answer, "label": number % 3}
            for number, (question, answer) in enumerate(PAIRS)]
    path = write_lines(tmp_path / "a.jsonl", rows)
    with pytest.raises(CorpusError, match="Which values of “label” mean .*0 .7., 1 .7., 2 .6."):
        convert(path, tmp_path / "out")
    named = Columns("question", "answer", score="label", least_score=1)
    assert convert(path, tmp_path / "out", named)["pairs"] == 13


def test_a_label_that_was_not_named_is_not_passed_over_in_silence(tmp_path):
    rows = [{"x": question, "y": answer, "label": number % 2}
            for number, (question, answer) in enumerate(PAIRS)]
    about = convert(write_lines(tmp_path / "a.jsonl", rows), tmp_path / "out", Columns("x", "y"))
    assert "“label” looks like a label" in about["notes"][0] and about["pairs"] == len(PAIRS)


@pytest.mark.parametrize("name, values", [
    ("label", ["billing", "shipping"]), ("score", [0.5, 0.7]), ("score", [1, 1]), ("label", []),
    ("similarity", [0.0, 3.5, 5.0]),
])
def test_categories_and_scores_are_no_labels(name, values):
    assert labels_of(name, values) is None


PRINTED = [repr, lambda texts: "[" + " ".join(map(repr, texts)) + "]",
           lambda texts: str(texts).replace("', '", "'\n '"),
           lambda texts: "['" + "', '".join(texts) + "']"]


@pytest.mark.parametrize("printed", PRINTED)
def test_printed_lists_are_lists(tmp_path, printed):
    rows = [(question, printed([answer]), printed([f"Not, {number}.", f"Nor “{number}” [x]."]))
            for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(table(tmp_path / "a.csv", ("query", "positive", "negative"), rows))
    assert doors.judged() == PLAIN
    wrong = {text for number in range(len(PAIRS))
             for text in (f"Not, {number}.", f"Nor “{number}” [x].")}
    assert {text for _, _, text in doors.judged(0)} == wrong
    assert "are lists as Python or JSON prints them" in doors.notes


def test_a_cell_that_is_cut_is_left_out_and_named(tmp_path):
    rows = [(question, repr([answer])) for question, answer in PAIRS]
    rows[3] = (rows[3][0], "['It was cut" + "]")
    about = convert(table(tmp_path / "a.csv", ("query", "positive"), rows), tmp_path / "out")
    assert about["left_out"]["unreadable_row"]["count"] == 1
    assert "looks like a printed list" in about["left_out"]["unreadable_row"]["examples"][0]
    assert about["pairs"] == len(PAIRS) - 1


@pytest.mark.parametrize("evil", ["[" * 5_000 + "]" * 5_000, "[" + "1," * 50_000 + "]",
                                  "[__import__('os').system('true')]", "[" + "9" * 6_000 + "]",
                                  "{" * 300 + "}" * 300])
def test_cells_that_mean_ill_are_texts_or_faults(tmp_path, evil):
    path = table(tmp_path / "a.csv", ("query", "positive"), [(f"a{n}?", evil) for n in range(5)])
    try:
        assert load_corpus(path).passages
    except CorpusError as error:
        assert len(str(error)) < 1_000


# --- few answers, and texts that were spoiled

def few(tmp_path, answers):
    rows = [{"query": f"How do I do thing {number}?", "answer": f"See chapter {number % answers}."}
            for number in range(100)]
    return write_lines(tmp_path / "intents.jsonl", rows)


@pytest.mark.parametrize("answers", [1, 2, 5])
def test_few_answers_are_refused_by_the_check_as_by_a_fit_and_the_way_out_works(tmp_path, answers):
    path = few(tmp_path, answers)
    doors = through_every_door(path)
    (error,) = [one for one in doors.report.findings if one.severity == "error"]
    assert not doors.report.ok and error.kind == "no_split"
    assert f"{answers} answers together" in error.action or answers == 1
    assert "--split-by question" in error.action and "add pairs" not in error.action.lower()
    (tmp_path / "b").mkdir()
    asked = through_every_door(path.rename(tmp_path / "b" / path.name), split_by="question")
    assert asked.report.ok
    assert [len(asked.corpus.qrels[split]) for split in SPLITS] == [80, 10, 10]
    kinds = {one.kind: one for one in asked.report.findings}
    assert "split_leak" not in kinds
    assert "cannot show how well answers are found" in kinds["split_by_question"].action


def test_one_group_that_holds_everything_is_named_as_the_cause(tmp_path):
    rows = [{"query": f"What of {number}?", "answer": [f"Thing {number}.", f"Thing {number + 1}."]}
            for number in range(60)]
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    assert not doors.report.ok
    assert "60 of its 60 questions hang together" in doors.report.findings[0].action


def test_html_is_said_and_stripped_where_it_is_asked(tmp_path):
    rows = [(question, f"<p>{answer}</p>\n<pre><code>x</code></pre><p>&quot;A&quot; &amp; b</p>")
            for question, answer in PAIRS]
    path = table(tmp_path / "posts.csv", ("Title", "AcceptedAnswer"), rows)
    doors = through_every_door(path)
    (finding,) = [one for one in doors.report.findings if one.kind == "html"]
    assert finding.count == len(PAIRS) and "posts.csv line 2: <p>" in finding.examples[0]
    assert "hold HTML" in doors.notes and "--strip-html" in doors.notes
    (tmp_path / "b").mkdir()
    plain = through_every_door(path.rename(tmp_path / "b" / "posts.csv"), strip_html=True)
    assert plain.judged() == {(question, "", f'{answer}\nx\n"A" & b') for question, answer in PAIRS}
    assert {one.kind: one.treatment for one in plain.report.findings}["html"] == "fixed"


def test_a_wrong_encoding_is_said_and_undone_where_it_is_asked(tmp_path):
    rows = [(f"Wie prüfe ich Teil {number}?", f"Größer wählen, für {number} Öffnungen.")
            for number in range(20)]
    spoiled = [[text.encode().decode("cp1252") for text in row] for row in rows]
    path = table(tmp_path / "faq.csv", ("question", "answer"), spoiled)
    doors = through_every_door(path)
    (finding,) = [one for one in doors.report.findings if one.kind == "mojibake"]
    assert finding.count == 40 and "for “Wie prüfe ich Teil 0?”" in finding.examples[0]
    (tmp_path / "b").mkdir()
    mended = through_every_door(path.rename(tmp_path / "b" / "faq.csv"), fix_mojibake=True)
    assert {(question, answer) for question, _, answer in mended.judged()} == set(rows)


def test_columns_that_cannot_be_pairs_are_not_asked_to_be_named(tmp_path):
    path = write_lines(tmp_path / "a.jsonl", [{"text": "hello there", "intent": "greet"}] * 9)
    assert "does not help to name them" in look(path).notes[-1]
    with pytest.raises(CorpusError, match="no two look like question and answer: make a row") as no:
        convert(path, tmp_path / "out")
    assert "--anchor" not in str(no.value)


def test_an_answer_that_is_null_is_called_empty_and_not_missing(tmp_path):
    rows = [{"question": question, "answer": answer} for question, answer in PAIRS]
    path = write_lines(tmp_path / "a.jsonl", [*rows, {"question": "And that?", "answer": None}])
    with pytest.raises(CorpusError, match="line 21: answer is empty .null.: fill it in"):
        load_corpus(path)
    assert convert(path, tmp_path / "out")["left_out"]["empty_text"]["count"] == 1


def test_findings_name_rows_and_both_texts(tmp_path):
    rows = [{"question": question, "answer": answer} for question, answer in PAIRS]
    rows.append({"question": "And again?", "answer": PAIRS[0][1].replace("shade", "sun")})
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    (finding,) = [one for one in doors.report.findings if one.kind == "near_duplicate_passage"]
    said = " ".join(finding.examples)
    assert "a.jsonl line 21 nearly repeats a.jsonl line 1" in said
    assert "in the sun" in said and "in the shade" in said
