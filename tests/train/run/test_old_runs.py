"""A run directory of schema 1, fitted and published before the move into rooms."""

import json
import shutil
from pathlib import Path

import pytest

from train.recipe import RECIPES
from train.run.record import Run, RunRecord, list_runs
from train.run.spec import spec_of
from ui.services.run_state import run_state

OLD = Path(__file__).with_name("schema-1")


@pytest.fixture
def home(tmp_path):
    """A home as an earlier version left it: one run, and folders this version does not know."""
    run = tmp_path / "runs" / "20261130T114603Z-pairs-quick"
    shutil.copytree(OLD, run)
    (tmp_path / "cache").mkdir()
    (tmp_path / "kept-by-somebody").mkdir()
    return tmp_path


def test_an_old_record_is_written_as_it_was_read_byte_by_byte():
    text = (OLD / "run.json").read_text("utf-8")
    written = RunRecord.from_json(json.loads(text)).to_json()
    assert json.dumps(written, indent=1, ensure_ascii=False) + "\n" == text


def test_an_old_home_shows_its_runs_with_figures_curves_and_publications(home):
    (run,) = list_runs(home / "runs")
    state, record = run_state(run), run.record()
    assert (state.status, state.data, state.recipe, state.epochs) == ("done", "pairs", "quick", 2)
    assert state.test == (record.test.base["ndcg@10"], record.test.tuned["ndcg@10"])
    assert [epoch for epoch, _ in state.dev] == [0, 1, 2] and len(state.loss) == 6
    assert state.prompts == "Base without, Fine-tuned without"
    (published,) = record.published
    assert published.repo == "me/car-parts" and published.verified and published.checked.hashes
    assert record.card.license == "mit" and record.card.title == "Car parts"


def test_an_old_run_is_started_again_with_the_hyperparameters_it_had(home):
    run = Run(home / "runs" / "20261130T114603Z-pairs-quick")
    asked = spec_of(run)
    assert asked.recipe == RECIPES["quick"].with_values({"batch_size": "8", "epochs": "2"})
    assert asked.recipe.cross_batch_memory == run.record().recipe.cross_batch_memory == 1.0
    assert asked.data == "/srv/tandem/pairs.jsonl" and asked.seed == 42
