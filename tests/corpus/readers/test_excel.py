"""Excel workbooks, honest (as openpyxl writes them) and hostile (written by hand)."""

import datetime
import zipfile
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl
import pytest
import xlwt

from corpus.readers.excel import excel_rows, excel_table
from corpus.readers.rows import ReadLimits, TooMuchError
from corpus.readers.workbook import cell_text
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
               "<si><r><t xml:space='preserve'>one </t></r><r><rPr><b/></rPr><t>text</t></r>"
               "<rPh sb='0' eb='1'><t>spoken</t></rPh></si>")
    path = by_hand(tmp_path / "a.xlsx", table(
        '<row><c t="s"><v>0</v></c><c t="s"><v>1</v></c></row>',
        '<row><c t="s"><v>2</v></c><c t="str"><f>A1</f><v>saved</v></c></row>'), strings)
    assert read(path)[0] == [("a.xlsx sheet “One” row 2", {"a": "one text", "b": "saved"})]


@pytest.mark.parametrize("value, shown", [
    (datetime.date(2024, 5, 1), "2024-05-01"), (datetime.datetime(2024, 5, 1), "2024-05-01"),
    (datetime.datetime(2024, 5, 1, 12, 0, 0, 5), "2024-05-01 12:00:00"),
    (datetime.time(6), "06:00:00"), (datetime.timedelta(hours=36, minutes=5), "36:05:00"),
    (1.1000000000000001, "1.1"), (7.0, "7"), (1e3, "1000"), (123456789012345.0, "123456789012345"),
    (1e20, "1e+20"), (float("nan"), "nan"), (float("inf"), "inf"), (-0.5, "-0.5"), (12, "12"),
    (True, "TRUE"), (None, ""),
])
def test_a_value_is_shown_as_a_sheet_shows_it(value, shown):
    assert cell_text(value) == shown


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
                           "“Hidden”. Another, or all, is read with --sheet.",)
    alone = workbook(tmp_path / "b.xlsx", ("Title", [["Our FAQ"]]))
    with pytest.raises(CorpusError, match="b.xlsx has no sheet with a row of column names"):
        excel_table(alone, LIMITS)


def test_a_formula_without_a_saved_value_and_an_error_are_empty_cells(tmp_path):
    path = by_hand(tmp_path / "a.xlsx", table(
        line(1, "a", "b"), '<row r="2"><c r="A2" t="inlineStr"><is><t>x</t></is></c>'
        '<c r="B2"><f>HYPERLINK("http://x")</f></c></row>',
        '<row r="3"><c r="A3" t="e"><v>#N/A</v></c></row>',
        '<row r="5"><c r="B5"><f>1+1</f><v>2</v></c></row>'))
    assert read(path)[0] == [("a.xlsx sheet “One” row 2", {"a": "x", "b": ""}),
                             ("a.xlsx sheet “One” row 5", {"a": "", "b": "2"})]


def test_a_sheet_that_spans_more_than_memory_holds_is_refused_in_a_sentence(tmp_path):
    # calamine allots the whole rectangle, and aborts: its process does, and not this one.
    path = by_hand(tmp_path / "a.xlsx", table(
        line(1, "a"), line(2, "x"),
        '<row r="1048576"><c r="XFD1048576"><v>2</v></c><c r="A1048576"><v>3</v></c></row>'))
    assert path.stat().st_size < 2_000
    with pytest.raises(CorpusError, match="a.xlsx cannot be read within 3,000 MB of memory"):
        read(path)


def test_a_sheet_that_says_it_is_larger_than_it_is_costs_nothing(tmp_path):
    path = by_hand(tmp_path / "a.xlsx", '<dimension ref="A1:XFD1048576"/>' + table(
        line(1, "a"), line(2, "x"), '<row r="1048576"><c r="A1048576"><v>3</v></c></row>'))
    assert [row for _, row in read(path)[0]] == [{"a": "x"}, {"a": "3"}]


def test_too_many_columns_cells_rows_and_bytes_are_refused_with_the_figure(tmp_path):
    wide = workbook(tmp_path / "wide.xlsx", ("S", [[f"c{n}" for n in range(20)], ["x"]]))
    with pytest.raises(TooMuchError, match="wide.xlsx has 20 columns, and the limit is 10"):
        excel_table(wide, ReadLimits(columns=10))
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
def test_what_a_document_type_declares_is_not_taken_in(tmp_path, sheet):
    path = by_hand(tmp_path / "a.xlsx", "", **{"xl/worksheets/sheet1.xml": sheet})
    with pytest.raises(CorpusError, match="a.xlsx (is no whole workbook|has no sheet)"):
        read(path)


def test_a_tag_without_end_is_refused(tmp_path):
    path = by_hand(tmp_path / "a.xlsx", table(f'<row r="{"1" * 20_000_000}"/>'))
    with pytest.raises(CorpusError, match="a.xlsx (is no whole workbook|has no sheet)"):
        read(path)
    deep = by_hand(tmp_path / "deep.xlsx", table(line(1, "a"), line(2, "<x>" * 100_000)))
    with pytest.raises(CorpusError, match="deep.xlsx (is no whole workbook|has no sheet)"):
        read(deep)


def test_a_text_of_many_pieces_is_whole(tmp_path):
    text = "y" * 5_000_000
    path = by_hand(tmp_path / "a.xlsx", table(line(1, "a"), line(2, text)))
    assert read(path)[0][0][1] == {"a": text}


@pytest.mark.parametrize("parts", [
    {"xl/worksheets/sheet1.xml": "<worksheet><sheetData>"},
    {"xl/worksheets/sheet1.xml": "<?xml version='1.0' encoding='no-such'?><a/>"},
    {"xl/sharedStrings.xml": "\0"},
    {"_rels/.rels": "<Relationships/>"},
    {"xl/_rels/workbook.xml.rels": relations(("worksheet", "x.xml"))},
    {"xl/workbook.xml": "<workbook/>"},
])
def test_a_workbook_that_is_not_whole_is_refused_with_a_sentence(tmp_path, parts):
    path = by_hand(tmp_path / "a.xlsx", table(line(1, "a"), line(2, "x")), **parts)
    with pytest.raises(CorpusError, match="a.xlsx (is no whole workbook|has no sheet)"):
        read(path)


def test_what_is_no_workbook_and_what_is_encrypted_is_said(tmp_path):
    old = tmp_path / "old.xls"
    old.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600)
    with pytest.raises(CorpusError, match="old.xls is no whole workbook .*: save it again"):
        read(old)
    locked = tmp_path / "locked.xlsx"
    locked.write_bytes(old.read_bytes() + "EncryptedPackage".encode("utf-16-le"))
    with pytest.raises(CorpusError, match="is encrypted: open it, take its password off"):
        read(locked)
    other = tmp_path / "other.xlsx"
    with ZipFile(other, "w") as archive:
        archive.writestr("a.txt", "x")
    with pytest.raises(CorpusError, match="other.xlsx is no whole workbook"):
        read(other)
    other.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(CorpusError, match="other.xlsx is no workbook, whatever it is called"):
        read(other)
    with pytest.raises(CorpusError, match="gone.xlsx cannot be read: there is no such file"):
        read(tmp_path / "gone.xlsx")


def test_two_columns_of_one_name_are_told_apart_and_said_as_in_a_csv_file(tmp_path):
    twice = workbook(tmp_path / "a.xlsx", ("S", [["a", "a "], ["x", "y"]]))
    said = []
    assert excel_table(twice, LIMITS, on_bad_row=said.append).names == ("a", "a (2)")
    assert "names a column more than once: the later ones are called “a (2)”" in str(said[0])
    assert read(twice)[0][0][1] == {"a": "x", "a (2)": "y"}


def test_a_title_and_a_cover_sheet_are_not_the_table(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx", ("Cover", [["FAQ"], ["Version", "3"], ["Author", "me"]]),
        ("Items", [["Our questions, version 3"], [], ["Nr", "Question", "Answer"],
                   [1, "Why?", "So."], [2, "How?", "Thus."]]))
    said = []
    assert excel_table(path, LIMITS, on_bad_row=said.append).names == ("Nr", "Question", "Answer")
    assert "“Items” has 1 row above the names of its columns, which is not read: “Our quest" in (
        str(said[0]))
    assert [row["Answer"] for _, row in read(path)[0]] == ["So.", "Thus."]


def test_a_first_row_of_data_is_a_row_of_a_sheet_too(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("S", [["Why is it so?", "It is."], ["How?", "Thus."]]))
    said = []
    assert excel_table(path, LIMITS, on_bad_row=said.append).names == ("column 1", "column 2")
    assert "looks like data" in str(said[0])
    assert [row["column 2"] for _, row in read(path)[0]] == ["It is.", "Thus."]


def test_merged_cells_are_filled_down_and_a_merged_title_is_not(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("S", [
        ["Our questions"], ["Category", "Question", "Answer"], ["Pay", "Why?", "So."],
        [None, "How?", "Thus."], [None, "When?", "Now."], ["Else", "Who?", "You."]]))
    book = openpyxl.load_workbook(path)
    for cells in ("A1:C1", "A3:A5"):
        book["S"].merge_cells(cells)
    book.save(path)
    assert [(row["Category"], row["Question"]) for _, row in read(path)[0]] == [
        ("Pay", "Why?"), ("Pay", "How?"), ("Pay", "When?"), ("Else", "Who?")]


def test_one_sheet_or_all_can_be_named(tmp_path):
    path = workbook(tmp_path / "a.xlsx", *(
        (name, [["Title"], ["Question", "Answer"], *([f"{name} {n}?", "So."] for n in range(30))])
        for name in ("Pay", "Send", "Cancel")), ("Notes", [["nothing"]]))
    assert excel_table(path, LIMITS, "Send").notes == (
        "Sheet “Send” is read; not read: “Pay”, “Cancel”, “Notes”. Another, or all, is read with "
        "--sheet.",)
    one = list(excel_rows(path, LIMITS, part="Send"))
    assert (len(one), one[0]) == (30, ("a.xlsx sheet “Send” row 3", {"Question": "Send 0?",
                                                                     "Answer": "So."}))
    assert excel_table(path, LIMITS, "all").notes == (
        "3 sheets are read (“Pay”, “Send”, “Cancel”); not read: “Notes”. Another, or all, is read "
        "with --sheet.",)
    assert [row["Question"] for _, row in excel_rows(path, LIMITS, part="all")] == [
        f"{name} {n}?" for name in ("Pay", "Send", "Cancel") for n in range(30)]
    with pytest.raises(CorpusError, match="a.xlsx has no sheet “Other”: it has “Pay”, “Send”"):
        excel_table(path, LIMITS, "Other")


def test_an_old_workbook_is_read_with_its_merged_cells_and_dates(tmp_path):
    book = xlwt.Workbook()
    sheet = book.add_sheet("Alt")
    for column, name in enumerate(("Category", "Question", "Answer", "Since")):
        sheet.write(0, column, name)
    sheet.write_merge(1, 2, 0, 0, "Pay")
    for row, (question, answer) in enumerate((("Why ü?", 5), ("How?", 2.5)), 1):
        sheet.write(row, 1, question)
        sheet.write(row, 2, answer)
    sheet.write(1, 3, datetime.date(2024, 5, 1), xlwt.easyxf(num_format_str="yyyy-mm-dd"))
    book.save(str(tmp_path / "a.xls"))
    assert [row for _, row in read(tmp_path / "a.xls")[0]] == [
        {"Category": "Pay", "Question": "Why ü?", "Answer": "5", "Since": "2024-05-01"},
        {"Category": "Pay", "Question": "How?", "Answer": "2.5", "Since": ""}]


OPEN = ('<office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body>'
        "<office:spreadsheet>{}</office:spreadsheet></office:body></office:document-content>")


def opened(path, *rows):
    """An OpenDocument spreadsheet of one sheet."""
    def cell(value):
        number = isinstance(value, int | float)
        kind = f'office:value-type="float" office:value="{value}"' if number else (
            'office:value-type="string"')
        return f"<table:table-cell {kind}><text:p>{value}</text:p></table:table-cell>"

    written = "".join(f"<table:table-row>{''.join(map(cell, row))}</table:table-row>"
                      for row in rows)
    with ZipFile(path, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("content.xml", OPEN.format(
            f'<table:table table:name="Eins">{written}</table:table>'))
        archive.writestr("META-INF/manifest.xml", '<manifest:manifest xmlns:manifest="urn:oasis:'
                         'names:tc:opendocument:xmlns:manifest:1.0"/>')
    return path


def test_an_opendocument_spreadsheet_is_read(tmp_path):
    path = opened(tmp_path / "a.ods", ["Question", "Answer", "n"], ["Why ü?", "So &amp; so.", 5],
                  ["How?", "Thus.", 0.25])
    assert read(path)[0] == [
        ("a.ods sheet “Eins” row 2", {"Question": "Why ü?", "Answer": "So & so.", "n": "5"}),
        ("a.ods sheet “Eins” row 3", {"Question": "How?", "Answer": "Thus.", "n": "0.25"})]


def test_merged_cells_of_an_opendocument_spreadsheet_are_filled_down(tmp_path):
    path = opened(tmp_path / "a.ods", ["Our questions", "", ""], ["Category", "Question", "Answer"],
                  ["Pay", "Why?", "So."], ["", "How?", "Thus."], ["", "When?", "Now."],
                  ["", "Who?", "You."])
    with ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    content = parts["content.xml"]
    blank = '<table:table-cell office:value-type="string"><text:p></text:p></table:table-cell>'
    content = content.replace(blank, "<table:covered-table-cell/>")
    for said, way, count in (("Our questions", "columns", 3), ("Pay", "rows", 3)):
        content = content.replace(f'office:value-type="string"><text:p>{said}<',
                                  f'table:number-{way}-spanned="{count}" '
                                  f'office:value-type="string"><text:p>{said}<')
    with ZipFile(path, "w") as archive:
        for name, part in (parts | {"content.xml": content}).items():
            archive.writestr(name, part)
    assert [(row["Category"], row["Question"]) for _, row in read(path)[0]] == [
        ("Pay", "Why?"), ("Pay", "How?"), ("Pay", "When?"), ("", "Who?")]


def test_a_spoilt_zip_is_refused_with_a_sentence(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("S", [["a"], *([f"text {n}"] for n in range(99))]))
    data = path.read_bytes()
    with ZipFile(path) as archive:
        at = archive.getinfo("xl/worksheets/sheet1.xml").header_offset + 80
    path.write_bytes(data[:at] + b"\xff" * 20 + data[at + 20:])
    with pytest.raises(CorpusError, match="a.xlsx is no whole workbook"):
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
