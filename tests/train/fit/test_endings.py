"""How a run can end, in this process and with a tiny model."""

from dataclasses import replace

import pytest

from corpus.load import load_corpus
from retrieval.evaluation import evaluate
from retrieval.fast.store import PassageVectors
from retrieval.index import build_index
from retrieval.models import load_encoder
from support.samples import write_beir
from support.tiny import tiny_model_for
from train.fit import fit as room
from train.fit.loop import Loop
from train.fit.model import TrainingError
from train.fit.runner import RunLimits, begun, carry_out
from train.recipe import Recipe
from train.run.events import event_of, still_true
from train.run.record import open_run
from train.run.spec import RunSpec

pytestmark = pytest.mark.slow

SMALL = replace(Recipe(), batch_size=8, learning_rate=0.003, precision="fp32")


@pytest.fixture(scope="module")
def data(porsche, tmp_path_factory):
    return write_beir(porsche, tmp_path_factory.mktemp("endings") / "data", passages=30)


@pytest.fixture(scope="module")
def model(data, tmp_path_factory):
    return tiny_model_for(load_corpus(str(data)), tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def fitted(data, model, tmp_path):
    def carried(recipe=SMALL, limits=None, name="run", resume=False):
        run = open_run(tmp_path / name)
        request = RunSpec(str(data), str(model), recipe=recipe, owner="somebody")
        carry_out(run, request if resume else begun(run, request), limits=limits, resume=resume)
        return run

    return carried


def values(monkeypatch, *given):
    """Have dev come out so, epoch by epoch, whatever the model does."""
    scores = iter((0.1, *given))  # the base comes first
    honest = room.means
    now = {}

    def means(judged):
        key = id(judged)
        if key not in now:
            now[key] = next(scores), judged  # the object is kept, so that its id is
        return honest(judged) | {"ndcg@10": now[key][0]}

    monkeypatch.setattr(room, "means", means)


def kept_epochs(monkeypatch):
    kept = []
    honest = room.Checkpoints.keep_best

    def keep(self, encoder, vectors):
        kept.append(vectors[0].copy())
        honest(self, encoder, vectors)

    monkeypatch.setattr(room.Checkpoints, "keep_best", keep)
    return kept


def test_vectors_shipped_for_the_base_are_none_of_the_model_in_training(
    fitted, data, monkeypatch
):
    made = {}

    def shipped(encoder, corpus):
        key = encoder.fingerprint, corpus.fingerprint
        if key not in made:
            passages = sorted(corpus.passages, key=lambda passage: passage.id)
            made[key] = PassageVectors(encoder.encode_passages([p.content for p in passages]))
        return made[key]

    monkeypatch.setattr("retrieval.index.shipped_vectors", shipped)
    run = fitted(replace(SMALL, epochs=1))
    assert made
    monkeypatch.undo()
    corpus = load_corpus(str(data))
    again = evaluate(build_index(load_encoder(str(run.model)), corpus), corpus, "dev")
    said = run.record()
    assert said.history[-1].ndcg == pytest.approx(room.means(again)["ndcg@10"], abs=1e-6)
    assert said.history[-1].ndcg != said.history[0].ndcg


def test_the_checkpoint_that_is_best_on_dev_is_the_result(fitted, monkeypatch):
    values(monkeypatch, 0.3, 0.5, 0.4)
    kept = kept_epochs(monkeypatch)
    record = fitted().record()
    assert (record.status, record.ended_by) == ("done", "finished")
    assert [at.ndcg for at in record.history] == [0.1, 0.3, 0.5, 0.4]
    assert len(kept) == 2


def test_a_recipe_that_keeps_the_last_keeps_the_last(fitted, monkeypatch):
    values(monkeypatch, 0.3, 0.5, 0.4)
    kept = kept_epochs(monkeypatch)
    fitted(replace(SMALL, keep="last"))
    assert len(kept) == 3


def test_so_many_evaluations_without_gain_end_a_run_that_is_patient_no_longer(fitted, monkeypatch):
    values(monkeypatch, 0.5, 0.4, 0.45, 0.9)
    record = fitted(replace(SMALL, epochs=9, patience=2)).record()
    assert (record.status, record.ended_by) == ("done", "patience")
    assert [at.epoch for at in record.history] == [0, 1, 2, 3]
    assert record.steps_done < record.steps


def diverging(monkeypatch, step):
    honest = Loop.take_step

    def train(self, batch):
        if self.step == step:
            raise TrainingError(f"The loss became nan at step {step + 1}: lower the learning rate.")
        return honest(self, batch)

    monkeypatch.setattr(Loop, "take_step", train)


def test_a_loss_that_is_no_number_fails_the_run_while_nothing_is_kept(fitted, monkeypatch):
    diverging(monkeypatch, 2)
    run = fitted()
    record = run.record()
    assert (record.status, record.ended_by) == ("failed", "error")
    assert "lower the learning rate" in record.error
    assert not run.has_model
    assert run.events()[-1].type == "error"


def test_a_loss_that_is_no_number_later_leaves_the_best_checkpoint_as_the_result(
    fitted, monkeypatch
):
    diverging(monkeypatch, 7)
    run = fitted()
    record = run.record()
    assert (record.status, record.ended_by) == ("stopped", "loss")
    assert "nan at step 8" in record.error and "is the result" in record.error
    assert run.has_model and record.metrics["test"].tuned


def test_time_that_is_over_ends_a_run_as_if_it_had_been_stopped(fitted, monkeypatch):
    kept = kept_epochs(monkeypatch)
    monkeypatch.setattr(room.Spent, "here", property(lambda _: 3601.0 if kept else 3599.0))
    run = fitted(replace(SMALL, epochs=9), limits=RunLimits(max_minutes=60))
    record = run.record()
    assert (record.status, record.ended_by) == ("stopped", "time limit")
    assert 0 < record.steps_done < record.steps
    assert run.has_model and record.metrics["test"].tuned


def test_too_many_pairs_are_refused_before_anything_is_loaded(fitted, monkeypatch):
    monkeypatch.setattr(room, "load_encoder", None)
    record = fitted(limits=RunLimits(max_pairs=20)).record()
    assert record.status == "failed"
    assert "pairs, and at most 20 may be trained with here (TANDEM_MAX_PAIRS)" in record.error


def test_a_clock_set_back_makes_no_run_end_before_it_started(fitted, monkeypatch):
    times = iter(["2026-05-05T12:00:00+00:00", *["2026-05-05T11:00:00+00:00"] * 9])
    monkeypatch.setattr("train.fit.result.now", lambda: next(times))
    clock = iter(range(10**9, 0, -100))
    monkeypatch.setattr("train.run.record.time.time", lambda: next(clock))
    run = fitted()
    record = run.record()
    assert record.finished >= record.started
    assert record.seconds >= 0
    left = [event.left_s for event in run.events() if getattr(event, "left_s", None) is not None]
    assert left and min(left) >= 0


def test_owner_engine_and_what_was_published_outlive_a_fit(fitted):
    run = fitted()
    run.update(published=[{"revision": "abc"}], status="stopped", engine={"name": "jobs"})
    created = run.record().created
    record = fitted(resume=True).record()
    assert record.status == "done"
    assert (record.owner, record.engine_name, record.created) == ("somebody", "jobs", created)
    assert record.to_json()["published"] == [{"revision": "abc"}]


def test_the_record_says_on_what_how_fast_and_why_it_ended(fitted):
    run = fitted()
    record = run.record()
    assert record.device.startswith(("cpu, ", "cuda:"))
    assert record.speed.examples_per_second > 0
    assert record.speed.passages_per_second > 0
    steps = [event for event in run.events() if event.type == "step"]
    assert steps[0].memory == steps[0].process_memory > 10**6
    assert {"loss", "examples_per_second", "share", "left_s"} <= set(steps[0].to_json())
    started = next(event for event in run.events() if event.type == "started")
    assert started.resumed is False and started.device == record.device


def test_events_of_steps_that_were_lost_are_told_from_those_that_count():
    events = [event_of(event | {"steps": 2, "loss": 0.5, "epoch": 1, "metrics": {}}) for event in (
        {"type": "started", "step": 0}, {"type": "loss", "step": 1}, {"type": "loss", "step": 2},
        {"type": "eval", "step": 2}, {"type": "log", "text": ""}, {"type": "started", "step": 1},
        {"type": "loss", "step": 2})]
    assert [(e.type, getattr(e, "step", None)) for e in still_true(events)] == [
        ("started", 0), ("loss", 1), ("log", None), ("started", 1), ("loss", 2)]


def test_checkpoints_of_an_old_run_can_be_removed_and_those_of_one_at_work_not(fitted):
    run = fitted()
    run.checkpoints.mkdir()
    (run.checkpoints / "state.pt").write_bytes(b"x" * 1000)
    size = run.size()
    run.update(status="running")
    with pytest.raises(ValueError, match="is at work"):
        run.remove_checkpoints()
    run.update(status="failed")
    before = run.size()
    assert run.remove_checkpoints() == 1000
    assert run.size() == before - 1000 < size
    assert not run.checkpoints.exists()
