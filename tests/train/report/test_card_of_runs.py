"""Cards of runs that were really made, read line by line against their records."""

import json
import re

import pytest
import yaml

from corpus.records import Corpus, Passage, Query
from retrieval.metrics import PRIMARY
from support.tiny import tiny_model_for
from train.fit.runner import carry_out
from train.publish.dataset import write_data
from train.recipe import Recipe
from train.report.card import model_card
from train.report.findings import findings_of
from train.report.html import report_html
from train.run.record import create_run
from train.run.spec import RunSpec

pytestmark = pytest.mark.slow
QUICK = {"epochs": 2, "batch_size": 4, "cross_batch_memory": 0.0, "precision": "fp32"}
SIZES = {"train": 24, "dev": 10, "test": 12}


def parts(leaks=0):
    """Questions about parts; so many of the test split are answered by what train answers."""
    names = [f"part{i}" for i in range(sum(SIZES.values()))]
    passages = tuple(Passage(f"p{i}", f"The {name} of the car weighs {i} kg.")
                     for i, name in enumerate(names))
    queries = {f"q{i}": Query(f"q{i}", f"How heavy is the {name}?")
               for i, name in enumerate(names)}
    qrels, start = {}, 0
    for split, size in SIZES.items():
        qrels[split] = {f"q{i}": {f"p{i}": 1} for i in range(start, start + size)}
        start += size
    for i, query in enumerate(list(qrels["test"])[:leaks]):
        qrels["test"][query] = {f"p{i}": 1}
    return Corpus("parts", passages, queries, qrels)


def made(folder, corpus=None, model=None, **recipe):
    """A finished run on a BEIR folder, with the card it wrote."""
    corpus = corpus or parts()
    data = folder / "brought"
    data.mkdir()
    write_data(corpus, data, "mit", [])
    base = tiny_model_for(corpus, folder / "base", **(model or {}))
    run = create_run(folder / "runs", "a-run")
    spec = RunSpec(data=str(data), base=str(base), recipe=Recipe(**QUICK | recipe),
                   data_name="parts")
    run.update(**spec.as_record())
    carry_out(run, spec)
    assert run.record().status == "done", run.record().error
    return run, (run.model / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def brought(tmp_path_factory):
    return made(tmp_path_factory.mktemp("brought"))


@pytest.fixture(scope="module")
def leaky(tmp_path_factory):
    return made(tmp_path_factory.mktemp("leaky"), parts(leaks=5))


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    return made(tmp_path_factory.mktemp("last"), keep="last", epochs=3)


@pytest.fixture(scope="module")
def cut(tmp_path_factory):
    return made(tmp_path_factory.mktemp("cut"), truncate_dim=16)


def section(card, heading):
    level = heading.split(" ")[0]
    return re.split(rf"\n#{{1,{len(level)}}} ", card.split(f"\n{heading}")[1])[0]


def test_a_card_on_brought_data_says_what_its_record_has(brought):
    run, card = brought
    record = run.record()
    assert "neither was trained on here" in card and "No test question, and no passage" in card
    assert "--data brought " in card and "The data is not published" in card
    assert "How heavy" not in card and "How do I change my password?" in card  # it is private
    public = model_card(record.changed(card={"private_data": False}))
    assert f"{record.data.widget[0].source_sentence!r}" in section(public, "## Usage")
    assert "The first dev pairs" in public and "The first training pairs" in public
    assert "| optimizer | AdamW |" in card and "| betas | 0.9, 0.999 |" in card
    for library in ("accelerate", "datasets", "tokenizers", "sentence-transformers"):
        assert f"| {library} | {record.versions[library]} |" in card
    assert str(run.folder.parent.parent) not in card
    assert f"Tandem {record.tandem.version}" in card


def test_the_log_has_the_steps_between_evaluations_with_their_loss(brought):
    run, card = brought
    record = run.record()
    rows = [line for line in section(card, "## Training").splitlines() if line.startswith("| ")]
    at = next(point for point in record.log
              if point.step not in {one.step for one in record.history})
    assert f"|  | {at.step:,} | {at.loss:.4f} | – | – |" in rows
    for point in record.history:
        assert any(f"{point.ndcg:.4f}" in row and f" {point.step:,}" in row.replace("*", "")
                   for row in rows), point


def test_the_command_of_the_card_trains_the_same_model_again(brought, monkeypatch, capsys):
    run, card = brought
    folder = run.folder.parent.parent
    monkeypatch.chdir(folder)
    (folder / "model").symlink_to(folder / "base" / "model")
    line = next(line for line in card.splitlines() if line.startswith("python -m train fit"))
    from train.__main__ import main

    assert main([*line.split()[3:], "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert again["metrics"]["test"]["tuned"][PRIMARY] == pytest.approx(
        run.record().metrics["test"].tuned[PRIMARY], abs=1e-6)


def test_a_card_of_leaky_splits_counts_them_and_gives_the_figures_without(leaky):
    run, card = leaky
    test = run.record().metrics["test"]
    assert test.leaked == 5 and test.unseen.queries == 7
    assert "5 of them stand in train or dev too" in card
    assert "5 of the 12 test questions stand in train or dev too" in card
    assert "No test question, and no passage" not in card
    assert "on 7 questions neither was trained on here" in test.verdict and test.verdict in card
    assert "of which 5 were trained on" in test.verdict
    shown = section(card, "### Test split")
    for figures in (test.unseen, test):
        assert f"| {figures.tuned[PRIMARY]:.4f} |" in shown
    public = model_card(run.record().changed(card={"private_data": False}))
    asked = [example["source_sentence"] for example in yaml.safe_load(
        public.split("---")[1])["widget"]]
    assert asked and not set(asked) & {f"How heavy is the part{i}?" for i in range(34, 39)}


def test_a_report_of_leaky_splits_says_so_too(leaky):
    run, _ = leaky
    html = report_html(findings_of(run))
    assert "on 7 questions neither was trained on here" in html
    assert "5 of 12 questions stand in the other splits too" in html


def test_a_card_that_kept_the_last_checkpoint_does_not_say_that_dev_chose_it(last):
    run, card = last
    assert "chose the checkpoint" not in card and "checkpoint was chosen" not in card
    assert "Dev split (chose nothing)" in card and "watching the training" in card
    assert "The last checkpoint was kept" in card
    final = run.record().history[-1]
    assert f"| **{final.epoch:g}** | **{final.step:,}** |" in card


def test_a_card_of_cut_vectors_says_how_long_they_are_and_from_what(cut):
    run, card = cut
    base = run.record().base_model
    assert (base.dim, base.full_dim) == (16, 32)
    assert "**Output dimensions:** 16, the first of 32" in card
    assert "truncate_dim=16" in card and "with vectors of 16 dimensions" in card
    assert "gives all 32, which were not measured here" in card


@pytest.fixture(scope="module")
def dot(tmp_path_factory):
    return made(tmp_path_factory.mktemp("dot"), model={"similarity": "dot"})


def test_a_card_of_a_dot_model_says_by_what_it_is_compared_and_the_scale_that_was_used(dot):
    run, card = dot
    record = run.record()
    assert record.base_model.similarity == "dot" and record.loss_scale == 1.0
    assert "compared by dot similarity" in card and "cosine_" not in card
    assert "| scale | 1.0, of the dot product; the recipe's 20.0 is for vectors of length 1" in card
    script = card.split("```python")[2]
    assert "scale=1.0, similarity_fct=dot_score" in script
    assert 'metric_for_best_model="dev_dot_ndcg@10"' in script and "cosine_" not in script
    assert "dot_ndcg@10" in card


def test_the_script_of_a_dot_model_runs_and_ends_above_where_it_began(dot, tmp_path):
    import os
    import subprocess
    import sys

    from train.report.plain_script import SCRIPT, write_script

    run, _ = dot
    write_script(run.record(), parts(), tmp_path)
    ended = subprocess.run(
        [sys.executable, str(tmp_path / SCRIPT)], cwd=tmp_path, capture_output=True, text=True,
        timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"})
    assert ended.returncode == 0, ended.stderr[-2000:]
    said = json.loads(ended.stdout.strip().splitlines()[-1])
    assert said["base"] == pytest.approx(run.record().metrics["test"].base[PRIMARY], abs=1e-4)


def test_the_dev_loss_is_in_events_record_and_card_and_falls_as_training_goes_on(brought):
    run, card = brought
    losses = [point.dev_loss for point in run.record().history]
    assert losses == [event.loss for event in run.events() if event.type == "eval"]
    assert len(losses) == 3 and losses[-1] < losses[0]
    header = next(line for line in card.splitlines() if line.startswith("| epoch |"))
    assert header == "| epoch | step | training loss | dev loss | dev ndcg@10 |"
    assert f"| {losses[0]:.4f} |" in section(card, "## Training")
    assert "ranking loss of the dev pairs in batches of 4, over 32 dimensions" in card


def test_the_training_loss_says_what_it_adds(brought, cut):
    assert "It adds" not in brought[1]
    assert "It adds the losses over 32 and 16 dimensions." in cut[1]
    memory = model_card(brought[0].record().changed(
        recipe=brought[0].record().recipe.to_json() | {"cross_batch_memory": 0.5}))
    assert "It adds the loss of the batch and 0.5 times that among the remembered" in memory


def test_no_run_takes_more_processor_time_than_its_threads_have(brought):
    record = brought[0].record()
    assert 0 < record.cpu_seconds < 40 * record.seconds + 1


def test_the_metadata_of_a_leaky_run_has_the_figures_of_the_other_questions(leaky):
    run, card = leaky
    test = run.record().metrics["test"]
    model = yaml.safe_load(card.split("---")[1])["model-index"][0]["results"][0]
    assert model["dataset"]["name"] == "parts, test, 7 of 12 questions"
    found = {each["type"]: each["value"] for each in model["metrics"]}
    assert found[f"cosine_{PRIMARY}"] == pytest.approx(test.unseen.tuned[PRIMARY])
