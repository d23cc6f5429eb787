import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from train.settings import Settings
from ui import request_limits as room
from ui.auth import BROWSER_COOKIE
from ui.middleware import middleware
from ui.request_limits import FORM_AROUND, MAX_BODY

MAX_UPLOAD = 3_000_000


async def read(request):
    return PlainTextResponse(f"{len(await request.body())} bytes")


def client(on_space=False, **options):
    paths = ("/", "/gradio_api/call/x", "/gradio_api/upload", "/deeper/")
    app = Starlette(routes=[Route(path, read, methods=["GET", "POST"]) for path in paths],
                    middleware=middleware(Settings(on_space=on_space, max_upload=MAX_UPLOAD)))
    return TestClient(app, **{"base_url": "http://localhost"} | options)


@pytest.mark.parametrize("path, most", [("/gradio_api/call/x", MAX_BODY), ("/", MAX_BODY),
                                        ("/gradio_api/upload", MAX_UPLOAD + FORM_AROUND)])
def test_a_body_is_read_up_to_its_limit_and_not_beyond(path, most):
    assert client().post(path, content=b"x" * most).text == f"{most} bytes"
    refused = client().post(path, content=b"x" * (most + 1))
    assert refused.status_code == 413
    assert f"at most {most:,} bytes" in refused.text


def test_a_body_that_does_not_say_how_long_it_is_is_counted():
    def parts():
        for _ in range(12):
            yield b"x" * 100_000

    refused = client().post("/gradio_api/call/x", content=parts())
    assert refused.status_code == 413


@pytest.mark.parametrize("length", ["9" * 400, "-5", "many"])
def test_a_length_that_is_a_lie_does_no_harm(length):
    answer = client().post("/gradio_api/call/x", content=b"x", headers={"content-length": length})
    assert answer.status_code in (200, 413)


def test_a_body_that_goes_on_for_ever_is_not_read_for_ever(monkeypatch):
    # By hand: the client that starlette has for tests joins the parts it is given.
    monkeypatch.setattr(room, "MOST_DROPPED", 300_000)
    parts, sent = [], []

    async def receive():
        parts.append(b"x" * 100_000)
        return {"type": "http.request", "body": parts[-1], "more_body": len(parts) < 100}

    async def send(message):
        sent.append(message)

    async def app(scope, receive, send):
        raise AssertionError("nobody reads it")

    limit = next(part for part in middleware(Settings()) if part.cls is room.LimitBody)
    scope = {"type": "http", "method": "POST", "path": "/",
             "headers": [(b"content-length", b"1000000000")]}
    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may hold this one's loop
        thread.submit(asyncio.run, limit.cls(app, **limit.kwargs)(scope, receive, send)).result()
    assert len(parts) == 3
    assert sent[0]["status"] == 413


def test_every_answer_has_the_security_headers():
    for answer in (client().get("/"), client().get("/nowhere")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_a_browser_gets_its_mark_once_and_on_the_page_only():
    browser = client(base_url="http://localhost")
    assert "set-cookie" not in browser.get("/gradio_api/call/x").headers
    assert "set-cookie" not in browser.get("/deeper/").headers
    first = browser.get("/?q=x")
    assert first.headers["set-cookie"].startswith(f"{BROWSER_COOKIE}=")
    mark = browser.cookies[BROWSER_COOKIE]
    assert len(mark) == 32
    assert "set-cookie" not in browser.get("/").headers
    assert client().get("/").cookies[BROWSER_COOKIE] != mark


@pytest.mark.parametrize("before", ['theme={"a": 1}', "a b=1", "bad[name]=1", "lone", "x=é"])
def test_a_mark_behind_an_odd_cookie_is_found(before):
    sent = f"{before}; {BROWSER_COOKIE}=mine".encode("latin-1")
    assert "set-cookie" not in client().get("/", headers={"cookie": sent}).headers


def test_an_empty_mark_is_none():
    answer = client().get("/", headers={"cookie": f"{BROWSER_COOKIE}="})
    assert "set-cookie" in answer.headers


@pytest.mark.parametrize("on_space, rules", [
    (False, ["SameSite=Lax"]), (True, ["SameSite=None", "Secure", "Partitioned"])])
def test_scripts_cannot_read_the_mark_and_other_sites_get_it_on_a_space_only(on_space, rules):
    parts = client(on_space).get("/").headers["set-cookie"].split("; ")
    assert {"HttpOnly", "Path=/", *rules} <= set(parts)
    assert ("Secure" in parts) == on_space
