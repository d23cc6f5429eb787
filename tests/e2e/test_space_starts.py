"""The app as a Space runs it: on ZeroGPU with the platform's own package, and without a GPU."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from corpus.load import load_corpus
from e2e.server import App
from support.fake_hub.repos import loopback
from support.fake_hub.state import ME
from support.samples import write_beir
from support.tiny import tiny_model_for

pytestmark = pytest.mark.slow

SPACE = {"SYSTEM": "spaces", "SPACE_ID": "ada/tandem", "SPACE_HOST": "ada-tandem.hf.space",
         "SPACE_AUTHOR_NAME": "ada", "OAUTH_CLIENT_ID": "id", "OAUTH_CLIENT_SECRET": "secret",
         "OAUTH_SCOPES": "openid profile", "OPENID_PROVIDER_URL": "http://127.0.0.1:9",
         "OMP_NUM_THREADS": "1"}
# What the package does to torch needs a torch with CUDA; all that this app can see of it is that
# there seems to be a GPU. Whoever puts a tensor there has not served on the CPU.
EMULATED = """\
import sys, types
cuda = types.ModuleType("spaces.zero.torch")
cuda.is_in_bad_fork, cuda.size = lambda: False, lambda: 0
cuda.unpatch = cuda.pack = cuda.init = cuda.move = lambda *_, **__: 0
def patch():
    import torch
    torch.cuda.is_available, torch.cuda.device_count = lambda: True, lambda: 1
cuda.patch = patch
sys.modules["spaces.zero.torch"] = cuda
"""


class Scheduler(BaseHTTPRequestHandler):
    """The platform: it is told of a start by a Space that has a decorated function, or never."""

    def do_POST(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def models(porsche, tmp_path_factory):
    folder = tmp_path_factory.mktemp("space")
    data = write_beir(porsche, folder / "data", passages=30)
    corpus = load_corpus(data)
    return {"TANDEM_DATA": str(data),
            "TANDEM_BASE_MODEL": str(tiny_model_for(corpus, folder / "base")),
            "TANDEM_TUNED_MODEL": str(tiny_model_for(corpus, folder / "tuned", seed=1))}


@pytest.fixture
def scheduler():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scheduler)
    server.asked = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def compared(app, seconds=60):
    """What both models answer, once they are loaded."""
    client, end = Client(app.url, verbose=False), time.monotonic() + seconds
    while True:
        try:
            result = client.predict("how do I open the roof", api_name="/compare")
        except AppError as error:
            result = {"tuned": None, "said": error}
        if result["tuned"] or time.monotonic() > end:
            return result
        time.sleep(0.3)


def test_as_a_zerogpu_space_it_registers_its_function_and_compares_on_the_cpu(
        models, scheduler, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(EMULATED)
    app = App(tmp_path / "home", **SPACE, **models, PYTHONPATH=str(tmp_path / "site"),
              SPACES_ZERO_GPU="true",
              SPACES_ZERO_DEVICE_API_URL=f"http://127.0.0.1:{scheduler.server_port}")
    try:
        result = compared(app)
        assert result["tuned"], app.log.read_text()
        assert len(result["base"]) == len(result["tuned"]) == 5
        assert scheduler.asked == ["/startup-report"]
    finally:
        app.stop()


def test_a_space_without_any_gpu_works(models, tmp_path):
    app = App(tmp_path / "home", **SPACE, **models)
    try:
        result = compared(app)
        assert result["tuned"], app.log.read_text()
        assert len(result["base"]) == len(result["tuned"]) == 5
    finally:
        app.stop()


def test_a_restart_on_an_empty_disk_loses_no_finished_run(models, tmp_path):
    seen = {name: value for name, value in models.items() if name != "TANDEM_TUNED_MODEL"}
    with loopback() as hub:
        kept = {"TANDEM_HOME_REPO": "me/runs", "HF_ENDPOINT": hub.endpoint, "HF_TOKEN": ME,
                "HF_HOME": str(tmp_path / "hub")}
        first = App(tmp_path / "first", **SPACE, **seen, **kept)
        try:
            assert compared(first, 120)["tuned"], first.log.read_text()
        finally:
            first.stop()
        assert hub.repos["dataset", "me/runs"].private
        again = App(tmp_path / "second", **SPACE, **seen, **kept)
        try:
            assert compared(again)["tuned"], again.log.read_text()
        finally:
            again.stop()
    before, after = ([path.name for path in (tmp_path / disk / "runs").iterdir()]
                     for disk in ("first", "second"))
    assert len(before) == 1 and after == before  # it was fetched, and nothing was trained again
    assert all(ME not in app.log.read_text() for app in (first, again))
