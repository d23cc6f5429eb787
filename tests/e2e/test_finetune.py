"""The Fine-tune and Runs tabs as an engineer uses them, with a real fine-tune."""

import json
import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

LONG = 120_000
"""Milliseconds that a small fine-tune may take on a busy machine."""


def open_tab(page, app, name):
    page.goto(app.url)
    page.get_by_role("tab", name=name, exact=True).click()


def hyperparameter(page, name):
    box = page.get_by_role("textbox", name=re.compile(rf"\({name}\)"))
    if not box.is_visible():
        page.get_by_role("button", name="Advanced").click()
    return box


def test_the_tab_says_what_will_happen_and_what_is_wrong_before_anything_starts(page, trained):
    open_tab(page, trained, "Fine-tune")
    expect(page.locator("#check")).to_contain_text("pairs")
    plan = page.locator("#plan")
    expect(plan).to_contain_text("Steps")
    hyperparameter(page, "epochs").fill("0")
    expect(plan).to_contain_text("epochs must be a whole number from 1 to 100")
    start = page.get_by_role("button", name="Start the fine-tune")
    expect(start).to_be_disabled()
    hyperparameter(page, "epochs").fill("2")
    expect(start).to_be_enabled()
    expect(plan).to_contain_text(re.compile(r"Time\s*[\d.]+ (s|min)"), timeout=LONG)
    assert not page.errors


def test_a_run_is_started_watched_reloaded_used_compared_and_deleted(page, browser, trained):
    open_tab(page, trained, "Fine-tune")
    page.get_by_role("radio", name=re.compile(r"\(quick\)$")).check()
    plan = page.locator("#plan")
    expect(plan).to_contain_text(re.compile(r"Steps\s*\d+"))
    steps = re.search(r"Steps\s*(\d+)", plan.inner_text()).group(1)
    hyperparameter(page, "batch_size").fill("16")
    expect(plan).not_to_contain_text(re.compile(rf"Steps\s*{steps}\b"))  # it was understood
    before = set((trained.home / "runs").iterdir())
    page.get_by_role("button", name="Start the fine-tune").click()
    panel = page.locator("#run")
    expect(panel.locator(".t-status")).to_have_text(re.compile("Waiting|Running"))
    (made,) = set((trained.home / "runs").iterdir()) - before
    run = made.name
    record = json.loads((made / "run.json").read_text())
    assert record["recipe"]["batch_size"] == 16
    expect(panel.locator(f'[data-run="{run}"]')).to_be_visible()
    expect(panel).to_contain_text("Training loss", timeout=LONG)

    other = browser.new_context().new_page()  # another viewer sees the same run
    open_tab(other, trained, "Fine-tune")
    expect(other.locator(f'#run [data-run="{run}"]')).to_be_visible()
    other.close()
    page.reload()
    page.get_by_role("tab", name="Fine-tune", exact=True).click()
    expect(page.get_by_role("radio", name=re.compile(r"\(quick\)$"))).to_be_checked()
    expect(page.locator(f'#run [data-run="{run}"]')).to_be_visible()
    expect(panel.locator(".t-status")).to_have_text("Done", timeout=LONG)
    expect(panel).to_contain_text("ndcg@10")

    page.get_by_role("button", name="Use in Compare").first.click()
    expect(page.locator("#chosen")).to_contain_text("· quick · 20")
    expect(page).to_have_url(re.compile(f"run={run}"))
    expect(page.locator('#result ol[aria-label="Fine-tuned"] article').first).to_be_visible()
    page.reload()
    expect(page.locator("#chosen")).to_contain_text("· quick · 20")
    page.get_by_role("button", name="Back to the first models").click()
    expect(page.locator("#chosen-row")).to_be_hidden()

    page.get_by_role("tab", name="Runs", exact=True).click()
    expect(page.locator("#runs")).to_contain_text("Done")
    started = record["created"][:19].replace("T", " ")
    page.get_by_role("gridcell", name=started).click()
    expect(page.get_by_label("Run", exact=True)).to_have_value(re.compile(f"· {started}$"))
    expect(page.locator("#runs")).not_to_contain_text(run)
    page.get_by_label("Beside it").click()
    page.get_by_role("option").last.click()
    page.get_by_role("button", name="Compare the two").click()
    expect(page.locator("#runs-said .t-table").first).to_contain_text("quick")
    right = f"Right: {record['data']['name']} · quick · {started}"
    expect(page.locator("#runs-said .t-key").last).to_contain_text(right)
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as zip").click()
    assert download.value.suggested_filename == f"{run}.zip"

    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#runs-sure")).to_contain_text("cannot be undone")
    page.get_by_role("button", name="Keep it").click()
    assert (trained.home / "runs" / run).is_dir()
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Delete it").click()
    expect(page.locator("#runs-said")).to_contain_text("is deleted")
    assert not (trained.home / "runs" / run).exists()
    assert not page.errors


def test_stop_ends_a_run_and_says_so(page, trained):
    open_tab(page, trained, "Fine-tune")
    page.get_by_role("radio", name=re.compile(r"\(tandem\)$")).check()
    page.get_by_role("button", name="Start the fine-tune").click()
    stop = page.get_by_role("button", name="Stop", exact=True)
    expect(stop).to_be_visible(timeout=LONG)
    stop.click()
    expect(page.locator("#run .t-status")).to_have_text("Stopped")
    expect(stop).to_be_hidden()
