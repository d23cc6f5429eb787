"""What a model takes for the answer where it errs.

Another matter, or the same matter of another car.

    python -m bench.confusions --data porsche [--model MODEL|RUN_DIR]

Over the dev and test questions whose answer does not come first: the passage in its place against
the answer. Same car is the same text before the years in the title; same matter is the same topic,
so two matters of one topic count as the same one, and there are at least as many other matters.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator

from corpus.load import load_corpus
from corpus.records import Corpus, Passage
from retrieval.index import build_index
from retrieval.models import EMBEDDED_MODEL, load_encoder

SPLITS = ("dev", "test")


def main() -> None:
    """Print the shares as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default="porsche")
    parser.add_argument("--model", default=EMBEDDED_MODEL)
    options = parser.parse_args()
    corpus = load_corpus(options.data)
    errors = list(confusions(corpus, options.model))
    kinds = Counter(errors)
    print(json.dumps({
        "questions": sum(len(corpus.qrels.get(split, ())) for split in SPLITS),
        "missed": len(errors),
        "shares": {kind: round(times / len(errors), 3) for kind, times in kinds.most_common()},
    }, indent=1))


def confusions(corpus: Corpus, model: str) -> Iterator[str]:
    """What stands first instead, for each question that is missed."""
    index = build_index(load_encoder(model), corpus)
    for split in SPLITS:
        qrels = corpus.qrels.get(split, {})
        rankings = index.search_many([corpus.queries[query_id].text for query_id in qrels])
        for judged, ranking in zip(qrels.values(), rankings, strict=True):
            (first, _), = ranking.top(1)
            if first not in judged:
                yield kind_of(corpus.passage[first],
                              [corpus.passage[passage_id] for passage_id in judged])


def kind_of(found: Passage, answers: list[Passage]) -> str:
    """How a passage differs from the answers it is taken for."""
    matter = any(found.topic == answer.topic for answer in answers)
    car = any(_car(found) == _car(answer) for answer in answers)
    line = any(found.model_line == answer.model_line for answer in answers)
    whose = "the same car" if car else "the same line" if line else "another line"
    return f"{'the same matter' if matter else 'another matter'} of {whose}"


def _car(passage: Passage) -> str:
    return passage.title.partition(",")[0]


if __name__ == "__main__":
    main()
