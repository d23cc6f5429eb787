import json
from dataclasses import FrozenInstanceError, replace

import pytest

from support.fakes import HashingEncoder
from support.runs.finished import questions, record_of
from train.run.record import Run, RunError, RunRecord, create_run
from train.run.schema import SchemaError


@pytest.fixture(scope="module")
def finished():
    """The JSON of a finished run."""
    return record_of(questions(), HashingEncoder("base", dim=8), HashingEncoder("tuned", dim=64))[0]


def test_a_record_is_written_as_it_was_read(finished):
    text = json.dumps(finished)
    assert json.dumps(RunRecord.from_json(json.loads(text)).to_json()) == text


def test_the_fields_of_a_record_are_what_its_json_says(finished):
    record = RunRecord.from_json(finished)
    assert record.base_model.name == "owner/base" and record.base_model.language == ("en",)
    assert record.splits["train"].pairs == 24
    assert record.test.tuned["ndcg@10"] == finished["metrics"]["test"]["tuned"]["ndcg@10"]
    assert record.test.difference["mrr@10"].low == \
        finished["metrics"]["test"]["difference"]["mrr@10"]["low"]
    assert [point.ndcg for point in record.history] == [0.5, 0.6125, 0.6098]
    assert record.history[0].loss is None and record.history[2].loss == 0.1234
    assert record.recipe.epochs == 2 and record.data.statistics["train"].anchor["characters"].max
    assert record.is_usable and not record.is_active and record.engine_name == "local"


def test_what_a_newer_version_wrote_is_kept_at_every_depth(finished):
    newer = finished | {"colour": ["blue"], "note": None}
    newer["base_model"] = finished["base_model"] | {"licence_text": {"a": 1}}
    record = RunRecord.from_json(newer)
    changed = record.changed(status="stopped", base_model=record.base_model.changed(name="b"))
    assert changed.to_json() == newer | {
        "status": "stopped", "base_model": newer["base_model"] | {"name": "b"}}
    assert list(changed.to_json()) == list(newer)


def test_a_named_none_is_written_and_one_that_nobody_named_is_not(tmp_path):
    run = create_run(tmp_path, "a")
    run.update(error=None)
    assert json.loads((run.folder / "run.json").read_text()) == {
        "schema": 1, "status": "queued", "created": run.record().created, "error": None}
    assert "note" not in replace(run.record(), note=None).to_json()
    assert replace(run.record(), note="Wait.").to_json()["note"] == "Wait."


def test_a_misspelt_field_is_refused_and_nothing_is_written(tmp_path):
    run = create_run(tmp_path, "a")
    with pytest.raises(TypeError, match="no field 'sedd'"):
        run.update(sedd=1)
    with pytest.raises(SchemaError, match="seed must be a whole number, not 'x'"):
        run.update(seed="x")
    assert "seed" not in run.record().to_json()


def test_a_record_cannot_be_changed_in_place(finished):
    with pytest.raises(FrozenInstanceError):
        RunRecord.from_json(finished).base_model.name = "other"


@pytest.mark.parametrize("damage, said", [
    ({"base_model": "x"}, "base_model must be an object, not 'x'"),
    ({"seed": True}, "seed must be a whole number, not True"),
    ({"metrics": {"test": {}}}, "metrics.test.base is missing"),
    ({"metrics": {"test": {"base": {}, "tuned": {}, "difference": {}}}},
     "metrics.test.base has no ndcg@10"),
    ({"metrics": {"dev": {"base": {"ndcg@10": "high"}}}},
     "metrics.dev.base.ndcg@10 must be a number, not 'high'"),
    ({"history": [{"epoch": 0, "step": 0, "ndcg@10": 0.5}, {"epoch": 1}]},
     r"history\[1\].step is missing"),
    ({"history": "none"}, "history must be a list, not 'none'"),
    ({"process": {"started": "1"}}, "process.pid is missing"),
    ({"published": [{"files": [{"bytes": "many"}]}]},
     r"published\[0\].files\[0\].bytes must be a whole number, not 'many'"),
    ({"data": {"source": ["a"]}}, r"data.source must be text, not \['a'\]"),
])
def test_a_damaged_record_is_said_with_its_field(tmp_path, damage, said):
    (tmp_path / "run.json").write_text(json.dumps({"schema": 1, "status": "done"} | damage))
    with pytest.raises(RunError, match=f"is damaged: {said}") as caught:
        Run(tmp_path).record()
    assert "delete the run" in str(caught.value)
