"""The page as a visitor uses it, when there are two models to compare."""

import re
import time

import pytest
from gradio_client import Client
from playwright.sync_api import expect

from corpus.load import load_corpus
from e2e.conftest import SLOWEST

pytestmark = pytest.mark.slow

TUNED = '#result ol[aria-label="Fine-tuned"] article'
BASE = '#result ol[aria-label="Base"] article'
HOSTILE = ['<img src=x onerror="alert(1)">', "${alert(1)}", "{{7*7}}", "🚗💨", "كم سرعة السيارة",
           "</div></article><script>alert(1)</script>"]


def ask(page, text):
    page.get_by_label("Your question").fill(text)
    page.get_by_label("Your question").press("Enter")


def ask_and_see(page, text):
    """Ask, and wait until what is shown answers this question and no earlier one."""
    ask(page, text)
    page.wait_for_function(
        "text => document.querySelector('#result [data-query]')?.dataset.query === text", arg=text)
    page.wait_for_function("document.querySelectorAll('#result .t-list').length === 2")


def titles(page, cards):
    return [text.strip() for text in page.locator(f"{cards} .t-title").all_inner_texts()]


def found(app, query, side="tuned", **options):
    result = Client(app.url, verbose=False).predict(query, api_name="/compare", **options)
    return [hit["title"] for hit in result[side]]


def open_page(page, app, path=""):
    page.goto(app.url + path)
    expect(page.locator(f"{BASE}").first).to_be_visible()


def test_a_question_of_ones_own_shows_two_different_rankings(page, trained):
    open_page(page, trained)
    ask_and_see(page, "how fast does it charge")
    expect(page.locator("#result .t-say")).to_have_text(re.compile("Both|disagree"))
    assert titles(page, TUNED) == found(trained, "how fast does it charge")
    assert titles(page, BASE) == found(trained, "how fast does it charge", "base")
    questions = [q.text for q in load_corpus("porsche").queries.values()][:40]
    assert any(found(trained, q, "base") != found(trained, q) for q in questions)


def test_a_test_question_has_its_known_answer_marked_on_both_sides(page, trained, sample_folder):
    corpus = load_corpus(sample_folder)
    query = corpus.queries[next(iter(corpus.qrels["test"]))]
    open_page(page, trained)
    ask_and_see(page, query.text)
    expect(page.locator("#result .t-say")).to_contain_text("the answer")
    expect(page.get_by_text("★ answer")).to_have_count(2)


def test_the_address_carries_the_question_and_a_reload_loses_nothing(page, trained):
    open_page(page, trained)
    ask(page, "towing & 50% weight?")
    page.wait_for_url(re.compile("q=towing"))
    page.reload()
    expect(page.get_by_label("Your question")).to_have_value("towing & 50% weight?")
    page.wait_for_function("document.querySelectorAll('#result .t-list').length === 2")
    assert titles(page, TUNED) == found(trained, "towing & 50% weight?")


def test_typing_fast_ends_on_the_result_of_what_stands_in_the_box(page, trained):
    open_page(page, trained)
    box = page.get_by_label("Your question")
    for text in ("how do the brakes work", "roof", "what does the warranty cover"):
        box.fill("")
        box.press_sequentially(text, delay=5)
    shown = page.locator(f"{TUNED} .t-title")
    expect(shown).to_have_text(found(trained, "what does the warranty cover"))
    page.wait_for_timeout(1500)  # and nothing older comes after it
    expect(shown).to_have_text(found(trained, "what does the warranty cover"))


def test_a_movement_leads_to_the_passage_on_the_other_side(page, trained, sample_folder):
    open_page(page, trained)
    for query in list(load_corpus(sample_folder).queries.values())[:20]:
        ask_and_see(page, query.text)
        for chip in page.locator(f"{TUNED} button[data-go]").all():
            slot = chip.evaluate("e => e.closest('[data-slot]').dataset.slot")
            other = page.locator(f'article[data-side="base"][data-slot="{slot}"]')
            if other.count() and chip.inner_text() != "=":
                chip.focus()
                page.keyboard.press("Enter")
                expect(other).to_be_focused()
                expect(other).to_have_attribute("data-target", "")
                return
    raise AssertionError("no passage moved within the lists of twenty questions")


def test_pointing_at_a_passage_shows_where_it_is_on_the_other_side(page, trained, sample_folder):
    open_page(page, trained)
    for query in list(load_corpus(sample_folder).queries.values())[:20]:
        ask_and_see(page, query.text)
        slots = [page.locator(cards).evaluate_all("all => all.map(e => e.dataset.slot)")
                 for cards in (BASE, TUNED)]
        both = set(slots[0]) & set(slots[1])
        if both:
            slot = both.pop()
            page.locator(f'article[data-side="base"][data-slot="{slot}"]').hover()
            other = page.locator(f'article[data-side="tuned"][data-slot="{slot}"]')
            expect(other).to_have_css("outline-style", "solid")
            return
    raise AssertionError("no passage is in both lists of twenty questions")


def test_it_works_by_keyboard_alone(page, trained):
    open_page(page, trained)
    page.get_by_label("Your question").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("which one is best for towing")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile("q=which"))
    page.wait_for_function("text => document.querySelector('#result [data-query]')?.dataset.query "
                           "=== text", arg="which one is best for towing")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Compare")).to_be_focused()
    page.locator(f"{BASE} summary").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"{BASE} details").first).to_have_attribute("open", "")


def test_wherever_the_keyboard_goes_on_any_tab_it_is_seen(page, trained):
    open_page(page, trained)
    for tab, least in (("Compare", 12), ("Scoreboard", 12), ("Fine-tune", 10), ("Runs", 4)):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(1500)  # what the tab shows comes in parts
        page.get_by_role("tab", name=tab).focus()
        stops = 0
        while stops < 80:
            page.keyboard.press("Tab")
            said, is_seen = page.evaluate("""() => {
                const at = document.activeElement;
                const places = [at, at.closest("label")].filter(Boolean);
                const ring = place => getComputedStyle(place).outlineStyle !== "none"
                    && parseFloat(getComputedStyle(place).outlineWidth) >= 2;
                return [at === document.body ? "" : at.outerHTML.slice(0, 200), places.some(ring)];
            }""")
            if not said:
                break
            assert is_seen, (tab, said)
            stops += 1
        assert stops >= least, tab


def test_a_win_a_loss_and_a_surprise_ask_a_test_question(page, trained, sample_folder):
    corpus = load_corpus(sample_folder)
    tests = {corpus.queries[query_id].text for query_id in corpus.qrels["test"]}
    outcomes = Client(trained.url, verbose=False).predict(api_name="/scoreboard")["outcomes"]
    open_page(page, trained)
    for name, kind in (("A win", "won"), ("A loss", "lost"), ("Surprise me", None)):
        box = page.get_by_label("Your question")
        box.fill("")
        page.get_by_role("button", name=name).click()
        if kind and not outcomes[kind]:
            expect(page.get_by_text(f"Fine-tuned {kind} no question")).to_be_visible()
            continue
        expect(box).not_to_have_value("")
        expect(page.locator("#result .t-say")).to_contain_text("the answer")
        assert box.input_value() in tests


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_questions_are_shown_as_text_and_run_nothing(page, trained, text):
    open_page(page, trained)
    ask_and_see(page, text)
    assert page.locator("#result img, #result script").count() == 0
    assert not page.errors
    page.goto(f"{trained.url}/?q={text}")
    page.wait_for_timeout(700)
    assert not page.errors


def test_an_empty_question_says_what_to_do_and_a_huge_one_what_was_wrong(page, trained):
    open_page(page, trained)
    ask(page, "   ")
    expect(page.locator("#result")).to_contain_text("Ask a question in your own words")
    page.goto(f"{trained.url}/?q={'x' * 5000}")
    expect(page.locator("#result [role=alert]")).to_contain_text("5,000 characters; at most 2,000")


def test_options_change_k_dims_and_add_bm25(page, trained):
    open_page(page, trained, "/?q=brakes")
    page.get_by_role("button", name="Options").click()
    page.get_by_label("Show BM25").check()
    expect(page.locator('#result ol[aria-label="BM25"] article')).to_have_count(5)
    number = page.get_by_role("spinbutton", name=re.compile("Passages a side"))
    number.fill("3")
    number.press("Enter")
    expect(page.locator(TUNED)).to_have_count(3)
    page.get_by_label("Dimensions").click()
    page.get_by_role("option", name="64", exact=True).click()
    wanted = found(trained, "brakes", k=3, truncate_dim=64)
    expect(page.locator(f"{TUNED} .t-title")).to_have_text(wanted)


def test_the_scoreboard_shows_the_verdict_and_fifteen_metrics(page, trained):
    evidence = Client(trained.url, verbose=False).predict(api_name="/scoreboard")
    open_page(page, trained)
    page.get_by_role("tab", name="Scoreboard").click()
    board = page.locator("#scoreboard")
    expect(board).to_contain_text(evidence["verdict"])
    metrics = board.locator("table", has=page.locator("thead", has_text="Metric"))
    expect(metrics.locator("tbody tr")).to_have_count(15)
    expect(metrics.locator("tr[data-primary]")).to_contain_text(f"{evidence['tuned']['ndcg@10']:.3f}")


def test_the_questions_table_filters_says_why_and_leads_to_compare(
        page, trained, sample_folder):
    corpus = load_corpus(sample_folder)
    outcomes = Client(trained.url, verbose=False).predict(api_name="/scoreboard")["outcomes"]
    open_page(page, trained)
    page.get_by_role("tab", name="Scoreboard").click()
    table = page.locator("#questions")
    expect(table).to_contain_text("Fine-tuned rank")
    shown = [q.text for q in corpus.queries.values() if q.id in corpus.qrels["test"]]
    expect(table).to_contain_text(shown[0])
    page.get_by_role("radio", name="won", exact=True).check()
    if outcomes["won"]:
        end = time.monotonic() + SLOWEST / 1000
        while sum(text.strip() in shown for text in
                  table.get_by_role("gridcell").all_inner_texts()) != outcomes["won"]:
            assert time.monotonic() < end, table.inner_text()
            page.wait_for_timeout(100)
        cell = table.get_by_role("gridcell").filter(has_text=re.compile("[a-z]{3}")).first
    else:
        page.get_by_role("radio", name="all", exact=True).check()
        cell = table.get_by_role("gridcell").filter(has_text=re.compile("[a-z]{3}")).first
    text = cell.inner_text().strip()
    assert text in shown
    cell.click()
    expect(page.locator("#why h3")).to_have_text(text)
    expect(page.locator("#why")).to_contain_text("Nearest training question")
    expect(page).to_have_url(re.compile("filter=won" if outcomes["won"] else "tab=scoreboard"))
    page.get_by_role("button", name="Open in Compare").click()
    expect(page.get_by_label("Your question")).to_have_value(text)
    expect(page.locator("#result .t-say")).to_contain_text("the answer")


@pytest.mark.parametrize("width, scheme", [(320, "light"), (390, "dark"), (820, "light"),
                                           (1280, "dark"), (1920, "light")])
def test_no_width_scrolls_sideways(page, trained, width, scheme):
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    open_page(page, trained, "/?q=brakes" + ("&__theme=dark" if scheme == "dark" else ""))
    for tab in ("Compare", "Scoreboard"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


GRADIOS_OWN = ("search-input",)  # the search box of its tables, which has a title for a label


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["Compare", "Scoreboard", "Fine-tune", "Runs"])
def test_axe_finds_nothing_of_ours(page, trained, scheme, tab):
    from axe_playwright_python.sync_playwright import Axe

    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    open_page(page, trained, "/?q=brakes" + ("&__theme=dark" if scheme == "dark" else ""))
    page.get_by_role("tab", name=tab, exact=True).click()
    page.wait_for_timeout(1000)
    found = [(violation["id"], node["html"][:200], node["any"][:1])
             for violation in Axe().run(page).response["violations"]
             for node in violation["nodes"]
             if not any(own in node["html"] for own in GRADIOS_OWN)]
    assert not found
