"""Stands for `python -m corpus` where only what the page does with its answers matters.

It reads CSV, and does what the file's text tells it to: SLEEP, REFUSE, CRASH.
"""

import csv
import json
import os
import sys
import time
from pathlib import Path


def main():
    command, source, *rest = sys.argv[1:]
    options = [part.removeprefix("--").partition("=") for part in rest if "=" in part]
    chosen = {name: value for name, _, value in options}
    if log := os.environ.get("FAKE_CORPUS_LOG"):
        with open(log, "a", encoding="utf-8") as file:
            kept = {name: os.environ.get(name) for name in
                    ("HF_TOKEN", "HF_TOKEN_PATH", "HF_HOME", "TMPDIR")}
            file.write(json.dumps({"command": sys.argv[1:], "env": kept}) + "\n")
    (Path(os.environ["TMPDIR"]) / "left lying").write_text("x")
    answer = {"look": look, "convert": convert, "check": check}[command](source, chosen)
    sys.stdout.write(json.dumps(answer) + "\n")
    return 1 if "error" in answer else 0


def obey(text):
    tell(1, 4, "Reading rows")
    if "SLEEP" in text:
        time.sleep(600)
    if "CRASH" in text:
        sys.exit("it broke")


def tell(done, total, text):
    sys.stderr.write(json.dumps({"progress": [done, total], "text": text}) + "\n")
    sys.stderr.flush()


def look(source, chosen):
    if source.startswith("hf:"):
        return {"kind": "pairs", "format": "a data set of the Hub", "encoding": None,
                "columns": ["question", "answer"], "rows": [{"question": "q", "answer": "a"}],
                "guess": {"anchor": "question", "positive": "answer"}, "certain": True,
                "notes": [], "row_count": 9, "hub": {
                    "configs": ["en", "de"], "splits": ["train", "test"]}}
    text = Path(source).read_text("utf-8")
    if "SLEEP" not in text.splitlines()[0]:  # else only when it is converted
        text = text.replace("SLEEP", "").replace("CRASH", "")
    obey(text)
    if "NOTHING" in text:
        return {"error": f"{source} holds no rows."}
    if source.endswith(".zip"):
        return {"kind": "beir", "format": "BEIR, zip", "encoding": None, "columns": [], "rows": [],
                "guess": None, "certain": False, "notes": [], "row_count": 2,
                "splits": {"train": 1, "test": 1}}
    rows = list(csv.DictReader(text.splitlines()))
    names = list(rows[0])
    certain = {"anchor", "positive"} <= set(names)
    guess = {"anchor": names[0], "positive": names[1], "negatives": names[2:3], "score": "",
             "least_score": None, "topic": ""} if len(names) > 1 else None
    return {"kind": "pairs", "format": "CSV, delimiter ,", "encoding": "UTF-8", "columns": names,
            "rows": rows[:10], "guess": guess, "certain": certain, "notes": ["A note."],
            "row_count": len(rows)}


def convert(source, chosen):
    text = "" if source.startswith("hf:") else Path(source).read_text("utf-8")
    obey(text)
    if "REFUSE" in text:
        return {"error": f"{source} row 3 holds 7,000,000 rows; at most 9 are read."}
    out = Path(chosen["out"])
    out.mkdir()
    (out / "corpus.jsonl").write_text('{"_id": "p1", "text": "x"}\n')
    (out / "about.json").write_text(json.dumps(chosen))
    return {"schema": 1, "name": out.name, "rows": 2}


def check(source, chosen):
    tell(1, 4, "Reading rows")
    report = {"ok": True, "name": Path(source).name, "pairs": 2, "queries": 2, "passages": 1,
              "splits": {"train": 2, "dev": 0, "test": 0}, "detectable_difference": None,
              "findings": [{"kind": "duplicate_pair", "severity": "warning", "count": 1,
                            "action": "They are read once.", "treatment": "fixed",
                            "examples": ["=1+1"]}]}
    time.sleep({"SLEEP": 600, "SLOW": 1}.get(os.environ.get("FAKE_CHECK"), 0))
    return report


if __name__ == "__main__":
    sys.exit(main())
