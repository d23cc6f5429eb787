"""Data in layouts that people have, as one file each: what is in it, and what each door must do."""

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import ipc

from support.doors import PAIRS

ROWS = [{"question": question, "answer": answer} for question, answer in PAIRS]
AFTER = [PAIRS[(place + 1) % len(PAIRS)][1] for place in range(len(PAIRS))]
Make = Callable[[], bytes]


@dataclass(frozen=True)
class Wild:
    """A file that somebody may bring.

    pairs: it makes; said: part of a note of the preview; finding: a kind that the check finds.
    """

    name: str
    content: bytes
    pairs: int = len(PAIRS)
    said: str = ""
    finding: str = ""

    def at(self, folder: Path) -> Path:
        """The file, written into a folder."""
        path = folder / self.name
        path.write_bytes(self.content)
        return path


def as_json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


def as_lines(rows: list[Any]) -> bytes:
    return b"".join(as_json(row) + b"\n" for row in rows)


def as_csv(rows: list[tuple[str, ...]], delimiter: str = ",") -> bytes:
    return "".join(delimiter.join(f'"{cell}"' for cell in row) + "\n" for row in rows).encode()


def as_zip(files: dict[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def as_arrow(rows: list[dict[str, Any]]) -> bytes:
    made, table = io.BytesIO(), pyarrow.Table.from_pylist(rows)
    with ipc.new_stream(made, table.schema) as writer:
        writer.write_table(table)
    return made.getvalue()


def as_workbook(sheets: dict[str, list[list[str]]]) -> bytes:
    import openpyxl

    book, made = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(made)
    return made.getvalue()


def beir(corpus: list[dict[str, Any]] | None = None, key: str = "_id") -> bytes:
    passages = corpus or [{key: f"p{n}", "text": answer} for n, (_, answer) in enumerate(PAIRS)]
    return as_zip({
        "set/corpus.jsonl": as_lines(passages),
        "set/queries.jsonl": as_lines([{key: f"q{n}", "text": question}
                                       for n, (question, _) in enumerate(PAIRS)]),
        "set/qrels.tsv": b"query-id\tcorpus-id\tscore\n" + "".join(
            f"q{n}\tp{n}\t1\n" for n in range(len(PAIRS))).encode()})


def misread(text: str) -> str:
    return text.encode().decode("latin-1")


HEAD = ("question", "answer")
LISTS = [(question, str([answer, f"Or so: {answer}"])) for question, answer in PAIRS]
BEIR_ROWS = [{"_id": f"p{n}", "title": f"Leaf {n}", "text": answer}
             for n, (_, answer) in enumerate(PAIRS)]
WILD = {case.name: case for case in (
    Wild("id not _id.zip", beir(key="id")),
    Wild("repeated.zip", beir([*BEIR_ROWS, *BEIR_ROWS[:3]]), said="3 rows of corpus.jsonl repeat"),
    Wild("title only.zip", beir([*({**row, "text": ""} for row in BEIR_ROWS[:4]), *BEIR_ROWS[4:]]),
         said="4 passages of corpus.jsonl have a title and no text"),
    Wild("chatml.jsonl", as_lines([{"messages": [
        {"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer in PAIRS]), said="each user turn is a question"),
    Wild("backslash.csv", b"question,answer\n" + "".join(
        f'"{question}","Press \\"OK\\", then: {answer}"\n' for question, answer in PAIRS).encode(),
        said='writes quotation marks within texts as \\"'),
    Wild("mojibake.csv", as_csv([HEAD, *((f"{question} {misread('für Türen')}?", answer)
                                         for question, answer in PAIRS)]),
         said="were read as another encoding once", finding="mojibake"),
    Wild("titles.csv", b"FAQ export,,\nas of May,,\n" + as_csv(
        [("No", *HEAD), *((str(n), *pair) for n, pair in enumerate(PAIRS))]),
        said="2 rows above the names"),
    Wild("dolly.jsonl", as_lines([{"instruction": row["question"], "context": "" if n % 4 else "C.",
                                   "response": row["answer"]} for n, row in enumerate(ROWS)]),
         said="“context” is not used: it is empty"),
    Wild("dpr.json", as_json([{"question": question, "answers": ["9"], "positive_ctxs": [
        {"title": "T", "text": answer}], "hard_negative_ctxs": [{"title": "N", "text": "Nothing."}]}
        for question, answer in PAIRS]), said="It is read as DPR"),
    Wild("sheets.xlsx", as_workbook({"A": [list(HEAD), *map(list, PAIRS[:10])],
                                     "B": [list(HEAD), *map(list, PAIRS[10:])]}), pairs=10,
         said="not read: “B”"),
    Wild("title row.xlsx", as_workbook({"S": [["Our FAQ"], list(HEAD), *map(list, PAIRS)]}),
         said="1 row above the names"),
    Wild("categories.json", as_json([{"category": f"c{n}", "questions": ROWS[n::4]}
                                     for n in range(4)]), said="what the group is called"),
    Wild("two languages.csv", as_csv([("question_en", "question_dk", "answer_en", "answer_dk"), *(
        (question, f"Hvordan {question}", answer, f"Sådan {answer}")
        for question, answer in PAIRS)]), said="“answer_dk” is not used"),
    Wild("few answers.csv", as_csv([HEAD, *((question, f"See chapter {n % 2}.")
                                            for n, (question, _) in enumerate(PAIRS))]),
         finding="no_split"),
    Wild("saved.zip", as_zip({
        "saved/data-00000-of-00001.arrow": as_arrow(ROWS), "saved/state.json": b"{}",
        "saved/dataset_info.json": b"{}"})),
    Wild("html.csv", as_csv([HEAD, *((question, f"<p>{answer}</p>")
                                     for question, answer in PAIRS)]),
         said="hold HTML", finding="html"),
    Wild("intents.json", as_json({"intents": [
        {"tag": "t", "patterns": [question], "responses": [answer]} for question, answer in PAIRS]
        + [{"tag": "fallback", "patterns": [], "responses": ["Sorry?"]}]}),
        said="1 answer is left out", finding="no_question"),
    Wild("packed.jsonl.gz", gzip.compress(as_lines(ROWS), mtime=0)),
    Wild("list.jsonl", as_json(ROWS)),
    Wild("labels.csv", as_csv([("sentence1", "sentence2", "label"), *(
        (question, text, label) for (question, answer), wrong in zip(PAIRS, AFTER, strict=True)
        for text, label in ((answer, "1"), (wrong, "0")))]), said="“label” says which rows"),
    Wild("llama.json", as_json({
        "queries": {f"q{n}": question for n, (question, _) in enumerate(PAIRS)},
        "corpus": {f"p{n}": answer for n, (_, answer) in enumerate(PAIRS)},
        "relevant_docs": {f"q{n}": [f"p{n}"] for n in range(len(PAIRS))}}), said="llama-index"),
    Wild("split orient.json", as_json({"columns": list(HEAD), "index": list(range(len(PAIRS))),
                                       "data": [list(pair) for pair in PAIRS]})),
    Wild("columns orient.json", as_json({name: {str(n): row[name] for n, row in enumerate(ROWS)}
                                         for name in HEAD})),
    Wild("printed lists.csv", as_csv([("query", "positive"), *LISTS]), pairs=2 * len(PAIRS),
         said="are lists as Python or JSON prints them"),
    Wild("ragas.csv", as_csv([("question", "contexts", "ground_truth", "evolution_type"), *(
        (question, str([answer]), "In short.", "simple") for question, answer in PAIRS)]),
        said="It is read as RAGAS"),
    Wild("squad.json", as_json({"version": "v2.0", "data": [{"title": "T", "paragraphs": [
        {"context": answer, "qas": [{"question": question, "is_impossible": n == 0,
                                     "answers": [{"text": "out"}] if n else []}]}]}
        for n, (question, answer) in enumerate(PAIRS)]}), pairs=len(PAIRS) - 1,
        said="1 question is left out", finding="no_answer"),
    Wild("sets.jsonl", as_lines([{"set": list(pair)} for pair in PAIRS]), said="“set”"),
    Wild("tevatron.jsonl", as_lines([{
        "query_id": str(n), "query": question, "negative_passages": [],
        "positive_passages": [{"docid": "1", "title": "T", "text": answer}]}
        for n, (question, answer) in enumerate(PAIRS)]), said="Tevatron"),
    Wild("splits.zip", as_zip({f"set/{split}.jsonl": as_lines(ROWS[n::3])
                               for n, split in enumerate(("train", "dev", "test"))}),
         said="brings its own splits"),
    Wild("stray.tsv", b"question\tanswer\n" + "".join(
        f'{question}\t{chr(34) if n % 5 == 2 else ""}{answer}\n'
        for n, (question, answer) in enumerate(PAIRS)).encode(), said="are read as text"),
)}
REFUSED = {case.name: case for case in (
    Wild("qrels.txt", "".join(f"{n} 0 {n} 1\n" for n in range(40)).encode(),
         said="holds judgements"),
    Wild("picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(99), said="is a picture"),
    Wild("pointer.jsonl", b"version https://git-lfs.github.com/spec/v1\noid sha256:a\nsize 1\n",
         said="is a Git LFS pointer"),
    Wild("page.xlsx", b"<!DOCTYPE html><html><body></body></html>", said="is a web page"),
    Wild("object.json", b'{"a": 1, "b": {"c": 2}}', said="must hold a list of rows"),
    Wild("two tables.zip", as_zip({"a.csv": as_csv([HEAD, *PAIRS]),
                                   "b.csv": as_csv([HEAD, *PAIRS])}),
         said="holds several data files"),
    Wild("two texts.zip", beir([*BEIR_ROWS, {"_id": "p0", "text": "Another."}]),
         said="stands 2 times as _id"),
    Wild("no table.parquet", b"PAR1" + bytes(40) + b"PAR1", said="no table.parquet"),
)}
