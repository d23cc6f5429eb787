import pytest

from corpus.readers.csv import LONGEST_CELL, delimited, longest_cell
from corpus.readers.rows import WHOLE, ReadLimits, TooMuchError
from corpus.readers.text import TextFile
from corpus.records import CorpusError


def table(tmp_path, text, limits=WHOLE, name="a.csv"):
    path = tmp_path / name
    path.write_text(text, "utf-8", newline="")
    said = []
    found = delimited(TextFile(path, WHOLE, said.append), limits, said.append)
    return found, list(found.rows), said


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
@pytest.mark.parametrize("mark, called", [(",", ","), (";", ";"), ("\t", "tab"), ("|", "|")])
def test_the_delimiter_is_told_from_the_text_whatever_the_suffix(tmp_path, name, mark, called):
    text = f'q{mark}a\nWhy, or how; why?{mark}"So {mark} or\nso | so"\n'.replace(
        "Why, or how; why?", f'"Why, or{mark} how; why?"')
    found, rows, _ = table(tmp_path, text, name=name)
    assert found.format == f"CSV, delimiter {called}"
    assert rows == [(f"{name} line 2",
                     {"q": f"Why, or{mark} how; why?", "a": f"So {mark} or\nso | so"})]


def test_commas_in_every_text_do_not_outweigh_the_names_of_the_header(tmp_path):
    text = "question;answer\n" + "One, two, three?;Four, five, six.\n" * 50
    _, rows, _ = table(tmp_path, text)
    assert rows[49][1] == {"question": "One, two, three?", "answer": "Four, five, six."}


def test_what_excel_writes_above_a_table_names_the_delimiter(tmp_path):
    found, rows, _ = table(tmp_path, "sep=;\r\nx;y,z\r\n1;2\r\n")
    assert (found.names, rows) == (("x", "y,z"), [("a.csv line 3", {"x": "1", "y,z": "2"})])


def test_lines_are_counted_with_those_in_quotes_and_the_blank_ones(tmp_path):
    text = 'q,a\r\n\r\n"one\r\ntwo\n\nthree",x\r\n\r\nlast,y\r\n'
    _, rows, _ = table(tmp_path, text)
    assert [where for where, _ in rows] == ["a.csv line 3", "a.csv line 8"]


def test_a_row_of_too_many_cells_is_named_and_not_read_in_part(tmp_path):
    _, rows, said = table(tmp_path, "q,a\na?,One, and two.\nb?,Two.,,\nc?\n")
    assert [fields for _, fields in rows] == [{"q": "b?", "a": "Two."}, {"q": "c?"}]
    assert str(said[0]).startswith("a.csv line 2 has 3 cells, and there are 2 columns: put a text "
                                   "that holds a , between quotation marks")


def test_repeated_and_empty_names_are_told_apart_and_said(tmp_path):
    found, rows, said = table(tmp_path, "q,a,a,,a\n1,2,3,4,5\n")
    assert found.names == ("q", "a", "a (2)", "column 4", "a (3)")
    assert rows[0][1]["a (3)"] == "5"
    assert "“a (2)”, “a (3)”" in str(said[0])


def test_a_first_row_of_data_is_a_row_and_that_is_said(tmp_path):
    found, rows, said = table(tmp_path, "How big is it?,Big.\nWhy?,So.\n")
    assert found.names == ("column 1", "column 2")
    assert [where for where, _ in rows] == ["a.csv line 1", "a.csv line 2"]
    assert "looks like data" in str(said[0]) and said[0].kind == "note"


def test_one_column_is_a_table_too_and_its_commas_are_text(tmp_path):
    found, rows, said = table(tmp_path, 'text\nOne, two.\n"Three, ""four"""\n')
    assert (found.format, said) == ("CSV, one column", [])
    assert [fields["text"] for _, fields in rows] == ["One, two.", 'Three, "four"']


def test_a_quotation_mark_that_is_not_closed_costs_its_row_and_not_the_rest(tmp_path):
    long = "\n".join(f"row {i},text" for i in range(20_000))
    quoted = '"first","of, many"\n' * 50
    _, rows, said = table(tmp_path, f'q,a\n{quoted}x,"open\n{long}\nlast,one\n')
    assert rows[-1][1] == {"q": "last", "a": "one"}
    note, fault = said
    assert note.kind == "note" and "the first in line 52" in str(note)
    assert "a.csv line 52: field larger than" in str(fault) and "close the quotation" in str(fault)
    lost = 20_052 - len(rows)
    assert 0 < lost < LONGEST_CELL and f"so that {lost:,} lines cannot be read" in str(fault)


def test_cells_may_be_as_long_as_texts_may_be(tmp_path):
    text = "q,a\n" + "x" * 200_000 + ",1\n" + "y" * 400_000 + ",2\n"
    with longest_cell(300_000):
        _, rows, said = table(tmp_path, text, ReadLimits(characters=300_000))
    assert [fields["a"] for _, fields in rows] == ["1"]
    assert said[0].kind == "too_long"
    assert table(tmp_path, text)[1] == []  # as before


@pytest.mark.parametrize("text, limits, said", [
    ("a," * 2_000 + "b\n", ReadLimits(), "a.csv has 2,001 columns; at most 1,000 are read"),
    ("a," * 10_000_000 + "b\n1\n", ReadLimits(), r"more than 10,000,000 columns; at most 1,000"),
])
def test_more_columns_than_are_read_are_refused_with_both_figures(tmp_path, text, limits, said):
    with pytest.raises(TooMuchError, match=said):
        table(tmp_path, text, limits)


def test_a_row_of_very_many_cells_is_left_out(tmp_path):
    _, rows, said = table(tmp_path, "q,a\n" + "," * 200_000 + "\nx,y\n", ReadLimits())
    assert [fields for _, fields in rows] == [{"q": "x", "a": "y"}]
    assert "line 2 has more than 200,000 cells" in str(said[0])


def test_a_head_of_one_cell_that_never_ends_is_refused(tmp_path):
    with pytest.raises(CorpusError, match="a.csv line 1: field larger than"):
        table(tmp_path, "x" * 50_000_000)


@pytest.mark.parametrize("text", ["", "\n\n", "q,a\n", "q,a"])
def test_a_table_without_rows_has_none(tmp_path, text):
    assert table(tmp_path, text)[1:] == ([], [])


def test_nul_bytes_and_lone_carriage_returns_are_lines_as_they_come(tmp_path):
    _, rows, _ = table(tmp_path, "q,a\rx\0y,1\r2,3\r")
    assert rows == [("a.csv line 2", {"q": "x\0y", "a": "1"}),
                    ("a.csv line 3", {"q": "2", "a": "3"})]
