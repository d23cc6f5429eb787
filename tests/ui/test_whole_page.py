import re
from collections import Counter
from pathlib import Path

import pytest

from support.services import services_in
from ui.page import build_page

CONTRACT = {"compare", "scoreboard", "check", "start", "status", "stop", "publish"}
"""DESIGN section 5."""
OURS = {"compare_on", "scoreboard_on"}
"""Beside them: the same of a run, or of one's own data."""


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    return build_page(services_in(tmp_path_factory.mktemp("home"))).config


def test_the_endpoints_are_those_of_the_contract_by_their_very_names(config):
    public = {event["api_name"]: event for event in config["dependencies"]
              if event["api_visibility"] == "public"}
    known = CONTRACT | OURS
    assert set(public) == known
    assert not [event for event in config["dependencies"]
                if event["api_visibility"] != "private" and event["api_name"] not in known]


def test_what_ticks_waits_in_no_queue(config):
    timers = {part["id"] for part in config["components"] if part["type"] == "timer"}
    ticks = [event for event in config["dependencies"]
             if timers & {target for target, _ in event["targets"]}]
    assert len(ticks) == len(timers) >= 3
    assert not [event["api_name"] for event in ticks if event["queue"]]


def test_what_shows_no_progress_tells_no_component_of_any(config):
    """The page tells whatever was ever told anew at each step of each event."""
    quiet = [event for event in config["dependencies"] if event["show_progress"] == "hidden"]
    assert len(quiet) > 100
    assert not [event["api_name"] for event in quiet if event["show_progress_on"] != []]


def test_of_the_listeners_to_an_event_one_at_most_is_put_off(config):
    """Where one of several is put off, Gradio triggers all anew: two of them never come to rest."""
    names = {part["id"]: (part["id"], part["type"], part["props"].get("elem_id"))
             for part in config["components"]}
    heard = {names[target][-1] for listener in config["dependencies"]
             for target, event in listener["targets"] if event == "change"}
    assert heard >= {"run-shown", "version-shown", "stage", "board-shown"}
    put_off = Counter(
        (names[target], event) for listener in config["dependencies"]
        if listener["trigger_mode"] == "always_last" for target, event in listener["targets"])
    assert len(put_off) > 10
    assert not [event for event, listeners in put_off.items() if listeners > 1]


def test_no_html_of_the_page_runs_a_script_of_its_own(config):
    scripts = {part["props"].get("js_on_load") for part in config["components"]
               if part["type"] == "html"}
    assert scripts <= {None}


def test_events_name_functions_of_the_pages_one_script(config):
    from ui.theme import STATIC

    script = (STATIC / "tandem.js").read_text("utf-8")
    given = set(re.search(r"return \{ ([\w, ]+) \};\n\}\)\(\);", script).group(1).split(", "))
    named = {event["js"] for event in config["dependencies"] if isinstance(event.get("js"), str)}
    assert named and named <= {f"tandem.{name}" for name in given}


def test_colours_stand_at_the_head_of_the_style_sheet_and_nowhere_else():
    from ui.theme import STATIC, theme

    rest = (STATIC / "tandem.css").read_text("utf-8").split("\n}\n", 2)[2]
    assert not re.findall(r":[^;{]*#[0-9a-f]{3,8}\b", rest)
    room = Path(STATIC).parent
    assert not [path.name for path in room.rglob("*.py")
                if re.search(r"#[0-9a-f]{6}\b|#[0-9a-f]{3}[\"';]", path.read_text("utf-8"))]
    assert theme().button_primary_background_fill == "var(--t-fill)"


def test_no_template_of_the_page_compiles_what_it_shows(config):
    html = [part["props"] for part in config["components"] if part["type"] == "html"]
    assert html and {part.get("html_template") for part in html} == {"${value}"}
