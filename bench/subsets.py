"""Fixed data sets for benchmarks, as BEIR folders.

Made from files of pairs.

    python -m bench.subsets PAIRS_FOLDER OUT [--pairs 1200]

PAIRS_FOLDER holds train.jsonl, dev.jsonl and test.jsonl, each with rows of `anchor` and
`positive`; their splits are kept, whatever the seed of a run. With `--pairs`, so many are taken
in all, the same ones every time, each split with its share; only their own passages are searched.
"""

import argparse
import hashlib
import json
from pathlib import Path

from corpus.records import SPLITS
from corpus.text import folded

Row = dict[str, str]


def main() -> None:
    """Write one folder and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("pairs_folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--pairs", type=int)
    options = parser.parse_args()
    splits = {split: rows_of(options.pairs_folder / f"{split}.jsonl") for split in SPLITS}
    print(json.dumps(write_beir(options.out, taken(splits, options.pairs))))


def rows_of(path: Path) -> list[Row]:
    """The pairs of a file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def taken(splits: dict[str, list[Row]], pairs: int | None) -> dict[str, list[Row]]:
    """A fixed share of pairs, by hash, split by split."""
    total = sum(map(len, splits.values()))
    if pairs is None or pairs >= total:
        return splits
    return {
        split: sorted(rows, key=lambda row: _id(row["anchor"] + row["positive"]))[
            : round(pairs * len(rows) / total)
        ]
        for split, rows in splits.items()
    }


def write_beir(folder: Path, splits: dict[str, list[Row]]) -> dict[str, int]:
    """Write corpus.jsonl, queries.jsonl and qrels.

    Returns how much is in each. Equal positives become one passage, equal anchors one query; a
    query of an earlier split, or one whose passage is in an earlier split, is left out of a later
    one.
    """
    passages: dict[str, str] = {}
    queries: dict[str, str] = {}
    qrels: dict[str, set[tuple[str, str]]] = {split: set() for split in SPLITS}
    home: dict[str, str] = {}
    for split in SPLITS:
        for row in splits[split]:
            query, passage = "q" + _id(folded(row["anchor"])), "p" + _id(row["positive"])
            if home.get(query, split) != split or home.get(passage, split) != split:
                continue
            home[query] = home[passage] = split
            passages[passage], queries[query] = row["positive"], row["anchor"]
            qrels[split].add((query, passage))
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    _write(folder / "corpus.jsonl", passages)
    _write(folder / "queries.jsonl", queries)
    for split, judged in qrels.items():
        lines = ["query-id\tcorpus-id\tscore", *(f"{q}\t{p}\t1" for q, p in sorted(judged))]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n", "utf-8")
    return {"passages": len(passages), **{split: len(judged) for split, judged in qrels.items()}}


def _write(path: Path, texts: dict[str, str]) -> None:
    rows = (json.dumps({"_id": name, "text": text}) for name, text in sorted(texts.items()))
    path.write_text("\n".join(rows) + "\n", "utf-8")


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


if __name__ == "__main__":
    main()
