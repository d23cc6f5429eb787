"""Further layouts of the same kinds: other keys, wrappers and exports, at every door the same."""

import json

import pytest

from corpus.importing.preview import look
from support.doors import PAIRS, through_every_door
from support.samples import write_lines

PLAIN = {(question, "", answer) for question, answer in PAIRS}
AFTER = [PAIRS[(place + 1) % len(PAIRS)][1] for place in range(len(PAIRS))]
ROWS = [(question, answer, wrong) for (question, answer), wrong in zip(PAIRS, AFTER, strict=True)]


def user(text, role="user", key="content"):
    return {"role": role, key: text}


def chat(question, answer):
    return [user(question), user(answer, "assistant")]


CHATS = {
    "speakers as keys": lambda q, a: {"conversation": [{"human": q, "assistant": a}]},
    "in an object": lambda q, a: {"conversation": {"messages": chat(q, a)}},
    "openai batch": lambda q, a: {"custom_id": "1", "body": {"model": "m", "messages": chat(q, a)}},
    "openai evals": lambda q, a: {"input": [user("Be brief.", "system"), user(q)], "ideal": a},
    "prompt and completion": lambda q, a: {"prompt": [user(q)], "completion": [user(a, "model")]},
    "parts": lambda q, a: {"contents": [user([{"text": q}], key="parts"),
                                        user([{"text": a}], "model", "parts")]},
    "columns": lambda q, a: {"messages": {"role": ["user", "assistant"], "content": [q, a]}},
    "printed": lambda q, a: {"messages": json.dumps(chat(q, a))},
    "german": lambda q, a: {"dialog": [{"rolle": "nutzer", "inhalt": q},
                                       {"rolle": "assistent", "inhalt": a}]},
    "texts in turn": lambda q, a: {"dialog": [q, a]},
    "a list a line": lambda q, a: chat(q, a),
    "transcript": lambda q, a: {"text": f"### Human: {q}### Assistant: {a}"},
    "chat template": lambda q, a: {"text": f"<|im_start|>user\n{q}<|im_end|>\n<|im_start|>"
                                           f"assistant\n{a}<|im_end|>\n"},
    "instruction template": lambda q, a: {"text": f"<s>[INST] {q} [/INST] {a} </s>"},
}


@pytest.mark.parametrize("way", CHATS)
def test_conversations_are_read_however_they_are_written(tmp_path, way):
    path = write_lines(tmp_path / "a.jsonl", [CHATS[way](*pair) for pair in PAIRS])
    doors = through_every_door(path)
    assert doors.judged() == PLAIN
    assert "conversations" in doors.look.format


@pytest.mark.parametrize("text", [True, False], ids=["transcripts", "messages"])
def test_preferences_have_the_rejected_answer_as_a_hard_negative(tmp_path, text):
    def said(question, answer):
        return f"\n\nHuman: {question}\n\nAssistant: {answer}" if text else chat(question, answer)

    path = write_lines(tmp_path / "a.jsonl", [
        {"chosen": said(question, answer), "rejected": said(question, wrong)}
        for question, answer, wrong in ROWS])
    doors = through_every_door(path)
    assert doors.judged() == PLAIN and len(doors.judged(0)) == len(PAIRS)
    assert "“rejected” is a hard negative" in doors.notes


WRAPPED = {
    "elasticsearch": lambda rows: {"hits": {"total": 2, "hits": [
        {"_index": "faq", "_id": str(n), "_score": 1.0, "_source": row}
        for n, row in enumerate(rows)]}},
    "the Hub's rows": lambda rows: {"features": [{"name": "question"}], "rows": [
        {"row_idx": n, "row": row, "truncated_cells": []} for n, row in enumerate(rows)]},
    "label studio": lambda rows: [{"id": n, "data": row, "annotations": []}
                                  for n, row in enumerate(rows)],
    "frame by id": lambda rows: {name: {f"q{n}": row[name] for n, row in enumerate(rows)}
                                 for name in ("question", "answer")},
    "kendra": lambda rows: {"SchemaVersion": 1, "FaqDocuments": [
        {"Question": row["question"], "Answer": row["answer"]} for row in rows]},
    "schema.org": lambda rows: {"@type": "FAQPage", "mainEntity": [
        {"@type": "Question", "name": row["question"],
         "acceptedAnswer": {"@type": "Answer", "text": row["answer"]}} for row in rows]},
    "langsmith": lambda rows: [{"inputs": {"question": row["question"]},
                                "outputs": {"answer": row["answer"]}} for row in rows],
    "intents by text": lambda rows: {"intents": [
        {"intent": f"i{n}", "text": [row["question"]], "responses": [row["answer"]],
         "context": {"in": "", "out": ""}} for n, row in enumerate(rows)]},
    "input examples": lambda rows: [{"texts": [row["question"], row["answer"]]} for row in rows],
    "camel case test cases": lambda rows: {"testCases": [
        {"input": row["question"], "actualOutput": "?", "expectedOutput": row["answer"],
         "context": None, "retrievalContext": ["Something else."]} for row in rows]},
    "labelled rag": lambda rows: {"examples": [
        {"query": row["question"], "reference_contexts": [row["answer"]],
         "reference_answer": "In short."} for row in rows]},
    "judgements as rows": lambda rows: {
        "queries": [{"id": f"q{n}", "text": row["question"]} for n, row in enumerate(rows)],
        "documents": [{"id": f"p{n}", "text": row["answer"]} for n, row in enumerate(rows)],
        "qrels": [{"query_id": f"q{n}", "doc_id": f"p{n}", "score": 1} for n in range(len(rows))]},
}


@pytest.mark.parametrize("way", WRAPPED)
def test_exports_are_read_through_their_wrappers(tmp_path, way):
    rows = [{"question": question, "answer": answer} for question, answer in PAIRS]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(WRAPPED[way](rows)), "utf-8")
    assert through_every_door(path).judged() == PLAIN


CHOSEN = {
    "number": lambda texts, place: ({"choices": texts}, place),
    "letter": lambda texts, place: ({"choices": {"label": list("AB"), "text": texts}}, "AB"[place]),
    "text": lambda texts, place: ({"options": texts}, texts[place]),
}


@pytest.mark.parametrize("way", CHOSEN)
def test_of_choices_the_right_one_answers_and_the_others_are_hard_negatives(tmp_path, way):
    rows = []
    for number, (question, answer, wrong) in enumerate(ROWS):
        texts = [wrong, answer] if number % 2 else [answer, wrong]
        choices, right = CHOSEN[way](texts, number % 2)
        rows.append({"question": question, **choices, "answer": right})
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    assert doors.judged() == PLAIN and len(doors.judged(0)) == len(PAIRS)


@pytest.mark.parametrize("listed", [True, False], ids=["lists", "columns"])
def test_hotpot_takes_the_paragraphs_that_support(tmp_path, listed):
    rows = []
    for n, (question, answer, wrong) in enumerate(ROWS):
        context = [[f"T{n}", [answer[:9], answer[9:]]], ["N", [wrong]]]
        rows.append({"question": question, "answer": "9", "supporting_facts": (
            [[f"T{n}", 0]] if listed else {"title": [f"T{n}"], "sent_id": [0]}), "context": (
            context if listed else {"title": [c[0] for c in context],
                                    "sentences": [c[1] for c in context]})})
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    assert doors.judged() == {(question, f"T{n}", answer)
                              for n, (question, answer) in enumerate(PAIRS)}


def test_lists_of_one_length_go_side_by_side_and_those_of_intents_do_not(tmp_path):
    grouped = [{"page": n, "questions": [PAIRS[n][0], PAIRS[n + 1][0]],
                "answers": [PAIRS[n][1], PAIRS[n + 1][1]]} for n in range(0, len(PAIRS), 2)]
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", grouped))
    assert doors.judged() == PLAIN and "side by side" in doors.notes
    (tmp_path / "b").mkdir()
    intents = [{"tag": n, "patterns": row["questions"], "responses": row["answers"]}
               for n, row in enumerate(grouped)]
    doors = through_every_door(write_lines(tmp_path / "b" / "a.jsonl", intents))
    assert doors.about["pairs"] == 2 * len(PAIRS)


def test_a_story_answers_its_questions_and_not_the_short_answers(tmp_path):
    rows = [{"story": f"{answer} {answer} More of it.", "questions": [
        {"input_text": question, "turn_id": 1}, {"input_text": f"Why {n}?", "turn_id": 2}],
        "answers": [{"input_text": "9"}, {"input_text": "so"}]}
        for n, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    assert {(question, text) for question, _, text in doors.judged()} >= {
        (question, f"{answer} {answer} More of it.") for question, answer in PAIRS}
    assert doors.about["pairs"] == 2 * len(PAIRS)


def test_cells_that_print_lists_are_lists_though_others_are_texts(tmp_path):
    rows = [{"query": question, "positive": str([answer, f"Or: {answer}"]) if n % 2 else answer}
            for n, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    assert doors.judged() == PLAIN | {(question, "", f"Or: {answer}")
                                      for n, (question, answer) in enumerate(PAIRS) if n % 2}
    (tmp_path / "b").mkdir()
    rows = [{"query": question, "positive": repr((answer, "It's so."))}
            for question, answer in PAIRS]
    doors = through_every_door(write_lines(tmp_path / "b" / "a.jsonl", rows))
    assert doors.judged() == PLAIN | {(question, "", "It's so.") for question, _ in PAIRS}


LABELLED = {
    "german": ("passend", "ja", "nein"), "french": ("pertinent", "oui", "non"),
    "minus one": ("label", 1, -1), "floats": ("label", "1.0", "0.0"),
    "bools": ("match", True, False),
}


@pytest.mark.parametrize("way", LABELLED)
def test_labels_in_other_words_make_hard_negatives(tmp_path, way):
    name, yes, no = LABELLED[way]
    rows = [{"question": question, "answer": text, name: label}
            for question, answer, wrong in ROWS for text, label in ((answer, yes), (wrong, no))]
    rows.append({"question": "And this?", "answer": "Nobody knows.", name: None})
    doors = through_every_door(write_lines(tmp_path / "a.jsonl", rows))
    assert doors.judged() == PLAIN and len(doors.judged(0)) == len(PAIRS)
    assert doors.left_out == {"no_pair": 1} and "no value (1) is neither" in doors.notes


@pytest.mark.parametrize("name, values", [("label", ("A", "B", "C")), ("usable", ("yes", "no"))])
def test_what_may_be_a_label_and_cannot_be_told_is_said(tmp_path, name, values):
    rows = [{"question": question, "answer": answer, name: values[n % len(values)]}
            for n, (question, answer) in enumerate(PAIRS)]
    seen = look(write_lines(tmp_path / "a.jsonl", rows))
    assert any(f"“{name}” may say which rows are pairs" in note for note in seen.notes)
