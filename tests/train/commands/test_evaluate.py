"""`train evaluate` against several alternatives."""

import json

import pytest

from support.samples import write_beir
from support.tiny import tiny_model_for
from train.__main__ import main
from train.commands.evaluate import alternatives_of


@pytest.fixture(scope="module")
def models(porsche, tmp_path_factory):
    home = tmp_path_factory.mktemp("models")
    return [str(tiny_model_for(porsche, home / str(seed), seed=seed)) for seed in (1, 2)]


@pytest.fixture
def evaluated(porsche, models, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("TANDEM_HOME", str(tmp_path / "home"))
    data = write_beir(porsche, tmp_path / "data", passages=40)

    def run(*arguments, status=0):
        assert main(["evaluate", "--model", models[0], "--data", str(data), "--json",
                     *arguments]) == status
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.slow
def test_alternatives_stand_in_order_and_one_that_cannot_be_had_says_why(evaluated, models):
    found = evaluated("--against", f"bm25,{models[1]},hybrid,./nothing")
    rows = {row["name"]: row for row in found["alternatives"]}
    assert list(rows) == ["bm25", models[1], "hybrid", "./nothing", "Fine-tuned"]
    assert "There is no model folder" in rows["./nothing"]["error"]
    (best,) = [name for name, row in rows.items() if row.get("best_free")]
    measured = {name: row["metrics"]["ndcg@10"] for name, row in rows.items()
                if "metrics" in row and name != "Fine-tuned"}
    assert measured[best] == max(measured.values())
    assert found["base"] == rows["bm25"]["metrics"]
    assert set(rows["hybrid"]) >= {"metrics", "difference", "ms_per_query", "bytes"}
    assert rows["hybrid"]["bytes"] > rows[models[1]]["bytes"] > rows["bm25"]["bytes"] > 0
    assert [name for name, row in rows.items() if "metrics" in row and row["difference"] is None
            ] == [best]
    assert f"without training, {best}" in found["verdict"]


@pytest.mark.slow
def test_a_fusion_needs_a_base_and_nothing_to_compare_with_is_said(evaluated):
    rows = evaluated("--against", "bm25,hybrid")["alternatives"]
    assert "name one" in rows[1]["error"]
    said = evaluated("--against", "./a,./b", status=1)["error"]
    assert "Nothing to compare with" in said and "./a" in said and "./b" in said


def test_a_machine_is_named_for_jobs_alone(evaluated):
    assert "add --engine jobs" in evaluated("--flavor", "t4-small", status=1)["error"]


@pytest.mark.slow
def test_one_model_can_give_each_question(evaluated):
    found = evaluated("--per-query")
    assert len(found["per_query"]) == found["queries"] and found["bytes"] > 0
    mean = sum(row["metrics"]["ndcg@10"] for row in found["per_query"].values())
    assert mean / found["queries"] == pytest.approx(found["model"]["ndcg@10"])


def test_alternatives_are_named_between_commas_unless_a_folder_is(tmp_path):
    folder = tmp_path / "a,b"
    folder.mkdir()
    assert alternatives_of(" bm25, owner/x ,") == ["bm25", "owner/x"]
    assert alternatives_of(str(folder)) == [str(folder)]
