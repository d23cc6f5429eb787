"""Connections that end in time, and other sites that get nothing."""

import contextlib
import logging
import socket
import threading
import time

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from support.waiting import until
from ui.serving import server as room
from ui.serving.server import bound

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def fine(request):
    await request.body()
    return PlainTextResponse("fine")


async def large(request):
    return Response(b"x" * 20_000_000)


@pytest.fixture(scope="module")
def port():
    """A server with our bounds, over an app that lets every site read what a visitor may."""
    cors = Middleware(CORSMiddleware, allow_origin_regex=".*", allow_credentials=True)
    app = Starlette(routes=[Route("/", fine, methods=["GET", "POST"]), Route("/large", large)],
                    middleware=[cors])
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    bound(server, ("tandem.example",))
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(5)


@contextlib.contextmanager
def connected(port):
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        yield connection


def closed_after(connection, dribble=b""):
    begun = time.monotonic()
    with contextlib.suppress(OSError):
        for _ in range(100):
            connection.sendall(dribble)
            connection.settimeout(0.05)
            with contextlib.suppress(TimeoutError):
                if not connection.recv(100_000):
                    break
    return time.monotonic() - begun


@pytest.mark.parametrize("before, dribble", [
    (b"", b""), (b"", b"G"), (ASK[:-2], b"x"), (ASK, b"G")],
    ids=["silent", "first-line", "headers", "second-request"])
def test_headers_that_dribble_are_cut_off(port, monkeypatch, before, dribble):
    monkeypatch.setattr(room, "HEADERS_WITHIN", 0.4)
    with connected(port) as connection:
        connection.sendall(before)
        assert 0.2 < closed_after(connection, dribble) < 3


def test_who_asks_in_time_may_ask_again(port, monkeypatch):
    monkeypatch.setattr(room, "HEADERS_WITHIN", 0.4)
    with connected(port) as connection:
        for _ in range(3):
            connection.sendall(ASK[:10])
            time.sleep(0.25)
            connection.sendall(ASK[10:])
            answer = b""
            while not answer.endswith(b"fine"):
                answer += connection.recv(1000)
            assert answer.startswith(b"HTTP/1.1 200")


def test_an_answer_that_nobody_reads_is_given_up(port, monkeypatch):
    monkeypatch.setattr(room, "READ_WITHIN", 0.4)
    with connected(port) as connection:
        connection.sendall(ASK.replace(b"GET /", b"GET /large"))
        time.sleep(1.2)
        read = 0
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1 << 20):
                read += len(part)
        assert read < 20_000_000


@pytest.mark.parametrize("origin, method, status, readable", [
    (None, "POST", 200, False), ("http://127.0.0.1:{port}", "POST", 200, True),
    ("https://tandem.example", "POST", 200, True), ("https://evil.example", "POST", 403, False),
    ("https://evil.example", "GET", 200, False), ("null", "GET", 200, False),
    ("null", "POST", 403, False), ("http://127.0.0.1:1", "POST", 403, False),
    ("http://[", "POST", 403, False), ("https://tandem.example.evil", "POST", 403, False)],
    ids=str)
def test_a_foreign_origin_acts_nowhere_and_reads_nothing(
    port, origin, method, status, readable, caplog
):
    import http.client

    caplog.set_level(logging.INFO, "tandem.requests")
    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    asking.request(method, "/", b"", {"origin": origin.format(port=port)} if origin else {})
    answer = asking.getresponse()
    allowed = answer.headers.get("access-control-allow-origin")
    assert (answer.status, allowed is not None) == (status, readable)
    assert allowed is None or allowed == origin.format(port=port)
    assert readable or "access-control-allow-credentials" not in answer.headers
    if status == 403:  # refused with the id that is logged, once the answer is sent
        until(lambda: f"{answer.headers['x-request-id']} POST / 403" in caplog.text)


def test_a_foreign_preflight_is_not_allowed(port):
    import http.client

    asking = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    asking.request("OPTIONS", "/", headers={"origin": "https://evil.example",
                                            "access-control-request-method": "POST"})
    headers = asking.getresponse().headers
    assert not [name for name in headers if name.lower().startswith("access-control-")]
