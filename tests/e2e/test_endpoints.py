"""The app as other programs use it, and as those who mean it ill do."""

import json
import os
import time
import urllib.error
import urllib.request

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from e2e.conftest import App

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def client(trained):
    return Client(trained.url, verbose=False)


def test_compare_gives_the_contracted_object(client):
    result = client.predict("how do I open the roof", 3, 128, api_name="/compare")
    assert set(result) >= {"query", "base", "tuned", "known_answer", "latency_ms", "sentence"}
    assert set(result["latency_ms"]) == {"base", "tuned"}
    assert [hit["rank"] for hit in result["base"]] == [1, 2, 3]
    for hit in result["tuned"]:
        assert set(hit) == {"rank", "passage_id", "score", "title", "text", "movement", "relevant"}


def test_over_plain_http_the_contracted_parameters_are_all_there_are(trained):
    for name, data in (("compare", ["roof", 5, None]), ("scoreboard", [])):
        answer = post(trained, f"/gradio_api/call/{name}", json.dumps({"data": data}).encode())
        place = f"{trained.url}/gradio_api/call/{name}/{json.loads(answer.read())['event_id']}"
        assert b"event: complete" in urllib.request.urlopen(place, timeout=60).read()


def test_k_and_truncate_dim_have_defaults(client):
    assert len(client.predict("roof", api_name="/compare")["base"]) == 5


def test_scoreboard_gives_the_evidence_with_its_verdict(client):
    result = client.predict(api_name="/scoreboard")
    assert set(result) >= {"split", "queries", "passages", "base", "tuned", "difference", "verdict"}


@pytest.mark.parametrize("arguments, said", [
    (("",), "Type a question first"),
    (("x" * 100_000,), "100,000 characters; at most 2,000"),
    (("roof", 0), "k must be a whole number from 1 to 50, not 0"),
    (("roof", -1), "not -1"), (("roof", 10_000), "not 10000"), (("roof", "x"), "not 'x'"),
    (("roof", 5, 999_999), "truncate_dim must be between 1 and 384, not 999999"),
    (("roof", 5, "x"), "truncate_dim must be a whole number"),
    (("roof", 5, -3), "truncate_dim must be a whole number"),
])
def test_bad_input_gets_a_sentence_and_the_app_goes_on(client, arguments, said):
    with pytest.raises(AppError, match=said):
        client.predict(*arguments, api_name="/compare")
    assert client.predict("roof", api_name="/compare")["base"]


@pytest.mark.parametrize("query", ["<b>&amp;", "${x}", "{{x}}", "🚗", "السيارة", "\ud83d", "\x00"])
def test_odd_questions_are_answered(trained, query):
    body = json.dumps({"data": [query, 5, None]}).encode()
    started = post(trained, "/gradio_api/call/compare", body)
    event = json.loads(started.read())["event_id"]
    stream = urllib.request.urlopen(f"{trained.url}/gradio_api/call/compare/{event}", timeout=60)
    assert b"event: complete" in stream.read()


def post(app, path, body, **headers):
    request = urllib.request.Request(
        app.url + path, body, {"content-type": "application/json"} | headers)
    return urllib.request.urlopen(request, timeout=20)


def test_a_body_over_the_limit_is_refused(trained):
    body = json.dumps({"data": ["x" * 2_000_000]}).encode()
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(trained, "/gradio_api/call/compare", body)
    assert caught.value.code == 413
    assert "at most 1,000,000 bytes" in caught.value.read().decode()


def test_every_answer_has_security_headers_and_monitoring_is_closed(trained):
    answer = urllib.request.urlopen(trained.url, timeout=10)
    assert answer.headers["x-content-type-options"] == "nosniff"
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(f"{trained.url}/monitoring/summary", timeout=10)


def acting_handlers(app):
    """What the buttons that change something call: (name, dependency)."""
    config = Client(app.url, verbose=False).config
    buttons = {c["id"]: c["props"].get("elem_id") or c["props"].get("value")
               for c in config["components"] if c["type"] == "button"}
    wanted = {"run-stop", "Resume", "Delete it"}
    return [(buttons[d["targets"][0][0]], d) for d in config["dependencies"]
            if d["targets"] and buttons.get(d["targets"][0][0]) in wanted
            and d["targets"][0][1] == "click" and d["backend_fn"]]


@pytest.mark.parametrize("headers, said", [
    ({"origin": "https://evil.example"}, "another site"), ({}, "reload it")])
def test_another_site_or_a_page_without_its_nonce_cannot_act(trained, headers, said):
    service = acting_handlers(trained)
    assert len(service) >= 4  # Stop, Resume here and in Runs, Delete
    run = opening_run(trained).name
    kinds = {c["id"]: c["type"] for c in Client(trained.url, verbose=False).config["components"]}
    for name, act in service:
        values = ["no nonce", *(run if kinds[at] == "textbox" else None
                                for at in act["inputs"][1:])]
        body = json.dumps({"data": values, "fn_index": act["id"], "session_hash": "x"}).encode()
        try:
            answer = post(trained, "/gradio_api/run/predict", body, **headers).read().decode()
        except urllib.error.HTTPError as error:
            answer = error.read().decode()
        assert said in answer, name
    assert (trained.home / "runs" / run / "run.json").is_file()


def test_an_endpoint_that_acts_refuses_another_sites_page(trained):
    for path in ("start", "stop"):
        with pytest.raises(urllib.error.HTTPError):
            started = post(trained, f"/gradio_api/call/{path}", b'{"data": []}',
                           origin="https://evil.example")
            event = json.loads(started.read())["event_id"]
            url = f"{trained.url}/gradio_api/call/{path}/{event}"
            told = urllib.request.urlopen(url, timeout=20).read().decode()
            assert "event: error" in told
            raise urllib.error.HTTPError(url, 403, told, None, None)


def test_data_is_checked_through_the_endpoint_and_no_path_of_the_machine_is_read(client, tmp_path):
    from gradio_client import handle_file

    result = client.predict(api_name="/check")
    assert set(result) >= {"ok", "pairs", "passages", "queries", "splits", "detectable_difference",
                           "findings", "data"}
    file = tmp_path / "few.jsonl"
    file.write_text('{"anchor": "how far?", "positive": "Far."}\n' * 3)
    few = client.predict("porsche", handle_file(str(file)), api_name="/check")
    assert few["data"].startswith("upload-")
    assert "duplicate_pair" in {finding["kind"] for finding in few["findings"]}
    assert client.predict(few["data"], api_name="/check")["pairs"] == few["pairs"]
    odd = tmp_path / "odd.csv"
    odd.write_text("kunde;wir\n" + "wie weit?;Weit.\nwie hoch?;Hoch.\n" * 2)
    with pytest.raises(AppError, match="say which are the anchor and the positive"):
        client.predict("porsche", handle_file(str(odd)), api_name="/check")
    named = client.predict("porsche", handle_file(str(odd)),
                           {"anchor": "kunde", "positive": "wir"}, None,
                           handle_file(str(file)), api_name="/check")
    assert (named["pairs"], named["passages"]) == (2, 3)
    for place in ("/etc/passwd", str(file), "../../etc/passwd", "upload-../x.jsonl"):
        with pytest.raises(AppError, match="There is no data"):
            client.predict(place, api_name="/check")
    body = json.dumps({"data": ["porsche", {"path": "/etc/passwd", "meta": {
        "_type": "gradio.FileData"}}]}).encode()
    try:
        event = json.loads(post(client_app(client), "/gradio_api/call/check", body).read())
        told = urllib.request.urlopen(
            f"{client.src}gradio_api/call/check/{event['event_id']}", timeout=20).read()
        assert b"event: error" in told and b"root:" not in told
    except urllib.error.HTTPError as error:
        assert b"root:" not in error.read()


def client_app(client):
    class At:
        url = client.src.rstrip("/")
    return At


def test_a_run_is_started_watched_and_stopped_through_the_endpoints(client):
    first = client.predict(recipe="quick", settings={"epochs": 50}, api_name="/start")
    second = client.predict(recipe="quick", settings={"epochs": 2}, api_name="/start")
    try:
        assert first["status"] in ("queued", "running")
        assert client.predict(second["run"], api_name="/status")["place"] in (0, 1)
        assert client.predict(second["run"], api_name="/stop")["status"] == "stopped"
    finally:
        assert client.predict(first["run"], api_name="/stop")["run"] == first["run"]
    end = time.monotonic() + 30
    while client.predict(first["run"], api_name="/status")["status"] in ("queued", "running"):
        assert time.monotonic() < end
        time.sleep(0.2)
    for wrong, said in (({"recipe": "best"}, "There is no recipe"),
                        ({"settings": {"epochs": 0}}, "from 1 to 100"),
                        ({"settings": {"dance": 1}}, "A recipe has no 'dance'"),
                        ({"engine": "moon"}, "There is no engine"),
                        ({"data": "/etc/passwd"}, "There is no data")):
        with pytest.raises(AppError, match=said):
            client.predict(api_name="/start", **wrong)
    for run in ("nothing", "../..", "a/b"):
        with pytest.raises(AppError, match="There is no run"):
            client.predict(run, api_name="/status")


def answers(app):
    return Client(app.url, verbose=False)


def opening_run(app):
    """The run of the first start: other tests begin runs of their own after it."""
    return min((app.home / "runs").iterdir())


NOT_YET = ("still being loaded", "Nothing is measured yet")


def once_there(ask, within=120):
    """The first answer that says something, of what an app that has just started is asked."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            if answer := ask():
                return answer
        except AppError as error:
            if not any(text in str(error) for text in NOT_YET):
                raise
        time.sleep(0.2)
    raise AssertionError(f"nothing came within {within} s")


def test_a_second_start_shows_the_kept_run_and_trains_nothing(trained, sample_folder):
    kept = sorted((trained.home / "runs").iterdir())
    app = App(trained.home, TANDEM_DATA=str(sample_folder))
    try:
        client = answers(app)
        assert once_there(lambda: client.predict("roof", api_name="/compare")["tuned"])
        assert sorted((trained.home / "runs").iterdir()) == kept
    finally:
        app.stop()


def test_a_tuned_model_that_is_set_is_shown_and_measured_and_nothing_trains(
    trained, sample_folder, tmp_path
):
    model = opening_run(trained) / "model"
    app = App(tmp_path / "home", TANDEM_DATA=str(sample_folder), TANDEM_TUNED_MODEL=str(model))
    try:
        client = answers(app)
        once_there(lambda: client.predict("roof", api_name="/compare")["tuned"])
        before = answers(trained).predict(api_name="/scoreboard")
        after = once_there(lambda: client.predict(api_name="/scoreboard"))
        assert after["tuned"] == pytest.approx(before["tuned"], abs=1e-9)
        assert not (tmp_path / "home" / "runs").exists()
    finally:
        app.stop()


@pytest.mark.parametrize("env, said", [
    ({"TANDEM_BASE_MODEL": "./no-such-model"}, "There is no model folder at ./no-such-model"),
    ({"TANDEM_DATA": "./no-such-corpus"}, "There is no corpus at no-such-corpus"),
])
def test_what_cannot_be_had_is_said_on_the_page_and_the_app_goes_on(tmp_path, page, env, said):
    app = App(tmp_path / "home", **env)
    try:
        page.goto(app.url)
        page.get_by_text(said).first.wait_for(timeout=30_000)
        with pytest.raises(AppError, match=said.split(" at ")[0]):
            answers(app).predict("roof", api_name="/compare")
    finally:
        app.stop()


def test_an_app_that_ends_takes_its_training_with_it(sample_folder, tmp_path):
    app = App(tmp_path / "home", TANDEM_DATA=str(sample_folder), TANDEM_RECIPE="tandem")
    runs = tmp_path / "home" / "runs"
    try:
        for _ in range(600):
            if [path for path in runs.glob("*/run.json")
                    if json.loads(path.read_text()).get("process")]:
                break
            time.sleep(0.2)
        (record,) = runs.glob("*/run.json")
        pid = json.loads(record.read_text())["process"]["pid"]
    finally:
        asked = time.monotonic()
        app.stop()
    assert app.process.returncode == 0 and time.monotonic() - asked < 15
    kept = json.loads(record.read_text())
    assert kept["status"] == "queued" and "it goes on" in kept["note"]
    time.sleep(1)
    assert not os.path.exists(f"/proc/{pid}/stat") or " Z " in open(f"/proc/{pid}/stat").read()
    again = App(tmp_path / "home", TANDEM_DATA=str(sample_folder), TANDEM_RECIPE="tandem")
    try:
        end = time.monotonic() + 60
        while json.loads(record.read_text())["status"] == "queued":
            assert time.monotonic() < end
            time.sleep(0.1)
    finally:
        again.stop()
    assert [place.parent for place in runs.glob("*/run.json")] == [record.parent]
