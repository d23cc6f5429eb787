"""Nothing untrue stands on the page: no old answer beside a new question, no other's data."""

import re

import pytest
from playwright.sync_api import expect

from e2e.test_page import BASE, TUNED, ask_and_see, open_page

pytestmark = pytest.mark.slow


def test_a_new_question_dims_the_old_result_from_the_first_key_on(page, trained):
    open_page(page, trained, "/?q=brakes")
    result = page.locator("#result")
    expect(result).not_to_have_attribute("aria-busy", "true")
    page.route("**/gradio_api/queue/join*", lambda route: None)  # an answer that never comes
    page.get_by_label("Your question").press_sequentially("x")
    expect(result).to_have_attribute("aria-busy", "true")
    assert "Comparing" in result.evaluate("e => getComputedStyle(e, '::before').content")
    for told in (".t-say", ".t-place", ".t-took"):
        assert all(one.evaluate("e => getComputedStyle(e).visibility") == "hidden"
                   for one in result.locator(told).all())
    page.wait_for_function("getComputedStyle(document.querySelector('#result .t-pair')).opacity "
                           "< 0.5")


def test_a_result_that_has_come_is_not_dimmed(page, trained):
    open_page(page, trained)
    ask_and_see(page, "how do the brakes work")
    expect(page.locator("#result")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator("#result .t-say")).to_be_visible()
    page.get_by_label("Your question").fill("x" * 2000)
    page.wait_for_function("document.querySelector('#result').ariaBusy !== 'true'")


def test_a_shared_address_restores_the_whole_of_it(page, trained):
    open_page(page, trained, "/?q=brakes&k=3&dim=64&bm25=1")
    expect(page.locator('#result ol[aria-label="BM25"] article')).to_have_count(3)
    expect(page.locator(TUNED)).to_have_count(3)
    page.get_by_role("button", name="Options").click()
    expect(page.get_by_label("Dimensions")).to_have_value("64")
    expect(page.get_by_role("spinbutton", name=re.compile("Passages a side"))).to_have_value("3")
    for kept in ("q=brakes", "k=3", "dim=64", "bm25=1"):
        expect(page).to_have_url(re.compile(rf"[?&]{kept}(&|$)"))
    page.goto(f"{trained.url}/?q=brakes&tab=scoreboard&filter=lost")
    expect(page.get_by_role("tab", name="Scoreboard")).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("radio", name="lost", exact=True)).to_be_checked()


@pytest.mark.parametrize("odd", ["k=99&dim=-4", "k=x&dim=<b>&bm25=yes", "k=1e9&dim=99999999"])
def test_an_address_that_asks_for_what_cannot_be_is_answered_all_the_same(page, trained, odd):
    open_page(page, trained, f"/?q=brakes&{odd}")
    expect(page.locator(BASE)).to_have_count(5)
    assert not page.errors


def test_choosing_to_bring_data_leaves_nothing_of_other_data_behind(page, trained, tmp_path):
    page.goto(trained.url)
    page.get_by_role("tab", name="Fine-tune", exact=True).click()
    start = page.get_by_role("button", name="Start the fine-tune")
    expect(start).to_be_enabled()
    expect(page.locator("#check")).to_contain_text("pairs")
    page.get_by_role("radio", name="My own data").check()
    for place in ("#check", "#plan"):
        expect(page.locator(place)).to_contain_text("Bring your data first")
        expect(page.locator(place)).not_to_contain_text("pairs")
    expect(start).to_be_disabled()
    bad = tmp_path / "photo.csv"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9)
    page.locator("#data-file input[type=file]").set_input_files(bad)
    expect(page.locator("#data-said [role=alert]")).to_be_visible(timeout=120_000)
    expect(page.locator("#plan")).to_contain_text("Bring your data first")
    expect(start).to_be_disabled()
    page.reload()
    page.get_by_role("tab", name="Fine-tune", exact=True).click()
    expect(page.get_by_role("radio", name="My own data")).to_be_checked()
    expect(page.locator("#plan")).to_contain_text("Bring your data first")
    expect(page.get_by_role("button", name="Start the fine-tune")).to_be_disabled()
