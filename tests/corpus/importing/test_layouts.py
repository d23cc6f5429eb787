"""Nested layouts that people have: each is unfolded, at every door the same, and none is lost."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.load import load_corpus
from corpus.records import CorpusError
from support.doors import PAIRS, through_every_door
from support.samples import write_lines

PLAIN = {(question, "", answer) for question, answer in PAIRS}
AFTER = [PAIRS[(place + 1) % len(PAIRS)][1] for place in range(len(PAIRS))]
"""An answer of the next question: wrong for this one."""


def written(place, rows):
    """Rows as JSON lines, a JSON list, or Parquet, by the name."""
    if place.suffix == ".jsonl":
        return write_lines(place, rows)
    if place.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), place)
    else:
        place.write_text(json.dumps(rows), "utf-8")
    return place


KINDS = pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.parquet"])


@KINDS
def test_chatml_pairs_each_user_turn_with_the_assistants_after_it(tmp_path, name):
    rows = [{"messages": [{"role": "system", "content": "Be brief."},
                          {"role": "user", "content": question},
                          {"role": "assistant", "content": answer}]} for question, answer in PAIRS]
    rows.append({"messages": [{"role": "user", "content": "Is anybody there?"}]})
    doors = through_every_door(written(tmp_path / name, rows))
    assert doors.judged() == PLAIN
    assert doors.left_out == {"no_answer": 1}
    assert "conversations" in doors.look.format and "1 question is left out" in doors.notes
    assert "each user turn is a question" in doors.notes


def test_sharegpt_with_several_turns_loses_none(tmp_path):
    talk = [message for question, answer in PAIRS
            for message in ({"from": "human", "value": question}, {"from": "gpt", "value": answer})]
    rows = [{"id": "x", "conversations": talk[start : start + 4]}
            for start in range(0, len(talk), 4)]
    doors = through_every_door(written(tmp_path / "a.json", rows))
    assert (doors.judged(), doors.look.row_count) == (PLAIN, len(PAIRS))


@pytest.mark.parametrize("wrapped", [True, False])
def test_intents_make_a_question_of_each_pattern(tmp_path, wrapped):
    rows = [{"tag": f"clean_{number}", "patterns": [question, f"cleaning of part {number}"],
             "responses": [answer], "context_set": ""}
            for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(written(tmp_path / "intents.json",
                                       {"intents": rows} if wrapped else rows))
    assert doors.judged() == PLAIN | {
        (f"cleaning of part {number}", "", answer) for number, (_, answer) in enumerate(PAIRS)}
    assert doors.look.guess.topic == "tag"


def squad(answered):
    return {"version": "v2.0", "data": [
        {"title": f"Leaflet_{number}", "paragraphs": [{"context": answer, "qas": [
            {"id": f"q{number}", "question": question, "is_impossible": not answered(number),
             "answers": [{"text": answer[:8], "answer_start": 0}] if answered(number) else []}]}]}
        for number, (question, answer) in enumerate(PAIRS)]}


def test_squad_has_its_paragraphs_as_passages_and_counts_what_has_no_answer(tmp_path):
    path = written(tmp_path / "train-v2.0.json", squad(lambda number: number % 5))
    doors = through_every_door(path)
    assert doors.judged() == {(question, f"Leaflet {number}", answer)
                              for number, (question, answer) in enumerate(PAIRS) if number % 5}
    assert doors.left_out == {"no_answer": 4}
    assert "SQuAD" in doors.look.format and "4 questions are left out" in doors.notes
    (finding,) = [one for one in doors.report.findings if one.kind == "no_answer"]
    assert (finding.count, finding.treatment) == (4, "left out")


@KINDS
def test_squad_in_rows_takes_the_context_and_not_the_spans(tmp_path, name):
    rows = [{"id": str(number), "title": f"Leaflet_{number}", "context": answer,
             "question": question, "answers": {"text": [answer[:8]] if number else [],
                                               "answer_start": [0] if number else []}}
            for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(written(tmp_path / name, rows))
    assert doors.judged() == {(question, f"Leaflet {number}", answer)
                              for number, (question, answer) in enumerate(PAIRS) if number}
    assert doors.left_out == {"no_answer": 1}


@KINDS
def test_tevatron_takes_texts_with_titles_and_hard_negatives(tmp_path, name):
    rows = [{"query_id": str(number), "query": question,
             "positive_passages": [{"docid": f"{number}#0", "title": f"T{number}", "text": answer}],
             "negative_passages": [{"docid": "x", "title": "", "text": AFTER[number]}]}
            for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(written(tmp_path / name, rows))
    assert doors.judged() == {(question, f"T{number}", answer)
                              for number, (question, answer) in enumerate(PAIRS)}
    assert {(question, text) for question, _, text in doors.judged(0)} == {
        (question, AFTER[number]) for number, (question, _) in enumerate(PAIRS)}
    assert len(doors.corpus.passages) == len(PAIRS)  # with its title or without, it is one passage
    assert "Tevatron" in doors.look.format


@KINDS
def test_dpr_takes_contexts_and_not_the_short_answers(tmp_path, name):
    rows = [{"dataset": "x", "question": question, "answers": [answer[:8]],
             "positive_ctxs": [{"title": f"T{number}", "text": answer, "score": 1000.0,
                                "passage_id": str(number)}] if number else [],
             "negative_ctxs": [], "hard_negative_ctxs": [{
                 "title": "N", "text": f"Nothing of it, {number}.", "score": 1.5,
                 "passage_id": "n"}]} for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(written(tmp_path / name, rows))
    assert doors.judged() == {(question, f"T{number}", answer)
                              for number, (question, answer) in enumerate(PAIRS) if number}
    assert len(doors.judged(0)) == len(PAIRS) - 1
    assert doors.left_out == {"no_answer": 1}
    assert "“answers” are not used" in doors.notes


@KINDS
def test_ms_marco_takes_the_selected_passages(tmp_path, name):
    rows = [{"query": question, "query_id": number, "answers": [answer[:8]], "passages": {
        "is_selected": [0, 1 if number else 0], "passage_text": [AFTER[number], answer],
        "url": ["u", "v"]}} for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(written(tmp_path / name, rows))
    assert doors.judged() == set(sorted(PLAIN - {(PAIRS[0][0], "", PAIRS[0][1])}))
    assert len(doors.judged(0)) == len(PAIRS) - 1 and doors.left_out == {"no_answer": 1}


def test_ms_marco_as_it_was_published_is_a_frame_of_lists_of_passages(tmp_path):
    value = {"query": {}, "query_id": {}, "passages": {}, "answers": {}}
    for number, (question, answer) in enumerate(PAIRS):
        row = {"query": question, "query_id": number, "answers": [answer[:8]], "passages": [
            {"is_selected": 1, "passage_text": answer, "url": "u"},
            {"is_selected": 0, "passage_text": AFTER[number], "url": "v"}]}
        for name, cell in row.items():
            value[name][str(number)] = cell
    doors = through_every_door(written(tmp_path / "train_v2.1.json", value))
    assert doors.judged() == PLAIN and len(doors.judged(0)) == len(PAIRS)


def test_sets_pair_their_first_text_with_each_other(tmp_path):
    rows = [{"set": [question, answer, f"Once more: {answer}"]} for question, answer in PAIRS]
    doors = through_every_door(written(tmp_path / "a.jsonl", rows))
    assert doors.judged() == PLAIN | {(question, "", f"Once more: {answer}")
                                      for question, answer in PAIRS}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_lists_are_pairs_or_triplets(tmp_path, name):
    doors = through_every_door(written(tmp_path / name, [list(pair) for pair in PAIRS]))
    assert doors.judged() == PLAIN
    (tmp_path / "b").mkdir()
    triplets = [[*pair, wrong] for pair, wrong in zip(PAIRS, AFTER, strict=True)]
    doors = through_every_door(written(tmp_path / "b" / name, triplets))
    assert doors.judged() == PLAIN and len(doors.judged(0)) == len(PAIRS)
    assert "hard negative" in doors.notes


GROUPS = [[{"question": question, "answer": answer} for question, answer in PAIRS[start:start + 5]]
          for start in range(0, len(PAIRS), 5)]


@pytest.mark.parametrize("value", [
    [{"category": f"c{number}", "questions": rows} for number, rows in enumerate(GROUPS)],
    {"faq": [{"category": f"c{number}", "items": rows} for number, rows in enumerate(GROUPS)]},
    {f"c{number}": rows for number, rows in enumerate(GROUPS)},
    {f"c{number}": {row["question"]: row["answer"] for row in rows}
     for number, rows in enumerate(GROUPS)},
    {f"c{number}": {"faqs": rows, "n": 5} for number, rows in enumerate(GROUPS)},
    [{"category": "all", "sections": [{"title": f"c{number}", "entries": rows}
                                      for number, rows in enumerate(GROUPS)]}],
])
def test_a_faq_by_category_gives_its_inner_rows_and_their_topics(tmp_path, value):
    doors = through_every_door(written(tmp_path / "faq.json", value))
    assert doors.judged() == PLAIN
    assert {query.topic for query in doors.corpus.queries.values()} == {"c0", "c1", "c2", "c3"}


@pytest.mark.parametrize("value", [
    dict(PAIRS), {question: [answer] for question, answer in PAIRS},
    {question: {"answer": answer, "n": 1} for question, answer in PAIRS},
    {"faq": dict(PAIRS), "version": 2},
])
def test_questions_may_be_the_keys(tmp_path, value):
    assert through_every_door(written(tmp_path / "faq.json", value)).judged() == PLAIN


def test_llama_index_keeps_ids_and_passages_that_nobody_asks_for(tmp_path):
    value = {"queries": {f"q{n}": question for n, (question, _) in enumerate(PAIRS)},
             "corpus": {f"p{n}": answer for n, (_, answer) in enumerate(PAIRS)} | {"more": "More."},
             "relevant_docs": {f"q{n}": [f"p{n}"] for n in range(len(PAIRS))}, "mode": "text"}
    doors = through_every_door(written(tmp_path / "train_dataset.json", value))
    assert doors.judged() == PLAIN
    assert doors.corpus.passage["more"].text == "More." and doors.look.kind == "beir"
    assert "llama-index" in doors.notes


ROWS = [{"question": question, "answer": answer} for question, answer in PAIRS]


@pytest.mark.parametrize("value", [
    {"columns": ["question", "answer"], "index": list(range(20)), "data": [list(p) for p in PAIRS]},
    {"schema": {"fields": [{"name": "question"}, {"name": "answer"}]},
     "data": [{"index": n, **row} for n, row in enumerate(ROWS)]},
    {name: {str(n): row[name] for n, row in enumerate(ROWS)} for name in ("question", "answer")},
    {str(n): row for n, row in enumerate(ROWS)},
    [["question", "answer"], *(list(pair) for pair in PAIRS)],
])
def test_each_orient_of_pandas_is_read(tmp_path, value):
    assert through_every_door(written(tmp_path / "a.json", value)).judged() == PLAIN


@pytest.mark.parametrize("columns, positive", [
    (("question", "contexts", "ground_truth", "evolution_type"), "contexts"),
    (("question", "contexts", "ground_truth", "answer"), "ground_truth"),
    (("user_input", "reference_contexts", "reference", "synthesizer_name"), "reference_contexts"),
    (("input", "context", "expected_output", "actual_output"), "context"),
])
def test_exports_of_evaluations_name_what_they_pair(tmp_path, columns, positive):
    rows = [dict(zip(columns, (question, [answer, f"A second leaf. {answer}"],
                               f"In short: {answer}", "x"), strict=True))
            for question, answer in PAIRS]
    doors = through_every_door(written(tmp_path / "a.json", rows))
    assert (doors.look.guess.anchor, doors.look.guess.positive) == (columns[0], positive)
    assert doors.about["pairs"] == (len(PAIRS) if positive == "ground_truth" else 2 * len(PAIRS))


def test_alpaca_asks_with_its_input(tmp_path):
    rows = [{"instruction": question, "input": "In winter." if number % 2 else "", "output": answer}
            for number, (question, answer) in enumerate(PAIRS)]
    doors = through_every_door(written(tmp_path / "a.json", rows))
    assert {question for question, _, _ in doors.judged()} == {
        f"{question}\nIn winter." if number % 2 else question
        for number, (question, _) in enumerate(PAIRS)}


@pytest.mark.parametrize("value, said", [
    ({"rasa_nlu_data": {"common_examples": [{"text": "hi", "intent": "greet"}]}}, "Rasa"),
    ({"a": 1, "b": {"c": 2}}, '[{"question": "…", "answer": "…"}, …]'),
])
def test_what_is_no_pairs_says_what_to_make_of_it(tmp_path, value, said):
    path = written(tmp_path / "a.json", value)
    for door in (look, load_corpus, lambda path: convert(path, tmp_path / "out")):
        with pytest.raises(CorpusError) as caught:
            door(path)
        assert said in str(caught.value) and "must hold a list of rows" in str(caught.value)


def test_hostile_shapes_of_known_layouts_are_refused_or_read_and_never_crash(tmp_path):
    odd = [None, 1, "x", [], {}, [[]], [None], [{}], {"text": 1}, [{"text": None}], "[", "{'a'"]
    keys = ("messages", "paragraphs", "qas", "set", "positive_passages", "positive_ctxs", "answers",
            "passages", "context", "question", "query")
    for key in keys:
        for value in odd:
            for other in odd:
                path = written(tmp_path / "a.json", [{key: value, "question": other}, {key: other}])
                try:
                    look(path)
                    load_corpus(path)
                except CorpusError as error:
                    assert len(str(error)) < 1_000
