"""Somebody brings their own data: a file is looked at, confirmed, checked, and trained on."""

import csv
import io
import json
import re
import zipfile

import pytest
from playwright.sync_api import expect

from ui.tabs.data.restore import NO_DATA

pytestmark = pytest.mark.slow

LONG = 120_000
"""Milliseconds that reading and checking a small file may take on a busy machine."""
HOSTILE = '<img src=x onerror="alert(1)">${alert(2)}{{alert(3)}}'


def as_table(rows, encoding="windows-1252"):
    out = io.StringIO()
    csv.writer(out, delimiter=";").writerows(rows)
    return out.getvalue().encode(encoding)


@pytest.fixture
def questions(tmp_path):
    """A table as an office has it: semicolons, windows-1252, columns of its own names."""
    rows = [["Nr.", "Kundenfrage", "Antworttext"]]
    rows += [[n, f"Wie groß ist Modell {n}; und passt es?", f"Modell {n} fasst {n + 100} Liter Öl, "
              f"das genügt für {n} Tage."] for n in range(60)]
    rows += [[60, HOSTILE, HOSTILE], rows[5], [61, "", "Eine Antwort ohne Frage."]]
    path = tmp_path / "Fragen von Kunden.csv"
    path.write_bytes(as_table(rows))
    return path


def open_own(page, app):
    page.goto(app.url)
    page.get_by_role("tab", name="Fine-tune", exact=True).click()
    page.get_by_role("radio", name="My own data").check()
    expect(page.locator("#before")).to_be_visible()


def send(page, path):
    page.locator("#data-file input[type=file]").set_input_files(path)


def column(page, name):
    return page.locator(f"#column-{name} input")


def kept(app, kind="*"):
    return {path.name for path in (app.home / "uploads").glob(f"{kind}*")}


def test_a_table_of_odd_columns_is_confirmed_checked_and_kept_over_a_reload(
    page, browser, trained, questions
):
    open_own(page, trained)
    limits = page.locator("#before")
    for said in ("At most 50 MB", "1,000,000 rows", "100,000 characters", "on this machine"):
        expect(limits).to_contain_text(said)
    send(page, questions)
    found = page.locator("#found")
    expect(found).to_contain_text("windows-1252", timeout=LONG)
    expect(found).to_contain_text("delimiter ;")
    expect(found.locator("tbody tr")).to_have_count(10)
    expect(found).to_contain_text("Wie groß ist Modell 3")
    expect(column(page, "anchor")).to_have_value("Kundenfrage")
    expect(column(page, "positive")).to_have_value("Antworttext")
    expect(page.locator("#data-said")).to_contain_text("Use these columns")
    page.get_by_role("button", name="Swap").click()
    expect(column(page, "anchor")).to_have_value("Antworttext")
    page.get_by_role("button", name="Swap").click()
    expect(column(page, "anchor")).to_have_value("Kundenfrage")
    before = kept(trained, "upload-")
    page.get_by_role("button", name="Use these columns").click()

    check = page.locator("#check")
    expect(check).to_contain_text("61 pairs", timeout=LONG)
    expect(check).to_contain_text(re.compile(r"empty text: 1\s*→?\s*left out"))
    expect(check).to_contain_text(re.compile(r"duplicate pair: 1\s*→?\s*left out"))
    expect(page.locator("#plan")).to_contain_text(re.compile(r"Pairs\s*4\d"), timeout=LONG)
    (name,) = kept(trained, "upload-") - before
    folder = trained.home / "uploads" / name
    about = json.loads((folder / "about.json").read_text())
    assert about["columns"]["anchor"] == "Kundenfrage" and about["encoding"] == "windows-1252"
    with page.expect_download() as download:
        check.get_by_role("link", name="as CSV").click()
    assert download.value.suggested_filename == "check-Fragen-von-Kunden.csv"
    assert "duplicate_pair" in download.value.path().read_text("utf-8")

    page.reload()
    page.get_by_role("tab", name="Fine-tune", exact=True).click()
    expect(page.get_by_role("radio", name="My own data")).to_be_checked()
    expect(check).to_contain_text("61 pairs", timeout=LONG)
    expect(found).to_contain_text("Kundenfrage", timeout=LONG)
    expect(column(page, "anchor")).to_have_value("Kundenfrage")
    assert kept(trained, "upload-") - before == {name}
    expect(page.get_by_role("button", name="Start the fine-tune")).to_be_enabled()
    page.get_by_role("radio", name=re.compile("^Porsche|sample|TANDEM_DATA")).first.check()
    expect(check).not_to_contain_text("61 pairs", timeout=LONG)
    page.get_by_role("radio", name="My own data").check()
    expect(check).to_contain_text("61 pairs", timeout=LONG)
    assert not page.errors and not page.foreign


def test_plain_columns_are_taken_at_once_and_more_passages_join(page, trained, tmp_path):
    pairs = tmp_path / "plain.jsonl"
    pairs.write_text("".join(json.dumps({"anchor": f"how far is {n}?", "positive": f"{n} miles."})
                             + "\n" for n in range(40)))
    more = tmp_path / "more.txt"
    more.write_text("text\nA passage that nobody asks for.\n")
    open_own(page, trained)
    send(page, pairs)
    check = page.locator("#check")
    expect(check).to_contain_text("40 pairs", timeout=LONG)
    expect(check).to_contain_text("40 passages")
    page.get_by_role("button", name="More passages").click()
    page.locator("#more-file input[type=file]").set_input_files(more)
    expect(page.locator("#more-said")).to_contain_text("more")
    expect(check).to_contain_text("41 passages", timeout=LONG)
    page.get_by_role("button", name="Leave them out").click()
    expect(check).to_contain_text("40 passages", timeout=LONG)
    page.get_by_role("button", name="Try it in Compare").click()
    expect(page.get_by_role("tab", name="Compare", exact=True)).to_have_attribute(
        "aria-selected", "true")
    expect(page.locator("#chosen")).to_contain_text("plain", timeout=LONG)
    assert not page.errors


def zip_bomb():
    """A folder in BEIR layout in some hundred kilobytes, which unpacks to 250 MB."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb:
        bomb.writestr("queries.jsonl", '{"_id": "q", "text": "q"}\n')
        bomb.writestr("qrels.tsv", "query-id\tcorpus-id\tscore\nq\tp\t1\n")
        bomb.writestr("corpus.jsonl", b" " * 250_000_000)
    return out.getvalue()


@pytest.mark.parametrize("name, content, said", [
    ("notes.exe", b"MZ", "Data is read from|Invalid file type"),
    ("bomb.xlsx", b"PK\x03\x04 not a workbook", "bomb.xlsx"),
    ("bomb.zip", zip_bomb, "bytes|MB|GB"),
    ("deep.json", b"[" * 200_000, "deep.json"),
    ("nothing.csv", b"", "file is empty|did not arrive"),
    ("columns.csv", b",".join(b"c%d" % n for n in range(200_000)) + b"\n", "columns"),
])
def test_a_file_that_cannot_be_read_is_said_and_leaves_no_data(
    page, trained, tmp_path, name, content, said
):
    file = tmp_path / name
    file.write_bytes(content() if callable(content) else content)
    open_own(page, trained)
    before = kept(trained, "upload-")
    name = page.locator("#data-name textarea, #data-name input").first
    expect(name).to_have_value(NO_DATA)
    send(page, file)
    found = page.get_by_text(re.compile(said)).filter(visible=True)  # not what a closed part says
    expect(found.last).to_be_visible(timeout=LONG)
    assert kept(trained, "upload-") == before and not kept(trained, "part-")
    expect(name).to_have_value(NO_DATA)
    assert not page.errors


def test_work_on_a_file_can_be_cancelled(page, trained, tmp_path):
    large = tmp_path / "large.csv"
    with large.open("w") as file:
        file.write("q1,text that answers\n")
        file.writelines(f"how far is {n}?,{'it is very far ' * 4}{n}\n" for n in range(400_000))
    open_own(page, trained)
    send(page, large)
    expect(page.locator("#column-anchor input")).not_to_have_value("", timeout=LONG)
    before = kept(trained, "upload-")
    page.get_by_role("button", name="Use these columns").click()
    page.get_by_role("button", name="Cancel", exact=True).click(timeout=LONG)
    expect(page.locator("#data-said")).to_contain_text("This was cancelled", timeout=LONG)
    expect(page.locator("#working")).to_be_hidden()
    assert kept(trained, "upload-") == before and not kept(trained, "part-")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_and_a_phone_need_not_scroll_sideways(
    browser, trained, questions, scheme
):
    from axe_playwright_python.sync_playwright import Axe

    page = browser.new_context(viewport={"width": 390, "height": 844},
                               color_scheme=scheme).new_page()
    page.set_default_timeout(LONG)
    open_own(page, trained)
    send(page, questions)
    expect(page.locator("#found table")).to_be_visible(timeout=LONG)
    page.get_by_text("What good pairs are").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    results = Axe().run(page, context="#bring, #check")
    bad = [(violation["id"], node["html"][:160], node["any"][:1])
           for violation in results.response["violations"]
           if violation["impact"] in ("serious", "critical") for node in violation["nodes"]]
    assert not bad
    page.context.close()
