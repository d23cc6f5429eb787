"""What is chosen of data on its way in: the sheet, tags, accents, and how it is split."""

import json
import re

import openpyxl
import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.slow

LONG = 120_000
"""Milliseconds that reading and checking a small file may take on a busy machine."""


@pytest.fixture
def workbook(tmp_path):
    """Two sheets of questions, three answers with tags, and accents read in the wrong encoding."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, first in (("Pumps", 0), ("Hoses", 30)):
        sheet = book.create_sheet(name)
        sheet.append(["Question", "Answer"])
        for number in range(first, first + 30):
            sheet.append([f"How do I clean part {number}, mit {'für'.encode().decode('latin-1')}?",
                          f"<p>See chapter {number % 3} of the leaflet.</p>"])
    path = tmp_path / "FAQ.xlsx"
    book.save(path)
    return path


def test_a_sheet_and_what_is_done_on_the_way_in_are_chosen_on_the_page(page, trained, workbook):
    page.goto(trained.url)
    page.get_by_role("tab", name="Fine-tune", exact=True).click()
    page.get_by_role("radio", name="My own data").check()
    page.locator("#data-file input[type=file]").set_input_files(workbook)
    found, check = page.locator("#found"), page.locator("#check")
    expect(found).to_contain_text("not read: “Hoses”", timeout=LONG)
    expect(found).to_contain_text("hold HTML")
    expect(found).to_contain_text("were read as another encoding once")
    expect(check).to_contain_text("30 pairs", timeout=LONG)
    expect(check).to_contain_text("3 answers together")

    sheet = page.locator("#sheet input")
    expect(sheet).to_have_value("Pumps")
    sheet.click()
    page.get_by_role("option", name="All sheets").click()
    expect(found).to_contain_text("2 sheets are read", timeout=LONG)
    expect(check).to_contain_text("60 pairs", timeout=LONG)

    for name in ("Strip HTML tags", "Put right accents", "Split by question"):
        page.get_by_role("checkbox", name=re.compile(name)).check()
    before = {path.name for path in (trained.home / "uploads").glob("upload-*")}
    page.get_by_role("button", name="Use these columns").click()
    expect(check).to_contain_text("The split is by question", timeout=LONG)
    (name,) = {path.name for path in (trained.home / "uploads").glob("upload-*")} - before
    about = json.loads((trained.home / "uploads" / name / "about.json").read_text())
    assert (about["pairs"], about["split_by"]) == (60, "question")
    assert {kind: case["count"] for kind, case in about["fixed"].items()} == {
        "html": 60, "mojibake": 60}
    corpus = (trained.home / "uploads" / name / "corpus.jsonl").read_text("utf-8")
    assert "<p>" not in corpus and "See chapter 2 of the leaflet." in corpus
    assert not page.errors
