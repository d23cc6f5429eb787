"""A real app on a free port, and a real browser."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

HOUSE = Path(__file__).resolve().parents[2]
# Without the last ones Chromium asks its maker's servers for this and that at every start.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]


class App:
    """`python app.py` in a process of its own."""

    def __init__(self, home: Path, **env: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home, self.url = home, f"http://127.0.0.1:{self.port}"
        self.log = home / "app.log"
        home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "app.py"], cwd=HOUSE, stdout=log, stderr=log,
                env=os.environ | {"TANDEM_HOME": str(home), "PORT": str(self.port),
                                  "TANDEM_RECIPE": "quick"} | env,
            )
        self._wait()

    def _wait(self) -> None:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            assert self.process.poll() is None, self.log.read_text()
            try:
                urllib.request.urlopen(self.url, timeout=2).close()
                return
            except OSError:
                time.sleep(0.2)
        raise AssertionError(self.log.read_text())

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.foreign, page.errors = [], []
    page.on("request", lambda r: page.foreign.append(r.url)
            if not r.url.startswith(("http://127.0.0.1", "data:", "blob:")) else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("dialog", lambda dialog: (page.errors.append("dialog"), dialog.dismiss()))
    yield page
    context.close()


@pytest.fixture(scope="session")
def app(sample_folder, tmp_path_factory):
    """The app at its first start, on a small corpus, training as it starts."""
    app = App(tmp_path_factory.mktemp("e2e") / "home", TANDEM_DATA=str(sample_folder))
    yield app
    app.stop()


@pytest.fixture(scope="session")
def trained(app):
    """The app when its fine-tune is done."""
    from gradio_client import Client

    client = Client(app.url, verbose=False)
    end = time.monotonic() + 240
    while True:
        try:
            if client.predict("brakes", api_name="/compare")["tuned"]:
                return app
        except Exception as error:
            assert "still being loaded" in str(error), error
        assert time.monotonic() < end, app.log.read_text()
        time.sleep(0.5)
