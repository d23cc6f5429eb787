import errno
import os
from dataclasses import replace

import pytest

from corpus.records import Passage, not_possible


def test_content_is_title_and_text():
    assert Passage("p", "Text.", "Title").content == "Title Text."
    assert Passage("p", "Text.").content == "Text."


def test_fingerprint_changes_with_a_passage_and_not_with_the_name(corpus):
    assert replace(corpus, name="other").fingerprint == corpus.fingerprint
    changed = (replace(corpus.passages[0], text="Other."), *corpus.passages[1:])
    assert replace(corpus, passages=changed).fingerprint != corpus.fingerprint


def test_split_fingerprint_changes_with_a_judgement_of_that_split_alone(corpus):
    changed = replace(corpus, qrels={**corpus.qrels, "dev": {"q3": {"p1": 1}}})
    assert changed.split_fingerprints["dev"] != corpus.split_fingerprints["dev"]
    assert changed.split_fingerprints["test"] == corpus.split_fingerprints["test"]


def test_pairs_leave_out_what_is_judged_not_relevant(corpus):
    judged = replace(corpus, qrels={"test": {"q4": {"p4": 1, "p6": 0}}})
    assert [(p.query.id, p.passage.id) for p in judged.pairs("test")] == [("q4", "p4")]


def test_a_known_question_is_recognised_whatever_its_case_spacing_and_question_mark(corpus):
    assert corpus.relevant("  towing WITH a cayenne? ") == {"p4", "p6"}
    assert corpus.relevant("towing with a Macan") == frozenset()


@pytest.mark.parametrize("number", [errno.ENOENT, errno.EACCES, errno.ENOSPC, errno.EIO])
def test_what_a_machine_refuses_is_said_without_its_folders_and_its_words(number):
    error = OSError(number, os.strerror(number), "/var/lib/secret/a.csv")
    said = str(not_possible("a.csv", "read", error))
    assert said.startswith("a.csv cannot be read: ")
    assert "/var" not in said and os.strerror(number) not in said and "Errno" not in said
