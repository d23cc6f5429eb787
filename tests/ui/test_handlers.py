"""What the handlers of the Fine-tune and Runs tabs give the page, without a page."""

import json
import os
import time

import gradio as gr
import pytest

from support.fakes import FakeEngine, FakeRequest
from support.samples import write_lines
from support.services import ADA, BEN, FAKE
from train.recipe import RECIPES, RULES
from train.run.events import event_of
from train.run.spec import RunSpec
from ui import api
from ui.html.words import label_words
from ui.services import uploads
from ui.services.estimate import Planner
from ui.services.importing import Importer
from ui.services.publishing import Publishing
from ui.services.run_state import LOST_AFTER
from ui.services.runs import RunService
from ui.tabs import finetune, runs
from ui.tabs import finetune as recipe_form
from ui.tabs import run as run_panel
from ui.tabs.data.restore import NO_DATA
from ui.tabs.shared import SLOW_TICK, TICK

SKIPPED = gr.skip()


@pytest.fixture
def data(tmp_path):
    return str(write_lines(tmp_path / "pairs.jsonl", [
        {"anchor": f"What is number {n}?", "positive": f"It is {n}."} for n in range(40)]))


@pytest.fixture
def services(make_services, data):
    engines = {name: FakeEngine(name) for name in ("local", "jobs")}
    return make_services(engines, data=data, on_space=True, train="login", space_owner="ada")


@pytest.fixture
def service(services):
    return RunService(services)


def page(services, token=BEN):
    """A request of the page, and the nonce it was given."""
    request = FakeRequest(signed_in=token, browser="mark")
    return request, services.auth.nonce(request)


def form(data, engine="auto", seed=42, **texts):
    names = [name for name, _, _ in RULES]
    typed = (texts.get(name, "") for name in names)
    return [data, "tandem", "", engine, None, seed, "", "", *typed, False]


# --- the run that is watched


def look(services, service, watched="", drawn="", shown="", token=BEN):
    return run_panel._look(services, service)(*page(services, token), watched, shown, drawn)


def test_a_run_is_drawn_again_only_when_it_has_changed(services, service):
    assert look(services, service) == SKIPPED  # there is none, and that is what is drawn
    run = RunSpec(owner="ben").create(services.settings.runs)
    html, mark, current, *_ = look(services, service)
    assert current == run.id and run.id in html
    assert look(services, service, drawn=mark) == SKIPPED
    run.append(event_of({"type": "log", "text": "x"}))
    assert look(services, service, drawn=mark)[1] != mark


def test_a_running_run_that_says_nothing_is_drawn_again_to_say_so(services, service):
    run = RunSpec(owner="ben").create(services.settings.runs)
    run.update(status="running")
    run.append(event_of({"type": "phase", "phase": "train", "time": time.time() - 600}))
    _, mark, *_ = look(services, service)
    for name in ("run.json", "events.jsonl"):
        os.utime(run.folder / name, (time.time() - 600,) * 2)
    html, later, *_ = look(services, service, drawn=mark)
    assert "nothing heard for 10 min" in html and LOST_AFTER < 600
    assert look(services, service, drawn=later) == SKIPPED


def test_who_owns_a_run_and_nobody_else_is_shown_what_acts_on_it(services, service):
    run = RunSpec(owner="ben").create(services.settings.runs)
    run.update(status="running")
    for token, shown in ((BEN, True), (ADA, True), (None, False)):
        timer, stop = look(services, service, token=token)[3:5]
        assert stop.visible is shown and timer.value == TICK
    run.update(status="failed")
    assert look(services, service)[3].value == SLOW_TICK


def test_a_run_that_is_gone_is_said_once(services, service):
    html, mark, current, *_ = look(services, service, watched="gone")
    assert "There is no run" in html and current == ""
    assert look(services, service, watched="gone", drawn=mark) == SKIPPED


@pytest.mark.parametrize("nonce", ["", None, "wrong"])
def test_a_button_pressed_by_no_page_of_ours_does_nothing(services, service, nonce):
    run = RunSpec(owner="ben").create(services.settings.runs)
    request, _ = page(services)
    for name in ("stop", "resume"):
        with pytest.raises(gr.Error, match="reload"):
            run_panel._act(services, service, name)(request, nonce, run.id)
    said = runs._delete(services, service)(request, nonce, run.id, "", "")[1]
    assert "reload" in said and run.record().status == "queued"


# --- all runs


def test_the_table_of_runs_is_sent_again_only_when_it_has_changed(services, service):
    RunSpec(owner="ben").create(services.settings.runs)
    listing = runs._list(services, service)
    *_, drawn = listing(*page(services), None, None, None)
    assert len(drawn) == 1
    assert listing(*page(services), None, None, drawn) == SKIPPED


def test_a_deleted_run_is_neither_watched_nor_shown_any_more(services, service):
    run, other = (RunSpec(owner="ben").create(services.settings.runs) for _ in range(2))
    for done in (run, other):
        done.update(status="done")
    delete = runs._delete(services, service)
    assert delete(*page(services), run.id, run.id, other.id)[2:] == (None, "", SKIPPED)
    assert delete(*page(services), other.id, "", other.id)[2:] == (None, SKIPPED, "")


# --- the form


def test_a_recipe_has_a_box_for_every_rule_and_its_own_values_are_shown():
    with gr.Blocks():
        boxes = recipe_form.recipe_fields()
    assert [box.label for box in boxes] == [label_words(name) for name, _, _ in RULES]
    for (name, _, _), box in zip(RULES, boxes, strict=True):  # each in plain words, its id beside
        assert box.label.endswith(f" ({name})") and box.info
    values = recipe_form.values_of("seed")
    assert list(values) == list(recipe_form.NAMES)
    for name, value in values.items():
        assert RECIPES["seed"].with_values({name: value}) == RECIPES["seed"], name
    assert {value for _, value in recipe_form.recipe_choices()} == set(RECIPES)
    assert all(name in label for label, name in recipe_form.recipe_choices())
    assert "Thorough (tandem)" in {label for label, _ in recipe_form.recipe_choices()}


def test_what_was_typed_is_kept_and_what_was_not_is_left_to_the_recipe():
    texts = tuple(" 2 " if name == "epochs" else " " for name in recipe_form.NAMES)
    assert recipe_form.changed(texts) == {"epochs": "2"}


def test_a_form_from_before_a_reload_is_put_back(services):
    kept = form("porsche", epochs="2")
    assert finetune._restore(services)(*page(services), list(kept)) == kept


@pytest.mark.parametrize("kept", [
    None, {}, [], ["porsche"], "x", form("porsche") + [""],
    ["porsche", "a recipe of old", *form("porsche")[2:]], ["porsche", [], *form("porsche")[2:]],
])
def test_a_form_of_another_version_of_the_page_is_left(services, kept):
    assert set(map(str, finetune._restore(services)(*page(services), kept))) == {str(SKIPPED)}


def test_a_form_whose_upload_is_gone_has_no_other_data_in_its_place(services):
    for gone in ("upload-" + "0" * 24, "upload-" + "0" * 24 + ".jsonl"):
        assert finetune._restore(services)(*page(services), form(gone))[0] == NO_DATA


def plans(services, service, measured):
    planner = Planner(services.settings.home, lambda request: measured.append(request) or ["false"])
    told, measure = (make(services, service, planner) for make in (finetune._plan,
                                                                   finetune._measure))

    def plan(request, nonce, *values):
        return finetune._of_the_form(told(request, nonce, *values), *values)

    return plan, measure


def test_a_plan_is_measured_for_nobody_who_may_not_start_it(services, service, data):
    measured = []
    plan, measure = plans(services, service, measured)
    for token, engine in ((BEN, "local"), (None, "jobs"), (None, "auto")):
        html, key, start = plan(*page(services, token), *form(data, engine))
        assert "t-error" in html and key == "" and not start.interactive
        assert measure(*page(services, token), "key", *form(data, engine))
    assert measured == []


def test_a_plan_says_at_once_what_it_can_and_then_measures_that_very_wish(services, service, data):
    measured = []
    plan, measure = plans(services, service, measured)
    html, key, start = plan(*page(services, ADA), *form(data, "local"))
    assert "being measured" in html and key and start.interactive
    assert measure(*page(services, ADA), key, *form(data, "local", epochs="9")) == SKIPPED
    assert measured == []
    assert "could not be estimated" in measure(*page(services, ADA), key, *form(data, "local"))
    assert len(measured) == 1


def test_without_data_there_is_no_plan_and_no_start(services, service):
    plan, measure = plans(services, service, [])
    html, key, start = plan(*page(services, ADA), *form(NO_DATA, "local"))
    assert "Bring your data first" in html and key == "" and not start.interactive
    assert measure(*page(services, ADA), key, *form(NO_DATA, "local")) == SKIPPED


@pytest.mark.parametrize("seed", [-1, 2**31, float("nan"), 1e300])
def test_a_seed_that_cannot_be_is_said_in_place_of_the_plan(services, service, data, seed):
    html, key, _ = plans(services, service, [])[0](*page(services, ADA), *form(data, "local", seed))
    assert "t-error" in html and key == ""


# --- data that comes with a call


@pytest.fixture
def check(services, service, monkeypatch, tmp_path):
    """The endpoint, with a fake for what reads the data."""
    monkeypatch.setattr(uploads, "get_upload_folder", lambda: str(tmp_path / "gradio"))
    added = {}
    monkeypatch.setattr(gr, "api", lambda fn, api_name, **_: added.update({api_name: fn}))
    importer = Importer(services.settings, services.uploads, FAKE)
    api.add_endpoints(services, service, importer, Publishing(services))
    return added["check"]


@pytest.fixture
def sent(tmp_path):
    def sent(text, name="pairs.csv"):
        place = tmp_path / "gradio" / "x" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
        return {"path": str(place)}
    return sent


def of_ben():
    return FakeRequest(BEN)


def test_a_program_brings_a_file_and_is_told_the_check_and_its_name(check, services, sent):
    said = check(of_ben(), "porsche", sent("anchor,positive\na,b\n"))
    assert said["pairs"] == 2 and said["data"].startswith("upload-")
    assert check(of_ben(), said["data"]) == said
    with pytest.raises(gr.Error, match="not here any more"):
        check(FakeRequest(), said["data"])


def test_a_program_says_which_column_holds_what_where_the_names_leave_it_open(
    check, services, sent
):
    with pytest.raises(gr.Error, match="say which are the anchor and the positive"):
        check(of_ben(), "porsche", sent("frage,antwort\na,b\n"))
    said = check(of_ben(), "porsche", sent("frage,antwort\na,b\n"),
                 {"anchor": "antwort", "positive": "frage"}, None, sent("text\nmore\n", "m.txt"))
    about = json.loads((services.settings.uploads / said["data"] / "about.json").read_text())
    assert (about["anchor"], about["positive"]) == ("antwort", "frage")
    assert about["passages"].endswith("m.txt")
    with pytest.raises(gr.Error, match="is chosen twice"):
        check(of_ben(), "porsche", sent("a,b\na,b\n"), {"anchor": "a", "positive": "a"})


def test_a_program_names_a_data_set_of_the_hub(check, services):
    assert check(of_ben(), "", None, None, {"id": "owner/name", "split": "test"})["pairs"] == 2
    for hub in ({}, {"id": "../x"}, "owner/name", {"id": None}):
        with pytest.raises(gr.Error, match="A data set of the Hub is"):
            check(of_ben(), "", None, None, hub)


def test_a_program_is_refused_in_a_sentence_and_nothing_of_it_is_kept(check, services, sent):
    for file, said in ((sent("x", "a.exe"), "Data is read from"),
                       (sent("a,b\nREFUSE,x\n", "a.csv"), "say which are"),
                       ({"path": "/etc/passwd"}, "did not arrive"), ({}, "did not arrive")):
        with pytest.raises(gr.Error, match=said):
            check(of_ben(), "porsche", file)
    with pytest.raises(gr.Error, match="row 3 holds 7,000,000 rows"):
        check(of_ben(), "porsche", sent("anchor,positive\nREFUSE,x\n", "a.csv"))
    assert {path.name[:4] for path in services.settings.uploads.iterdir()} == {"raw-"}


def test_a_prompt_is_the_models_own_where_nothing_is_typed_and_none_where_that_is_said():
    values = form("porsche")
    values[6:8] = ["query: ", " none "]
    asked = finetune._asked(tuple(values))
    assert (asked.query_prompt, asked.passage_prompt) == ("query: ", "")
    assert finetune._asked(tuple(form("porsche"))).query_prompt is None


def test_a_cross_validation_is_asked_for_where_it_is_ticked():
    values = form("porsche")
    values[-1] = True
    assert finetune._asked(tuple(values)).folds == finetune.FOLDS
    assert finetune._asked(tuple(form("porsche"))).folds == 0


def test_a_plan_of_what_the_form_said_before_is_not_shown():
    from ui.tabs.finetune import _of_the_form

    values = ("upload-1", "quick", 42, None)
    told = json.dumps([json.dumps(values), "<p>nine steps</p>", "the wish"])
    html, key, start = _of_the_form(told, *values)
    assert (html, key) == ("<p>nine steps</p>", "the wish") and start.interactive
    late = _of_the_form(told, NO_DATA, *values[1:])  # it comes when other data is chosen
    assert all(isinstance(part, dict) for part in late)


def test_a_plan_that_was_measured_for_another_wish_is_not_shown():
    from ui.tabs.finetune import _still_asked

    told = json.dumps(["the wish", "<p>nine steps</p>"])
    assert _still_asked(told, "the wish") == "<p>nine steps</p>"
    for now in ("another wish", ""):  # other data, or none yet
        assert isinstance(_still_asked(told, now), dict)
    assert isinstance(_still_asked("", ""), dict)
