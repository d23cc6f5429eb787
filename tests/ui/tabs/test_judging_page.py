"""Judgements on the Scoreboard, without a browser."""

import json
from types import SimpleNamespace

import pytest

from retrieval.evaluation import Evidence, evaluate
from retrieval.index import build_index
from support.fakes import HashingEncoder
from support.markup import HOSTILE, Tags
from support.own import name_of
from support.runs.finished import questions
from train.run.record import create_run
from ui.auth import RefusedError, Visitor
from ui.html.judging import added, candidate
from ui.services.board.judging import JudgingService
from ui.services.model_pair import LEXICAL, ModelPair
from ui.services.uploads import UploadError
from ui.tabs import judging

OWNER, ADA, BEN = Visitor(None, True), Visitor("ada"), Visitor("ben")
QUERY = "q46"


@pytest.fixture(scope="module")
def pair():
    corpus = questions()
    base = build_index(HashingEncoder("base", dim=4), corpus)
    tuned = build_index(HashingEncoder("tuned", dim=6), corpus)
    evidence = Evidence("test", len(corpus.passages), evaluate(base, corpus, "test"),
                        evaluate(tuned, corpus, "test"))
    return ModelPair(corpus, base).with_tuned(tuned, evidence, "about it")


@pytest.fixture
def worker(tmp_path):
    return JudgingService(tmp_path / "judgements")


@pytest.fixture
def service(pair, tmp_path):
    """Whoever asks is in `visitor`."""
    def source(visitor, shown):
        if visitor is not ADA:
            raise UploadError("That data is not here any more: upload it again.")
        return "folder"

    found = SimpleNamespace(visitor=OWNER, source=source, pair=lambda visitor, run: pair)
    auth = SimpleNamespace(visitor=lambda request, nonce: found.visitor)
    uploads = SimpleNamespace(is_upload=lambda place: "upload" in place)
    settings = SimpleNamespace(runs=tmp_path / "runs", home=tmp_path)
    found.services = SimpleNamespace(auth=auth, uploads=uploads, settings=settings,
                                     opening=SimpleNamespace(run=None))
    return found


def test_the_verdict_says_how_many_judgements_it_has(pair, worker):
    assert worker.evidence(pair) == (pair.evidence, ("Base", "Fine-tuned"), 0)
    for one in worker.candidates(pair, QUERY)[:2]:
        worker.judge(pair, QUERY, one.passage_id, 2, "ada")
    evidence, _, count = worker.evidence(pair)
    assert count == 2 and evidence.base[QUERY] != pair.evidence.base[QUERY]
    said, head, board = judging.scored(worker, pair)
    assert said.count("With 2 added judgements") == head.count("With 2 added judgements") == 1
    assert "ndcg@10" in board
    against, names, _ = worker.evidence(pair, LEXICAL)
    assert names == (LEXICAL, "Fine-tuned") and against.tuned == evidence.tuned
    assert added(1).startswith("With 1 added judgement, ") and added(0) == ""


def test_candidates_are_the_tops_of_both_and_what_was_judged_before(pair, worker):
    first = worker.candidates(pair, QUERY)
    assert first and all(one.judgement is None for one in first)
    worker.judge(pair, QUERY, "p00", 1, "ada")
    again = worker.candidates(pair, QUERY)
    assert again[-1].passage_id == "p00" and again[-1].judgement.by == "ada"
    assert worker.undo(pair, "ada").passage_id == "p00" and worker.undo(pair, "ada") is None


def test_a_passage_is_shown_without_whose_it_is_and_escaped(pair, worker):
    passage = pair.corpus.passages[0].__class__("p", HOSTILE, HOSTILE)
    judgement = worker.judge(pair, QUERY, "p00", 0, HOSTILE)
    html = candidate(passage, judgement)
    Tags(html)
    assert "<img" not in html and "does not" in html
    assert "Base" not in html and "Fine-tuned" not in html
    assert candidate(None, None) == ""


def test_the_panel_is_filled_judged_and_undone(pair, worker, service):
    filled = judging._filled(service, worker)(None, QUERY, "", "")
    ids = json.loads(filled[1])
    assert len(filled) == 2 + 2 * judging.PLACES and 0 < len(ids) <= judging.PLACES
    assert "Does each of these answer it?" in filled[0]
    said, head, _, passage = judging._judged(service, worker, 0)(
        None, QUERY, filled[1], "answers it", "", "", "Base")
    assert "answers it, said owner" in passage
    assert "With 1 added judgement" in said and "With 1 added judgement" in head
    grades = judging._filled(service, worker)(None, QUERY, "", "")[2 + judging.PLACES:]
    assert grades[0].value == "answers it"
    said, head, _ = judging._undone(service, worker)(None, "", "", "Base")
    assert "No judgement is added." in said and "judgement" not in head
    assert "nothing of yours" in judging._undone(service, worker)(None, "", "", "Base")[0]
    late = judging._judged(service, worker, 7)(None, QUERY, "[]", "in part", "", "", "Base")
    assert "choose the question again" in late[0]
    gone = judging._judged(service, worker, 0)(
        None, QUERY, json.dumps(["gone"]), "in part", "", "", "Base")
    assert "is not in car_parts any more" in gone[0]


def test_only_whoever_brought_the_data_judges_it_and_the_owner_all(pair, service, worker):
    own = name_of()
    judging.may_judge(service, OWNER, pair, "")
    judging.may_judge(service, ADA, pair, own)
    for visitor, shown in ((ADA, ""), (BEN, "")):
        with pytest.raises(RefusedError, match="by the owner"):
            judging.may_judge(service, visitor, pair, shown)
    with pytest.raises(UploadError):
        judging.may_judge(service, BEN, pair, own)
    run = create_run(service.services.settings.runs, "r")
    run.update(owner="ada", data={"source": "/uploads/upload-1"})
    of_run = pair.with_tuned(pair.tuned, pair.evidence, "", run.id)
    judging.may_judge(service, ADA, of_run, run.id)
    with pytest.raises(RefusedError):
        judging.may_judge(service, BEN, of_run, run.id)
    assert judging.scope_of(service, of_run, run.id) == "upload-1"
    assert (judging.scope_of(service, pair, own), judging.scope_of(service, pair, "")) == (own, "")
    run.update(data={"source": "porsche"})
    with pytest.raises(RefusedError):
        judging.may_judge(service, ADA, of_run, run.id)
    service.visitor = BEN
    refused = judging._filled(service, worker)(None, QUERY, "", "")
    assert "owner of this Tandem" in refused[0] and refused[1] == ""
    judged = judging._judged(service, worker, 0)(
        None, QUERY, json.dumps(["p00"]), "in part", "", "", "Base")
    assert "by the owner" in judged[0] and not (worker.folder).exists()


def test_suspects_are_listed_and_exported_qrels_have_the_judgements(pair, worker, service):
    service.services.auth.looks = lambda request, nonce: OWNER
    dropdown, said = judging._suspects(service, worker)(None, "", "")
    ids = worker.suspects(pair)
    assert [value for _, value in dropdown.choices] == ids
    assert bool(said) == (not ids)
    worker.judge(pair, QUERY, "p00", 1, "ada")
    button, _ = judging._exported(service, worker)(None, "", "")
    assert f"{QUERY} 0 p00 1" in open(button.value["path"] if isinstance(button.value, dict)
                                      else button.value).read()


def test_a_copy_of_other_data_is_judged_by_itself(pair, worker):
    worker.judge(pair, QUERY, "p00", 2, "ada", name_of())
    assert worker.evidence(pair)[2] == 0
    assert worker.evidence(pair, scope=name_of())[2] == 1
    assert worker.undo(pair, "ada") is None and worker.undo(pair, "ada", name_of()) is not None
