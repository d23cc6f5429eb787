
"""The Scoreboard's handlers, without a browser."""

import csv
import io
import json
import re
import sys
from types import SimpleNamespace

import gradio as gr
import pytest

from hub.account import Account
from hub.progress import drained
from retrieval.blind import tally
from retrieval.evaluation import evaluate
from retrieval.metrics import PRIMARY
from support.markup import HOSTILE, Tags
from train.report.write import rendered
from train.run.compare import RunRow
from train.run.record import create_run
from train.settings import Settings
from ui.auth import Visitor
from ui.html import explain, runs
from ui.html.retention import per_cent, retention, sentence
from ui.services.board.retention import RetentionError, RetentionService
from ui.services.model_pair import LEXICAL
from ui.serving.rates import Rate
from ui.tabs import blind
from ui.tabs.board_handlers import findings, give_report, run_of, trained_dims
from ui.tabs.scoreboard import (
    HEADERS,
    OUTCOMES,
    arrival,
    headed,
    query_of,
    question_rows,
    styled,
)

OWNER = Visitor(None, True)


@pytest.fixture
def services(pair, tmp_path):
    settings = Settings(home=tmp_path / "home")
    auth = SimpleNamespace(looks=lambda request, nonce: SimpleNamespace(is_owner=True))
    return SimpleNamespace(settings=settings, auth=auth, opening=SimpleNamespace(
        pair_of=lambda run="": pair, run=None))


@pytest.fixture
def service(services, pair):
    return SimpleNamespace(services=services, pair=lambda visitor, run: pair)


def test_the_rows_name_no_ids_lead_back_to_their_questions_and_filter_by_outcome(pair):
    rows = question_rows(pair, "all")
    assert len(rows) == 23 and all(len(row) == len(HEADERS) for row in rows)
    assert {query_of(pair, row[0], "Base") for row in rows} == set(pair.corpus.qrels["test"])
    assert not {cell for row in rows for cell in row} & set(pair.corpus.qrels["test"])
    assert query_of(pair, "no such question", "Base") == ""
    by_kind = {kind: len(question_rows(pair, kind)) for kind in OUTCOMES[1:]}
    assert sum(by_kind.values()) == 23 and by_kind["won"] > 0


def test_the_table_names_the_side_that_fine_tuned_stands_against(pair):
    assert headed([], ("Base", "Fine-tuned"))["headers"] == HEADERS
    rows = headed(question_rows(pair, "all", LEXICAL), (LEXICAL, "Fine-tuned"))
    table = gr.Dataframe(headers=HEADERS).postprocess(styled(rows))
    shown = table.metadata["display_value"]
    assert all(re.fullmatch(r"[+-]\d\.\d{3}", row[3]) for row in shown)
    assert table.headers[1] == "BM25 rank" and len(table.data) == 23


def test_bm25_stands_in_place_of_base_when_it_is_asked_for(pair):
    against = pair.evidence_against(LEXICAL)
    assert against.tuned == pair.evidence.tuned
    assert against.base == evaluate(pair.lexical(), pair.corpus, "test")
    assert pair.evidence_against(LEXICAL) is against  # measured once
    assert pair.evidence_against("Base") is pair.evidence


def test_why_is_told_of_a_chosen_question_and_escapes_it(pair, tmp_path):
    query_id = next(iter(pair.corpus.qrels["test"]))
    quick = pair.why([query_id], "Base", tmp_path, trained=False)[0]
    assert quick.trained is None
    html = explain.why_panel(quick, "Base", waiting=True)
    assert "is being looked for" in html
    whole = pair.why([query_id], "Base", tmp_path)[0]
    assert whole.trained is not None and pair.knows_train_questions
    html = explain.why_panel(whole, HOSTILE)
    Tags(html)
    assert "<img" not in html
    assert whole.query.text in html and f"{whole.tuned.score:.3f}" in html
    assert whole.trained[0].text in html


def test_the_worst_regressions_name_what_outranked_the_answer(pair, tmp_path):
    lost = [query.query_id for query in pair.evidence.queries][:2]
    html = explain.regressions(pair.why(lost, "Base", tmp_path, trained=False), "Base")
    Tags(html)
    assert html.count("<tr>") == 3
    assert "No question got worse" in explain.regressions([], "Base")


def test_quality_by_dims_is_measured_once_and_reported(pair, services):
    seen = []
    rows = pair.by_dim([24], lambda at: seen.append((at.done, at.total)))
    assert [row.dim for row in rows] == [8, 16, 24, 32, 64]
    pair.by_dim([], lambda at: seen.append((at.done, at.total)))
    assert len(seen) == 5
    assert "against truncate_dim" in rendered(findings(services, pair, "Base"), ".html")


def test_a_report_of_a_pair_without_a_run_says_what_it_was_made_of(pair, services):
    facts = findings(services, pair, LEXICAL).facts
    assert facts["In place of Base"] == LEXICAL
    assert facts["Fine-tuned fingerprint"] == pair.tuned.encoder.fingerprint
    assert facts["Data fingerprint"] == pair.corpus.fingerprint


@pytest.mark.parametrize("ending", [".html", ".csv", ".json"])
def test_one_click_gives_a_file_whose_name_the_browser_waits_for(service, ending):
    button, name = give_report(service, ending)(None, "", "", "Base")
    assert name.endswith(ending) and button.value["orig_name"] == name
    with open(button.value["path"], encoding="utf-8") as file:
        assert PRIMARY in file.read()


def test_the_trained_dims_are_those_of_the_recipe(tmp_path):
    run = create_run(tmp_path, "r")
    run.update(recipe={"truncate_dim": 512, "matryoshka_dims": [64, 128]})
    assert trained_dims(run) == [512, 64, 128]
    assert trained_dims(None) == []


def test_a_pair_of_no_run_has_none(services, pair):
    assert run_of(services, pair) is None


def test_the_address_sets_the_filter_and_the_side_and_nothing_unknown():
    outcome, against = arrival(SimpleNamespace(query_params={"filter": "lost", "against": "BM25"}))
    assert (outcome, against) == ("lost", "BM25")
    skipped = arrival(SimpleNamespace(query_params={"filter": "<img>"}))
    assert all(isinstance(value, dict) for value in skipped)


def worker(tmp_path, code):
    return RetentionService(tmp_path, lambda run: [sys.executable, "-c", code])


def test_what_it_cost_elsewhere_is_what_the_process_says(tmp_path, pair):
    run = create_run(tmp_path, "r")
    assert drained(worker(tmp_path, "print('{\"split\": \"general\"}')").measure(run)) == {
        "split": "general"}
    with pytest.raises(RetentionError, match="no model"):
        drained(worker(tmp_path, "print('{\"error\": \"no model\"}')").measure(run))
    with pytest.raises(RetentionError, match="could not be measured: SystemExit|boom"):
        drained(worker(tmp_path, "raise SystemExit('boom')").measure(run))
    kept = pair.evidence.as_json() | {"split": "kept"}
    run.update(retention=kept)
    assert drained(worker(tmp_path, "raise SystemExit(1)").measure(run)) == kept


def test_how_far_measuring_is_is_told_meanwhile(tmp_path):
    line = '{"progress": [3, 9], "text": "Base reads"}'
    code = (f"import sys, time; print({line!r}, file=sys.stderr, flush=True);"
            " time.sleep(1.5); print('{\"split\": \"general\"}')")
    told = list(worker(tmp_path, code).measure(create_run(tmp_path, "r")))
    assert any(at and (at.done, at.total, at.text) == (3, 9, "Base reads") for at in told)


def test_what_it_cost_elsewhere_stands_on_the_scale_of_the_gain(pair):
    found = pair.evidence.as_json() | {"verdict": HOSTILE}
    html = retention(found, pair.evidence)
    assert "img" not in {tag for tag, _ in Tags(html).opened}
    assert html.count('class="t-mid"') == 2 and "t-say" not in html  # and no second headline
    assert html.count(per_cent(found["difference"][PRIMARY]["value"], found["base"][PRIMARY])) >= 2
    assert "not measured yet" in retention(None)


@pytest.mark.parametrize("change, base, said", [
    (-0.018, 0.9, "2 % lower"), (0.213, 0.519, "41 % higher"), (0.0004, 0.9, "level"),
    (0.1, 0.0, "level")])
def test_a_change_is_said_in_per_cent_of_what_was(change, base, said):
    assert per_cent(change, base) == said


@pytest.mark.parametrize("low, high, p, said", [
    (-0.03, -0.01, 0.001, "is 2 % lower (0.900 before, 0.880 after)"),
    (-0.03, 0.01, 0.4, "most likely it is between 3 % lower and 1 % higher")])
def test_a_cost_is_claimed_only_where_it_is_clear(low, high, p, said):
    found = {"base": {PRIMARY: 0.9}, "tuned": {PRIMARY: 0.88},
             "difference": {PRIMARY: {"value": -0.02, "low": low, "high": high, "p": p}}}
    assert said in sentence(found)


def test_a_blind_session_votes_to_its_end_and_is_counted(services, pair):
    session = blind.begin(services, OWNER, pair, "", 3, "Ann", "")
    swapped = [ballot.swapped for ballot in session.ballots]
    while session.ballot:
        session = blind.vote(services, session, "left")
    votes = blind.votes_on(services, pair).all()
    assert [vote["outcome"] for vote in votes] == ["tuned" if s else "base" for s in swapped]
    assert {vote["voter"] for vote in votes} == {"Ann"}
    assert "that was the last of 3 questions" in blind.two_lists(pair, session)
    assert "1 voter, 3 questions" in blind.outcome(tally(votes))


def voted(services, pair, visitor, name, choice="left"):
    session = blind.begin(services, visitor, pair, "", 2, name, "")
    while session.ballot:
        session = blind.vote(services, session, choice)


def test_a_script_that_did_not_sign_in_has_no_part_in_the_verdict(services, pair):
    for number in range(9):
        voted(services, pair, Visitor(f"browser-{number}", address="one address"), f"v{number}")
    found = tally(blind.votes_on(services, pair).all())
    assert (found.voters, found.questions, found.p, found.agreement) == (0, 0, 1.0, None)
    assert found.apart_voters == 1 and sum(found.apart.values()) >= 2
    assert "Apart, and in no verdict, 1 who did not sign in: Fine-tuned" in \
        blind.outcome(found)
    ada = Account("ada", "1", ("ada",))
    for name in ("Ada", "Grace", "Linus"):  # a name is what somebody says
        voted(services, pair, Visitor("ada", account=ada), name)
    assert tally(blind.votes_on(services, pair).all()).voters == 1


def test_nobody_votes_quicker_than_anybody_reads_or_begins_without_end(services, pair, monkeypatch):
    monkeypatch.setattr(blind, "VOTES", Rate(3, 60))
    monkeypatch.setattr(blind, "SESSIONS", Rate(2, 60))
    one = Visitor("browser-1", address="one address")
    with pytest.raises(ValueError, match="quicker than anybody reads"):
        for _ in range(2):
            voted(services, pair, one, "")
    with pytest.raises(ValueError, match="as many sessions as count within an hour"):
        voted(services, pair, Visitor("browser-2", address="one address"), "")
    voted(services, pair, Visitor("browser-3", address="another"), "")
    monkeypatch.setattr(blind, "MOST_SESSIONS", {"": 9, blind.UNKNOWN: 3})
    with pytest.raises(ValueError, match="3 sessions on this pair already.*or sign in"):
        voted(services, pair, Visitor("browser-4", address="a third"), "")
    voted(services, pair, OWNER, "")


def test_nothing_on_a_ballot_tells_which_side_is_which(services, pair):
    session = blind.begin(services, OWNER, pair, "", 1, HOSTILE, "How heavy is the part3?")
    html = blind.two_lists(pair, session)
    Tags(html)
    for told in ("Base", "Fine-tuned", "tuned", "base", "score", "answer", "data-side"):
        assert told not in html, told
    found = pair.compare("How heavy is the part3?", 5)
    left = found.tuned if session.ballot.swapped else found.base
    first = html.index(left.hits[0].title)
    assert first < html.index('aria-label="Right"')


def test_own_questions_are_put_and_bad_ones_are_refused(services, pair):
    asked = "one question\n\nanother\none question"
    session = blind.begin(services, OWNER, pair, "", 10, "", asked)
    assert sorted(ballot.query for ballot in session.ballots) == ["another", "one question"]
    assert session.voter.startswith("voter ")
    with pytest.raises(ValueError, match="At most 50"):
        blind.begin(services, OWNER, pair, "", 1, "", "\n".join(f"q{i}" for i in range(51)))
    with pytest.raises(ValueError, match="2,000"):
        blind.begin(services, OWNER, pair, "", 1, "", "x" * 3000)


def test_votes_can_be_taken_away_by_the_owner_all_and_by_a_voter_their_own(services, service, pair):
    kept = blind.votes_on(services, pair)
    for number in (1, 2):
        kept.add(f"s{number}", {"voter": f"v{number}", "query": "=1+1", "outcome": "tie"})
    take = blind._take(service, "csv")
    button, _ = take(None, "", "", None)
    text = open(button.value["path"], encoding="utf-8").read()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["voter"] for row in rows] == ["v1", "v2"]
    assert rows[0]["query"] == "'=1+1"
    services.auth.looks = lambda request, nonce: SimpleNamespace(is_owner=False)
    mine = blind.Session("s2", "v2", "", "", "", ())
    button, _ = blind._take(service, "json")(None, "", "", mine)
    found = json.load(open(button.value["path"], encoding="utf-8"))
    assert [vote["voter"] for vote in found["votes"]] == ["v2"]
    with pytest.raises(Exception, match="no votes of yours"):
        take(None, "", "", None)


def test_several_runs_stand_in_one_table_each_against_the_first(pair):
    first = RunRow("<img>", "tandem", "b", 0.5, 0.6, "", 65.0)
    second = RunRow("r2", "quick", "b", 0.5, 0.7, "", None, pair.evidence)
    html = runs.several([first, second], {})
    Tags(html)
    gap = pair.evidence.differences[PRIMARY]
    assert "<img" not in html and f"{gap.value:+.3f}" in html
