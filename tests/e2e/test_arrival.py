"""The first start, seen from the browser: this file is the first of its folder for that reason."""

import re

import pytest
from playwright.sync_api import expect

from e2e.test_page import BASE, TUNED

pytestmark = pytest.mark.slow


def test_first_start_serves_base_trains_in_the_open_and_fills_the_column_by_itself(page, app):
    page.goto(app.url)
    state = page.locator("#state")
    assert page.locator("#result [role=alert]").count() == 0  # waiting is no error
    expect(page.locator(BASE).first).to_be_visible(timeout=60_000)
    expect(page.locator("#result")).to_contain_text("being made right now")
    expect(state).to_contain_text("Fine-tuning", timeout=60_000)
    expect(state).to_contain_text(re.compile(r"step \d+ of \d+"), timeout=60_000)
    expect(state).to_contain_text("left", timeout=60_000)
    page.get_by_role("button", name="Watch it").click()
    expect(page.locator("#run")).to_contain_text("Training loss", timeout=60_000)
    expect(page.get_by_role("button", name="Stop", exact=True)).to_be_visible()
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator(TUNED).first).to_be_visible(timeout=240_000)
    expect(page.locator("#head")).to_contain_text("1 epoch of recipe quick")
    expect(page.get_by_role("button", name="Watch it")).to_be_hidden()
    assert not page.foreign
    assert not page.errors
