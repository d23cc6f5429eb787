"""What the handlers of the data section change on the page, without a page."""

import json
import re
from pathlib import Path

import gradio as gr
import pytest

from support.brought_data import keep
from support.fakes import FakeRequest
from support.samples import write_lines
from support.services import ADA, BEN, FAKE
from ui.services import uploads as uploads_room
from ui.services.importing import Importer
from ui.tabs.data import handlers, restore
from ui.tabs.data.handlers import DataActs
from ui.tabs.data.panel import _parts, _switch, _without_data
from ui.tabs.data.restore import NO_DATA, OWN, ROLES, marked

pytestmark = pytest.mark.slow

CERTAIN = "anchor,positive\nhow?,so\n"
UNSURE = "kundenfrage,antwort,falsch\nwie?,so,nein\n"
ROLES_OF_UNSURE = ["kundenfrage", "antwort", ["falsch"], "", None, ""]


@pytest.fixture
def services(make_services, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads_room, "get_upload_folder", lambda: str(tmp_path / "gradio"))
    return make_services(on_space=True, train="login", space_owner="ada")


@pytest.fixture
def service(services):
    with gr.Blocks():
        parts = _parts(services)
    return DataActs(services, Importer(services.settings, services.uploads, FAKE), parts)


@pytest.fixture
def sent(tmp_path):
    def sent(text=CERTAIN, name="my pairs.csv"):
        place = tmp_path / "gradio" / "x" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, "utf-8")
        return {"path": str(place)}
    return sent


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(handlers, "DRAW_EVERY", 0.0)
    monkeypatch.setattr(handlers, "CLOSED_WITHIN", 0.0)


def page(services, token=BEN):
    request = FakeRequest(signed_in=token, browser="mark")
    return request, services.auth.nonce(request)


def became(service, changes):
    """What each component of the page is in the end, by its name in `Parts`; what it went through.

    A generator of changes, or one set of them.
    """
    names = {id(part): name for name, part in vars(service.parts).items()}
    names |= {id(part): name for name, part in vars(service.parts.roles).items()}
    end, went = {}, []
    changes = [changes] if isinstance(changes, dict) else list(changes)
    changes += [service.fill(change[service.parts.boxes]) for change in changes
                if service.parts.boxes in change]
    for change in changes:
        if isinstance(change, dict) and change.get("__type__") != "update":
            named = {names[id(part)]: value for part, value in change.items()}
            end |= named
            went.append(named)
    return end, went


def value(part):
    return part if isinstance(part, str | type(None)) else part.value


def received(service, file, token=BEN):
    end, _ = became(service, service.receive(*page(service.services, token), file))
    return end


def brought(service, file, extra="", mine="", token=BEN):
    named = received(service, file, token)["brought"]
    return (
        *became(service, service.bring(*page(service.services, token), named, extra, mine)),
        named,
    )


def kept(service):
    folder = service.services.settings.uploads
    return sorted(path.name.partition("-")[0] for path in folder.iterdir()) \
        if folder.exists() else []


# --- bringing


def test_a_file_of_plain_columns_is_looked_at_and_taken_at_once(service, sent):
    end, went, _ = brought(service, sent())
    assert end["data"] == end["mine"] and end["data"].startswith("upload-")
    assert service.services.uploads.title(end["data"]) == "my pairs"
    assert "CSV, delimiter ," in end["found"] and "A note." in end["found"]
    assert 'data-kind="pairs"' in end["found"] and value(end["anchor"]) == "anchor"
    assert end["progress"] == "" and end["said"] == ""
    shown = [change["progress"] for change in went if "progress" in change]
    assert any("Reading rows" in html and 'value="0.250"' in html for html in shown)


def test_a_file_of_odd_columns_waits_for_somebody_to_confirm_them(service, sent):
    end, _, named = brought(service, sent(UNSURE))
    assert "data" not in end and "Use these columns" in end["said"]
    assert [value(end[role]) for role in ("anchor", "positive", "negatives", "score", "topic")] \
        == ["kundenfrage", "antwort", ["falsch"], "", ""]
    assert kept(service) == ["raw"]
    end, _ = became(service, service.use(*page(service.services), named, "", *ROLES_OF_UNSURE))
    assert end["data"].startswith("upload-") and end["said"] == ""
    about = json.loads((service.services.settings.uploads / end["data"] / "about.json").read_text())
    assert (about["anchor"], about["positive"], about["negative"]) == \
        ("kundenfrage", "antwort", "falsch")


def test_a_folder_in_a_zip_has_no_columns_and_is_taken(service, sent):
    end, _, _ = brought(service, sent(name="beir.zip"))
    assert 'data-kind="beir"' in end["found"] and end["data"].startswith("upload-")
    assert end["split"].visible is False  # its own splits are not a data set's


def test_what_was_chosen_before_stays_when_another_file_is_refused(service, sent):
    for text, name, said in ((UNSURE + "REFUSE,x,y\n", "a.csv", None),
                             ("x", "a.exe", "Data is read from"),
                             ("", "a.csv", "The file is empty"),
                             ("a,b\nNOTHING,x\n", "a.csv", "a.csv holds no rows")):
        end = received(service, sent(text, name))
        if "brought" in end:
            named = end["brought"]
            end, _ = became(service, service.bring(*page(service.services), named, "", ""))
            if said is None:
                end, _ = became(
                    service, service.use(*page(service.services), named, "", *ROLES_OF_UNSURE)
                )
                said = "a.csv row 3 holds 7,000,000 rows; at most 9"
        assert "data" not in end and "mine" not in end
        assert 'role="alert"' in end["said"] and said in end["said"], end["said"]
        assert str(service.services.settings.home) not in end["said"]
    assert set(kept(service)) == {"raw"}


def test_a_second_file_that_is_refused_leaves_nothing_of_the_first(service, sent):
    first, _, _ = brought(service, sent())
    assert first["data"].startswith("upload-")
    for text, name in (("", "a.csv"), ("a,b\nNOTHING,x\n", "a.csv"), ("x", "a.exe")):
        end, _ = became(service, service.receive(*page(service.services), sent(text, name),
                                                 first["mine"]))
        if "brought" in end:
            end, went = became(service, service.bring(*page(service.services), end["brought"], "",
                                                      first["mine"]))
            assert went[0]["data"] == NO_DATA  # from the first moment on
        assert end["data"] == NO_DATA and end["mine"] == "" and 'role="alert"' in end["said"]


def test_a_second_file_takes_the_place_of_the_first(service, sent):
    first, _, _ = brought(service, sent())
    named = received(service, sent(CERTAIN.replace("how", "why")))["brought"]
    end, _ = became(service, service.bring(*page(service.services), named, "", first["mine"]))
    assert end["data"] == end["mine"] != first["data"] and end["data"].startswith("upload-")


def test_columns_that_cannot_be_are_said_and_nothing_is_started(service, sent):
    _, _, named = brought(service, sent(UNSURE))
    for roles, said in ((["", "antwort", [], "", None, ""], "Choose the column"),
                        (["antwort", "antwort", [], "", None, ""], "is chosen twice"),
                        (["kundenfrage", "antwort", None, "", 3, ""], "needs the column")):
        end, _ = became(service, service.use(*page(service.services), named, "", *roles))
        assert said in end["said"] and end["progress"] == "" and "data" not in end


def test_an_earlier_file_is_let_go_of_when_another_comes(service, sent):
    named = received(service, sent("SLEEP,b\nx,y\n"))["brought"]
    request, nonce = page(service.services)
    work = service.bring(request, nonce, named, "", "")
    next(work)
    received(service, sent())
    end, _ = became(service, work)
    assert "This was cancelled" in end["said"] and end["progress"] == ""
    assert service._cancels == {}


def test_cancel_ends_what_this_page_works_on_and_no_other(service, sent):
    named = received(service, sent("SLEEP,b\nx,y\n"))["brought"]
    request, nonce = page(service.services)
    other = FakeRequest(signed_in=BEN, browser="mark", session="another")
    work = service.bring(request, nonce, named, "", "")
    next(work)
    service.cancel(other)
    next(work)
    service.cancel(request)
    assert "This was cancelled" in became(service, work)[0]["said"]
    assert kept(service) == ["raw"]


@pytest.mark.parametrize("nonce", ["", None, "wrong"])
def test_nothing_is_brought_by_no_page_of_ours(service, sent, nonce):
    named = received(service, sent())["brought"]
    request, _ = page(service.services)
    assert "reload it" in became(service, service.receive(request, nonce, sent()))[0]["said"]
    assert "reload it" in became(service, service.receive_more(request, nonce, sent()))[0]["said"]
    assert "reload it" in became(service, service.bring(request, nonce, named, "", ""))[0]["said"]
    assert "reload it" in became(
        service, service.use(request, nonce, named, "", *ROLES_OF_UNSURE))[0]["said"]
    assert kept(service) == ["raw"]


def test_a_strangers_token_for_a_file_is_worth_nothing(service, sent):
    named = received(service, sent(), ADA)["brought"]
    end, _ = became(service, service.bring(*page(service.services), named, "", ""))
    assert "not here any more" in end["said"] and "data" not in end


# --- of the Hub


def test_a_data_set_is_named_and_its_parts_are_offered(service):
    end, _ = became(service, service.name_hub(" owner/name "))
    named = end["brought"]
    assert json.loads(named)["hub"] == "owner/name"
    end, _ = became(service, service.bring(*page(service.services), named, "", ""))
    assert end["config"].visible and end["config"].value == "en"
    assert end["split"].value == "train" and end["data"].startswith("upload-")
    end, _ = became(service, service.choose_part(named, "de", "test"))
    assert {"hub": "owner/name", "config": "de", "split": "test"}.items() <= \
        json.loads(end["brought"]).items()
    end, _ = became(service, service.bring(*page(service.services), end["brought"], "", ""))
    assert (end["config"].value, end["split"].value) == ("de", "test")


@pytest.mark.parametrize("named", ["", None, "x", "/etc/passwd", "https://evil.example/x"])
def test_what_is_no_data_set_is_said(service, named):
    assert "is named owner/name" in became(service, service.name_hub(named))[0]["said"] or not named


# --- more passages


def test_more_passages_join_what_was_taken_and_leave_it_again(service, sent):
    end, _, named = brought(service, sent())
    first = end["data"]
    more, _ = became(
        service, service.receive_more(*page(service.services), sent("text\nmore\n", "more.txt"))
    )
    assert more["extra"].startswith("raw-") and "more" in more["more_said"]
    assert more["more_out"].visible
    roles = ["anchor", "positive", [], "", None, ""]
    end, _ = became(
        service, service.use_with(*page(service.services), named, more["extra"], first, *roles)
    )
    assert end["data"] != first
    about = json.loads((service.services.settings.uploads / end["data"] / "about.json").read_text())
    assert about["passages"].endswith("more.txt")
    out, _ = became(service, service.without_more())
    assert (out["extra"], out["more_said"], out["more_out"].visible) == ("", "", False)
    end, _ = became(
        service, service.use_with(*page(service.services), named, "", end["data"], *roles)
    )
    assert end["data"] == first


def test_more_passages_alone_are_kept_for_what_comes(service, sent):
    more, _ = became(
        service, service.receive_more(*page(service.services), sent("text\nmore\n", "more.txt"))
    )
    end, _ = became(service, service.use_with(*page(service.services), "", more["extra"], "",
                                        *[None] * len(ROLES)))
    assert "data" not in end
    end, _, _ = brought(service, sent(), more["extra"])
    about = json.loads((service.services.settings.uploads / end["data"] / "about.json").read_text())
    assert about["passages"].endswith("more.txt")


# --- checking


def test_a_check_is_shown_with_its_progress_and_where_to_go_from_there(
    service, tmp_path, monkeypatch
):
    monkeypatch.setenv("FAKE_CHECK", "SLOW")  # or it may be over before anybody looks
    visitor = service.services.auth.visitor(page(service.services)[0], page(service.services)[1])
    name = keep(service.services.uploads, write_lines(tmp_path / "p.jsonl", [
        {"anchor": "a", "positive": "b"}]), visitor)
    end, went = became(service, service.check(*page(service.services), name, "opened"))
    assert "duplicate pair" in end["check"] and "fixed" in end["check"]
    assert end["check"].startswith('<div data-own="True">')
    assert any("<progress" in shown["check"] for shown in went) and "<progress" not in end["check"]
    end, went = became(service, service.check(*page(service.services), name, "opened"))
    assert len(went) == 1  # at once


def test_nothing_is_checked_for_who_never_opens_the_tab(service, monkeypatch):
    monkeypatch.setattr(service.importer, "check", None)
    request, nonce = page(service.services)
    assert list(service.check(request, nonce, "porsche", "")) == [{}]
    assert list(service.check(request, "", "porsche", "opened")) == [{}]


def test_a_check_of_the_built_in_data_is_nobodys_own(service):
    end, _ = became(service, service.check(*page(service.services, None), "porsche", "opened"))
    assert "duplicate pair" in end["check"] and end["check"].startswith('<div data-own="False">')


def test_a_check_that_was_cancelled_says_so(service, tmp_path, monkeypatch):
    monkeypatch.setenv("FAKE_CHECK", "SLEEP")
    request, nonce = page(service.services)
    work = service.check(request, nonce, "porsche", "opened")
    next(work)
    service.cancel(request)  # what is made of a file is another thing
    next(work)
    service.stop_check(request)
    end, _ = became(service, work)
    assert "This was cancelled" in end["check"] and "t-empty" in end["check"]


def test_other_data_that_is_chosen_ends_the_check_of_the_former(service, monkeypatch):
    monkeypatch.setenv("FAKE_CHECK", "SLEEP")
    request, nonce = page(service.services)
    work = service.check(request, nonce, "porsche", "opened")
    next(work)
    service.stop_others(request, "porsche")
    next(work)
    service.stop_others(request, "upload-x")
    assert "This was cancelled" in became(service, work)[0]["check"]


def test_anothers_data_is_not_checked(service, tmp_path):
    ada = service.services.auth.visitor(FakeRequest(ADA))
    name = keep(service.services.uploads, write_lines(tmp_path / "p.jsonl", [
        {"anchor": "a", "positive": "b"}]), ada)
    end, _ = became(service, service.check(*page(service.services), name, "opened"))
    assert "not here any more" in end["check"] and "duplicate" not in end["check"]


# --- after a reload


def remembered(service, data, named, extra="", roles=ROLES_OF_UNSURE):
    return [OWN, data, named, extra, *roles, "an earlier view"]


def test_after_a_reload_the_same_stands_there_and_nothing_is_made_again(service, sent):
    _, _, named = brought(service, sent(UNSURE))
    chosen = ["antwort", "kundenfrage", [], "", None, ""]
    end, _ = became(service, service.use(*page(service.services), named, "", *chosen))
    data = end["data"]
    more, _ = became(
        service, service.receive_more(*page(service.services), sent("text\nmore\n", "more.txt"))
    )
    end, _ = became(service, service.restore(*page(service.services), remembered(
        service, data, named, more["extra"], chosen), "", ""))
    assert (end["source"], end["mine"]) == (OWN, data) and "said" not in end
    assert end["extra"] == more["extra"] and "more" in end["more_said"]
    assert end["brought"] != named
    end, _ = became(
        service, service.bring(*page(service.services), end["brought"], "", end["mine"])
    )
    assert (value(end["anchor"]), value(end["positive"])) == ("antwort", "kundenfrage")
    assert "data" not in end and kept(service) == ["raw", "raw", "upload"]


def test_who_is_quicker_than_the_page_is_not_overwritten(service, sent):
    end, _, named = brought(service, sent())
    end, _ = became(service, service.restore(
        *page(service.services), remembered(service, end["data"], named), named, ""))
    assert set(end) == {"begin"}
    assert service.restore(*page(service.services), None, "", "begun") == gr.skip()
    assert (
        service.restore(page(service.services)[0], "", remembered(service, "", ""), "", "")
        == gr.skip()
    )


def test_what_a_view_of_the_page_kept_itself_is_not_put_back_over_what_came_since(service):
    for mark, begun in (("mine", "mine"), ("", "mine"), ("", "")):
        kept_now = [*remembered(service, "", "")[:-1], mark]
        end = service.restore(*page(service.services), kept_now, "", begun)
        assert end == gr.skip() if begun else set(end) == {service.parts.begin}


def test_what_was_being_made_when_the_page_was_reloaded_is_made_then(service, sent):
    named = received(service, sent())["brought"]
    end, _ = became(service, service.restore(*page(service.services), remembered(
        service, "", named, roles=[None] * len(ROLES)), "", ""))
    end, _ = became(service, service.bring(*page(service.services), end["brought"], "", ""))
    assert end["data"].startswith("upload-")


def test_a_file_that_is_gone_after_a_reload_is_said_and_the_data_stays(service, sent):
    end, _, named = brought(service, sent())
    for raw in service.services.settings.uploads.glob("raw-*"):
        raw.rename(raw.with_name("part-x"))
    back, _ = became(service, service.restore(*page(service.services), remembered(
        service, end["data"], named), "", ""))
    assert back["mine"] == end["data"] and back["brought"] == ""
    assert restore.FILE_GONE in back["said"]


def test_data_that_is_gone_after_a_reload_is_said(service, sent):
    gone = "upload-" + "0" * 24
    back, _ = became(service, service.restore(*page(service.services), remembered(
        service, gone, marked(raw="raw-" + "0" * 24)), "", ""))
    assert (back["mine"], back["brought"]) == ("", "") and restore.DATA_GONE in back["said"]


@pytest.mark.parametrize("before", [
    None, {}, [], "x", ["own"], [OWN, "", "", ""], [None] * 20, [{}] * 10,
    ["elsewhere", [], {}, 5, *[None] * 6], ["\0", "../x", "{", "[" * 5000, *["x"] * 6],
])
def test_what_another_version_of_the_page_kept_does_no_harm(service, before):
    end, _ = became(service, service.restore(*page(service.services), before, "", ""))
    assert end.get("brought", "") == "" and end.get("extra", "") == "" and end["begin"]


def test_who_comes_back_to_bring_finds_what_they_brought():
    assert _switch(OWN, "upload-x") == "upload-x"
    assert _switch(OWN, "") == NO_DATA  # and nothing of other data stays standing
    assert restore.BRING_FIRST in _without_data(NO_DATA)
    assert isinstance(_without_data("upload-1"), dict)
    assert _switch("porsche", "upload-x") == "porsche"


def test_no_component_shows_a_visitors_text_as_markup(service, sent):
    hostile = '<img src=x onerror="alert(1)">${x}{{y}}'
    text = f'"{hostile.replace(chr(34), "")}","b"\n{hostile.replace(chr(34), "")},y\n'
    end, _, _ = brought(service, sent(text, f"{hostile.replace('/', '')}.csv"))
    for html in (end["found"], end["said"]):
        assert "<img" not in html
    assert re.search(r"&lt;img", end["found"])
    assert Path(service.services.settings.uploads).exists()
