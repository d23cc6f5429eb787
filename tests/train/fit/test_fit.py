"""A real fit of the embedded model, small, in a process of its own as engines start it."""

import json
import os
import subprocess
import sys

import pytest

from corpus.load import load_corpus
from retrieval.evaluation import evaluate, means
from retrieval.index import build_index
from retrieval.metrics import METRICS
from retrieval.models import EMBEDDED_MODEL, load_encoder
from support.runs.children import Child
from support.samples import write_lines
from support.services import ROOT
from train.run.record import Run

pytestmark = pytest.mark.slow


def command(*arguments, home, **options):
    # One thread each, so that the same seed gives the same numbers.
    env = os.environ | {"TANDEM_HOME": str(home), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, "-m", "train", *map(str, arguments)], cwd=ROOT, env=env,
                          capture_output=True, text=True, timeout=400, **options)


def fit(data, out, home, *more):
    return command("fit", "--data", data, "--recipe", "quick", "--set", "batch_size=16",
                   "--out", out, "--json", *more, home=home)


@pytest.fixture(scope="session")
def fitted(sample_folder, tmp_path_factory):
    """A run of one epoch: its folder, what the command printed, and its home."""
    home = tmp_path_factory.mktemp("home")
    done = fit(sample_folder, home / "runs" / "one", home, "--seed", "7")
    assert done.returncode == 0, done.stderr[-2000:]
    return home / "runs" / "one", json.loads(done.stdout), home


def test_fit_prints_one_object_with_the_contracted_keys(fitted):
    _, printed, _ = fitted
    assert set(printed) >= {"run", "status", "seconds", "cpu_seconds", "steps", "metrics"}
    assert printed["status"] == "done"
    for split in ("dev", "test"):
        assert set(printed["metrics"][split]) >= {"base", "tuned"}
        assert set(printed["metrics"][split]["tuned"]) == set(METRICS)


def test_the_run_directory_holds_what_the_contract_says(fitted):
    folder, printed, _ = fitted
    record = Run(folder).record()
    assert set(record.to_json()) >= {
        "status", "recipe", "metrics", "base_model", "fingerprints", "seed", "versions",
        "published", "device", "schema"}
    assert record.seed == 7
    assert record.recipe.batch_size == 16
    assert record.to_json()["metrics"] == printed["metrics"]
    assert not (folder / "checkpoints").exists()
    assert not [path for path in (folder / "model").rglob("*") if path.suffix in (".bin", ".pt")]
    assert (folder / "model" / "model.safetensors").is_file()
    assert printed["metrics"]["test"]["verdict"] in (folder / "model" / "README.md").read_text()


def test_events_tell_the_run_from_baseline_to_done(fitted):
    events = Run(fitted[0]).events()
    kinds = [event.type for event in events]
    assert kinds[-1] == "done"
    assert {"phase", "step", "loss", "eval"} <= set(kinds)
    evals = [event for event in events if event.type == "eval"]
    assert [event.epoch for event in evals] == [0, 1]
    steps = [event for event in events if event.type == "step"]
    assert steps[-1].step <= steps[-1].steps == evals[-1].step
    told = [event for event in events if getattr(event, "left_s", None) is not None]
    assert all(event.left_s >= 0 for event in told)
    assert [event.share for event in told] == sorted(event.share for event in told)
    assert told[-1].share > 0.9


def test_recorded_ranks_and_metrics_are_those_of_the_saved_model(fitted, sample_folder):
    folder, printed, _ = fitted
    corpus = load_corpus(sample_folder)
    judged = evaluate(build_index(load_encoder(str(folder / "model")), corpus), corpus, "test")
    rows = {row["query_id"]: row for row in Run(folder).per_query() if row["split"] == "test"}
    assert set(rows) == set(judged)
    for query_id, row in rows.items():
        assert row["tuned"]["ranks"] == judged[query_id].ranks
    assert printed["metrics"]["test"]["tuned"] == pytest.approx(means(judged), abs=1e-9)


def test_base_metrics_agree_with_the_evaluator_on_the_real_model(fitted, sample_folder, encoder):
    from sentence_transformers.sentence_transformer.evaluation import InformationRetrievalEvaluator

    corpus = load_corpus(sample_folder)
    qrels = corpus.qrels["test"]
    theirs = InformationRetrievalEvaluator(
        {q: corpus.queries[q].text for q in qrels},
        {p.id: p.content for p in corpus.passages},
        {q: set(rel) for q, rel in qrels.items()},
    )(encoder.model)
    ours = fitted[1]["metrics"]["test"]["base"]
    for name in METRICS:
        assert ours[name] == pytest.approx(theirs[f"cosine_{name}"], abs=1e-9), name


def test_training_moved_the_model_and_made_it_fit_its_training_questions(
    fitted, sample_folder, encoder
):
    corpus = load_corpus(sample_folder)
    tuned = load_encoder(str(fitted[0] / "model"))
    base = means(evaluate(build_index(encoder, corpus), corpus, "train"))["ndcg@10"]
    learned = means(evaluate(build_index(tuned, corpus), corpus, "train"))["ndcg@10"]
    assert learned > base + 0.02


def test_evaluate_two_models_prints_the_contracted_object(fitted, sample_folder):
    folder, printed, home = fitted
    result = evaluated("--model", folder, "--against", EMBEDDED_MODEL, "--data", sample_folder,
                       "--split", "test", home=home)
    assert set(result) >= {"split", "queries", "passages", "base", "tuned", "difference"}
    assert set(result["difference"]["ndcg@10"]) == {"value", "low", "high", "p", "p_holm"}
    assert result["tuned"] == pytest.approx(printed["metrics"]["test"]["tuned"], abs=1e-9)
    assert result["difference"] == printed["metrics"]["test"]["difference"]


def test_evaluate_one_model_prints_one_side(fitted, sample_folder):
    result = evaluated("--model", EMBEDDED_MODEL, "--data", sample_folder, "--split", "dev",
                       home=fitted[2])
    assert result["split"] == "dev"
    assert set(result["model"]) == set(METRICS)


def evaluated(*arguments, home):
    child = Child("evaluate", *arguments, "--json", home=home)
    assert child.wait() == 0, child.said
    return json.loads(child.said.splitlines()[-1])


@pytest.mark.parametrize("arguments, status, said", [
    (["fit", "--recipe", "best"], 2, "There is no recipe 'best'"),
    (["fit", "--set", "epochs=0"], 2, "epochs must be a whole number from 1 to 100"),
    (["fit", "--set", "epochs"], 2, "--set takes key=value"),
    (["fit", "--seed", "x"], 2, "invalid int value"),
    (["fit", "--data", "nothing.jsonl"], 1, "There is no corpus at nothing.jsonl"),
    (["fit", "--base", "./nothing"], 1, "There is no model folder at ./nothing"),
    (["dance"], 2, "invalid choice: 'dance'"),
    (["evaluate", "--model", "./nothing"], 1, "There is no model folder"),
    (["evaluate", "--model", EMBEDDED_MODEL, "--split", "all"], 2, "invalid choice: 'all'"),
])
def test_wrong_use_and_failure_have_their_exit_status_and_a_sentence(
    tmp_path, arguments, status, said
):
    out = ["--out", str(tmp_path / "run")] if arguments[0] == "fit" else []
    done = command(*arguments, *out, "--json", home=tmp_path)
    assert done.returncode == status
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failed_run_is_kept_with_its_error_and_not_overwritten(tmp_path):
    path = write_lines(tmp_path / "few.jsonl", [{"anchor": "a?", "positive": "A."}] * 3)
    done = command("fit", "--data", path, "--out", tmp_path / "run", "--json", home=tmp_path)
    assert done.returncode == 1
    printed = json.loads(done.stdout)
    assert printed["status"] == "failed"
    assert "dev split" in printed["error"]
    assert "has no judged queries in its dev split" in Run(tmp_path / "run").record().error
    assert Run(tmp_path / "run").events()[-1].type == "error"
    again = command("fit", "--data", path, "--out", tmp_path / "run", home=tmp_path)
    assert again.returncode == 1
    assert "choose another --out" in again.stderr
