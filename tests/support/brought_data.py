"""Data that a visitor brought, as Tandem keeps it, without the work of making it so."""

import itertools

from corpus.load import load_corpus
from support.samples import write_lines
from ui.services.uploads import name_of

_numbers = itertools.count()


def as_beir(pairs, folder):
    """A file of pairs as the folder that `python -m corpus convert` makes of it."""
    corpus = load_corpus(pairs)
    folder.mkdir(parents=True)
    write_lines(folder / "corpus.jsonl",
                [{"_id": p.id, "title": p.title, "text": p.text} for p in corpus.passages])
    write_lines(folder / "queries.jsonl",
                [{"_id": q.id, "text": q.text} for q in corpus.queries.values()])
    (folder / "qrels").mkdir()
    for split, qrels in corpus.qrels.items():
        rows = [f"{query}\t{passage}\t{grade}" for query, found in qrels.items()
                for passage, grade in found.items()]
        (folder / "qrels" / f"{split}.tsv").write_text(
            "\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n", "utf-8")
    return folder


def keep(uploads, pairs, visitor, title=None):
    """Keep a file of pairs as a visitor's data; gives its name."""
    name = name_of("a test", str(next(_numbers)))
    with uploads.staged() as scratch:
        uploads.settle(name, as_beir(pairs, scratch / "made"), visitor, title or pairs.stem)
    return name
