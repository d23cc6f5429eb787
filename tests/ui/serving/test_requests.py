"""Ids, lines in the log, and answers to what cannot be read."""

import logging
import re

import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from train.settings import Settings
from ui.middleware import middleware
from ui.serving import requests as room
from ui.serving import traces
from ui.serving.requests import REFUSED
from ui.serving.traces import passed_through, traced

RUN = "/gradio_api/run/compare"


async def fine(request):
    return PlainTextResponse("fine")


async def junk(request):
    raise KeyError("what a visitor wrote")


async def full(request):
    raise OSError(28, "No space left on device: /var/lib/tandem")


async def refused(request):
    request.scope[REFUSED] = True
    return JSONResponse({"error": "a sentence"}, status_code=500)


@pytest.fixture
def asking(monkeypatch):
    # What is raised here stands for what Gradio raises: these tests lie in the house, too.
    monkeypatch.setattr(traces, "ROOT", traces.ROOT / "ui")
    routes = [Route("/", fine), Route("/junk", junk), Route("/full", full),
              Route(RUN, refused, methods=["POST"]), Route("/config/{rest:path}", refused)]
    app = Starlette(routes=routes, middleware=middleware(Settings()))
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False)


def test_every_answer_has_an_id_that_stands_in_the_log(asking, caplog):
    caplog.set_level(logging.INFO, "tandem.requests")
    answer = asking.get("/?q=a+secret+question", headers={"authorization": "Bearer hf_secret"})
    name = answer.headers["x-request-id"]
    assert re.fullmatch("[0-9a-f]{8}", name)
    assert re.search(rf"request {name} GET / 200 \d\.\d+ s", caplog.text)
    assert "secret" not in caplog.text and "testclient" not in caplog.text


def test_what_cannot_be_read_is_a_400_with_its_id_and_without_a_traceback(asking, caplog):
    caplog.set_level(logging.INFO)
    answer = asking.get("/junk")
    assert answer.status_code == 400
    assert f"(request {answer.headers['x-request-id']})" in answer.text
    assert "Traceback" not in caplog.text and "visitor" not in caplog.text + answer.text


def test_a_fault_of_the_machine_is_a_500_that_tells_nothing_of_it(asking):
    answer = asking.get("/full")
    assert answer.status_code == 500 and "unforeseen" in answer.text
    assert "/var" not in answer.text and "28" not in answer.text.replace(
        answer.headers["x-request-id"], "")


def test_an_event_that_was_refused_is_no_fault_of_ours(asking):
    answer = asking.post(RUN, content="{}")
    assert (answer.status_code, answer.json()) == (400, {"error": "a sentence"})
    assert asking.get("/config/x").status_code == 500  # another route means it


def test_an_error_of_ours_shows_the_lines_it_went_through_and_no_values(caplog):
    app = Starlette(routes=[Route("/", junk)], middleware=middleware(Settings()))
    answer = TestClient(app, base_url="http://localhost").get("/")
    assert answer.status_code == 500
    assert "test_requests.py" in caplog.text and 'raise KeyError("what' in caplog.text
    try:
        raise ValueError("a secret " + "question")
    except ValueError as error:
        assert "secret question" not in traced(error) and traced(error).startswith("ValueError\n")
        caplog.set_level(logging.DEBUG, "tandem.errors")
        assert "a secret question" in traced(error)  # an owner asked for it
        assert passed_through(error, "test_an_error_of_ours_shows_the_lines_it_went_through_and"
                                     "_no_values")


def test_one_address_has_so_many_requests_under_way(monkeypatch):
    monkeypatch.setattr(room, "MOST_AT_ONCE", 0)
    app = Starlette(routes=[Route("/", fine)], middleware=middleware(Settings(on_space=True)))
    asking = TestClient(app, base_url="http://localhost")
    refused = asking.get("/", headers={"x-forwarded-for": "93.184.216.34"})
    assert refused.status_code == 503 and "busy with what you asked before" in refused.text


@pytest.mark.parametrize("path, shown", [
    ("/gradio_api/call/compare/0123456789", "/gradio_api/call/compare"),
    ("/gradio_api/file=/srv/x/my pairs.csv", "/gradio_api/file"),
    ("/gradio_api/file/tmp/x", "/gradio_api/file"),
    ("/a\nrequest 1 GET / 200", r"/a\nrequest 1 GET / 200"),
], ids=["event", "file", "old-file", "line-break"])
def test_a_line_names_no_event_and_no_file_and_is_one_line(path, shown):
    assert room._shown(path) == shown
