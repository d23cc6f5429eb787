"""The report on paper: a real browser prints it, and no text leaves the page or covers another."""

import numpy as np
import pypdfium2
import pytest

from corpus.records import Query
from retrieval.evaluation import Evidence
from retrieval.truncation import AtDim
from support.evidence import side
from train.report.findings import Findings
from train.report.html import report_html

pytestmark = pytest.mark.slow
QUESTIONS = 120
A4 = (595, 842)
TOPICS = ("Batteries and charging", "Doors and locks", "Tyres", "Navigation and infotainment")


def report():
    """Everything a report can have, with long questions, names and fingerprints."""
    ranks = np.random.default_rng(3).integers(1, [[60], [20]], (2, QUESTIONS))
    queries = {f"q{i}": Query(f"q{i}", f"Why is light number {i} on after the service, though the "
                              "ignition is on and the door of the boot stands open?",
                              topic=TOPICS[i % len(TOPICS)]) for i in range(QUESTIONS)}
    history = [{"epoch": i, "step": 45 * i, "ndcg@10": value}
               for i, value in enumerate([0.6229, 0.7135, 0.7242, 0.6301])]
    dims = [AtDim(dim, 0.4 + i * 0.05, 0.42 + i * 0.045, 1797 * 4 * dim, 0.05)
            for i, dim in enumerate([32, 64, 128, 256, 384])]
    return Findings(Evidence("test", 1797, side(ranks[0].tolist()), side(ranks[1].tolist())),
                    {"Data": "porsche", "Data fingerprint": "d" * 64, "Recipe": "epochs 3, " * 60},
                    queries, history, {"verdict": "No clear loss elsewhere."}, dims)


@pytest.fixture(scope="module")
def pages(browser, tmp_path_factory):
    folder = tmp_path_factory.mktemp("printed")
    (folder / "report.html").write_text(report_html(report()), "utf-8")
    page = browser.new_page()
    page.goto((folder / "report.html").as_uri())
    page.pdf(path=folder / "report.pdf", prefer_css_page_size=True)
    page.close()
    return list(pypdfium2.PdfDocument(str(folder / "report.pdf")))


def boxes(page):
    """Where the lines of text stand: (left, bottom, right, top) in points, with their words."""
    text = page.get_textpage()
    for place in range(text.count_rects()):
        box = text.get_rect(place)
        if said := text.get_text_bounded(*box).strip():
            yield box, said


def test_it_prints_on_a4_with_all_there_is(pages):
    assert 2 <= len(pages) <= 8
    assert all(tuple(map(round, page.get_size())) == A4 for page in pages)
    said = " ".join(page.get_textpage().get_text_bounded() for page in pages)
    for words in ("What got worse most", "What got better most", "How it was made", "recall@10",
                  "Doors and locks", "below the line: better"):
        assert words in said, words


def test_no_text_leaves_the_margins(pages):
    for page in pages:
        for (left, bottom, right, top), said in boxes(page):
            assert 36 < left and right < A4[0] - 36 and 36 < bottom and top < A4[1] - 36, said


def test_no_text_covers_another(pages):
    for page in pages:
        found = list(boxes(page))
        for place, (a, said) in enumerate(found):
            for b, other in found[place + 1:]:
                # A kerned pair of letters of one word overlaps a little.
                wide = min(a[2], b[2]) - max(a[0], b[0])
                high = min(a[3], b[3]) - max(a[1], b[1])
                assert wide < 4 or high < 2, (said, other)


def test_no_row_is_torn_between_two_pages(pages):
    for page in pages:
        text = page.get_textpage().get_text_bounded()
        assert text.count("Why is light") == text.count("stands open?")
