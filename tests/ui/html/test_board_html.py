import pytest

from retrieval.evaluation import Evidence
from support.evidence import side
from support.markup import HOSTILE, Tags
from ui.html.board import figures, in_counts, verdict_head


@pytest.mark.parametrize("before, after, said", [
    ([5] * 40, [1] * 40, "The right answer comes first for 40 of 40 questions; before, for 0."),
    ([1] * 40, [1] * 40, "No clear difference. The right answer comes first for 40 of 40 "
                         "questions; before, for 40."),
    ([1] * 30, [7] * 30, "The right answer comes first for 0 of 30 questions; before, for 30."),
])
def test_the_headline_counts_how_often_the_answer_comes_first(before, after, said):
    evidence = Evidence("test", 9, side(before), side(after))
    assert in_counts(evidence) == said
    assert said in verdict_head(evidence)


def test_the_headline_names_the_other_side_where_it_is_not_base():
    evidence = Evidence("test", 9, side([5] * 40), side([1] * 40))
    assert "; with BM25, for 0." in in_counts(evidence, ("BM25", "Fine-tuned"))
    assert "before" not in in_counts(evidence, ("BM25", "Fine-tuned"))


def test_the_bar_of_won_tied_and_lost_says_which_is_which():
    html = verdict_head(Evidence("test", 9, side([5] * 9 + [1] * 4), side([1] * 12 + [3])))
    Tags(html)
    assert "Questions: 9 won, 3 tied, 1 lost" in html
    for part in ("<b>9</b> won", "<b>3</b> tied", "<b>1</b> lost"):
        assert part in html


def test_names_and_notes_of_the_board_are_text():
    evidence = Evidence("test", 9, side([1, 2]), side([2, 1]))
    for html in (verdict_head(evidence, (HOSTILE, HOSTILE)), figures(evidence, HOSTILE)):
        assert "img" not in {tag for tag, _ in Tags(html).opened}
