"""The engine with the platform's own package."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

import pytest
import spaces

from support.runs.gpu_platform import request, small_data, wait_for
from support.services import ROOT
from train.engines.zerogpu import ZeroGpuEngine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(porsche, tmp_path_factory):
    return small_data(porsche, tmp_path_factory.mktemp("gpu"))


def test_off_a_space_the_real_decorator_runs_a_run_where_it_is(data, tmp_path):
    engine = ZeroGpuEngine(spaces.GPU)
    run = request(data).create(tmp_path / "runs")
    engine.start(run)
    wait_for(run, "done")
    assert run.has_model


class Device(BaseHTTPRequestHandler):
    """The platform's scheduler: it lends its GPU twice, then the visitor's quota is used up."""

    asked: list = []

    def do_POST(self):
        url = urlsplit(self.path)
        self.asked.append((url.path, dict(parse_qsl(url.query))))
        times = [path for path, _ in self.asked].count("/schedule")
        body, status = {}, 200
        if url.path == "/schedule":
            body = {"idle": False, "nvidiaIndex": times, "nvidiaUUID": "GPU-0",
                    "allowToken": f"allow-{times}"}
            if times > 2:
                body, status = {"left": 3, "wait": 3600}, 429
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


ON_A_SPACE = """\
import base64, contextvars, json, pathlib, sys, threading, time, types
import torch, sentence_transformers
torch.set_num_threads(1)
# What the package does to torch needs a torch with CUDA. All else is the package's own: asking the
# scheduler, forking a worker, handing over arguments and results.
cuda = types.ModuleType("spaces.zero.torch")
cuda.is_in_bad_fork, cuda.size = lambda: False, lambda: 0
cuda.patch = cuda.unpatch = cuda.pack = cuda.init = cuda.move = lambda *_, **__: None
sys.modules["spaces.zero.torch"] = cuda
import spaces
from gradio.context import LocalContext
from starlette.datastructures import Headers
from train.engines import zerogpu
from train.run.record import Run
from train.fit.stopping import Stop

def after_some_checks(asked, pauses, left=14):
    checks = iter(range(left))
    return Stop(asked, lambda: next(checks, None) is None)

zerogpu.Stop = after_some_checks
engine = zerogpu.ZeroGpuEngine(spaces.GPU)
run = Run(pathlib.Path(sys.argv[1]))
payload = base64.urlsafe_b64encode(json.dumps({"user": "vera"}).encode()).decode().rstrip("=")
request = type("Request", (), {"headers": Headers({"x-ip-token": f"a.{payload}.b"})})()

def handler():
    LocalContext.request.set(request)
    engine.visit(run)

contextvars.copy_context().run(handler)
threading.Thread(target=engine.start, args=(run,)).start()
while run.record().status in ("queued", "running"):
    time.sleep(0.05)
"""


def test_on_a_space_the_real_decorator_forks_each_piece_and_asks_for_the_visitors_quota(
    data, tmp_path
):
    run = request(data).create(tmp_path / "runs")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Device)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cgroup = tmp_path / "cgroup"
    cgroup.write_text("0::/a-space\n")
    try:
        done = subprocess.run(
            [sys.executable, "-c", ON_A_SPACE, str(run.folder)], cwd=ROOT, text=True,
            capture_output=True, timeout=120, env=os.environ | {
                "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
                "SPACES_ZERO_GPU": "true", "OMP_NUM_THREADS": "1",
                "SPACES_ZERO_DEVICE_API_URL": f"http://127.0.0.1:{server.server_port}",
                "ZEROGPU_PROC_SELF_CGROUP_PATH": str(cgroup)})
    finally:
        server.shutdown()
        server.server_close()
    assert done.returncode == 0, done.stderr
    assert run.record().status == "interrupted", (run.record(), done.stderr)
    assert "quota is used up" in run.record().error and "60s requested" in run.record().error
    assert [path for path, _ in Device.asked] == [
        "/schedule", "/allow", "/release", "/schedule", "/allow", "/release", "/schedule"]
    scheduled = [asked for path, asked in Device.asked if path == "/schedule"]
    assert all(asked["token"].startswith("a.") for asked in scheduled)
    assert all(asked["durationSeconds"] == "60" for asked in scheduled)
    workers = {asked["pid"] for path, asked in Device.asked if path == "/allow"}
    assert len(workers) == 2
    paused = [event for event in run.events() if event.type == "paused"]
    assert len(paused) == 2 and 0 < paused[0].step < paused[1].step
