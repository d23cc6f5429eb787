"""Small data on disk, as users bring it."""

import json
from pathlib import Path

from corpus.records import SPLITS, Corpus


def write_beir(corpus: Corpus, folder: Path, passages: int) -> Path:
    """Write the part of a corpus that some of its passages make up, spread over the splits."""
    chosen: set[str] = set()
    (folder / "qrels").mkdir(parents=True)
    queries = []
    for split, share in zip(SPLITS, (0.7, 0.15, 0.15), strict=True):
        rows, kept = ["query-id\tcorpus-id\tscore"], set()
        for query_id, relevant in corpus.qrels[split].items():
            if len(kept | set(relevant)) > share * passages:
                continue
            kept |= set(relevant)
            queries.append(corpus.queries[query_id])
            rows += [f"{query_id}\t{pid}\t{grade}" for pid, grade in relevant.items()]
        chosen |= kept
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(rows) + "\n", "utf-8")
    write_lines(folder / "corpus.jsonl", [
        {"_id": p.id, "title": p.title, "text": p.text, "topic": p.topic}
        for p in corpus.passages
        if p.id in chosen
    ])
    write_lines(folder / "queries.jsonl", [{"_id": q.id, "text": q.text} for q in queries])
    return folder


def write_lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path
