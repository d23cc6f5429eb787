"""Publishing from the page and through the endpoint, to a Hub on loopback."""

import json
import os
import re
import shutil

import pytest
from gradio_client import Client
from playwright.sync_api import expect

from e2e.server import App
from support.fake_hub.repos import loopback
from support.fake_hub.state import ME

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def published(trained, sample_folder, tmp_path_factory):
    """An app whose owner is signed in at a Hub on loopback, with a finished run."""
    home = tmp_path_factory.mktemp("publishing") / "home"
    shutil.copytree(trained.home / "runs", home / "runs")
    shutil.copytree(trained.home / "cache", home / "cache")
    with loopback() as hub:
        app = App(home, TANDEM_DATA=str(sample_folder), HF_ENDPOINT=hub.endpoint, HF_TOKEN=ME,
                  HF_HUB_DISABLE_XET="1")
        yield app, hub
        app.stop()


def finished(app):
    return next(folder.name for folder in sorted((app.home / "runs").iterdir())
                if (folder / "model" / "modules.json").is_file())


def test_a_run_is_published_from_the_page_with_its_card_and_verified(page, published):
    app, hub = published
    run = finished(app)
    page.goto(f"{app.url}/?tab=finetune&watch={run}")
    page.get_by_role("button", name="Publish to the Hub").click()
    expect(page.locator("#publish-who")).to_contain_text("You may publish as me")
    to = page.locator("#publish-to textarea, #publish-to input")
    to.fill("me/bad name")
    expect(page.locator("#publish")).to_contain_text("not ' '")
    to.fill("me/porsche-mini")
    page.get_by_role("button", name="The card").click()
    page.get_by_label("Title").fill("A mini <b>Porsche</b> model")
    expect(page.locator("#card-preview h1")).to_contain_text("A mini")
    assert page.locator("#card-preview h1 script").count() == 0
    page.get_by_role("button", name="Extras").click()
    page.get_by_label("The data as a data set of its own").check()
    page.locator("#data-to textarea, #data-to input").fill("me/porsche-data")
    page.get_by_label("Licence of the data").click()
    page.get_by_role("option", name="cc-by-4.0", exact=True).click()
    page.get_by_role("button", name="Publish", exact=True).click()
    done = page.locator("#published .t-good")
    expect(done).to_contain_text("verified", timeout=120_000)
    expect(done.get_by_role("link")).to_have_attribute(
        "href", re.compile("me/porsche-mini"))
    page.get_by_role("tab", name="Runs", exact=True).click()
    created = json.loads((app.home / "runs" / run / "run.json").read_text())["created"]
    page.get_by_role("gridcell", name=created[:19].replace("T", " ")).click()
    expect(page.locator("#runs-published")).to_contain_text("verified")
    files = hub.repos["model", "me/porsche-mini"].head.files
    assert {"README.md", "run.json", "model.safetensors", "metrics.csv"} <= set(files)
    assert "A mini" in files["README.md"][0].decode()
    assert "corpus.jsonl" in hub.repos["dataset", "me/porsche-data"].head.files
    assert not page.errors


def test_publishing_again_through_the_endpoint_changes_nothing(published):
    app, hub = published
    client = Client(app.url, verbose=False)
    run = finished(app)
    first = client.predict(run, "me/second", api_name="/publish")
    assert set(first) >= {"repo", "url", "revision", "pull_request", "changed", "verified", "files"}
    assert first["verified"] and first["changed"]
    commits = len(hub.repos["model", "me/second"].commits)
    again = client.predict(run, "me/second", api_name="/publish")
    assert not again["changed"]
    assert len(hub.repos["model", "me/second"].commits) == commits


def test_a_run_that_may_not_be_published_is_not_started(page, published):
    app, _ = published
    before = sorted((app.home / "runs").iterdir())
    page.goto(f"{app.url}/?tab=finetune")
    page.get_by_role("button", name="Publish it when it is done").click()
    page.locator("#then-publish textarea, #then-publish input").fill("somebody-else/model")
    page.get_by_role("button", name="Start the fine-tune").click()
    expect(page.locator("#plan [role=alert]")).to_contain_text("somebody-else")
    assert sorted((app.home / "runs").iterdir()) == before


def test_no_token_is_anywhere_on_disk(published):
    app, _ = published
    for folder, _, names in os.walk(app.home):
        for name in names:
            path = os.path.join(folder, name)
            if not name.endswith((".safetensors", ".npy")):
                with open(path, "rb") as file:
                    assert ME.encode() not in file.read(), path
