"""Somebody's own data in Compare and Scoreboard: read with progress, then fine-tuned on."""

import contextlib
import json
import re
import time

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import expect

from corpus.load import load_corpus
from e2e.server import App
from retrieval.models import EMBEDDED_MODEL

pytestmark = pytest.mark.slow

LONG = 240_000
"""Milliseconds that reading, or a small fine-tune, may take on a busy machine."""
BASE = '#result ol[aria-label="Base"] article'
TUNED = '#result ol[aria-label="Fine-tuned"] article'
BM25 = '#result ol[aria-label="BM25"] article'


@pytest.fixture(scope="module")
def own_app(sample_folder, tmp_path_factory):
    """The app with two models from the start, so that nothing trains while it is looked at."""
    app = App(tmp_path_factory.mktemp("own") / "home", TANDEM_DATA=str(sample_folder),
              TANDEM_TUNED_MODEL=EMBEDDED_MODEL, TANDEM_MAX_PASSAGES="2000")
    client, end = Client(app.url, verbose=False), time.monotonic() + LONG / 1000
    while True:
        with contextlib.suppress(AppError):  # it is still loading
            if client.predict("brakes", api_name="/compare")["tuned"]:
                break
        assert time.monotonic() < end, app.log.read_text()
        time.sleep(0.5)
    yield app
    app.stop()


@pytest.fixture(scope="module")
def bring(own_app, porsche, tmp_path_factory):
    """Brings so many real pairs under a name, and gives the name they go by.

    Their first letters only where that is enough: checking data reads a part of it by Base.
    """
    client = Client(own_app.url, verbose=False)
    pairs = [pair for split in ("train", "dev", "test") for pair in porsche.pairs(split)]

    def bring(title, count, letters=None):
        file = tmp_path_factory.mktemp("pairs") / f"{title}.jsonl"
        with file.open("w", encoding="utf-8") as lines:
            for n in range(count):
                pair, again = pairs[n % len(pairs)], f" ({n})" if n >= len(pairs) else ""
                lines.write(json.dumps({
                    "anchor": pair.query.text + again,
                    "positive": pair.passage.content[:letters] + again,
                    "topic": pair.passage.topic}) + "\n")
        return client.predict(file=handle_file(str(file)), api_name="/check")["data"]

    return bring


@pytest.fixture(scope="module")
def small(bring):
    return bring("small", 150)


def open_own(page, app, name, more=""):
    page.goto(f"{app.url}/?run={name}{more}")
    expect(page.locator("#chosen")).to_be_visible(timeout=LONG)


def shown_questions(page):
    return [text for text in page.locator("#examples button").all_inner_texts() if text]


def test_own_data_is_read_with_progress_through_a_reload_until_it_is_stopped(
    page, own_app, bring
):
    name = bring("large", 2600, letters=300)
    open_own(page, own_app, name)
    expect(page.locator("#chosen")).to_contain_text("your data “large”. Base is reading it first")
    expect(page.locator("#reading")).to_contain_text(re.compile(r"[\d,]+ of 1,\d{3} passages"))
    expect(page.locator(BM25).first).to_be_visible()
    answer = Client(own_app.url, verbose=False).predict("brakes", api_name="/compare")
    assert answer["base"] and answer["tuned"]  # nobody else waits

    def done():
        text = page.locator("#reading").inner_text()
        return int(re.search(r"([\d,]+) of", text).group(1).replace(",", ""))

    before = done()
    page.reload()
    expect(page.locator("#reading")).to_contain_text("passages · ", timeout=LONG)
    assert done() >= before
    page.get_by_role("tab", name="Scoreboard").click()
    expect(page.locator("#reading-board")).to_contain_text("passages")
    expect(page.locator("#scoreboard")).to_contain_text("as soon as that is done")
    page.get_by_role("button", name="Stop reading").click()
    expect(page.locator("#chosen-row")).to_be_hidden()
    page.get_by_role("tab", name="Compare").click()
    expect(page.locator(TUNED).first).to_be_visible()
    assert "run=" not in page.url and not page.errors


def test_more_passages_than_are_read_here_are_refused_with_both_figures(page, own_app, bring):
    name = bring("huge", 2900, letters=60)
    open_own(page, own_app, name)
    said = re.compile(r"has 2,\d{3} passages; at most 2,000 are read")
    expect(page.locator("#chosen")).to_contain_text(said, timeout=LONG)
    expect(page.locator("#result [role=alert]")).to_contain_text(said)
    page.get_by_role("button", name="Back to the first models").click()
    expect(page.locator(TUNED).first).to_be_visible()


@pytest.mark.parametrize("shown", ["upload-000000000000000000000000", "nothing"])
def test_what_is_not_there_is_said_and_the_page_goes_on(page, own_app, shown):
    open_own(page, own_app, shown)
    expect(page.locator("#result [role=alert]")).to_be_visible()
    page.get_by_role("button", name="Back to the first models").click()
    expect(page.locator(TUNED).first).to_be_visible()
    assert not page.errors


def test_base_alone_shows_its_answers_examples_and_a_board_beside_bm25(page, own_app, small):
    open_own(page, own_app, small)
    expect(page.locator(BASE)).to_have_count(5, timeout=LONG)
    expect(page.locator("#result")).to_contain_text("Fine-tune Base on your data first")
    expect(page.locator("#result .t-star").first).to_be_visible()
    expect(page.get_by_role("button", name="A win")).to_be_hidden()
    questions = shown_questions(page)
    assert page.get_by_label("Your question").input_value() in questions
    page.get_by_role("button", name=questions[-1], exact=True).click()
    expect(page.locator("#result [data-query]")).to_have_attribute("data-query", questions[-1])
    page.get_by_role("button", name="Surprise me").click()
    expect(page.locator("#result .t-say")).to_contain_text("Base puts the answer")

    page.get_by_role("tab", name="Scoreboard").click()
    board = page.locator("#scoreboard")
    expect(board).to_contain_text("no fine-tuned model of your data yet", timeout=LONG)
    expect(board.locator("thead").first).to_have_text(re.compile("Metric.*BM25.*Base", re.S))
    expect(page.get_by_role("button", name="Quality by dimensions")).to_be_hidden()
    table = page.locator("#questions")
    expect(table).to_contain_text("BM25 rank")
    cell = table.get_by_role("gridcell").filter(has_text=re.compile("[a-z]{3}")).first
    text = cell.inner_text().strip()
    cell.click()
    page.get_by_role("button", name="Open in Compare").click()
    expect(page.get_by_label("Your question")).to_have_value(text)
    expect(page.locator("#result .t-say")).to_contain_text("Base puts the answer")
    assert not page.errors and not page.foreign


@pytest.mark.parametrize("width, scheme", [(390, "dark"), (1280, "light")])
def test_own_data_scrolls_no_page_sideways_and_axe_finds_nothing_serious(
    page, own_app, small, width, scheme
):
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": width, "height": 800})
    open_own(page, own_app, small, "&__theme=dark" if scheme == "dark" else "")
    expect(page.locator(BASE).first).to_be_visible(timeout=LONG)
    for tab in ("Compare", "Scoreboard"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(500)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ours = [(violation["id"], node["html"][:200])
                for violation in Axe().run(page).response["violations"]
                if violation["impact"] in ("serious", "critical")
                for node in violation["nodes"] if "t-" in node["html"]]
        assert not ours


def test_after_its_fine_tune_own_data_has_both_columns_and_a_board(page, own_app, small):
    open_own(page, own_app, small)
    expect(page.locator(BASE).first).to_be_visible(timeout=LONG)
    question = page.get_by_label("Your question").input_value()
    run = Client(own_app.url, verbose=False).predict(
        data=small, recipe="quick", api_name="/start")["run"]
    expect(page.get_by_role("button", name="Watch it").locator("visible=true")).to_be_visible()
    expect(page.locator("#chosen")).to_contain_text("A fine-tune on it is running")
    show = page.get_by_role("button", name="Show it")
    expect(show).to_be_visible(timeout=LONG)
    show.click()
    expect(page).to_have_url(re.compile(f"run={run}"))
    expect(page.locator(TUNED)).to_have_count(5, timeout=LONG)
    expect(page.locator(BASE)).to_have_count(5)
    expect(page.get_by_label("Your question")).to_have_value(question)
    expect(page.get_by_role("button", name="A win")).to_be_visible()
    page.get_by_role("tab", name="Scoreboard").click()
    expect(page.locator("#scoreboard thead", has_text="Metric").first).to_have_text(
        re.compile("Metric.*Base.*Fine-tuned", re.S))
    expect(page.get_by_role("button", name="Quality by dimensions")).to_be_visible()
    corpus = load_corpus("porsche")
    assert corpus.relevant(question) and not page.errors
