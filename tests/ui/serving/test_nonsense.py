"""The whole page, asked what no page asks."""

import json
import logging

import pytest
from gradio.routes import App
from starlette.testclient import TestClient

from support.services import services_in
from ui.middleware import middleware
from ui.page import build_page

pytestmark = pytest.mark.slow

BODIES = ["", "{}", "[]", "null", "nonsense", '{"data": null}', '{"data": []}', '{"data": [1]}',
          '{"data": [{}]}', '{"data": [1e999, null, true]}', '{"data": ["x"], "fn_index": 99999}',
          '{"data": ["x"], "fn_index": -1}', '{"data": ["x", 5, null], "session_hash": {}}',
          '{"data": ["x"], "trigger_id": 99, "fn_index": 0, "session_hash": "s"}',
          '{"data": {"a": 1}}', '{"session_hash": "s", "fn_index": 3, "event_id": "x"}',
          json.dumps({"data": ["\ud800", "x" * 5_000, None]}), '{"data": [[[[[[]]]]]]}']
PLACES = ["call/compare", "call/nothing", "call/%00", "call/v2/compare", "call/v2/nothing",
          "run/compare", "run/predict", "api/status", "run/nothing", "queue/join", "cancel",
          "reset", "component_server", "stream/x", "stream/x/close"]
LOOKED_AT = ["/?page=x", "/?deep_link=%00", "/?__theme=%ff", "/?view=%ff&q=%00&k=-1&run=../x",
             "/config?page=x", "/gradio_api/info?page=x", "/gradio_api/queue/data",
             "/gradio_api/queue/data?session_hash=x", "/gradio_api/call/compare/x",
             "/gradio_api/file=%00", "/gradio_api/file=/etc/passwd", "/gradio_api/file=../../x",
             "/gradio_api/stream/a/b/c/playlist.m3u8", "/gradio_api/stream/a/1/2/playlist.m3u8",
             "/gradio_api/custom_component/a/b/c/d.js", "/static/%00", "/pwa_icon/x", "/x"]


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    services = services_in(tmp_path_factory.mktemp("home"), on_space=False, train="off")
    page = build_page(services).queue(max_size=100, api_open=False)
    page.is_running = page.show_error = False
    app = App.create_app(page, app_kwargs={"middleware": middleware(services.settings)})
    return TestClient(app, base_url="http://localhost")  # an error would be raised here


@pytest.mark.parametrize("place", PLACES)
def test_no_body_is_a_fault_of_ours_wherever_it_is_sent(asking, place, caplog, capsys):
    for body in BODIES:
        answer = asking.post(f"/gradio_api/{place}", content=body,
                             headers={"content-type": "application/json"})
        assert answer.status_code < 500, (body, answer.text)
    assert "Traceback" not in caplog.text + capsys.readouterr().err


@pytest.mark.parametrize("path", LOOKED_AT)
def test_no_address_is_a_fault_of_ours(asking, path, caplog, capsys):
    assert asking.get(path).status_code < 500
    assert "Traceback" not in caplog.text + capsys.readouterr().err


@pytest.mark.parametrize("value", [None, -1, {}, ["x"], "\ud800"], ids=repr)
def test_no_value_is_a_fault_of_ours_whatever_of_the_page_it_is_sent_to(asking, value, caplog):
    caplog.set_level(logging.ERROR)
    page = asking.app.get_blocks()
    failed = []
    for number, fn in page.fns.items():
        for data in ([value], [value] * len(fn.inputs)):
            body = {"data": data, "fn_index": number, "session_hash": "nonsense"}
            answer = asking.post("/gradio_api/run/predict", content=json.dumps(body),
                                 headers={"content-type": "application/json"})
            if answer.status_code >= 500:
                failed.append((number, fn.api_name or fn.name, data, answer.text[:80]))
    assert not failed, caplog.text
