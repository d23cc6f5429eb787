"""The script that `train script` writes, started for real and held against `train fit`."""

import ast
import json
import os
import random
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from corpus.load import load_corpus
from corpus.records import SPLITS, Corpus, Passage, Query
from retrieval.metrics import PRIMARY
from support.tiny import tiny_model_for
from train.__main__ import main
from train.fit.fit import fit
from train.recipe import Recipe, named_recipe
from train.report.plain_script import SCRIPT, script_text, write_script
from train.run.record import Run, RunRecord, open_run

SEEDS = (1, 2)


def stated(recipe: Recipe, base: str = "you/base", **more) -> dict:
    return {"schema": 1, "status": "done", "recipe": asdict(recipe), "seed": 7,
            "data": {"name": "cars"},
            "base_model": {"name": base, "revision": None, "max_seq_length": 64}} | more


def record(*arguments, **more) -> RunRecord:
    return RunRecord.from_json(stated(*arguments, **more))


def started(script: Path, *arguments: str) -> dict[str, float]:
    """What the script prints; it runs where nothing of Tandem can be imported."""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, str(script), *arguments], cwd=script.parent, capture_output=True,
        text=True, timeout=400, env=environment | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"})
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def hidden_words(split_sizes=(400, 30, 60)) -> Corpus:
    """Questions share one rare word with their passage, among words that all passages share.

    What the common words weigh can be learned from train and is true of test: a model of random
    weights begins low and ends high.
    """
    draw = random.Random(1)
    common = ["the", "of", "a", "car", "is", "oil", "with", "which", "for", "what", "does", "in"]
    passages, queries, qrels, count = [], {}, {}, 0
    for split, size in zip(SPLITS, split_sizes, strict=True):
        for number in range(count, count + size):
            rare = f"part{number}"
            passages.append(Passage(f"p{number}", " ".join(draw.choices(common, k=7) + [rare])))
            queries[f"q{number}"] = Query(f"q{number}", f"{' '.join(draw.choices(common, k=4))} "
                                                        f"{rare} {draw.choice(common)}")
            qrels.setdefault(split, {})[f"q{number}"] = {f"p{number}": 1}
        count += size
    return Corpus("hidden words", tuple(passages), queries, qrels)


@pytest.mark.slow
def test_the_script_of_a_run_of_recipe_seed_gets_its_test_figure(tmp_path):
    corpus = hidden_words()
    base = tiny_model_for(corpus, tmp_path / "tiny")
    recipe = replace(named_recipe("seed"), learning_rate=3e-3, epochs=6)  # from random weights
    runs = [open_run(tmp_path / str(seed)) for seed in SEEDS]
    for seed, run in zip(SEEDS, runs, strict=True):
        list(fit(recipe, corpus, run, str(base), seed=seed))
    found = [run.record().test for run in runs]
    tuned = [sides.tuned[PRIMARY] for sides in found]
    write_script(runs[0].record(), corpus, tmp_path / "plain")
    plain = started(tmp_path / "plain" / SCRIPT)
    assert plain["base"] == pytest.approx(found[0].base[PRIMARY], abs=1e-4)
    apart = max(tuned) - min(tuned)
    assert min(tuned) > plain["base"] + 0.3, (tuned, plain)  # so being level is no accident
    assert plain["tuned"] == pytest.approx(sum(tuned) / 2, abs=max(apart, 0.05)), (tuned, plain)


@pytest.mark.slow
def test_the_script_of_a_recipe_with_everything_trains_and_stores_its_prompts(
    tmp_path
):
    corpus = hidden_words((40, 10, 10))
    base = tiny_model_for(corpus, tmp_path / "tiny")
    recipe = replace(named_recipe("tandem"), epochs=2, patience=1, truncate_dim=16, symmetric=True,
                     precision="bf16", mini_batch_size=4, batch_size=8, learning_rate=1e-3)
    prompts = {"query": 'Ask: "', "passage": "Say: "}
    told = record(recipe, str(base), precision="bf16", device="cpu, 1 thread")
    told = told.changed(base_model=told.base_model.changed(stored_prompts=prompts))
    write_script(told, corpus, tmp_path / "out")
    found = started(tmp_path / "out" / SCRIPT)
    assert 0 <= found["base"] <= 1 and found["tuned"] != found["base"]
    kept = json.loads((tmp_path / "out/model/config_sentence_transformers.json").read_text())
    assert kept["prompts"]["query"] == prompts["query"]


def test_the_script_names_no_module_of_tandem_and_says_what_it_leaves_out():
    text = script_text(record(named_recipe("tandem")))
    imported = {(node.module if isinstance(node, ast.ImportFrom) else node.names[0].name)
                .partition(".")[0] for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Import | ast.ImportFrom)}
    assert imported == {"json", "sys", "pathlib", "datasets", "sentence_transformers"}
    assert "cross-batch memory" in ast.get_docstring(ast.parse(text))
    assert "leaves out" in script_text(record(named_recipe("seed")))
    assert "nothing" in script_text(record(named_recipe("seed")))


@pytest.mark.parametrize("base", ['a"b\\n', "x'); import os; ('", '"""\nimport os\n"""'])
def test_what_a_visitor_named_stays_text(base):
    told = record(named_recipe("seed"), base, data={"name": base})
    names = {node.names[0].name for node in ast.walk(ast.parse(script_text(told)))
             if isinstance(node, ast.Import)}
    assert names == {"json", "sys"}


def test_the_command_writes_script_and_data_and_says_where(sample_folder, tmp_path, capsys):
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    run.update(**stated(named_recipe("seed")) | {
        "data": {"name": "sample", "source": str(sample_folder)}})
    assert main(["script", str(run.folder), "--out", str(tmp_path / "out"), "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["out"] == str(tmp_path / "out")
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == set(printed["files"]) == {
        SCRIPT, "train.jsonl", "dev.jsonl", "test.jsonl", "corpus.jsonl"}
    pairs = [json.loads(line) for line in (tmp_path / "out/train.jsonl").open()]
    assert len(pairs) == len(load_corpus(sample_folder).pairs("train"))
    assert set(pairs[0]) == {"anchor", "positive"}
    assert main(["script", str(run.folder)]) == 0
    assert f"python {run.folder / 'script' / SCRIPT}" in capsys.readouterr().out


def test_a_run_whose_data_is_gone_or_changed_is_refused_with_a_sentence(tmp_path, corpus, caplog):
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    run.update(**stated(named_recipe("seed")) | {
        "data": {"name": "gone", "source": str(tmp_path / "gone")}})
    assert main(["script", str(run.folder)]) == 1
    assert "is not where it was" in caplog.text
    run.update(data={"name": "porsche", "source": "porsche"}, fingerprints={"corpus": "another"})
    assert main(["script", str(run.folder)]) == 1
    assert "has changed since" in caplog.text
    assert not (run.folder / "script").exists()
