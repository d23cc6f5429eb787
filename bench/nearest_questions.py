"""The training questions nearest to each dev and test question.

Paraphrases would be leaks.

    python -m bench.nearest_questions --data porsche --most 40

Cosines are the base model's. Read the list: a pair that asks the same of the same car should be in
one split.
"""

import argparse

from corpus.load import load_corpus
from retrieval.models import EMBEDDED_MODEL, load_encoder


def main() -> None:
    """Print the nearest pairs, the nearest first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="porsche")
    parser.add_argument("--most", type=int, default=40)
    options = parser.parse_args()
    corpus, encoder = load_corpus(options.data), load_encoder(EMBEDDED_MODEL)
    queries = {split: [corpus.queries[q] for q in qrels] for split, qrels in corpus.qrels.items()}
    vectors = {split: encoder.encode_queries([q.text for q in of_split])
               for split, of_split in queries.items()}
    rows = []
    for split in ("dev", "test"):
        cosines = vectors[split] @ vectors["train"].T
        for query, row in zip(queries[split], cosines, strict=True):
            nearest = queries["train"][int(row.argmax())]
            rows.append((float(row.max()), split, query, nearest))
    rows.sort(key=lambda row: -row[0])
    for cosine, split, query, nearest in rows[: options.most]:
        print(f"{cosine:.3f}  {split} {query.id}: {query.text}\n       train {nearest.id}: "
              f"{nearest.text}")


if __name__ == "__main__":
    main()
