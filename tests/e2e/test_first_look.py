"""The first ten seconds: what this is, a question whose answer rose, and how it moved."""

import re

import pytest
from gradio_client import Client
from playwright.sync_api import expect

from corpus.load import load_corpus
from e2e.test_page import ask_and_see, open_page

pytestmark = pytest.mark.slow


def moved_questions(app, folder):
    """Test questions whose answer stands within one list and below the other."""
    corpus = load_corpus(folder)
    client = Client(app.url, verbose=False)
    for query_id in corpus.qrels["test"]:
        query = corpus.queries[query_id].text
        known = client.predict(query, k=1, api_name="/compare")["known_answer"]
        if known["tuned_rank"] != known["base_rank"]:
            yield query, known


def test_the_head_says_what_this_is_with_the_true_counts(page, trained, sample_folder):
    corpus = load_corpus(sample_folder)
    open_page(page, trained)
    head = page.locator("#head .t-intro")
    expect(head).to_contain_text(f"Search {len(corpus.passages):,} passages")
    expect(head).to_contain_text(f"after training on {len(corpus.qrels['train']):,} questions")
    picture = page.locator('meta[property="og:image"]').get_attribute("content")
    assert picture == f"{trained.url}/preview.png"


def test_the_known_answer_is_tied_to_itself_even_from_below_the_list(page, trained, sample_folder):
    query, known = next(moved_questions(trained, sample_folder))
    k = min(known["base_rank"], known["tuned_rank"])
    open_page(page, trained, f"/?k={k}")
    ask_and_see(page, query)
    line = page.locator("#result .t-lines path[data-answer]")
    expect(line).to_have_count(1)
    expect(page.locator("#result .t-below .t-card[data-answer]")).to_have_count(1)
    ends = line.evaluate("""path => {
      const box = path.ownerSVGElement.getBoundingClientRect();
      const at = (side) => document.querySelector(`article[data-side=${side}][data-answer]`)
        .getBoundingClientRect();
      const [from, to] = [path.getPointAtLength(0), path.getPointAtLength(path.getTotalLength())];
      return [from.y + box.top - at('base').top, at('base').height,
              to.y + box.top - at('tuned').top, at('tuned').height];
    }""")
    assert 0 < ends[0] < ends[1] and 0 < ends[2] < ends[3]
    move = abs(known["base_rank"] - known["tuned_rank"])
    expect(page.locator("#result .t-rise")).to_have_text(re.compile(rf"[▲▼]{move:,}"))


@pytest.mark.parametrize("width", [1280, 1920, 2560])
def test_the_page_stands_in_the_middle(page, trained, width):
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, trained, "/?q=brakes")
    left, right = page.locator("#result .t-pair").evaluate(
        "e => [e.getBoundingClientRect().left, innerWidth - e.getBoundingClientRect().right]")
    assert abs(left - right) <= 20  # the width of a scrollbar


def test_on_a_phone_both_sides_are_seen_together_rank_by_rank(page, trained):
    page.set_viewport_size({"width": 360, "height": 800})
    open_page(page, trained, "/?q=brakes")
    seen = page.locator("#result .t-list article").evaluate_all(
        "all => all.map((e) => [e.getBoundingClientRect().top, e.dataset.side]).sort("
        "(a, b) => a[0] - b[0]).map(([, side]) => side)")
    assert seen == ["base", "tuned"] * 5
    tabs = page.get_by_role("tab")
    assert tabs.count() == 4
    page.set_viewport_size({"width": 320, "height": 700})
    for tab in tabs.all():
        box = tab.bounding_box()
        assert 0 <= box["x"] and box["x"] + box["width"] <= 320 and box["height"] >= 40
    for button in page.locator("#examples button:visible, #result [data-go]").all():
        assert button.bounding_box()["height"] >= 40


def test_who_wants_less_motion_sees_none_of_ours(browser, trained, sample_folder):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    query, _ = next(moved_questions(trained, sample_folder))
    open_page(page, trained)
    page.evaluate("""() => { window.moved = []; addEventListener("animationstart", event =>
        { if (event.animationName.startsWith("t-")) moved.push(event.animationName); }, true); }""")
    ask_and_see(page, query)
    expect(page.locator("#result .t-lines path").first).to_be_attached()
    page.wait_for_timeout(500)
    assert page.evaluate("moved") == []
    page.emulate_media(reduced_motion="no-preference")
    page.evaluate("document.querySelector('#result .t-lines path').replaceWith("
                  "document.querySelector('#result .t-lines path').cloneNode())")
    page.wait_for_function("moved.includes('t-draw')")  # so that the test can fail
    context.close()
