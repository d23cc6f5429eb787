"""What several tests share."""

import json
from pathlib import Path

import pytest

from corpus.read import load_corpus
from corpus.records import SPLITS, Corpus
from fakes import small_corpus


@pytest.fixture
def corpus() -> Corpus:
    return small_corpus()


@pytest.fixture(scope="session")
def porsche() -> Corpus:
    return load_corpus("porsche")


@pytest.fixture(scope="session")
def encoder():
    """The embedded model, loaded once."""
    from retrieval.encoder import EMBEDDED_MODEL, load_encoder

    return load_encoder(EMBEDDED_MODEL)


@pytest.fixture(scope="session")
def sample_folder(porsche, tmp_path_factory) -> Path:
    """Sixty real passages with their questions, as a BEIR folder: small enough to train on."""
    return write_beir(porsche, tmp_path_factory.mktemp("data") / "sample", passages=60)


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
