import json
import re

from huggingface_hub import ModelCard

from fakes import small_corpus
from retrieval.evidence import Evidence
from retrieval.metrics import METRICS
from test_evidence import side
from train.card import model_card
from train.recipe import Recipe


def record(**changes):
    from dataclasses import asdict

    metrics = {split: Evidence(split, 6, side([9, 3, 4, 2]), side([1, 3, 5, 1])).as_json()
               for split in ("dev", "test")}
    return {
        "recipe": asdict(Recipe()), "seed": 42, "device": "cpu", "seconds": 93.4,
        "cpu_seconds": 90.0, "metrics": metrics, "versions": {"torch": "2.13.0"},
        "data": {"name": "bank_faq", "passages": 6},
        "splits": {"train": {"queries": 2, "pairs": 3}, "test": {"queries": 4, "pairs": 4}},
        "base_model": {"name": "owner/base", "parameters": 22713216, "dim": 384,
                       "max_seq_length": 256},
        "fingerprints": {"corpus": small_corpus().fingerprint, "base": "b" * 64, "tuned": "c" * 64},
        "history": [{"epoch": 0, "step": 0, "ndcg@10": 0.5}, {"epoch": 1, "step": 9,
                                                              "ndcg@10": 0.61}],
    } | changes


def numbers_in(value):
    if isinstance(value, dict):
        for key, part in value.items():
            yield from re.findall(r"\d[\d.,]*", str(key))
            yield from numbers_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from numbers_in(part)
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int | float):
        yield from (f"{value:.4f}", f"{abs(value):.4f}", f"{abs(value):.3f}", f"{value:,}",
                    str(value), f"{value:.0f}")
    else:
        yield from re.findall(r"\d[\d.,]*", value)


def test_every_number_on_the_card_stands_in_the_record():
    card = model_card(record())
    known = set(numbers_in(json.loads(json.dumps(record())))) | {"95", "0"}
    found = {number.lstrip("+-").rstrip(".,")
             for number in re.findall(r"(?<![\w.@-])[+-]?\d[\d.,]*(?:e-\d+)?", card)}
    assert {number for number in found if number not in known} == set()
    assert len(found) > 20


def test_the_hubs_client_reads_the_front_matter_with_both_splits_by_name():
    data = ModelCard(model_card(record())).data
    assert data.base_model == "owner/base"
    assert data.base_model_relation == "finetune"
    assert {result.dataset_split for result in data.eval_results} == {"dev", "test"}
    assert {result.metric_type for result in data.eval_results} == set(METRICS)
    test = [r for r in data.eval_results if r.dataset_split == "test" and r.metric_type == "mrr@10"]
    assert test[0].metric_value == record()["metrics"]["test"]["tuned"]["mrr@10"]


def test_a_local_base_is_not_turned_into_a_repository_name():
    data = ModelCard(model_card(record(base_model=record()["base_model"] | {
        "name": "./models/mine"}))).data
    assert data.base_model is None


def test_base_and_tuned_stand_side_by_side_with_the_verdict_first():
    card = model_card(record())
    assert record()["metrics"]["test"]["verdict"] in card
    assert card.index("test split (measured once)") < card.index("dev split (chose the checkpoint)")
    assert "| 0 | 0 | 0.5000 |" in card
