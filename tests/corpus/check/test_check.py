import itertools
import json
import random
import subprocess
import sys

import pytest

from corpus.__main__ import main
from corpus.check import near_duplicates as near_room
from corpus.check import tokens as tokens_room
from corpus.check.check import (
    KINDS,
    SHARES,
    STAGES,
    check_corpus,
    check_path,
    detectable_difference,
)
from corpus.check.near_duplicates import near_duplicates
from corpus.check.style import known_names, sentence_pattern
from corpus.readers.rows import RepeatedPairError
from corpus.records import SPLITS, Corpus, Passage, Query
from corpus.text import WORD
from hub.progress import Progress
from support.fakes import PASSAGES, small_corpus
from support.samples import write_lines
from support.services import ROOT

WORDS = [a + b + c for a in ("ba", "de", "ki", "lo", "mu") for b in ("nor", "sal", "tim", "ver")
         for c in ("da", "fe", "gi", "po")]


def sentence(rng, length):
    return " ".join(rng.choice(WORDS) for _ in range(length))


def clean_rows(count=400):
    """Pairs without a fault: enough of them, each question and answer of its own."""
    rng = random.Random(7)
    return [{"anchor": f"Why {sentence(rng, 6)}?", "positive": f"As {sentence(rng, 20)}."}
            for _ in range(count)]


def report(tmp_path, rows, name="pairs.jsonl"):
    return check_path(write_lines(tmp_path / name, rows))


def counts(report):
    return {finding.kind: finding.count for finding in report.findings}


def found(report, kind):
    (finding,) = [finding for finding in report.findings if finding.kind == kind]
    return finding


def test_a_clean_file_has_no_finding(tmp_path):
    clean = report(tmp_path, clean_rows())
    assert clean.findings == ()
    assert clean.ok
    assert (clean.pairs, clean.passages, clean.queries) == (400, 400, 400)
    assert clean.splits == {"train": 320, "dev": 40, "test": 40}


CLEAN = clean_rows()
FIRST = CLEAN[0]
OTHER = "As tyres of another size change what the speedometer shows."


@pytest.mark.parametrize("kind, count, rows", [
    ("duplicate_pair", 2, [*CLEAN, FIRST, FIRST]),
    ("near_duplicate_passage", 1,
     [*CLEAN, {"anchor": "Why else?", "positive": FIRST["positive"][:-1] + " kiverda."}]),
    ("shared_answer", 1, [*CLEAN, {"anchor": "Why else?", "positive": FIRST["positive"]}]),
    ("conflicting_answers", 1, [*CLEAN, {"anchor": FIRST["anchor"], "positive": OTHER}]),
    ("over_length", 2, [*CLEAN, {"anchor": sentence(random.Random(1), 200),
                                 "positive": sentence(random.Random(2), 200)}]),
    ("swapped_columns", 400,
     [{"anchor": row["positive"], "positive": row["anchor"]} for row in CLEAN]),
    ("swapped_columns", 400,
     [{"anchor": row["positive"], "positive": row["anchor"].rstrip("?")} for row in CLEAN]),
    ("too_few_pairs", 2, CLEAN[:60]),
    ("empty_text", 2, [*CLEAN, {"anchor": " ", "positive": "A."}, {"anchor": "A", "positive": ""}]),
    ("unreadable_row", 3, [*CLEAN, ["no object"], {"anchor": "x?"}, {"anchor": 1.5}]),
])
def test_each_fault_is_found_counted_and_is_the_only_one(tmp_path, kind, count, rows):
    checked = report(tmp_path, rows)
    assert counts(checked) == {kind: count}
    finding = found(checked, kind)
    assert finding.action.endswith(".")
    assert 1 <= len(finding.examples) <= 5
    assert checked.ok == (kind not in ("empty_text", "unreadable_row"))


def test_every_unreadable_row_is_named_by_file_line_and_value(tmp_path):
    path = tmp_path / "pairs.jsonl"
    lines = [json.dumps(row) for row in CLEAN]
    lines[6], lines[8] = '{"anchor": oops', '{"anchor": "a?", "positive": [1]}'
    path.write_text("\n".join(lines), "utf-8")
    checked = check_path(path)
    first, second = found(checked, "unreadable_row").examples
    assert "pairs.jsonl line 7" in first and "oops" in first
    assert "pairs.jsonl line 9" in second and "[1]" in second
    assert checked.pairs == 398  # the rest is checked all the same


def test_bad_cells_of_a_csv_are_collected(tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("question,answer\na?,One.\nb?,\nc?," + "x" * 200_000 + "\nd?,Two.\n", "utf-8")
    checked = check_path(path)
    assert checked.pairs == 2
    assert "pairs.csv line 3" in found(checked, "empty_text").examples[0]
    assert "field larger than" in found(checked, "unreadable_row").examples[0]


def test_unreadable_rows_of_a_beir_folder_are_collected_too(tmp_path):
    write_lines(tmp_path / "corpus.jsonl", [{"_id": "p1", "text": "A."}, {"_id": "p2", "text": ""}])
    write_lines(tmp_path / "queries.jsonl", [{"_id": "q1", "text": "A?"}, {"text": "B?"}])
    (tmp_path / "qrels.tsv").write_text("q1\tp1\t1\nq1\tp1\t1\nq9\tp1\t1\nq1 p1\n", "utf-8")
    checked = check_path(tmp_path)
    assert (checked.pairs, checked.ok) == (1, False)
    assert "corpus.jsonl line 2" in found(checked, "empty_text").examples[0]
    assert "qrels.tsv line 2 judges 'q1' with 'p1' again" in found(
        checked, "duplicate_pair").examples[0]
    no_id, unknown, no_columns = found(checked, "unreadable_row").examples
    assert "queries.jsonl line 2 has no _id" in no_id
    assert "qrels.tsv line 3 names query 'q9'" in unknown
    assert "qrels.tsv line 4 must be" in no_columns


def test_a_repeated_row_says_which_it_repeats(tmp_path):
    checked = report(tmp_path, [FIRST, FIRST])
    assert "line 2 repeats pairs.jsonl line 1" in found(checked, "duplicate_pair").examples[0]


def of_splits(**qrels):
    passages = (*PASSAGES, Passage("p7", PASSAGES[5].text.upper(), PASSAGES[5].title))
    queries = {f"q{i}": Query(f"q{i}", text) for i, text in enumerate(
        ["How fast is it?", "how  fast is IT", "Does it tow?", "How does the roof open?"])}
    return check_corpus(Corpus("made up", passages, queries, qrels))


def test_a_question_in_two_splits_is_a_leak_whatever_its_case():
    leaking = of_splits(train={"q0": {"p1": 1}}, test={"q1": {"p1": 1}, "q2": {"p4": 1}})
    examples = found(leaking, "split_leak").examples
    assert len(examples) == 2
    assert "“how fast is it” is in train (q0), test (q1)" in examples[0]
    assert "p1 is an answer in train and test" in examples[1]
    assert "split_leak" not in counts(of_splits(train={"q0": {"p1": 1}}, test={"q2": {"p4": 1}}))


def test_a_passage_judged_irrelevant_in_train_is_no_leak():
    corpus = of_splits(train={"q0": {"p1": 1, "p4": 0}}, test={"q2": {"p4": 1}})
    assert "split_leak" not in counts(corpus)


def test_pairs_that_differ_in_case_or_id_are_duplicates():
    repeated = of_splits(train={"q0": {"p6": 1}, "q1": {"p7": 1}})
    assert found(repeated, "duplicate_pair").examples[0].startswith("q1 with p7 repeats q0 with p6")
    assert counts(repeated)["near_duplicate_passage"] == 1


def test_a_query_judged_with_several_passages_is_no_conflict_two_queries_are():
    assert "conflicting_answers" not in counts(of_splits(train={"q0": {"p1": 1, "p2": 1}}))
    conflict = of_splits(train={"q0": {"p1": 1}, "q1": {"p2": 1}})
    assert "“how fast is it” has 2 answers" in found(conflict, "conflicting_answers").examples[0]


def test_a_corpus_without_pairs_cannot_be_used(tmp_path):
    empty = of_splits()
    assert found(empty, "too_few_pairs").severity == "error"
    assert not empty.ok
    assert empty.detectable_difference is None
    path = tmp_path / "pairs.csv"
    path.write_text("anchor,positive\n", "utf-8")
    assert counts(check_path(path)) == {"too_few_pairs": 1}
    assert not check_path(path).ok


def test_findings_stand_worst_first(tmp_path):
    checked = report(tmp_path, [*CLEAN[:50], FIRST, {"anchor": "x?"},
                                {"anchor": "Why else?", "positive": FIRST["positive"]}])
    order = [finding.severity for finding in checked.findings]
    assert order == sorted(order, key=["error", "warning", "info"].index)
    assert set(order) == {"error", "warning", "info"}


def test_what_becomes_of_each_finding_is_said_and_its_action_agrees(tmp_path):
    checked = report(tmp_path, [*CLEAN[:50], FIRST, {"anchor": "x?"}, {"anchor": "y?",
                                "positive": ""}, {"anchor": "Z?", "positive": OTHER},
                                {"anchor": "z", "positive": OTHER + " "}])
    treated = {finding.kind: finding.treatment for finding in checked.findings}
    assert treated == {"unreadable_row": "refused", "empty_text": "refused",
                       "duplicate_pair": "left out", "too_few_pairs": "kept"}
    words = {"refused": "refuses", "left out": "leaves out", "kept": "keeps"}
    for one in checked.findings:
        assert words[one.treatment] in one.action or one.kind == "too_few_pairs"


def test_repetitions_read_once_and_pairs_that_are_kept_are_two_findings():
    case = Passage("p7", PASSAGES[5].text.upper(), PASSAGES[5].title)
    qrels = {"train": {"q0": {"p6": 1}, "q1": {"p7": 1}}}
    queries = {"q0": Query("q0", "Fast?"), "q1": Query("q1", "fast")}
    again = RepeatedPairError("a.tsv line 3 judges 'q0' with 'p6' again")
    checked = check_corpus(Corpus("c", (*PASSAGES, case), queries, qrels), [again])
    assert {finding.treatment for finding in checked.findings
            if finding.kind == "duplicate_pair"} == {"left out", "kept"}


def test_the_check_says_how_far_it_is(tmp_path):
    said = []
    check_path(write_lines(tmp_path / "pairs.jsonl", CLEAN),
               progress=lambda at: said.append((at.text, at.done, at.total)),
               measure=lambda corpus, within: within(Progress(1, 2)))
    assert {total for _, _, total in said} == {100}
    assert [done for _, done, _ in said] == sorted(done for _, done, _ in said)
    assert list(dict.fromkeys(text for text, _, _ in said)) == list(STAGES)
    assert said[-1][1] == 100
    assert sum(SHARES.values()) == 100


@pytest.mark.slow
def test_the_command_says_how_far_it_is_on_standard_error(tmp_path):
    done = command("check", write_lines(tmp_path / "pairs.jsonl", CLEAN[:20]), "--json",
                   "--progress")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[0] == {"progress": [0, 100], "text": "Reading"}
    assert lines[-1]["progress"] == [100, 100]
    assert json.loads(done.stdout)["pairs"] == 20


@pytest.mark.slow
def test_too_little_memory_is_a_sentence(tmp_path):
    path = tmp_path / "large.jsonl"
    path.write_text(json.dumps({"anchor": "a?", "positive": "x" * 400_000_000}) + "\n", "utf-8")
    done = command("check", path, "--json", "--assume", "--memory", "700")
    assert done.returncode == 1
    assert "more memory than the 700 MB" in json.loads(done.stdout)["error"]
    assert "Traceback" not in done.stderr


def test_the_detectable_difference_is_that_of_a_paired_test():
    # 2.802 x 0.30 / sqrt(225) = 0.05604
    assert detectable_difference(225) == 0.056
    assert detectable_difference(225, sd=0.6) == 0.1121
    assert detectable_difference(0) is None


def test_the_json_has_the_keys_of_the_contract(tmp_path):
    shape = json.loads(json.dumps(report(tmp_path, [*CLEAN, FIRST]).as_json()))
    assert {"ok", "pairs", "passages", "queries", "splits", "detectable_difference", "findings",
            "writing"} <= shape.keys()
    assert shape["ok"] is True
    assert shape["splits"].keys() == set(SPLITS)
    (finding,) = shape["findings"]
    assert finding.keys() == {"kind", "severity", "count", "treatment", "action", "examples"}
    assert finding["kind"] in KINDS
    assert all(isinstance(example, str) for example in finding["examples"])


def command(*arguments):
    return subprocess.run([sys.executable, "-m", "corpus", *map(str, arguments)], cwd=ROOT,
                          capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_a_usable_file_exits_0_and_prints_one_object(tmp_path):
    done = command("check", write_lines(tmp_path / "pairs.jsonl", CLEAN), "--json", "--assume")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ok"] is True
    assert done.stdout.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("name, content, said", [
    ("a.jsonl", b'{"anchor": "a?"\n', "a.jsonl line 1 is not JSON"),
    ("a.jsonl", b'\n{"anchor": "\xc3\xa9 \xe9"}\n', "a.jsonl line 2 is not UTF-8 (byte 0xe9)"),
    ("a.jsonl", b'{"anchor": "a?", "positive": ' + b"9" * 5000 + b"}", "a.jsonl line 1"),
    ("a.jsonl", b'{"anchor": "a?", "positive": "\\ud800"}', "half a character"),
    ("a.jsonl", b'{"anchor": "a?", "positive": "A", "negative": 5}', "negative must be text"),
    ("a.json", b"{", "a.json is not JSON"),
    ("a.xml", b"<a/>", "not from 'a.xml'"),
])
def test_an_unreadable_file_exits_1_and_still_prints_an_object(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    done = command("check", path, "--json")
    assert done.returncode == 1
    shape = json.loads(done.stdout)
    assert shape["ok"] is False
    assert (shape["pairs"], shape["detectable_difference"]) == (0, None)
    (unreadable,) = [f for f in shape["findings"] if f["kind"] == "unreadable_row"]
    assert said in unreadable["examples"][0]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["nothing.jsonl", "x" * 300 + ".jsonl"])
def test_a_path_to_nothing_exits_1(tmp_path, name, capsys):
    assert main(["check", str(tmp_path / name), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["findings"][0]["kind"] == "unreadable_row"


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [[], ["check"], ["check", "porsche", "--nonsense"], ["x"],
                                       ["check", "porsche", "--memory", "-1"]])
def test_wrong_use_exits_2_and_prints_nothing(arguments):
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "usage" in done.stderr


def test_the_text_names_sizes_findings_and_what_to_do(tmp_path, capsys):
    rows = [*CLEAN, FIRST, {"anchor": "", "positive": "A."}]
    assert main(["check", str(write_lines(tmp_path / "mine.jsonl", rows)), "--assume"]) == 1
    text = capsys.readouterr().out
    assert text.startswith("mine: cannot be used as it is\n400 pairs")
    assert text.index("ERROR empty_text: 1, refused") < text.index(
        "WARNING duplicate_pair: 1, left out")
    assert "fill them in" in text
    assert "mine.jsonl line 402" in text


def test_hostile_content_is_quoted_short_and_without_control_characters(tmp_path, capsys):
    evil = "<img src=x onerror=alert(1)>\0\x1b[2J\r\n" + "a" * 500
    rows = [*CLEAN, *[{"anchor": evil + str(i), "positive": evil, "topic": evil} for i in range(3)],
            {"anchor": evil, "positive": {evil: evil}}]
    path = write_lines(tmp_path / "evil.jsonl", rows)
    assert main(["check", str(path), "--assume"]) == 1
    text = capsys.readouterr().out
    assert "<img src=x" in text  # as it stands there: whoever shows it on a page escapes it
    assert not [mark for mark in text if not mark.isprintable() and mark != "\n"]
    assert max(map(len, text.splitlines())) < 400
    assert main(["check", str(path), "--json", "--assume"]) == 1
    shape = json.loads(capsys.readouterr().out)
    assert all(len(e) <= 300 for finding in shape["findings"] for e in finding["examples"])
    assert all(len(topic) <= 80 for topic in shape["writing"]["by_topic"])


@pytest.mark.parametrize("huge", ["x" * 5_000_000, "big word, " * 500_000, "'" * 5_000_000])
def test_a_line_of_5_mb_is_checked_and_not_repeated(tmp_path, huge):
    rows = [*CLEAN, {"anchor": "Why so long?", "positive": huge}]
    checked = report(tmp_path, rows)
    assert checked.pairs == 401
    assert len(json.dumps(checked.as_json())) < 20_000


@pytest.mark.slow
def test_a_broken_line_of_5_mb_is_not_repeated(tmp_path):
    path = tmp_path / "huge.jsonl"
    path.write_text('{"anchor": "' + "x" * 5_000_000 + "\n", "utf-8")
    done = command("check", path, "--json")
    assert done.returncode == 1
    assert len(done.stdout) < 5_000


def shingles(text):
    words = WORD.findall(text.casefold())
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


def test_near_duplicates_are_those_that_comparing_every_pair_finds():
    rng = random.Random(5)
    texts = [sentence(rng, rng.randint(3, 40)) for _ in range(150)]
    for text in texts[:100]:
        words = text.split()
        for _ in range(rng.randint(0, 4)):
            words[rng.randrange(len(words))] = rng.choice(WORDS)
        texts.append(" ".join(words))
    sets = [shingles(text) for text in texts]
    similar = {(i, j) for i, j in itertools.combinations(range(len(texts)), 2)
               if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) > 0.6}
    result = near_duplicates(texts)
    assert set(result) <= similar
    assert {later for _, later in result} == {later for _, later in similar}
    assert 20 < len(result) < 100  # some of the changed texts are too far


def test_near_duplicates_of_short_and_wordless_texts_and_of_none():
    assert near_duplicates([]) == []
    assert near_duplicates(["Yes.", "yes", "No", "?!", "!?"]) == [(0, 1)]


def test_texts_of_one_mould_are_compared_with_so_many_others_at_most(monkeypatch):
    mould = " ".join(f"m{i}" for i in range(40))  # Jaccard 0.58: under the threshold, all of them
    texts = [f"{mould} " + " ".join(f"u{n}x{i}" for i in range(14)) for n in range(400)]
    overlaps, compared = near_room._overlaps, []
    monkeypatch.setattr(near_room, "_overlaps", lambda shingles, marks, batch:
                        compared.extend(batch) or overlaps(shingles, marks, batch))
    assert near_duplicates(texts) == []
    assert len(texts) < len(compared) < 100 * len(texts) < len(texts) * (len(texts) - 1) / 2


def test_looking_for_near_duplicates_reports_how_far_it_is():
    said = []
    near_duplicates([f"one {i} two three" for i in range(2500)],
                    lambda at: said.append((at.done, at.total)))
    assert said == [(0, 2500), (1000, 2500), (2000, 2500)]


def test_tokens_counted_word_by_word_are_those_of_the_whole_text():
    counter = tokens_room.token_counter()
    rng = random.Random(3)
    marks = [*"abXY09 .,'-_[]()#@\n\t\x0b\x1c\x85\x00",
             *"\ufffd\u00a0\u2028\u200b’“…éßñ中日ひ한अआ\u0301🙂½", "[CLS]", "[SEP]",
             "[mask]", " ", " ", "supercalifragilistic" * 6]
    texts = ["".join(rng.choice(marks) for _ in range(rng.randint(0, 60))) for _ in range(3000)]
    texts += ["Ein Satz auf Deutsch, mit Umlauten: äöü.", "中文没有空格" * 30, "", " "]
    whole = [len(encoding) for encoding in counter.tokenizer.encode_batch_fast(texts)]
    assert counter.count(texts) == whole
    assert counter.count(texts) == whole  # now that every word is known


def test_words_whose_tokens_are_known_are_forgotten_when_they_are_many(monkeypatch):
    monkeypatch.setattr(tokens_room, "MOST_KNOWN", 50)
    monkeypatch.setattr(tokens_room, "BATCH", 2)
    counter = tokens_room.token_counter()
    texts = [f"word{i} other{i}" for i in range(20)]
    whole = [len(encoding) for encoding in counter.tokenizer.encode_batch_fast(texts)]
    assert counter.count(texts) == whole
    assert len(counter._known) < 20


def test_the_writing_of_the_small_corpus_is_measured():
    figures = check_corpus(small_corpus()).writing
    assert figures["tokens"]["counted_by"] == "tokenizer of all-MiniLM-L6-v2"
    assert figures["tokens"]["questions"] == {"min": 6, "mean": 8.5, "max": 10}
    assert figures["at_most_one_shared_word"] == 0.25  # flappy paddle gearbox
    assert figures["questions_with_several_passages"] == 1
    assert figures["passages_with_several_questions"] == 0.0
    assert figures["distinct_passages"] == 6
    assert figures["by_topic"] == {}


def test_words_in_common_are_counted_by_stem_with_the_title():
    passages = (Passage("p1", "Braking wears pads.", "Taycan", "brakes", "Taycan", "EPA, ADEME"),
                Passage("p2", "Preheat the battery.", "", "charging", "Taycan", "EPA"))
    queries = {"q1": Query("q1", "does a taycan brake well?"), "q2": Query("q2", "ready to charge")}
    figures = check_corpus(
        Corpus("c", passages, queries, {"train": {"q1": {"p1": 1}, "q2": {"p2": 1}}})).writing
    assert figures["at_most_one_shared_word"] == 0.5
    assert figures["by_source"] == {"EPA": 2, "ADEME": 1}
    assert figures["by_model_line"] == {"Taycan": 2}


def test_a_car_that_both_sides_name_is_no_word_in_common_beside_names():
    passages = (Passage("p1", "On an early Taycan 4S pads last long.", "Taycan 4S, 2020: pads"),)
    queries = {"q1": Query("q1", "how is my Taycan 4S from 2020 on pads?")}
    figures = check_corpus(Corpus("c", passages, queries, {"train": {"q1": {"p1": 1}}})).writing
    assert figures["at_most_one_shared_word"] == 0
    assert figures["at_most_one_shared_word_beside_names"] == 1


def test_without_the_package_of_the_model_tokens_are_estimated_from_words(monkeypatch):
    monkeypatch.setattr(tokens_room, "PACKAGE", "no_such_package")
    tokens = check_corpus(small_corpus()).writing["tokens"]
    assert "words × 1.3" in tokens["counted_by"]
    assert tokens["questions"] == {"min": 4, "mean": 6.0, "max": 9}


@pytest.mark.parametrize("text, pattern", [
    ("In 2016 the Cayenne's roof opens", "in # the @"),
    ("the 991.1-series C2S weighs 1,480 kg", "the @ @ weighs"),
    ("“Taycan” – 2,480 kg!", "@ # kg"),
    ("Roof?", "roof"),
])
def test_a_pattern_is_how_a_text_opens_without_its_numbers_and_names(text, pattern):
    names = known_names(["Here a Cayenne, there a Taycan. Roof and Why", "cars; I roof"])
    assert sentence_pattern(text, names) == pattern


def test_a_name_has_its_capital_within_a_sentence_more_often_than_not():
    texts = ["My Macan is red. The roof", "a Sport seat, no sport, sport", "So I do"]
    assert known_names(texts) == {"macan"}


def test_fingerprint_prints_what_identifies_corpus_and_splits(tmp_path, capsys):
    path = write_lines(tmp_path / "pairs.jsonl", CLEAN)
    assert main(["fingerprint", str(path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed.keys() == {"corpus", "splits", "split_sizes"}
    assert printed["splits"].keys() == set(SPLITS)
    assert printed["split_sizes"] == {"train": 320, "dev": 40, "test": 40}
    assert main(["fingerprint", str(tmp_path / "nothing")]) == 1


@pytest.mark.slow
def test_checking_loads_no_torch():
    code = ("import sys; from corpus.check.check import check_path; check_path('porsche');"
            "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
