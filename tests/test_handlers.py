"""What the handlers of the Fine-tune and Runs tabs give the page, without a page."""

import json
import os
import time

import gradio as gr
import pytest

from fakes import FakeEngine, FakeRequest
from house import ADA, BEN
from samples import write_lines
from test_intake import FAKE
from train.recipe import RECIPES, RULES
from train.run.spec import Request
from ui import api
from ui.services import uploads
from ui.services.estimate import Planner
from ui.services.importing import Intake
from ui.services.publishing import Publishing
from ui.services.run_state import LOST_AFTER
from ui.services.runs import Acts
from ui.tabs import finetune, runs
from ui.tabs import finetune as recipe_form
from ui.tabs import run as run_panel

SKIPPED = gr.skip()


@pytest.fixture
def data(tmp_path):
    return str(write_lines(tmp_path / "pairs.jsonl", [
        {"anchor": f"What is number {n}?", "positive": f"It is {n}."} for n in range(40)]))


@pytest.fixture
def house(make_house, data):
    engines = {name: FakeEngine(name) for name in ("local", "jobs")}
    return make_house(engines, data=data, on_space=True, train="login", space_owner="ada")


@pytest.fixture
def acts(house):
    return Acts(house)


def page(house, token=BEN):
    """A request of the page, and the nonce it was given."""
    request = FakeRequest(signed_in=token, browser="mark")
    return request, house.door.nonce(request)


def form(data, engine="auto", seed=42, **texts):
    names = [name for name, _, _ in RULES]
    return [data, "tandem", "", engine, None, seed, *(texts.get(name, "") for name in names)]


# --- the run that is watched


def look(house, acts, watched="", drawn="", shown="", token=BEN):
    return run_panel._look(house, acts)(*page(house, token), watched, shown, drawn)


def test_a_run_is_drawn_again_only_when_it_has_changed(house, acts):
    assert look(house, acts) == SKIPPED  # there is none, and that is what is drawn
    run = Request(owner="ben").create(house.settings.runs)
    html, mark, current, *_ = look(house, acts)
    assert current == run.id and run.id in html
    assert look(house, acts, drawn=mark) == SKIPPED
    run.append({"type": "log", "text": "x"})
    assert look(house, acts, drawn=mark)[1] != mark


def test_a_running_run_that_says_nothing_is_drawn_again_to_say_so(house, acts):
    run = Request(owner="ben").create(house.settings.runs)
    run.update(status="running")
    run.append({"type": "phase", "phase": "train", "time": time.time() - 600})
    _, mark, *_ = look(house, acts)
    for name in ("run.json", "events.jsonl"):
        os.utime(run.folder / name, (time.time() - 600,) * 2)
    html, later, *_ = look(house, acts, drawn=mark)
    assert "nothing heard for 10 min" in html and LOST_AFTER < 600
    assert look(house, acts, drawn=later) == SKIPPED


def test_who_owns_a_run_and_nobody_else_is_shown_what_acts_on_it(house, acts):
    run = Request(owner="ben").create(house.settings.runs)
    run.update(status="running")
    for token, shown in ((BEN, True), (ADA, True), (None, False)):
        stop = look(house, acts, token=token)[3]
        assert stop.visible is shown


def test_a_run_that_is_gone_is_said_once(house, acts):
    html, mark, current, *_ = look(house, acts, watched="gone")
    assert "There is no run" in html and current == ""
    assert look(house, acts, watched="gone", drawn=mark) == SKIPPED


@pytest.mark.parametrize("nonce", ["", None, "wrong"])
def test_a_button_pressed_by_no_page_of_ours_does_nothing(house, acts, nonce):
    run = Request(owner="ben").create(house.settings.runs)
    request, _ = page(house)
    for name in ("stop", "resume"):
        with pytest.raises(gr.Error, match="reload"):
            run_panel._act(house, acts, name)(request, nonce, run.id)
    said = runs._delete(house, acts)(request, nonce, run.id, "", "")[1]
    assert "reload" in said and run.record()["status"] == "queued"


# --- all runs


def test_the_table_of_runs_is_sent_again_only_when_it_has_changed(house, acts):
    Request(owner="ben").create(house.settings.runs)
    listing = runs._list(house, acts)
    *_, drawn = listing(*page(house), None, None, None)
    assert len(drawn) == 1
    assert listing(*page(house), None, None, drawn) == SKIPPED


def test_a_deleted_run_is_neither_watched_nor_shown_any_more(house, acts):
    run, other = (Request(owner="ben").create(house.settings.runs) for _ in range(2))
    for done in (run, other):
        done.update(status="done")
    delete = runs._delete(house, acts)
    assert delete(*page(house), run.id, run.id, other.id)[2:] == (None, "", SKIPPED)
    assert delete(*page(house), other.id, "", other.id)[2:] == (None, SKIPPED, "")


# --- the form


def test_a_recipe_has_a_box_for_every_rule_and_its_own_values_are_shown():
    with gr.Blocks():
        boxes = recipe_form.recipe_fields()
    assert [box.label for box in boxes] == [name for name, _, _ in RULES]
    values = recipe_form.values_of("seed")
    assert list(values) == list(recipe_form.NAMES)
    for name, value in values.items():
        assert RECIPES["seed"].with_values({name: value}) == RECIPES["seed"], name
    assert {value for _, value in recipe_form.recipe_choices()} == set(RECIPES)


def test_what_was_typed_is_kept_and_what_was_not_is_left_to_the_recipe():
    texts = tuple(" 2 " if name == "epochs" else " " for name in recipe_form.NAMES)
    assert recipe_form.changed(texts) == {"epochs": "2"}


def test_a_form_from_before_a_reload_is_put_back(house):
    kept = form("porsche", epochs="2")
    assert finetune._restore(house)(*page(house), list(kept)) == kept


@pytest.mark.parametrize("kept", [
    None, {}, [], ["porsche"], "x", form("porsche") + [""],
    ["porsche", "a recipe of old", *form("porsche")[2:]], ["porsche", [], *form("porsche")[2:]],
])
def test_a_form_of_another_version_of_the_page_is_left(house, kept):
    assert set(map(str, finetune._restore(house)(*page(house), kept))) == {str(SKIPPED)}


def test_a_form_whose_upload_is_gone_goes_back_to_the_data_there_is(house, data):
    for gone in ("upload-" + "0" * 24, "upload-" + "0" * 24 + ".jsonl"):
        assert finetune._restore(house)(*page(house), form(gone))[0] == data


def plans(house, acts, measured):
    planner = Planner(house.settings.home, lambda request: measured.append(request) or ["false"])
    return finetune._plan(house, acts, planner), finetune._measure(house, acts, planner)


def test_a_plan_is_measured_for_nobody_who_may_not_start_it(house, acts, data):
    measured = []
    plan, measure = plans(house, acts, measured)
    for token, engine in ((BEN, "local"), (None, "jobs"), (None, "auto")):
        html, key = plan(*page(house, token), *form(data, engine))
        assert "t-error" in html and key == ""
        assert measure(*page(house, token), "key", *form(data, engine))
    assert measured == []


def test_a_plan_says_at_once_what_it_can_and_then_measures_that_very_wish(house, acts, data):
    measured = []
    plan, measure = plans(house, acts, measured)
    html, key = plan(*page(house, ADA), *form(data, "local"))
    assert "being measured" in html and key
    assert measure(*page(house, ADA), key, *form(data, "local", epochs="9")) == SKIPPED
    assert measured == []
    assert "could not be estimated" in measure(*page(house, ADA), key, *form(data, "local"))
    assert len(measured) == 1


@pytest.mark.parametrize("seed", [-1, 2**31, float("nan"), 1e300])
def test_a_seed_that_cannot_be_is_said_in_place_of_the_plan(house, acts, data, seed):
    html, key = plans(house, acts, [])[0](*page(house, ADA), *form(data, "local", seed))
    assert "t-error" in html and key == ""


# --- data that comes with a call


@pytest.fixture
def check(house, acts, monkeypatch, tmp_path):
    """The endpoint, with a fake for what reads the data."""
    monkeypatch.setattr(uploads, "get_upload_folder", lambda: str(tmp_path / "gradio"))
    added = {}
    monkeypatch.setattr(gr, "api", lambda fn, api_name, **_: added.update({api_name: fn}))
    intake = Intake(house.settings, house.uploads, FAKE)
    api.add_endpoints(house, acts, intake, Publishing(house))
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


def test_a_program_brings_a_file_and_is_told_the_check_and_its_name(check, house, sent):
    said = check(of_ben(), "porsche", sent("anchor,positive\na,b\n"))
    assert said["pairs"] == 2 and said["data"].startswith("upload-")
    assert check(of_ben(), said["data"]) == said
    with pytest.raises(gr.Error, match="not here any more"):
        check(FakeRequest(), said["data"])


def test_a_program_says_which_column_holds_what_where_the_names_leave_it_open(check, house, sent):
    with pytest.raises(gr.Error, match="say which are the anchor and the positive"):
        check(of_ben(), "porsche", sent("frage,antwort\na,b\n"))
    said = check(of_ben(), "porsche", sent("frage,antwort\na,b\n"),
                 {"anchor": "antwort", "positive": "frage"}, None, sent("text\nmore\n", "m.txt"))
    about = json.loads((house.settings.uploads / said["data"] / "about.json").read_text())
    assert (about["anchor"], about["positive"]) == ("antwort", "frage")
    assert about["passages"].endswith("m.txt")
    with pytest.raises(gr.Error, match="is chosen twice"):
        check(of_ben(), "porsche", sent("a,b\na,b\n"), {"anchor": "a", "positive": "a"})


def test_a_program_names_a_data_set_of_the_hub(check, house):
    assert check(of_ben(), "", None, None, {"id": "owner/name", "split": "test"})["pairs"] == 2
    for hub in ({}, {"id": "../x"}, "owner/name", {"id": None}):
        with pytest.raises(gr.Error, match="A data set of the Hub is"):
            check(of_ben(), "", None, None, hub)


def test_a_program_is_refused_in_a_sentence_and_nothing_of_it_is_kept(check, house, sent):
    for file, said in ((sent("x", "a.exe"), "Data is read from"),
                       (sent("a,b\nREFUSE,x\n", "a.csv"), "say which are"),
                       ({"path": "/etc/passwd"}, "did not arrive"), ({}, "did not arrive")):
        with pytest.raises(gr.Error, match=said):
            check(of_ben(), "porsche", file)
    with pytest.raises(gr.Error, match="row 3 holds 7,000,000 rows"):
        check(of_ben(), "porsche", sent("anchor,positive\nREFUSE,x\n", "a.csv"))
    assert {path.name[:4] for path in house.settings.uploads.iterdir()} == {"raw-"}
