"""What people bring, at every door: looked at, converted, checked, uploaded, and by `/check`.

The real commands, run in this process, so that all cases together take seconds.
"""

import json
import re
from html import escape

import gradio as gr
import pytest

import corpus.__main__ as command_line
from corpus.check.check import check_path
from corpus.importing.convert import convert
from corpus.importing.preview import look
from corpus.records import CorpusError
from support.fakes import FakeRequest
from support.services import BEN
from support.wild import REFUSED, WILD
from ui import api
from ui.services import importing as room
from ui.services import uploads as uploads_room
from ui.services.importing import Importer
from ui.tabs.data.handlers import DataActs
from ui.tabs.data.panel import _parts


def run_here(command, *_):
    """`python -m corpus …` without a process: the same arguments, the same answer."""
    arguments = [one for one in command if not one.startswith(("--memory", "--progress"))]
    arguments = arguments[arguments.index("corpus") + 1 :]
    options = command_line._parser().parse_args(arguments)
    text, _ = options.command(options)
    return json.loads(text)
    yield  # a generator, as what it stands for


@pytest.fixture
def doors(make_services, tmp_path, monkeypatch):
    """The page's handlers and the endpoint, over one home."""
    monkeypatch.setattr(uploads_room, "get_upload_folder", lambda: str(tmp_path / "gradio"))
    monkeypatch.setattr(room, "follow", run_here)
    monkeypatch.setattr(command_line, "base_spread", lambda *_, **__: None)
    services = make_services(on_space=True, train="login", space_owner="ada")
    importer = Importer(services.settings, services.uploads)
    with gr.Blocks() as page:
        acts = DataActs(services, importer, _parts(services))
        api.add_endpoints(services, None, importer, None)
    check = next(fn.fn for fn in page.fns.values() if fn.api_name == "check")
    return acts, check


def sent(case, tmp_path, place):
    """A file as Gradio has received it."""
    folder = tmp_path / "gradio" / place
    folder.mkdir(parents=True, exist_ok=True)
    return {"path": str(case.at(folder)), "meta": {"_type": "gradio.FileData"}}


def uploaded(acts, file):
    """What the page shows in the end of a file that is brought: found, said, data."""
    request = FakeRequest(signed_in=BEN, browser="mark")
    nonce = acts.services.auth.nonce(request)
    changes = [acts.receive(request, nonce, file)]
    if brought := changes[0].get(acts.parts.brought):
        changes += list(acts.bring(request, nonce, brought, "", ""))
    return [next((change[part] for change in reversed(changes) if change.get(part)), "")
            for part in (acts.parts.found, acts.parts.said, acts.parts.data)]


def asked(check, file):
    return check(FakeRequest(signed_in=BEN, browser="mark"), file=file)


@pytest.mark.slow
@pytest.mark.parametrize("name", WILD)
def test_each_layout_is_read_the_same_at_every_door(name, doors, tmp_path):
    case, (acts, check) = WILD[name], doors
    path = case.at(tmp_path)
    seen, about = look(path), convert(path, tmp_path / "out")
    assert case.said in " ".join(seen.notes) and about["pairs"] == case.pairs
    if seen.counted:
        assert seen.counted.whole and seen.counted.pairs == case.pairs
    own = check_path(path)
    assert own.pairs == case.pairs
    found, said, data = uploaded(acts, sent(case, tmp_path, "page"))
    assert escape(case.said) in found and said == "" and data.startswith("upload-")
    report = asked(check, sent(case, tmp_path, "program"))
    assert report["pairs"] == case.pairs and report["data"].startswith("upload-")
    for kinds in ({one["kind"] for one in report["findings"]}, {one.kind for one in own.findings}):
        assert not case.finding or case.finding in kinds


@pytest.mark.parametrize("name", REFUSED)
def test_one_fault_is_one_sentence_at_every_door(name, doors, tmp_path):
    case, (acts, check) = REFUSED[name], doors
    path = case.at(tmp_path)
    with pytest.raises(CorpusError) as looked:
        look(path)
    sentence = str(looked.value)
    assert case.said in sentence and str(tmp_path) not in sentence
    with pytest.raises(CorpusError) as converted:
        convert(path, tmp_path / "out")
    assert str(converted.value) == sentence
    report = check_path(path)
    assert not report.ok and sentence[:200] in " ".join(
        example for finding in report.findings for example in finding.examples)
    _, said, data = uploaded(acts, sent(case, tmp_path, "page"))
    assert re.sub("`([^`]*)`", r"<code>\1</code>", escape(sentence)) in said and not data
    with pytest.raises(gr.Error) as refused:
        asked(check, sent(case, tmp_path, "program"))
    assert sentence in str(refused.value)


@pytest.mark.slow
def test_a_sheet_of_a_workbook_is_chosen_on_the_page_and_by_the_endpoint(doors, tmp_path):
    acts, check = doors
    case = WILD["sheets.xlsx"]
    request = FakeRequest(signed_in=BEN, browser="mark")
    nonce = acts.services.auth.nonce(request)
    brought = acts.receive(request, nonce, sent(case, tmp_path, "page"))[acts.parts.brought]
    first = next(change[acts.parts.boxes] for change in acts.bring(request, nonce, brought, "", "")
                 if acts.parts.boxes in change)
    box = acts.fill(first)[acts.parts.sheet]
    assert box.visible and [value for _, value in box.choices] == ["all", "A", "B"]
    assert box.value == "A"
    brought = acts.choose_sheet(brought, "all")[acts.parts.brought]
    found = [change[acts.parts.found] for change in acts.bring(request, nonce, brought, "", "")
             if change.get(acts.parts.found)][-1]
    assert "2 sheets are read (“A”, “B”)" in found
    assert check(request, file=sent(case, tmp_path, "program"), sheet="all")["pairs"] == 20
    with pytest.raises(gr.Error, match="has no sheet “C”"):
        check(request, file=sent(case, tmp_path, "other"), sheet="C")
