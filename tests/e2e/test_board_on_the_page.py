"""The Scoreboard as it is looked at: dots that open their question, tables that fit, votes."""

import re

import pytest
from playwright.sync_api import expect

from corpus.load import load_corpus
from e2e.test_page import ask_and_see, open_page

pytestmark = pytest.mark.slow


@pytest.fixture
def board(page, trained):
    page.goto(f"{trained.url}/?tab=scoreboard")
    expect(page.locator("#scoreboard circle[data-open]").first).to_be_visible()
    return page


def test_a_dot_opens_its_question_beside_the_table(board, sample_folder):
    corpus = load_corpus(sample_folder)
    tests = [corpus.queries[query_id].text for query_id in corpus.qrels["test"]]
    board.locator("#scoreboard circle[data-open]").last.click()
    asked = board.locator("#why h3")
    expect(asked).to_be_visible()
    assert asked.inner_text() in tests
    table, why = (board.locator(place).bounding_box() for place in ("#questions", "#why"))
    assert why["x"] > table["x"] + table["width"] - 1 and abs(why["y"] - table["y"]) < 200
    expect(board.locator("#why")).to_be_in_viewport()


@pytest.mark.parametrize("width", [320, 360, 1280])
def test_no_table_of_a_chosen_question_is_clipped(board, width):
    board.set_viewport_size({"width": width, "height": 800})
    board.locator("#questions [role=gridcell]").first.click()
    table = board.locator("#why .t-scroll")
    expect(table).to_be_visible()
    assert table.evaluate("e => e.scrollWidth <= e.clientWidth")
    for text in board.locator("#scoreboard figure svg").all():
        inside = text.evaluate("""svg => [...svg.querySelectorAll('text')].every((e) => {
          const [at, box] = [e.getBoundingClientRect(), svg.getBoundingClientRect()];
          return at.left >= box.left - 2 && at.right <= box.right + 2; })""")
        assert inside


@pytest.mark.parametrize("width", [320, 360])
def test_tables_fit_a_phone_with_their_heads_above_their_columns(page, trained, width):
    page.set_viewport_size({"width": width, "height": 800})
    for tab, table in (("scoreboard", "#questions"), ("runs", "#runs")):
        page.goto(f"{trained.url}/?tab={tab}")
        expect(page.locator(f"{table} [role=gridcell]:visible").first).to_be_visible()
        page.wait_for_timeout(500)  # the columns are laid out after the first rows
        wrong = page.locator(table).evaluate("""table => {
            const seen = role => [...table.querySelectorAll(`[role=${role}]`)]
                .filter(cell => cell.offsetParent);
            const left = cell => cell.getBoundingClientRect().left;
            const heads = Object.fromEntries(seen("columnheader").map(
                head => [head.ariaColIndex, head]));
            return [
                ...seen("gridcell").filter(cell => Math.abs(
                    left(cell) - left(heads[cell.ariaColIndex])) > 3),
                ...[...seen("columnheader"), ...seen("gridcell")].filter(cell =>
                    cell.getBoundingClientRect().right > innerWidth
                    || [...cell.querySelectorAll("span")].some(
                        text => text.scrollWidth > text.clientWidth + 1 && text.clientWidth)),
            ].map(cell => cell.innerText);
        }""")
        assert wrong == [], table
    page.goto(f"{trained.url}/?tab=scoreboard")
    ship = page.get_by_role("region", name="What could ship")
    expect(ship).to_be_visible(timeout=60_000)
    box = ship.locator("tbody td").first.bounding_box()
    assert box["x"] + box["width"] <= width


def test_ones_own_question_is_voted_on_with_one_click_and_counted(page, trained):
    open_page(page, trained)
    ask_and_see(page, "is it nice to drive at night in the rain")
    group = page.get_by_role("group", name="Which list helps more?")
    group.get_by_role("button", name="Fine-tuned").click()
    expect(group.get_by_role("status")).to_contain_text("Counted: Fine-tuned helps more")
    expect(group.get_by_role("button", name="Fine-tuned")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("tab", name="Scoreboard").click()
    page.get_by_role("button", name=re.compile("Blind test")).click()
    page.get_by_role("button", name="Show the result").click()
    expect(page.locator("#blind-result")).to_contain_text(re.compile(r"Fine-tuned was preferred"))


def test_a_question_with_a_known_answer_is_not_voted_on(page, trained, sample_folder):
    corpus = load_corpus(sample_folder)
    open_page(page, trained)
    ask_and_see(page, corpus.queries[next(iter(corpus.qrels["test"]))].text)
    expect(page.locator("#result .t-helps")).to_have_count(0)


def test_a_question_in_another_language_is_called_that(page, trained):
    open_page(page, trained)
    ask_and_see(page, "Combien de temps faut-il pour charger la voiture à la maison ?")
    expect(page.locator("#result")).to_contain_text("The question looks French; the passages here")


@pytest.mark.parametrize("width", [320, 360])
def test_what_is_pressed_on_a_phone_is_as_high_as_a_finger(page, trained, width):
    page.set_viewport_size({"width": width, "height": 800})
    for tab in ("compare", "scoreboard", "finetune", "runs"):
        page.goto(f"{trained.url}/?tab={tab}")
        page.wait_for_timeout(1500)
        small = page.locator("button:visible, .t summary:visible").evaluate_all(
            """all => all.filter((e) => e.getBoundingClientRect().height < 39.5
               && e.getBoundingClientRect().width > 1 && !e.closest('.t-card summary, [inert]'))
               .map((e) => e.outerHTML.slice(0, 160))""")
        assert not small, tab
        wide = page.locator("main").evaluate("e => e.getBoundingClientRect().width")
        assert wide <= width, tab


def test_a_passage_is_judged_counted_where_it_stands_and_undone(board):
    board.locator("#questions [role=gridcell]").first.click()
    board.get_by_role("button", name="Judge its top passages").click()
    panel = board.locator("#judge")
    expect(panel).to_contain_text("Does each of these answer it?")
    before = board.locator("#scoreboard").inner_text()
    panel.locator("#judge-0").get_by_text("answers it", exact=True).click()
    expect(panel.get_by_text("answers it, said owner")).to_be_in_viewport()
    expect(board.locator("#judged")).to_contain_text("With 1 added judgement")
    expect(board.locator("#scoreboard")).to_contain_text("With 1 added judgement")
    board.locator("#judge-undo").click()
    expect(board.locator("#judged")).to_contain_text("No judgement is added")
    expect(board.locator("#scoreboard")).to_have_text(re.compile(re.escape(before[:60])))
    assert not board.errors


def test_measuring_merges_shows_how_far_it_is_and_stops(board):
    board.get_by_role("button", name="Merge with Base").click()
    board.locator("#measure-merges").click()
    dial = board.locator("#retention-dial")
    expect(dial.locator("progress")).to_be_visible()
    board.locator("#stop-merges").click()
    expect(dial).to_contain_text("stopped, and nothing of it is kept")
    expect(board.locator("#stop-merges")).to_be_hidden()
    expect(board.locator("#measure-merges")).to_be_enabled()
    assert not board.errors
