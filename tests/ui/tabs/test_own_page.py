"""What the page shows of somebody's own data, without a browser."""

import re
import shutil

import gradio as gr
import pytest

from hub.progress import Progress
from support.fakes import FakeRequest, HashingEncoder
from support.markup import HOSTILE, Tags
from support.own import OWNER, Gate, made_on, name_of, numbers, ready, with_own
from support.waiting import until
from ui import page
from ui.html import selection as selection_html
from ui.services.runs import RunService
from ui.services.selection import Selection
from ui.services.worker import Stage
from ui.tabs import compare, scoreboard, selection
from ui.tabs.board_handlers import findings
from ui.tabs.compare import compare_endpoint, compare_on_endpoint
from ui.tabs.questions import a_surprise, example_queries
from ui.tabs.scoreboard import scoreboard_on_endpoint

SKIPPED = gr.skip()
ROW, SAID, SHOW, WATCH, TUNE, AGAIN, STOP, ABOVE, _, MARK, _, MADE, TIMER, DRAWN = range(14)


@pytest.fixture
def encoder():
    return Gate("base")


@pytest.fixture
def services(make_services, encoder):
    services = with_own(make_services(base_model="base"), encoder)
    services.opening.pairs.loads = lambda model, *revision, **how: HashingEncoder("tuned", salt="t")
    yield services
    encoder.open.set()


@pytest.fixture
def service(services):
    return RunService(services)


def asked(services):
    request = FakeRequest(browser="mark")
    return request, services.auth.nonce(request)


def look(services, service, shown, drawn="", anew=True):
    request, nonce = asked(services)
    return selection._look(services, Selection(service), anew)(request, shown, nonce, drawn)


def reading(services, service, encoder, rows=None):
    """Data whose passages Base is about to read."""
    name = services.uploads.bring(rows=rows)
    encoder.open.clear()
    look(services, service, name)
    until(lambda: (stage := services.opening.pairs.stage(name)) and stage.words)
    return name


# --- the row


def test_the_row_says_what_is_shown_and_leads_to_the_fine_tune(services, service):
    name = services.uploads.bring(title=HOSTILE)
    ready(service, OWNER, name)
    row = look(services, service, name)
    Tags(row[SAID])
    assert row[ROW].visible and "Base only: fine-tune it" in row[SAID] and "<img" not in row[SAID]
    assert [row[at].visible for at in (SHOW, WATCH, TUNE, AGAIN, STOP)] == [
        False, False, True, False, False]
    assert look(services, service, name, row[DRAWN], anew=False) == SKIPPED


def test_where_nothing_is_trained_no_fine_tune_is_offered(make_services):
    services = with_own(make_services(base_model="base", train="off"))
    service, name = RunService(services), services.uploads.bring()
    ready(service, OWNER, name)
    row = look(services, service, name)
    assert not row[TUNE].visible and "training is switched off" in row[SAID]
    html, _ = compared(services, service, "What is the number 7?", name)
    assert "training is switched off" in html


def test_progress_is_drawn_again_without_asking_the_result_again(services, service, encoder):
    name = reading(services, service, encoder, numbers(300))
    first = look(services, service, name, anew=False)
    assert "0 of 300 passages" in first[ABOVE].value and first[STOP].visible
    encoder.open.set()
    until(lambda: services.opening.pairs.stage(name).progress.done or
          services.opening.pairs.stage(name).ended)
    ready(service, OWNER, name)
    later = look(services, service, name, first[DRAWN], anew=False)
    assert later[MARK] != first[MARK] and not later[ABOVE].visible


def test_the_mark_changes_with_what_can_be_shown_and_not_with_each_passage(services):
    def mark(stage):
        return selection.Seen(name_of(), "x", stage, None, "", 0, True).mark

    words, pair = object(), object()
    steps = [Stage("reading", ""), Stage("encoding", "", Progress(0, 9), words),
             Stage("encoding", "", Progress(5, 9), words),
             Stage("measuring", "", Progress(1, 9), pair=pair),
             Stage("measuring", "", Progress(2, 9), pair=pair), Stage("ready", "", pair=pair)]
    marks = [mark(stage) for stage in steps]
    assert marks[1] == marks[2] and marks[3] == marks[4] and len(set(marks)) == 4


def test_a_run_on_the_data_is_offered_when_it_is_done_and_watched_until_then(
    services, service, tmp_path
):
    name = services.uploads.bring()
    run = made_on(services, name, OWNER, tmp_path)
    row = look(services, service, name)
    assert row[SHOW].visible and row[MADE] == run.id and "is ready" in row[SAID]
    run.update(status="running")
    running = look(services, service, name, row[DRAWN])
    assert running[WATCH].visible and not running[SHOW].visible
    assert running[MARK] != row[MARK]
    html, _ = compared(services, service, "What is the number 7?", name)
    assert "fine-tuned on right now" in html


def test_data_that_is_gone_is_said_and_the_page_goes_on(services, service):
    name = services.uploads.bring()
    ready(service, OWNER, name)
    row = look(services, service, name)
    shutil.rmtree(services.settings.uploads / name)
    gone = look(services, service, name, row[DRAWN], anew=False)
    assert "not here any more" in gone[SAID] and gone[ROW].visible
    assert not any(gone[at].visible for at in (SHOW, WATCH, TUNE, AGAIN, STOP))
    html, _ = compared(services, service, "What is the number 7?", name)
    assert "t-error" in html and "not here any more" in html
    assert look(services, service, "", gone[DRAWN])[ROW].visible is False
    assert compared(services, service, "brakes", "")[0].count("<article") == 5


def test_data_let_go_of_for_room_is_left_as_it_was_drawn(services, service):
    name = services.uploads.bring()
    ready(service, OWNER, name)
    row = look(services, service, name)
    services.opening.pairs.forget(name)
    assert look(services, service, name, row[DRAWN], anew=False) == SKIPPED
    assert services.opening.pairs.stage(name) is None


def test_too_much_to_do_is_said_and_can_be_tried_again(services, service, monkeypatch):
    monkeypatch.setattr("ui.services.worker.MOST_JOBS", 0)
    row = look(services, service, services.uploads.bring())
    assert "try again in some minutes" in row[SAID] and row[AGAIN].visible


def test_without_a_choice_nothing_is_drawn_and_no_timer_runs(services, service):
    assert look(services, service, "") == SKIPPED
    assert look(services, service, "", "something")[TIMER].active is False


def test_the_board_hears_of_a_new_version_and_not_of_every_tick(services):
    from dataclasses import replace

    tick = page._tick(services)
    *_, board, _, seen = tick(None)
    assert board == "version 0"
    services.opening._state = replace(seen, text="step 3")
    *_, board, _, seen = tick(seen)
    assert board == SKIPPED and tick(seen) == SKIPPED
    services.opening.version = 1
    assert tick(seen)[3] == "version 1"


# --- Compare


def compared(services, service, question, shown, drawn=None, lexical=False):
    request, nonce = asked(services)
    return compare._result(services, service)(
        request, question, 5, shown, "all", lexical, drawn, nonce, "mark"
    )


def test_bm25_answers_while_base_reads_and_the_answer_is_marked(services, service, encoder):
    name = reading(services, service, encoder)
    html, _ = compared(services, service, "What is the number 7?", name)
    Tags(html)
    assert 'aria-label="BM25"' in html and "fills by itself" in html and "★ answer" in html
    assert "BM25 puts the answer first" in html and 'aria-label="Base"' not in html


def test_base_alone_says_what_to_do_first_and_marks_the_answer(services, service):
    name = services.uploads.bring()
    ready(service, OWNER, name)
    html, asked_for = compared(services, service, "What is the number 7?", name, lexical=True)
    Tags(html)
    assert "Fine-tune Base on your data first" in html and "★ answer" in html
    assert html.count("<ol") == 2 and 'aria-label="BM25"' in html
    assert compared(services, service, "What is the number 7?", name, asked_for, True) == SKIPPED


def chosen_of(services, service, shown, question=""):
    request, nonce = asked(services)
    return compare._choices(services, service)(request, shown, nonce, question)


@pytest.mark.parametrize("early", [True, False])
def test_examples_are_the_datas_own_and_nothing_is_won_or_lost_yet(
    services, service, encoder, early
):
    name = reading(services, service, encoder)
    if not early:
        encoder.open.set()
        ready(service, OWNER, name)
    question, _, win, regression, surprise, *examples = chosen_of(
        services, service, name, "What are the yellow calipers?")
    assert question == examples[0].value == "What is the number 40?"  # that of the page's own data
    assert not win.visible and not regression.visible and surprise.visible
    assert len({example.value for example in examples}) == 4
    assert chosen_of(services, service, name, "my own question")[0] == SKIPPED
    chooser = compare._chooser(services, service, a_surprise)
    request, nonce = asked(services)
    assert chooser(request, name, nonce).startswith("What is the number")


def test_short_and_long_questions_are_examples_too(services, service):
    rows = numbers(55) + [("?" * 300, "x"), ("何", "y"), *numbers(3, "z")]
    name = services.uploads.bring(rows=rows)
    corpus = ready(service, OWNER, name).corpus
    assert "?" * 300 not in [query.text for query in example_queries(corpus)]
    only = {split: dict(list(qrels.items())[-2:]) for split, qrels in corpus.qrels.items()}
    from dataclasses import replace

    assert len(example_queries(replace(corpus, qrels=only))) == 2


# --- Scoreboard


def board_of(services, service, shown):
    request, nonce = asked(services)
    return scoreboard._show(service)(request, shown, nonce, "Base", "all")


def test_the_board_of_own_data_sets_base_beside_bm25_and_says_so(services, service):
    name = services.uploads.bring()
    pair = ready(service, OWNER, name)
    html, acts, _, details, both, more, outcome, table, *_ = board_of(services, service, name)
    Tags(html)
    assert "no fine-tuned model of your data yet" in html and "<b>Base beside BM25</b>" in html
    assert '<th scope="col">BM25</th><th scope="col">Base</th>' in html and "Keep" not in html
    assert re.search(r"Fine-tuned against Base: \d+ questions can show a difference of 0\.", html)
    assert details.visible and not acts.visible and not both.visible and not more.visible
    assert "by Base against BM25" in outcome.label
    assert list(table.data.columns[1:3]) == ["BM25 rank", "Base rank"] and len(table.data) == 20
    ranks = {scoreboard.query_of(pair, row[0], "Base"): row[2] for row in table.data.values}
    assert ranks == {q: judged.best_rank for q, judged in pair.of_base.tuned.items()}


def test_the_filter_of_the_questions_knows_the_two_sides(services, service):
    name = services.uploads.bring()
    pair = ready(service, OWNER, name)
    request, nonce = asked(services)
    rows = scoreboard._rows(service)
    counts = {wanted: len(rows(request, wanted, name, nonce, "Base").data)
              for wanted in ("won", "lost")}
    assert counts == {kind: pair.of_base.outcomes[kind] for kind in counts}


def test_no_report_of_a_fine_tune_is_given_while_there_is_none(services, service):
    name = services.uploads.bring()
    with pytest.raises(ValueError, match="no fine-tuned model"):
        findings(services, ready(service, OWNER, name), "Base")
    request, nonce = asked(services)
    assert list(scoreboard._why(service)(request, "q040", name, nonce, "Base")) == [""]


def test_while_base_reads_and_without_test_questions_the_board_is_a_sentence(
    services, service, encoder
):
    name = reading(services, service, encoder)
    html, _, _, details, *_ = board_of(services, service, name)
    assert "as soon as that is done" in html and not details.visible
    encoder.open.set()
    few = services.uploads.bring(2, rows=numbers(6))
    ready(service, OWNER, few)
    html, _, _, details, *_ = board_of(services, service, few)
    assert "only 2 test questions" in html and not details.visible


@pytest.mark.parametrize("outcome, said", [
    ("better", "Base finds the answers better than BM25"),
    ("worse", "BM25, which matches words only, finds the answers better than Base"),
    ("no clear difference", "No clear difference between Base and BM25")])
def test_the_verdict_on_base_recommends_nothing(services, service, outcome, said):
    from retrieval.evaluation import Evidence, Judged
    from retrieval.metrics import query_metrics

    ranks = {"better": (5, 1), "worse": (1, 5), "no clear difference": (2, 2)}[outcome]
    sides = [{f"q{n}": Judged({f"p{n}": rank}, query_metrics({f"p{n}": rank}, {f"p{n}": 1}))
              for n in range(20)} for rank in ranks]
    html = selection_html._verdict(Evidence("test", 9, *sides))
    assert said in html and "Keep" not in html and "20 test questions" in html


# --- for programs


def test_programs_name_a_run_or_data_and_wait_a_little(services, service):
    name = services.uploads.bring()
    ask = compare_on_endpoint(services, service)
    request = FakeRequest()
    opening = ask(request, "brakes", "")["base"]
    assert opening == compare_endpoint(services, service)(request, "brakes")["base"]
    assert opening[0]["passage_id"].startswith("p")
    found = ask(request, "What is the number 7?", name, 3)
    assert len(found["base"]) == 3 and found["tuned"] is None
    assert found["known_answer"]["passage_ids"] == ["p007"]
    for shown, said in ((name_of(9), "not here any more"), ("nothing", "There is no run")):
        with pytest.raises(gr.Error, match=said):
            ask(request, "x", run=shown)
    with pytest.raises(gr.Error, match="no fine-tuned model"):
        scoreboard_on_endpoint(services, service)(request, name)
