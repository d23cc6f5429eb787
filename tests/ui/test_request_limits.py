"""What is refused at the door, before Gradio parses it."""

import asyncio
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from train.settings import Settings
from ui import request_limits as room
from ui.middleware import middleware
from ui.request_limits import MAX_BODY, MOST_DEPTH, MOST_ITEMS, UPLOAD, LimitBody

CALL = "/gradio_api/call/x"


async def read(request):
    return PlainTextResponse(f"{len(await request.body())} bytes")


def client(**settings):
    routes = [
        Route(path, read, methods=["GET", "POST"])
        for path in (
            "/",
            CALL,
            UPLOAD,
            "/gradio_api/run/upload",
            "/gradio_api/deep_link",
            "/monitoring/summary",
        )
    ]
    app = Starlette(routes=routes, middleware=middleware(Settings(**settings)))
    return TestClient(app, base_url="http://localhost")


def nested(depth):
    return "[" * depth + "]" * depth


def test_only_the_path_of_uploads_takes_a_file_however_another_ends():
    big = b"x" * (MAX_BODY + 1)
    assert client().post(UPLOAD, content=big).status_code == 200
    assert client().post("/gradio_api/run/upload", content=big).status_code == 413


@pytest.mark.parametrize("body, said", [
    (nested(MOST_DEPTH), None), (nested(MOST_DEPTH + 1), "nested more than 50 values deep"),
    (json.dumps([0] * MOST_ITEMS), None),
    (json.dumps([0] * (MOST_ITEMS + 1)), "holds more than 20,000 values"),
    (json.dumps({"data": [[]] * MOST_ITEMS}), "holds more than 20,000 values"),
    (json.dumps({"data": ["[,{" * 30_000]}), None),  # in a text they are no values
    ('{"data": ["\\\\"' + ", []" * MOST_ITEMS + "]}", "holds more than 20,000 values"),
])
def test_the_shape_of_json_is_bounded(body, said):
    answer = client().post(CALL, content=body)
    assert (answer.status_code, said in answer.text) == (413, True) if said else (
        answer.text == f"{len(body)} bytes")


@pytest.mark.parametrize("path, refused", [
    ("http://169.254.169.254/latest", True), ("HTTPS://example.com/big", True),
    ("\\u0068ttp://example.com", True), (" http://a", True), ("//example.com/x", True),
    ("gradio/abc/pairs.csv", False), ("how do I use http://a?", False),
])
def test_a_file_by_address_is_refused_at_every_endpoint(path, refused):
    for place in ('{"data": [{"path": "%s", "meta": {"_type": "gradio.FileData"}}]}',
                  '{"file": {"deep": [{"path": "%s"}]}}'):
        answer = client().post(CALL, content=place % path)
        assert answer.status_code == (400 if refused else 200)
        assert not refused or "is uploaded, not named by an address" in answer.text


def test_what_is_no_json_is_left_to_whoever_is_asked():
    for body in ("{", "[1, ", "{}}", "path=http://a"):
        assert client().post(CALL, content=body).text == f"{len(body)} bytes"


def asked(parts, path=CALL):
    """The answer to a body that comes in parts, None being one that never comes."""
    parts, sent = list(parts), []

    async def receive():
        part = parts.pop(0)
        if part is None:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": part, "more_body": bool(parts)}

    async def send(message):
        sent.append(message)

    async def app(scope, receive, send):
        more = True
        while more:
            more = (await receive())["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})

    scope = {"type": "http", "method": "POST", "path": path, "headers": []}
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, LimitBody(app, 50_000_000)(scope, receive, send)).result(30)
    return sent[0]["status"]


@pytest.mark.parametrize("path", [CALL, UPLOAD])
def test_a_body_that_dribbles_is_cut_off(monkeypatch, path):
    monkeypatch.setattr(room, "WITHIN", 0.2)
    assert asked([b"{", None], path) == 408
    assert asked([b"{", b"}"], path) == 200


@pytest.mark.parametrize(
    "host, settings, status",
    [
        ("localhost:7860", {}, 200),
        ("127.0.0.1", {}, 200),
        ("[::1]:7860", {}, 200),
        ("192.168.1.5:80", {}, 200),
        ("a.localhost", {}, 200),
        ("evil.example", {}, 421),
        ("localhost.evil.example", {}, 421),
        ("127.0.0.1.evil.example", {}, 421),
        ("tandem.lan:7860", {"hosts": ("tandem.lan",)}, 200),
        ("TANDEM.lan", {"hosts": ("tandem.lan",)}, 200),
        ("ada-tandem.hf.space", {"on_space": True, "hosts": ("ada-tandem.hf.space",)}, 200),
        ("evil.example", {"on_space": True, "hosts": ("ada-tandem.hf.space",)}, 421),
    ],
)
def test_only_the_names_tandem_is_served_under_are_answered(host, settings, status):
    answer = client(**settings).post(CALL, headers={"host": host}, content=b"x")
    assert answer.status_code == status
    assert status == 200 or "TANDEM_HOSTS" in answer.text


def test_a_spaces_probe_may_look_under_another_name():
    assert client(on_space=True).get("/", headers={"host": "probe"}).status_code == 200


def test_a_forwarded_name_is_believed_only_where_it_is_ours():
    async def seen(request):
        return PlainTextResponse(request.headers.get("x-forwarded-host", "none"))

    app = Starlette(routes=[Route("/", seen)],
                    middleware=middleware(Settings(hosts=("tandem.example",))))
    asking = TestClient(app, base_url="http://localhost")
    for name, believed in (("tandem.example", "tandem.example"), ("evil.example", "none")):
        assert asking.get("/", headers={"x-forwarded-host": name}).text == believed


def test_routes_that_nobody_needs_are_closed_and_probes_are_answered():
    for path in ("/gradio_api/deep_link?session_hash=x", "/monitoring/summary",
                 "/gradio_api/proxy=http://a", "/gradio_api/file=http://a", "/gradio_api/mcp/sse"):
        assert client().get(path).status_code == 404
    assert client().get("/healthz").text == "ok"


def test_only_the_hubs_pages_may_frame_the_page():
    policy = client().get("/").headers["content-security-policy"]
    assert "frame-ancestors 'self' https://huggingface.co https://*.hf.space" in policy
    assert "default-src 'self'" in policy and "object-src 'none'" in policy
