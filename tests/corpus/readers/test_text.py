import pytest

from corpus.readers.rows import ReadLimits, TooMuchError
from corpus.readers.text import TextFile
from corpus.records import CorpusError

GERMAN = "Frage;Antwort\nWie groß ist der Kofferraum?;Er fasst 500 Liter – das genügt.\n"
RUSSIAN = "вопрос;ответ\nКакая гарантия на машину?;Два года без ограничения пробега.\n"
JAPANESE = "質問,回答\n保証期間はどれくらいですか？,二年間です。走行距離の制限はありません。\n"


def read(path, content):
    path.write_bytes(content)
    said = []
    file = TextFile(path, ReadLimits(), said.append)
    assert "".join(file.lines(newline="")) == file.text()
    assert file.progress.done == file.progress.total == len(content)
    return file.text(), file.encoding, [str(error) for error in said]


@pytest.mark.parametrize("codec", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_at_the_beginning_says_the_encoding(tmp_path, codec):
    text, encoding, said = read(tmp_path / "a.csv", GERMAN.encode(codec))
    assert text == GERMAN
    assert encoding == codec.removesuffix("-sig")
    assert len(said) == (codec != "utf-8-sig")


@pytest.mark.parametrize("text, codec, name", [
    (GERMAN, "cp1252", "windows-1252"),
    (GERMAN, "mac_roman", "macintosh"),
    (RUSSIAN, "cp1251", "windows-1251"),
    (RUSSIAN, "koi8_r", "koi8-r"),
    (JAPANESE, "cp932", "shift_jis"),
    (JAPANESE, "euc_jp", "euc-jp"),
    ("问题,回答\n保修期有多长？,两年，不限里程。车辆必须按时保养。\n", "gb18030", "gb18030"),
    ("질문,답변\n보증 기간은 얼마입니까?,주행 거리 제한 없이 2년입니다.\n", "cp949", "euc-kr"),
    ("pytanie;odpowiedź\nJak długo trwa gwarancja?;Dwa lata, bez ograniczeń.\n", "cp1250",
     "windows-1250"),
    (GERMAN, "utf-16-le", "utf-16-le"),
    ("a,b\n" + RUSSIAN, "utf-16-be", "utf-16-be"),
    (JAPANESE, "utf-32-le", "utf-32-le"),
])
@pytest.mark.parametrize("times", [1, 40])
def test_an_encoding_without_a_mark_is_told_and_said(tmp_path, text, codec, name, times):
    found, encoding, said = read(tmp_path / "a.csv", ("x,y\n" * 3 + text * times).encode(codec))
    assert (found, encoding) == ("x,y\n" * 3 + text * times, name)
    assert f"as far as can be told, in {name}" in said[0]


def test_accents_far_down_in_a_long_file_are_told_too(tmp_path):
    text = "plain,line\n" * 300_000 + GERMAN
    found, encoding, _ = read(tmp_path / "a.csv", text.encode("cp1252"))
    assert (found == text, encoding) == (True, "windows-1252")


@pytest.mark.parametrize("before, after", [(50, 0), (50, 50), (2, 4_000), (300_000, 3)])
def test_one_broken_byte_in_a_file_of_utf_8_is_said_and_not_guessed_around(
    tmp_path, before, after
):
    line = "Wie groß für alle?\n".encode()
    (tmp_path / "a.csv").write_bytes(line * before + b"gro\xdf\n" + line * after)
    with pytest.raises(CorpusError, match=f"line {before + 1} is not UTF-8 .byte 0xdf.: save"):
        TextFile(tmp_path / "a.csv", ReadLimits(), pytest.fail)


def test_a_file_half_in_one_encoding_and_half_in_another_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes(GERMAN.encode() + GERMAN.encode("cp1252"))
    with pytest.raises(CorpusError, match="line 4 is not UTF-8"):
        TextFile(tmp_path / "a.csv", ReadLimits(), pytest.fail)


def test_an_encoding_that_fits_the_beginning_alone_is_refused_with_both_lines(tmp_path):
    (tmp_path / "a.csv").write_bytes(GERMAN.encode("cp1252") * 2_000 + b"\x81\n")
    with pytest.raises(CorpusError, match="line 2 is not UTF-8.*windows-1252, but line 4001 is"):
        TextFile(tmp_path / "a.csv", ReadLimits(), pytest.fail)


@pytest.mark.parametrize("content", [
    b"\xff\xfea\0\n\0\x00\xd8", b"\xef\xbb\xbfok\n\xff", b"\xff\xfe\0\0\x41",
])
def test_a_file_that_breaks_its_mark_is_refused_with_the_line(tmp_path, content):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=r"a.csv line \d is not UTF-"):
        TextFile(tmp_path / "a.csv", ReadLimits(), pytest.fail)


def test_a_file_that_is_too_large_is_refused_with_both_figures(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"x" * 1_500)
    with pytest.raises(TooMuchError, match="has 1,500 bytes; at most 1,000 are read"):
        TextFile(tmp_path / "a.csv", ReadLimits(bytes=1_000), pytest.fail)
