import json

import numpy as np
import pytest

from corpus.records import CorpusError
from retrieval import retention as room
from retrieval.evaluation import Evidence
from retrieval.metrics import METRICS
from retrieval.retention import retention, retention_verdict
from support.evidence import side
from support.fakes import HashingEncoder, small_corpus
from support.runs.finished import questions
from train.__main__ import main
from train.commands import retention as retention_command
from train.run.record import RunError, create_run


def test_retention_has_the_shape_of_a_split_and_a_verdict_of_its_own():
    seen = []
    found = retention(HashingEncoder("base", dim=8), HashingEncoder("tuned", dim=8),
                      corpus=questions(),
                      progress=lambda at: seen.append((at.text, at.done, at.total)))
    assert (found["split"], found["queries"], found["passages"]) == ("general", 23, 69)
    assert set(found["base"]) == set(found["tuned"]) == set(found["difference"]) == set(METRICS)
    assert found["verdict"].startswith("No clear loss elsewhere: +0.000 ndcg@10")
    assert {side for side, _, _ in seen} == {"base", "tuned"}
    json.dumps(found)


def test_sides_of_other_dims_are_judged_at_the_smaller():
    one = retention(HashingEncoder("m", dim=64), HashingEncoder("m", dim=16), corpus=questions())
    assert one["base"] == one["tuned"]


def test_a_loss_a_gain_and_neither_are_told_apart():
    worse = Evidence("general", 9, side([1] * 30), side([4] * 30))
    assert retention_verdict(worse).startswith("Fine-tuning cost something elsewhere: -0.569")
    better = Evidence("general", 9, side([4] * 30), side([1] * 30))
    assert retention_verdict(better).startswith("Fine-tuning helped elsewhere too")
    rng = np.random.default_rng(3)
    same = Evidence("general", 9, side(rng.integers(1, 5, 30)), side(rng.integers(1, 5, 30)))
    assert f"More than {-same.differences['ndcg@10'].low:.3f} is" in retention_verdict(same)


@pytest.fixture
def run(tmp_path, monkeypatch):
    run = create_run(tmp_path / "runs", "r")
    run.update(status="done", recipe={"max_seq_length": None, "truncate_dim": None}, owner=None,
               base_model={"name": "base"})
    run.model.mkdir()
    (run.model / "modules.json").write_text("[]")

    class Whole(HashingEncoder):
        def cut_at(self, tokens):
            return self

        def with_prompts(self, used):
            return self

        def at(self, dim):
            return self

    monkeypatch.setattr(retention_command, "load_encoder",
                        lambda name, *rest, **more: Whole(name, dim=16 if name == "base" else 64))
    monkeypatch.setattr(room, "load_corpus", lambda name: questions())
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    return run


def test_the_command_keeps_what_it_found_in_the_record(run, capsys):
    assert main(["retention", str(run.folder), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert run.record().to_json()["retention"] == said
    assert said["split"] == "general"
    assert run.record().status == "done"


def test_a_run_without_a_model_and_a_missing_collection_are_said(run, monkeypatch, tmp_path):
    run.update(status="failed")
    with pytest.raises(RunError, match="is failed and holds no model"):
        retention_command.measure_retention(run, None)

    def missing(name):
        raise CorpusError("There is no corpus at general.")

    monkeypatch.setattr(room, "load_corpus", missing)
    with pytest.raises(CorpusError):
        retention(HashingEncoder(), HashingEncoder())


def test_a_split_without_queries_is_refused():
    corpus = small_corpus()
    bare = type(corpus)("bare", corpus.passages, corpus.queries, {})
    with pytest.raises(ValueError, match="test split of bare has no queries"):
        retention(HashingEncoder(), HashingEncoder(), corpus=bare)
