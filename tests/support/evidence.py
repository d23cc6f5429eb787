"""Judged queries from ranks alone."""

from retrieval.evaluation import Judged
from retrieval.metrics import query_metrics


def side(ranks):
    return {f"q{i}": Judged({"p": rank}, query_metrics({"p": rank}, {"p": 1}))
            for i, rank in enumerate(ranks)}
