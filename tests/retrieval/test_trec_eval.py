"""Every metric against trec_eval itself, by way of pytrec_eval."""

import numpy as np
import pytest
import pytrec_eval

from retrieval.index import Ranking
from retrieval.metrics import CUTOFFS, METRICS, query_metrics

THEIRS = {
    **{f"accuracy@{k}": f"success_{k}" for k in CUTOFFS},
    **{f"precision@{k}": f"P_{k}" for k in CUTOFFS},
    **{f"recall@{k}": f"recall_{k}" for k in CUTOFFS},
    "ndcg@10": "ndcg_cut_10",
    "map@100": "map_cut_100",
}
MEASURES = {f"{name}.{','.join(map(str, CUTOFFS))}" for name in ("success", "P", "recall")} | {
    "ndcg_cut.10", "map_cut.100", "recip_rank"}


def random_case(rng):
    """Scores with many ties, one to eight relevant passages, grades of 1 to 3 or all 1."""
    passages = int(rng.integers(8, 160))
    scores = rng.integers(0, max(2, passages // int(rng.integers(1, 6))), passages) / 8
    relevant = rng.choice(passages, int(rng.integers(1, 9)), replace=False)
    most = 3 if rng.random() < 0.5 else 1
    return scores, {int(place): int(rng.integers(1, most + 1)) for place in relevant}


def ours(scores, grades):
    ids = [f"p{place:03}" for place in range(len(scores))]
    ranking = Ranking(ids, scores, {pid: place for place, pid in enumerate(ids)})
    return query_metrics({ids[p]: ranking.rank(ids[p]) for p in grades},
                         {ids[p]: grade for p, grade in grades.items()})


@pytest.mark.slow
def test_four_thousand_random_rankings_with_ties_and_grades_measure_as_trec_eval_does():
    rng = np.random.default_rng(11)
    cases = {f"q{number}": random_case(rng) for number in range(4000)}
    # trec_eval ranks equal scores by id backwards, so its ids count down.
    named = {q: ({f"p{999 - place:03}": float(s) for place, s in enumerate(scores)},
                 {f"p{999 - place:03}": grade for place, grade in grades.items()})
             for q, (scores, grades) in cases.items()}
    qrels = {q: grades for q, (_, grades) in named.items()}
    found = pytrec_eval.RelevanceEvaluator(qrels, MEASURES).evaluate(
        {q: scores for q, (scores, _) in named.items()})
    assert sum(len(set(scores)) < len(scores) for scores, _ in cases.values()) > 3000
    for q, (scores, grades) in cases.items():
        mine = ours(scores, grades)
        theirs = {name: found[q][key] for name, key in THEIRS.items()}
        reciprocal = found[q]["recip_rank"]
        theirs["mrr@10"] = reciprocal if reciprocal >= 1 / 10 - 1e-9 else 0.0
        assert set(theirs) == set(METRICS)
        assert mine == pytest.approx(theirs, abs=1e-9), q
