"""Mutations that spoil good data files, for `bench.fuzz`."""

import gzip
import io
import json
import random
import struct
from collections.abc import Callable, Sequence
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

if TYPE_CHECKING:
    import pyarrow

Rng = random.Random
TOKENS = (
    b"\0", b"\r", b"\n", b"\r\n", b'"', b"'", b"\\", b",", b"\t", b"{", b"}", b"[", b"]",
    b"\xff\xfe", b"\xef\xbb\xbf", b"\xfe\xff", b"\xed\xa0\x80", b"\xc3\x28", b"\x80",
    "\u202e\u2066".encode(), "\u0000".encode(), b"\\ud800", b"\\u0000", b"null", b"true", b"NaN",
    b"-1e999", b"9" * 5_000, b"[" * 50_000, b'{"a":' * 20_000, b"," * 30_000, b'"' * 9_999,
    b"x" * 70_000, b"\n" * 50_000, b"=cmd|' /C calc'!A0", b"../../etc/passwd", b"PK\3\4", b"PAR1",
    b"<!DOCTYPE x [<!ENTITY a 'b'>]>", b"&a;", b"<c r='XFD1048576'><v>1</v></c>", b"<f>1</f>",
    b"<row r='999999999'>", b" table:number-rows-repeated='1000000000'",
    b" table:number-columns-repeated='1000000'", b"<!--", b"<![CDATA[",
    b'{"anchor": ["x"], "positive": {"a": 1}}\n',
    b'{"_id": "p0", "text": ""}\n', b"query-id\tcorpus-id\tscore\n",
)
NUMBERS = (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def mutated(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    """The same bytes after one to four accidents.

    Inside of a zip's members, every other time.
    """
    if data.startswith(b"PK") and rng.random() < 0.6:
        return _inside_of_zip(rng, data, others)
    if data.startswith(b"\x1f\x8b") and rng.random() < 0.6:
        return gzip.compress(mutated(rng, gzip.decompress(data), others), mtime=0)
    kept = b""
    if data.startswith(b"PAR1") and rng.random() < 0.5:  # its pages alone, or few get that far
        size = min(len(data), 8 + int.from_bytes(data[-8:-4], "little"))
        data, kept = data[:-size], data[-size:]
    for _ in range(rng.randint(1, 4)):
        data = rng.choice((_flip, _number) if kept else ACCIDENTS)(rng, data, others)
    return data + kept


def _inside_of_zip(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    made = io.BytesIO()
    try:
        with ZipFile(io.BytesIO(data)) as archive, ZipFile(made, "w", ZIP_DEFLATED) as out:
            names = archive.namelist()
            chosen = rng.choice(names)
            for name in names:
                content = archive.read(name)
                if name == chosen:
                    for _ in range(rng.randint(1, 4)):
                        content = rng.choice(ACCIDENTS)(rng, content, others)
                out.writestr(name, content)
    except (BadZipFile, UnicodeError):
        return data
    return made.getvalue()


def _flip(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40)) if changed else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _truncate(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def _splice(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    other = rng.choice(others)
    start, end = _span(rng, other, 4_000)
    return _insert(rng, data, other[start:end])


def _token(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    return _insert(rng, data, rng.choice(TOKENS) * rng.choice((1, 1, 1, 2, 50)))


def _cut(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    start, end = _span(rng, data, 400)
    return data[:start] + data[end:]


def _repeat(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    start, end = _span(rng, data, 200)
    return data[:end] + data[start:end] * rng.choice((1, 2, 100)) + data[end:]


def _number(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    if len(data) < 4:
        return data
    # Lengths and offsets stand at the end of Parquet and zip files, and at the start.
    near = rng.choice((len(data), min(200, len(data))))
    at = rng.choice((rng.randrange(len(data) - 3), max(0, len(data) - 4 - rng.randrange(near))))
    size = rng.choice("BHLL")
    value = rng.choice(NUMBERS) & (1 << 8 * struct.calcsize(f"<{size}")) - 1
    packed = struct.pack(f"<{size}", value)
    return data[:at] + packed + data[at + len(packed):]


def _encode(rng: Rng, data: bytes, others: list[bytes]) -> bytes:
    text = data.decode("utf-8", "replace")
    return text.encode(rng.choice(("utf-16", "utf-16-le", "cp1252", "utf-32", "shift_jis")),
                       "replace")


def _insert(rng: Rng, data: bytes, piece: bytes) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + piece + data[at:]


def _span(rng: Rng, data: bytes, longest: int) -> tuple[int, int]:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.randint(1, longest))


ACCIDENTS: tuple[Callable[[Rng, bytes, list[bytes]], bytes], ...] = (
    _flip, _flip, _truncate, _splice, _token, _token, _cut, _repeat, _number, _number, _encode)


def good_files() -> dict[str, list[tuple[str, bytes]]]:
    """Good files of pairs by format, as (suffix, bytes)."""
    import openpyxl
    import pyarrow
    import xlwt
    from pyarrow import ipc, parquet

    rows: list[dict[str, object]] = [
        {"anchor": f"Where is part {n}, “please”?", "positive": f"Part {n} is at ü, shelf {n % 7}.",
         "negative": f"Shelf {n % 7} is shut.", "score": n / 40, "topic": "a,b\n;c"}
        for n in range(40)]
    lines = "".join(json.dumps(row, ensure_ascii=n % 2 > 0) + "\n" for n, row in enumerate(rows))
    names = list(rows[0])

    def table(delimiter: str) -> str:
        cells = [names, *([str(row[name]).replace('"', '""') for name in names] for row in rows)]
        return "".join(delimiter.join(f'"{cell}"' for cell in line) + "\n" for line in cells)

    book = openpyxl.Workbook()
    for sheet in (book.active, book.create_sheet("Second")):
        sheet.append(names)
        for row in rows:
            sheet.append(list(row.values()))
    old = xlwt.Workbook()
    for sheet in (old.add_sheet("First"), old.add_sheet("Second")):
        for number, line in enumerate([names, *(list(row.values()) for row in rows)]):
            for column, value in enumerate(line):
                sheet.write(number, column, value)
    held = {name: pyarrow.array([row[name] for row in rows]) for name in names}
    nested = held | {"negatives": pyarrow.array([["x", f"y{n}"] for n in range(40)]),
                     "topic": held["topic"].dictionary_encode()}
    beir = {
        "set/corpus.jsonl": "".join(json.dumps({"_id": f"p{n}", "title": "", "text": row[
            "positive"]}) + "\n" for n, row in enumerate(rows)),
        "set/queries.jsonl": "".join(json.dumps({"_id": f"q{n}", "text": row["anchor"]}) + "\n"
                                     for n, row in enumerate(rows)),
        "set/qrels/test.tsv": "query-id\tcorpus-id\tscore\n" + "".join(
            f"q{n}\tp{n}\t1\n" for n in range(40)),
    }
    return {
        "JSONL": [(".jsonl", lines.encode())],
        "JSON": [(".json", json.dumps(rows).encode()),
                 (".json", json.dumps({"data": rows}, indent=1).encode())],
        "CSV": [(".csv", table(",").encode()), (".csv", table(";").encode("cp1252", "replace")),
                (".tsv", table("\t").encode("utf-16"))],
        "Parquet": [(".parquet", _written(partial(
            parquet.write_table, pyarrow.table(columns), compression=kind, row_group_size=15)))
            for columns in (held, nested) for kind in ("none", "snappy", "zstd")],
        "Arrow": [(".arrow", _arrow(pyarrow.table(columns), kind))
                  for columns in (held, nested) for kind in (ipc.new_stream, ipc.new_file)],
        "Excel": [(".xlsx", _written(book.save)), (".xls", _written(old.save)),
                  (".ods", _opendocument([names, *(list(row.values()) for row in rows)]))],
        "gzip": [(".jsonl.gz", gzip.compress(lines.encode(), mtime=0)),
                 (".csv.gz", gzip.compress(table(";").encode("cp1252", "replace"), mtime=0))],
        "nested": _nested([(str(row["anchor"]), str(row["positive"]), str(row["negative"]))
                           for row in rows]),
        "zip": [(".zip", _zip(beir)), (".zip", _zip({"a/pairs.csv": table(",")})),
                (".zip", _zip({f"a/{split}.jsonl": lines for split in ("train", "test")}))],
    }


def _nested(rows: Sequence[tuple[str, str, str]]) -> list[tuple[str, bytes]]:
    """Rows of a question, its answer and another passage, in nested layouts."""
    def chat(question: str, answer: str) -> list[dict[str, str]]:
        return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    lines: list[list[Any]] = [
        [{"messages": chat(question, answer)} for question, answer, _ in rows],
        [{"chosen": chat(question, answer), "rejected": chat(question, other)}
         for question, answer, other in rows],
        [{"text": f"### Human: {question}### Assistant: {answer}"} for question, answer, _ in rows],
        [{"set": [question, answer]} for question, answer, _ in rows],
        [list(row) for row in rows],
        [{"query": question, "positive_passages": [{"title": "T", "text": answer}],
          "negative_passages": [{"title": "", "text": other}]} for question, answer, other in rows],
        [{"query": question, "passages": {"is_selected": [1, 0], "passage_text": [answer, other]}}
         for question, answer, other in rows],
        [{"question": question, "choices": [answer, other], "answer": 0}
         for question, answer, other in rows],
        [{"question": question, "supporting_facts": [["T", 0]],
          "context": [["T", [answer]], ["U", [other]]]} for question, answer, other in rows],
        [{"_source": {"question": question, "answer": answer}} for question, answer, _ in rows],
    ]
    whole: list[Any] = [
        {"intents": [{"tag": "t", "patterns": [question, f"{question}!"], "responses": [answer]}
                     for question, answer, _ in rows]},
        {"data": [{"title": "T", "paragraphs": [{"context": answer, "qas": [
            {"question": question, "answers": [{"text": "is"}]}]}]}
            for question, answer, _ in rows]},
        {"columns": ["question", "answer"], "data": [[question, answer]
                                                     for question, answer, _ in rows]},
        {"queries": {f"q{n}": row[0] for n, row in enumerate(rows)},
         "corpus": {f"p{n}": row[1] for n, row in enumerate(rows)},
         "relevant_docs": {f"q{n}": [f"p{n}"] for n in range(len(rows))}},
        {"a": [{"question": row[0], "answer": row[1]} for row in rows[:20]],
         "b": [{"question": row[0], "answer": row[1]} for row in rows[20:]]},
    ]
    printed = "query,positive\n" + "".join(
        '"{}","{}"\n'.format(question.replace('"', '""'), str([answer, other]).replace('"', '""'))
        for question, answer, other in rows)
    return [*((".jsonl", "".join(json.dumps(row) + "\n" for row in made).encode())
              for made in lines),
            *((".json", json.dumps(made).encode()) for made in whole), (".csv", printed.encode())]


def _written(write: Callable[..., object]) -> bytes:
    made = io.BytesIO()
    write(where=made) if isinstance(write, partial) else write(made)
    return made.getvalue()


def _arrow(table: "pyarrow.Table", kind: Callable[..., Any]) -> bytes:
    made = io.BytesIO()
    with kind(made, table.schema) as writer:
        writer.write_table(table, max_chunksize=15)
    return made.getvalue()


def _opendocument(rows: Sequence[Sequence[object]]) -> bytes:
    """An OpenDocument spreadsheet of one sheet."""
    urn = "urn:oasis:names:tc:opendocument:xmlns"
    spaces = " ".join(f'xmlns:{name}="{urn}:{name}:1.0"' for name in ("office", "table", "text"))
    cells = "".join(
        "<table:table-row>" + "".join(
            f'<table:table-cell office:value-type="string"><text:p>{escape(str(value))}</text:p>'
            "</table:table-cell>" for value in row) + "</table:table-row>" for row in rows)
    return _zip({
        "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
        "content.xml": f"<office:document-content {spaces}><office:body><office:spreadsheet>"
                       f'<table:table table:name="First">{cells}</table:table>'
                       "</office:spreadsheet></office:body></office:document-content>",
        "META-INF/manifest.xml": f'<manifest:manifest xmlns:manifest="{urn}:manifest:1.0"/>',
    })


def _zip(files: dict[str, str]) -> bytes:
    made = io.BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return made.getvalue()
