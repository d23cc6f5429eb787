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


STRAY = ['How is {}?\tScrew {} out.', 'Why is {}?\t"Caution" is printed on {}.',
         'When is {}?\t"As the leaflet says: turn {}.', 'Where is {}?\tAt {}" of height.']


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
def test_quotation_marks_of_a_file_without_quoting_are_text_and_lose_no_row(tmp_path, name):
    text = "question\tanswer\n" + "".join(
        STRAY[n % 4].format(n, n) + "\n" for n in range(100))
    _, rows, said = table(tmp_path, text, name=name)
    assert [fields["answer"] for _, fields in rows] == [
        STRAY[n % 4].format(n, n).split("\t")[1] for n in range(100)]
    (note,) = said
    assert note.kind == "note" and f"{name} does not put texts between quotation marks" in str(note)
    assert "in line 3" in str(note)


def test_one_stray_mark_that_never_closes_swallows_nothing(tmp_path):
    text = "q\ta\n" + "".join(f"q{n}\ta{n}\n" for n in range(50)) + 'x\t"open\n' + "".join(
        f"r{n}\tb{n}\n" for n in range(50))
    _, rows, said = table(tmp_path, text, name="a.tsv")
    assert len(rows) == 101 and rows[50][1] == {"q": "x", "a": '"open'} and len(said) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_quotation_marks_behind_backslashes_are_read_and_said(tmp_path, delimiter):
    text = delimiter.join(('"question"', '"answer"')) + "\n" + "".join(
        f'"Why \\"{n}\\"?"{delimiter}"Press \\"OK\\"{delimiter} then{delimiter}\n'
        'wait, in C:\\dir."\n' for n in range(20))
    _, rows, said = table(tmp_path, text)
    assert (len(rows), rows[3][1]) == (20, {
        "question": 'Why "3"?',
        "answer": f'Press "OK"{delimiter} then{delimiter}\nwait, in C:\\dir.'})
    assert [str(error) for error in said] == [
        'a.csv writes quotation marks within texts as \\", and is read so.']


def test_a_backslash_at_the_end_of_a_quoted_text_is_a_backslash(tmp_path):
    _, rows, said = table(tmp_path, 'q,a\n"Where?","C:\\dir\\"\n"Why?","So, so."\n')
    assert ([fields["a"] for _, fields in rows], said) == (["C:\\dir\\", "So, so."], [])


def test_lines_that_a_mark_swallows_in_a_quoted_file_are_counted(tmp_path):
    good = "".join(f'"q{n}, or?","a{n}, so."\n' for n in range(30))
    _, rows, said = table(tmp_path, f'q,a\n{good}"x","an open one\n{good}')
    lost = 61 - len(rows)
    note, fault = said
    assert "with a quotation mark that is not closed" in str(note) and "line 32" in str(note)
    assert "a.csv line 32: a quotation mark that opens a text there" in str(fault)
    assert f"so that {lost} lines cannot be read" in str(fault)


@pytest.mark.parametrize("titles", [
    "FAQ export,,\nas of 1 May,,\n", "FAQ export\n", "FAQ export\n\nas of 1 May,,\n\n",
])
@pytest.mark.parametrize("names", ["No,Question,Answer", "Nr,Problem,Abhilfe"])
def test_titles_above_the_names_of_columns_are_not_read_and_said(tmp_path, titles, names):
    text = titles + names + "\n" + "".join(f'{n},"Why, {n}?","So, {n}."\n' for n in range(20))
    found, rows, said = table(tmp_path, text)
    assert (found.names, len(rows)) == (tuple(names.split(",")), 20)
    assert "above the names of its columns" in str(said[0]) and "“FAQ export”" in str(said[0])
    assert rows[0][0] == f"a.csv line {titles.count(chr(10)) + 2}"


def test_a_file_of_one_column_is_not_taken_for_a_title_above_a_table(tmp_path):
    _, rows, said = table(tmp_path, "notes\n" + "First a thing, then another\n" * 6)
    assert ([list(fields) for _, fields in rows], said) == ([["notes"]] * 6, [])
