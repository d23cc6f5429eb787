"""A card that was published before cards were templates, kept in `published_before/`."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from support.fakes import HashingEncoder
from support.runs.finished import questions, record_of
from train.publish.remote import EditedCardError, PublishedRecord, RemoteRepo, reconcile_card
from train.recipe import Recipe
from train.report.card import model_card
from train.run.record import RunRecord

CARD = (Path(__file__).parent / "published_before" / "README.md").read_text("utf-8")
NEW_KEYS = ("log", "optimizer", "tandem", "loads_with")
TARGET = SimpleNamespace(repo_id="me/car-parts")


@pytest.fixture(scope="module")
def record():
    """The record as it was published with the card: without what records have since."""
    made = record_of(questions(), HashingEncoder(dim=6), HashingEncoder(),
                     recipe=asdict(Recipe(epochs=2)))[0]
    del made["base_model"]["full_dim"], made["data"]["source"]
    for figures in made["metrics"].values():
        del figures["leaked"]
    for sample in made["data"]["samples"]:
        del sample["split"]
    published = {key: value for key, value in made.items() if key not in NEW_KEYS}
    return published | {"card_sha256": hashlib.sha256(CARD.encode()).hexdigest(),
                        "files": ["README.md", "metrics.csv", "model.safetensors", "run.json"]}


def there(record, card=CARD):
    return RemoteRepo(dict.fromkeys(record["files"], "0"), PublishedRecord.from_json(record), card)


def test_it_is_still_known_as_ours_and_replaced_by_the_new_one_without_asking(record):
    ours = model_card(RunRecord.from_json(json.loads(json.dumps(record))), TARGET.repo_id)
    assert ours != CARD
    there(record).check_ours(TARGET.repo_id, RunRecord.from_json(record))
    assert reconcile_card(None, TARGET, there(record), ours, "ask") == ours


def test_what_somebody_wrote_on_it_is_asked_about_and_can_be_kept(record):
    edited = there(record, CARD + "\nBy the parts desk.\n")
    with pytest.raises(EditedCardError, match="edited on the Hub"):
        reconcile_card(None, TARGET, edited, "new", "ask")
    assert reconcile_card(None, TARGET, edited, "new", "keep") is None


def test_a_record_of_then_says_nothing_of_leaks_that_nobody_looked_for(record):
    card = model_card(RunRecord.from_json(record))
    assert "stand in train or dev" not in card and "No test question, and no passage" not in card
    assert "## Limitations" in card and "| **1** | **3** |" in card
