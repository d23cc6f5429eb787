"""Judged queries from ranks alone."""

from retrieval.evaluation import Judged
from retrieval.metrics import query_metrics


def side(ranks):
    return {f"q{i}": Judged({f"p{i}": rank}, query_metrics({f"p{i}": rank}, {f"p{i}": 1}))
            for i, rank in enumerate(ranks)}
