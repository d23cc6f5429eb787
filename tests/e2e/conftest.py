"""A real app on a free port, and a real browser."""

import os
import shutil
import time
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from e2e.server import App

# Without the last ones Chromium asks its maker's servers for this and that at every start.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
         "--disable-background-networking", "--disable-component-update"]


SLOWEST = 20_000
"""Milliseconds a busy machine may take for what is a blink on an idle one."""
expect.set_options(timeout=SLOWEST)


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
    page.set_default_timeout(SLOWEST)
    page.foreign, page.errors = [], []
    page.on("request", lambda r: page.foreign.append(r.url)
            if not r.url.startswith(("http://127.0.0.1", "data:", "blob:")) else None)
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.on("console", lambda said: page.errors.append(said.text)
            if "Content Security Policy" in said.text else None)
    page.on("dialog", lambda dialog: (page.errors.append("dialog"), dialog.dismiss()))
    yield page
    context.close()


@pytest.fixture(scope="session")
def app(sample_folder, tmp_path_factory):
    """The app at its first start, on a small corpus, training as it starts.

    E2E_HOME, where it is set, names a home to go on with: nothing is trained again in it.
    """
    home = Path(os.environ.get("E2E_HOME") or tmp_path_factory.mktemp("e2e") / "home")
    data = home / sample_folder.name  # beside the run that names it, for the next session too
    shutil.copytree(sample_folder, data, dirs_exist_ok=True)
    app = App(home, TANDEM_DATA=str(data))
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
