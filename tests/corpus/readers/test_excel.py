"""Excel workbooks, honest (as openpyxl writes them) and hostile (written by hand)."""

import datetime
import zipfile
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest

from corpus.readers.cells import is_date_format, number_text
from corpus.readers.excel import excel_rows, excel_table
from corpus.readers.rows import ReadLimits, TooMuchError
from corpus.records import CorpusError

LIMITS = ReadLimits()
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
KIND = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"


def workbook(path, *sheets):
    """As openpyxl writes it: each sheet a name and its rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets:
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def relations(*targets):
    return f'<Relationships xmlns="{RELATIONS}">' + "".join(
        f'<Relationship Id="r{n}" Type="{KIND}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)) + "</Relationships>"


def by_hand(path, sheet, strings="", **parts):
    """A workbook with one sheet, whose XML is given; parts: other content for a part."""
    files = {
        "_rels/.rels": relations(("officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{KIND}"><sheets>'
                           '<sheet name="One" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            ("worksheet", "worksheets/sheet1.xml"), ("sharedStrings", "/xl/sharedStrings.xml")),
        "xl/worksheets/sheet1.xml": sheet if sheet.startswith("<?") else
        f'<worksheet xmlns="{MAIN}">{sheet}</worksheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{strings}</sst>',
    } | parts
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def line(number, *texts):
    cells = "".join(f'<c r="{chr(65 + n)}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
                    for n, text in enumerate(texts))
    return f'<row r="{number}">{cells}</row>'


def table(*rows):
    return f"<sheetData>{''.join(rows)}</sheetData>"


def read(path, limits=LIMITS):
    bad = []
    return list(excel_rows(path, limits, bad.append)), [str(error) for error in bad]


def test_values_are_text_as_in_a_csv_file(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("Pairs", [
        ["anchor", "positive", "score", "when", "good", "share", "at"],
        ["who & <what>?", "he\nand she", 5, datetime.date(2024, 5, 1), True, 0.1,
         datetime.datetime(2024, 5, 1, 13, 45)],
        ["è 漢 🚗", "=text", 1e20, datetime.time(13, 45), False, -2.5, None],
    ]))
    book = openpyxl.load_workbook(path)
    book["Pairs"]["B3"].data_type = "s"  # text that looks like a formula, and is none
    book.save(path)
    assert read(path) == ([
        ("a.xlsx sheet “Pairs” row 2", {
            "anchor": "who & <what>?", "positive": "he\nand she", "score": "5",
            "when": "2024-05-01", "good": "TRUE", "share": "0.1", "at": "2024-05-01 13:45:00"}),
        ("a.xlsx sheet “Pairs” row 3", {
            "anchor": "è 漢 🚗", "positive": "=text", "score": "1e+20", "when": "13:45:00",
            "good": "FALSE", "share": "-2.5", "at": ""}),
    ], [])


def test_texts_are_those_that_openpyxl_reads(tmp_path):
    texts = ["x" * n + "_x000D_ä\t" + "\n" * (n % 3) + "y" for n in range(200)] * 3
    path = workbook(tmp_path / "a.xlsx", ("S", [["a"], *([text] for text in texts)]))
    expected = [row[0] for row in openpyxl.load_workbook(path, read_only=True)["S"].values][1:]
    assert [row["a"] for _, row in read(path)[0]] == [
        text.replace("_x000D_", "\r") for text in expected]


def test_rich_and_shared_texts_are_whole_and_without_their_pronunciation(tmp_path):
    strings = ("<si><t>a</t></si><si><t>b</t></si>"
               "<si><r><t>one </t></r><r><rPr><b/></rPr><t>text</t></r>"
               "<rPh sb='0' eb='1'><t>spoken</t></rPh></si>")
    path = by_hand(tmp_path / "a.xlsx", table(
        '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>',
        '<row><c t="s"><v>2</v></c><c t="str"><f>A1</f><v>saved</v></c></row>'), strings)
    assert read(path)[0] == [("a.xlsx sheet “One” row 2", {"a": "one text", "b": "saved"})]


@pytest.mark.parametrize("text, shown", [
    ("45413", "2024-05-01"), ("45413.5", "2024-05-01 12:00:00"), ("0.25", "06:00:00"),
    ("59", "1900-02-28"), ("61", "1900-03-01"), ("-1", "-1"), ("1e300", "1e300"), ("x", "x"),
])
def test_a_date_is_shown_as_a_date(text, shown):
    assert number_text(text, True) == shown


def test_dates_may_count_from_1904_and_numbers_are_what_the_sheet_shows():
    assert number_text("43951", True, from_1904=True) == "2024-05-01"
    assert [number_text(text, False) for text in ("1.1000000000000001", "7.0", "1E3", "nan")] == [
        "1.1", "7", "1000", "nan"]


@pytest.mark.parametrize("code, date", [
    ("yyyy-mm-dd", True), ("[$-409]h:mm AM/PM", True), ("#,##0.00", False), ("General", False),
    ('0.0 "days"', False), ("[Red]0", False), ("[h]:mm", False), ("0.00E+00", False),
    ("_d0", False), ("@", False),
])
def test_a_format_is_a_dates_or_not(code, date):
    assert is_date_format(code) is date


def test_the_first_visible_sheet_with_a_table_is_read_and_said(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("Hidden", [["x"], ["no"]]), ("Title", [["Our FAQ"]]),
                    ("Empty", []), ("Pairs", [[], [None, "a"], [], [None, "yes"]]),
                    ("Later", [["a"], ["no"]]))
    book = openpyxl.load_workbook(path)
    book["Hidden"].sheet_state = "hidden"
    book.save(path)
    assert read(path)[0] == [("a.xlsx sheet “Pairs” row 4", {"a": "yes"})]
    found = excel_table(path, LIMITS)
    assert found.names == ("a",)
    assert found.notes == ("Sheet “Pairs” is read; not read: “Title”, “Empty”, “Later”, "
                           "“Hidden”.",)
    alone = workbook(tmp_path / "b.xlsx", ("Title", [["Our FAQ"]]))
    with pytest.raises(CorpusError, match="b.xlsx has no sheet with a row of column names"):
        excel_table(alone, LIMITS)


def test_a_formula_without_a_saved_value_and_an_error_cost_their_row_alone(tmp_path):
    path = by_hand(tmp_path / "a.xlsx", table(
        line(1, "a", "b"), '<row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c>'
        '<c r="B2"><f>HYPERLINK("http://x")</f></c></row>',
        '<row r="3"><c r="A3" t="e"><v>#N/A</v></c></row>',
        '<row r="4"><c r="A4" t="s"><v>7</v></c><c r="B4"><f>1</f><v/></c></row>',
        '<row r="5"><c r="B5"><f>1+1</f><v>2</v></c><c r="Z5"><f>x</f></c></row>'))
    rows, bad = read(path)
    assert rows == [("a.xlsx sheet “One” row 5", {"a": "", "b": "2"})]
    assert bad == [
        "a.xlsx sheet “One” row 2: cell B2 is a formula without a saved value: save the workbook "
        "once in a spreadsheet program.",
        "a.xlsx sheet “One” row 3: cell A3 holds the error #N/A.",
        "a.xlsx sheet “One” row 4: cell A4 names a text that the workbook has not ('7')."]
    with pytest.raises(CorpusError, match="cell B2 is a formula"):
        list(excel_rows(path, LIMITS))


def test_a_sheet_that_lies_about_its_size_costs_nothing(tmp_path):
    path = by_hand(tmp_path / "a.xlsx", '<dimension ref="A1:XFD1048576"/>' + table(
        line(1, "a"), line(2, "x"),
        '<row r="1048576"><c r="XFD1048576"><v>2</v></c><c r="A1048576"><v>3</v></c></row>'))
    assert [row for _, row in read(path)[0]] == [{"a": "x"}, {"a": "3"}]


def test_too_many_columns_cells_rows_and_bytes_are_refused_with_the_figure(tmp_path):
    wide = workbook(tmp_path / "wide.xlsx", ("S", [[f"c{n}" for n in range(20)], ["x"]]))
    with pytest.raises(TooMuchError, match="wide.xlsx has 20 columns, and the limit is 10"):
        excel_table(wide, ReadLimits(columns=10))
    cells = by_hand(tmp_path / "cells.xlsx", table("<row>" + "<c/>" * 10_000_000))
    with pytest.raises(TooMuchError, match="row 1 has more than 16,384 cells"):
        excel_table(cells, LIMITS)
    long = workbook(tmp_path / "long.xlsx", ("S", [["a"], *(["x"] for _ in range(9))]))
    with pytest.raises(TooMuchError, match="long.xlsx has 9 rows, and the limit is 8"):
        read(long, ReadLimits(rows=8))
    bomb = by_hand(tmp_path / "bomb.xlsx", table(line(1, "a"), line(2, "x" * 30_000_000)))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(TooMuchError, match="bomb.xlsx unpacks to more than 1,000,000 bytes"):
        read(bomb, ReadLimits(bytes=1_000_000))


def test_one_shared_text_in_every_row_counts_each_time(tmp_path):
    rows = "".join('<row><c t="s"><v>0</v></c></row>' for _ in range(1000))
    path = by_hand(tmp_path / "a.xlsx", table(rows), f"<si><t>{'x' * 100_000}</t></si>")
    with pytest.raises(TooMuchError, match="more than 10,000,000 bytes"):
        read(path, ReadLimits(bytes=10_000_000))


LAUGHS = ('<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {new} "{f"&{old};" * 10}">' for old, new in zip("abcdefgh", "bcdefghi", strict=True)
) + f']><worksheet xmlns="{MAIN}"><sheetData>' + line(1, "&i;") + "</sheetData></worksheet>")


@pytest.mark.parametrize("sheet", [
    LAUGHS, LAUGHS.encode("utf-16"),
    '<?xml version="1.0"?><!DOCTYPE w SYSTEM "file:///etc/passwd"><worksheet/>',
], ids=["laughs", "laughs in UTF-16", "external"])
def test_a_document_type_is_refused_as_a_trap(tmp_path, sheet):
    path = by_hand(tmp_path / "a.xlsx", "", **{"xl/worksheets/sheet1.xml": sheet})
    with pytest.raises(CorpusError, match="sheet1.xml declares a document type"):
        read(path)


def test_a_tag_without_end_is_refused_before_it_takes_its_time(tmp_path):
    path = by_hand(tmp_path / "a.xlsx", table(f'<row r="{"1" * 20_000_000}"/>'))
    with pytest.raises(TooMuchError, match="has a tag of more than 1,048,576 bytes"):
        read(path)
    deep = by_hand(tmp_path / "deep.xlsx", table(line(1, "a"), line(2, "<x>" * 100_000)))
    with pytest.raises(CorpusError, match="is not whole XML"):
        read(deep)


def test_a_text_of_many_pieces_is_whole(tmp_path):
    text = "y" * 5_000_000
    path = by_hand(tmp_path / "a.xlsx", table(line(1, "a"), line(2, text)))
    assert read(path)[0][0][1] == {"a": text}


@pytest.mark.parametrize("parts, said", [
    ({"xl/worksheets/sheet1.xml": "<worksheet><sheetData>"}, "sheet1.xml is not whole XML"),
    ({"xl/worksheets/sheet1.xml": "<?xml version='1.0' encoding='no-such'?><a/>"}, "not whole XML"),
    ({"xl/worksheets/sheet1.xml": "<?xml version='1.0' encoding='idna'?><a/>"}, "not whole XML"),
    ({"xl/sharedStrings.xml": "\0"}, "sharedStrings.xml is not whole XML"),
    ({"_rels/.rels": "<Relationships/>"}, "is no .xlsx workbook"),
    ({"_rels/.rels": relations(("officeDocument", "xl/workbook.bin"))}, "is no .xlsx workbook"),
    ({"_rels/.rels": relations(("officeDocument", "../../x.xml"))}, "x.xml.rels is missing"),
    ({"xl/_rels/workbook.xml.rels": relations(("worksheet", "x.xml"))}, "xl/x.xml is missing"),
    ({"xl/workbook.xml": "<workbook/>"}, "no sheet with a row of column names"),
])
def test_a_workbook_that_is_not_whole_is_refused_with_a_sentence(tmp_path, parts, said):
    path = by_hand(tmp_path / "a.xlsx", table(line(1, "a"), line(2, "x")), **parts)
    with pytest.raises(CorpusError, match=said):
        read(path)


def test_old_and_encrypted_workbooks_and_other_zips_are_said(tmp_path):
    old = tmp_path / "old.xls"
    old.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600)
    with pytest.raises(CorpusError, match="old .xls format: save it as .xlsx"):
        read(old)
    locked = tmp_path / "locked.xlsx"
    locked.write_bytes(old.read_bytes() + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(CorpusError, match="is encrypted: open it, take its password off"):
        read(locked)
    other = tmp_path / "other.xlsx"
    with ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(CorpusError, match="no whole .xlsx workbook: _rels/.rels is missing"):
        read(other)
    other.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(CorpusError, match="other.xlsx is not a whole zip file"):
        read(other)
    with pytest.raises(CorpusError, match="gone.xlsx cannot be read: No such file"):
        read(tmp_path / "gone.xlsx")


def test_two_columns_of_one_name_and_a_header_that_is_a_formula_are_refused(tmp_path):
    twice = workbook(tmp_path / "a.xlsx", ("S", [["a", "a "], ["x", "y"]]))
    with pytest.raises(CorpusError, match="two columns named 'a'"):
        read(twice)
    formula = workbook(tmp_path / "b.xlsx", ("S", [["=1+1"], ["y"]]))
    with pytest.raises(CorpusError, match="cell A1 is a formula without a saved value"):
        read(formula)


def test_a_spoilt_zip_is_refused_with_a_sentence(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("S", [["a"], *([f"text {n}"] for n in range(99))]))
    data = path.read_bytes()
    with ZipFile(path) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 80
    path.write_bytes(data[:at] + b"\xff" * 20 + data[at + 20:])
    with pytest.raises(CorpusError, match="sheet1.xml' cannot be unpacked|not whole XML"):
        read(path)
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(CorpusError, match="is not a whole zip file"):
        read(path)
    assert zipfile.is_zipfile(path) is False


def test_a_name_of_a_sheet_is_shown_without_its_control_characters(tmp_path):
    listed = (f'<workbook xmlns="{MAIN}" xmlns:r="{KIND}"><sheets>'
              '<sheet name="a&#x202E;b&#10;c" r:id="r1"/></sheets></workbook>')
    path = by_hand(tmp_path / "a.xlsx", table(line(1, "a"), line(2, "x")),
                   **{"xl/workbook.xml": listed})
    assert read(path)[0] == [("a.xlsx sheet “a\ufffdb c” row 2", {"a": "x"})]
