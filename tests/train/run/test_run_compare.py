import pytest

from retrieval.metrics import PRIMARY
from support.fakes import HashingEncoder
from support.runs.finished import questions, record_of
from train.run.compare import beside, table
from train.run.record import create_run


@pytest.fixture(scope="module")
def found():
    corpus = questions()
    return [record_of(corpus, HashingEncoder("base", dim=8), HashingEncoder("t", dim=dim))
            for dim in (16, 64)]


@pytest.fixture
def runs(found, tmp_path):
    made = []
    for number, (record, rows) in enumerate(found):
        run = create_run(tmp_path, f"run-{number}")
        run.update(**record)
        run.write_per_query(rows)
        made.append(run)
    return made


def test_the_left_run_is_base_and_the_right_one_tuned(runs):
    evidence = beside(*runs)
    for side, run in zip((evidence.base, evidence.tuned), runs, strict=True):
        mean = sum(query.metrics[PRIMARY] for query in side.values()) / len(side)
        assert mean == pytest.approx(run.record().metrics["test"].tuned[PRIMARY])


def test_several_runs_stand_in_one_table_each_against_the_first(runs):
    rows = table([*runs, runs[0]])
    assert [row.run_id for row in rows] == [runs[0].id, runs[1].id, runs[0].id]
    assert rows[0].against is None
    gap = rows[1].against.differences[PRIMARY].value
    assert gap == pytest.approx(rows[1].tuned - rows[0].tuned)
    assert rows[2].against.differences[PRIMARY].value == 0


@pytest.mark.parametrize(("changes", "said"), [
    ({"fingerprints": {"corpus": "x"}}, "different data .other passages"),
    ({"base_model": {"name": "b", "dim": 128}}, "384 dimensions and .* of 128"),
])
def test_runs_that_were_not_measured_alike_are_not_compared(runs, changes, said):
    runs[1].update(**changes)
    with pytest.raises(ValueError, match=said):
        beside(*runs)
    with pytest.raises(ValueError, match=said):
        table(runs)


def test_runs_on_other_test_questions_are_not_compared(runs):
    prints = runs[1].record().to_json()["fingerprints"]
    runs[1].update(fingerprints=prints | {"splits": {"test": "x"}})
    with pytest.raises(ValueError, match="other test questions"):
        beside(*runs)


def test_a_run_that_failed_is_not_measured_instead_of_zero(runs):
    runs[1].update(status="failed", metrics=None)
    runs[1].write_per_query([])
    with pytest.raises(ValueError, match="is failed and has not measured its test split"):
        table(runs)
