import contextlib
import time
from dataclasses import asdict, replace

import pytest

from hub.progress import Progress
from retrieval.compare import check_dim
from retrieval.evaluation import Evidence, evaluate
from retrieval.index import build_index
from support.fakes import FakeEngine, HashingEncoder
from support.samples import write_beir, write_lines
from support.waiting import until
from train.engines import queue as waiting_room
from train.engines.queue import Queue
from train.recipe import Recipe
from train.run.events import EvalEvent, PhaseEvent, StepEvent
from train.run.record import (
    Run,
    RunError,
    RunRecord,
    create_run,
    list_runs,
    mark_interrupted,
)
from train.run.spec import RunSpec, spec_of
from train.settings import Settings
from ui.services import opening as room
from ui.services import pair_cache as shelf
from ui.services.opening import OpeningPair
from ui.services.pair_cache import NotReadyError
from ui.services.progress import OpeningState, progress_of


class Machine(FakeEngine):
    """Finishes a run at once, or ends it as it is told to."""

    def __init__(self, ends="done"):
        super().__init__(on_start=self.end)
        self.ends = ends

    def end(self, run):
        if self.ends == "done":
            finish(run, room.load_corpus(spec_of(run).data))
        else:
            run.update(status=self.ends, error="The loss became nan.")

    def look(self, run):
        mark_interrupted(run)


def finish(run, corpus, **changes):
    base, tuned = (evaluate(build_index(HashingEncoder(dim=dim), corpus), corpus, "test")
                   for dim in (3, 64))
    run.model.mkdir()
    (run.model / "modules.json").write_text("[]")
    run.write_per_query([{"split": "test", "query_id": q, "base": asdict(base[q]),
                          "tuned": asdict(tuned[q])} for q in base])
    run.update(**{"status": "done", "recipe": asdict(Recipe()), "seconds": 5.0, "seed": 42,
                  "splits": {"train": {"pairs": 9}}, "base_model": {"name": "base"},
                  "fingerprints": {"corpus": corpus.fingerprint}} | changes)
    return Evidence("test", len(corpus.passages), base, tuned)


@pytest.fixture
def settings(porsche, tmp_path):
    data = write_beir(porsche, tmp_path / "data", passages=30)
    return Settings(home=tmp_path / "home", data=str(data), base_model="base")


@pytest.fixture(autouse=True)
def hashing(monkeypatch):
    monkeypatch.setattr(room, "WATCH_EVERY", 0.01)
    monkeypatch.setattr(waiting_room, "LOOK_EVERY", 0.01)
    monkeypatch.setattr(room, "load_served", lambda name, revision=None, **how:
                        HashingEncoder(name, salt="" if "model" in name else "untrained"))


@pytest.fixture
def opened(settings):
    """Opens a showcase over an engine and waits until it has come as far as it is asked to."""
    queues = []

    def open_one(settings, engine, kind):
        queues.append(Queue(settings.runs, {"local": engine}))
        queues[-1].open()
        opening = OpeningPair(settings, queues[-1])
        opening.open()
        end = time.monotonic() + 60
        while opening.state.kind != kind:
            assert time.monotonic() < end, opening.state
            time.sleep(0.01)
        return opening

    yield open_one
    for queue in queues:
        queue.close()


def test_a_first_start_trains_and_shows_both_sides_with_their_evidence(settings, opened):
    engine = Machine()
    opening = opened(settings, engine, "ready")
    assert len(engine.started) == 1
    assert opening.compare("brakes").tuned is not None
    assert opening.evidence.outcomes["won"] > 0
    assert "3 epochs of recipe tandem" in opening.state.text


def test_a_kept_run_of_the_same_pair_is_shown_and_nothing_starts(settings, opened):
    corpus = room.load_corpus(settings.data)
    finish(create_run(settings.runs, "kept"), corpus)
    engine = Machine()
    opened(settings, engine, "ready")
    assert engine.started == []


@pytest.mark.parametrize("changes", [
    {"fingerprints": {"corpus": "another"}}, {"base_model": {"name": "another"}},
    {"owner": "ben"}])
def test_a_run_on_another_corpus_or_base_or_of_a_visitor_is_not_taken_for_this_pair(
    settings, opened, changes
):
    finish(create_run(settings.runs, "other"), room.load_corpus(settings.data), **changes)
    engine = Machine()
    opened(settings, engine, "ready")
    assert len(engine.started) == 1


def test_a_run_measured_on_other_test_questions_is_not_taken_for_this_pair(settings, opened):
    corpus = room.load_corpus(settings.data)
    finish(create_run(settings.runs, "other"), corpus, fingerprints={
        "corpus": corpus.fingerprint, "splits": {"test": "another"}})
    engine = Machine()
    opened(settings, engine, "ready")
    assert len(engine.started) == 1


def test_an_interrupted_run_is_resumed(settings, opened):
    run = RunSpec(settings.data, "base").create(settings.runs)
    run.update(status="running", process={"pid": 2**22 + 1, "started": "1"},
               fingerprints={"corpus": room.load_corpus(settings.data).fingerprint})
    engine = Machine()
    opening = opened(settings, engine, "ready")
    assert engine.started == [run.id] and opening.opening_run == run.id
    assert list_runs(settings.runs) == [run] and spec_of(run).recipe.name == "tandem"


def test_a_failed_run_is_said_and_tried_again_only_when_asked(settings, opened):
    opening = opened(settings, Machine("failed"), "failed")
    assert "The loss became nan" in opening.state.text
    opening.queue.close()
    second = Machine()
    opening = opened(settings, second, "failed")
    assert second.started == []
    assert opening.compare("brakes").tuned is None
    run = opening.queue.submit(RunSpec(settings.data, "base"))
    until(lambda: run.record().status == "done")
    assert second.started == [run.id]


def test_training_switched_off_serves_base_and_says_how_to_have_both(settings, opened):
    engine = Machine()
    opening = opened(replace(settings, train="off"), engine, "off")
    assert "TANDEM_TUNED_MODEL" in opening.state.detail
    assert opening.compare("brakes").tuned is None
    assert engine.started == []


def test_nothing_can_be_asked_before_it_is_there(settings):
    opening = OpeningPair(settings, Queue(settings.runs, {"local": Machine()}))
    for act in (lambda: opening.compare("x"), lambda: opening.pair_of("a-run"),
                opening.pair_of):
        with pytest.raises((NotReadyError, RunError)):
            act()
    run = finished(settings)
    with pytest.raises(NotReadyError):
        opening.pair_of(run.id)
    until(lambda: "base model is being loaded" in opening.pairs.stage(run.id).text)


def test_the_version_rises_with_each_side_that_comes_and_when_one_begins_to_be_made(
    settings, opened
):
    opening = opened(settings, Machine(), "ready")
    assert opening.state.version == 3


def test_an_empty_column_says_that_it_is_made_before_anything_else_is_learned(
    settings, opened, monkeypatch
):
    """What was drawn while Base alone was there is drawn again, not left to say that none comes."""
    seen = []

    def learn(opening):
        seen.append((opening.state.kind, opening.state.version))

    monkeypatch.setattr(OpeningPair, "_learn", learn)
    opened(settings, Machine(), "ready")
    assert seen[0] == ("training", 2)


def finished(settings, data=None, **changes):
    """A run that somebody started and that is done."""
    data = data or settings.data
    run = create_run(settings.runs, "of-ben")
    finish(run, room.load_corpus(data), owner="ben", data={"source": data}, **changes)
    return run


def loaded(opening, run_id):
    """The pair of a run, once it is there."""
    def is_loaded():
        with contextlib.suppress(NotReadyError):
            return opening.pair_of(run_id)

    until(is_loaded)
    return opening.pair_of(run_id)


def is_kept(opening, run_id):
    return opening.pairs.stage(run_id) is not None


def chosen(opened, settings, **changes):
    """A showcase that opens with base alone."""
    return opened(replace(settings, train="off", **changes), Machine(), "off")


def test_the_pair_of_another_run_is_shown_to_whoever_chose_it_alone(settings, opened):
    opening = chosen(opened, settings)
    run = finished(settings)
    version = opening.version
    assert not is_kept(opening, run.id)
    pair = loaded(opening, run.id)
    assert is_kept(opening, run.id) and opening.pair_of(run.id) is pair
    assert pair.run_id == run.id and "recipe tandem" in pair.about and pair.evidence
    assert pair.base is opening.pair.base and pair.corpus is opening.corpus
    assert opening.compare("brakes", run_id=run.id).tuned is not None
    assert opening.compare("brakes").tuned is None and opening.version == version


def test_a_run_on_other_data_and_another_base_is_shown_over_its_own(settings, opened, tmp_path):
    opening = chosen(opened, settings)
    data = write_lines(tmp_path / "pairs.jsonl", [
        {"anchor": f"What is number {n}?", "positive": f"It is {n}."} for n in range(40)])
    run = finished(settings, str(data), base_model={"name": "other"})
    pair = loaded(opening, run.id)
    assert len(pair.corpus.passages) == 40
    assert pair.base.encoder.name == "other"


def test_a_base_is_cut_to_the_dimensions_that_the_run_was_trained_for(
    settings, opened, monkeypatch
):
    opening = chosen(opened, settings)
    run = finished(settings)
    monkeypatch.setattr(room, "load_served", lambda name, revision=None, **how:
                        HashingEncoder(name, dim=16))
    pair = loaded(opening, run.id)
    assert pair.base.encoder.dim == pair.tuned.encoder.dim == 16


@pytest.mark.parametrize("question, answer", [("What is {}?", "It is {}."),
                                              ("What is number {}?", "It is number {}.")])
def test_data_that_changed_since_a_run_is_not_compared_on(
    settings, opened, tmp_path, question, answer
):
    opening = chosen(opened, settings)
    data = write_lines(tmp_path / "pairs.jsonl", [
        {"anchor": f"What is number {n}?", "positive": f"It is {n}."} for n in range(40)])
    corpus = room.load_corpus(str(data))
    run = finished(settings, str(data), fingerprints={
        "corpus": corpus.fingerprint, "splits": corpus.split_fingerprints})
    write_lines(data, [{"anchor": question.format(n), "positive": answer.format(n)}
                       for n in range(40)])
    with pytest.raises(ValueError, match="data of .* has changed since"):
        loaded(opening, run.id)


@pytest.mark.parametrize("run_id", ["nothing", "../home", "\x00", "x" * 999])
def test_a_run_that_is_not_there_has_no_pair(settings, opened, run_id):
    with pytest.raises(RunError, match="There is no run"):
        chosen(opened, settings).pair_of(run_id)


def test_a_run_without_a_model_has_no_pair(settings, opened):
    opening = chosen(opened, settings)
    run = opening.queue.submit(RunSpec(settings.data, "base"))
    run.update(status="failed")
    with pytest.raises(RunError, match="is failed and has no model to show"):
        opening.pair_of(run.id)


def test_only_so_many_pairs_are_kept_those_used_last(settings, opened, monkeypatch):
    monkeypatch.setattr(shelf, "MOST_PAIRS", 2)
    opening = chosen(opened, settings)
    runs = [finished(settings) for _ in range(3)]
    for number in (0, 1, 0, 2):
        loaded(opening, runs[number].id)
    assert [is_kept(opening, run.id) for run in runs] == [True, False, True]
    opening.pairs.forget(runs[0].id)
    assert not is_kept(opening, runs[0].id)


def test_the_model_the_owner_names_is_shown_and_measured(settings, opened):
    opening = opened(replace(settings, tuned_model="owner/tuned"), Machine(), "ready")
    until(lambda: opening.evidence is not None)
    assert opening.pair.about == "Fine-tuned model: owner/tuned" and not opening.opening_run


def test_the_run_the_owner_names_is_shown_with_what_it_measured(settings, opened):
    run = create_run(settings.runs, "kept")
    finish(run, room.load_corpus(settings.data))
    opening = opened(replace(settings, tuned_model=str(run.folder)), Machine(), "ready")
    assert opening.opening_run == run.id and opening.evidence.outcomes["won"] > 0


def test_a_run_without_a_model_that_the_owner_names_is_said(settings, opened):
    run = create_run(settings.runs, "empty")
    opening = opened(replace(settings, tuned_model=str(run.folder)), Machine(), "failed")
    assert "TANDEM_TUNED_MODEL" in opening.state.text
    assert "holds no model" in opening.state.text


def test_what_nobody_foresaw_is_said_and_nobody_waits_for_it(settings, opened, monkeypatch):
    def broken(name, **how):
        raise KeyError("weights")

    monkeypatch.setattr(room, "load_served", broken)
    opening = opened(settings, Machine(), "failed")
    assert "Something unforeseen went wrong" in opening.state.text
    with pytest.raises(ValueError, match="unforeseen"):
        opening.compare("brakes")


def test_progress_counts_down_between_two_steps():
    events = [PhaseEvent(phase="train"), EvalEvent(epoch=0, metrics={"ndcg@10": 0.5}),
              StepEvent(step=3, steps=12, left_s=60.0, loss=1.0, share=0.2,
                        time=time.time() - 10)]
    state = progress_of(RunRecord(schema=1, status="running", steps=12), events)
    assert (state.progress.share, state.detail) == (0.2, "step 3 of 12")
    assert 49 < state.progress.left_s < 51
    assert state.curve == ((0, 0.5),)
    assert progress_of(RunRecord(schema=1, status="queued"), []) == OpeningState(
        "training", "Starting the fine-tune", progress=Progress(0, 1000))


@pytest.mark.parametrize("value", [None, "", "all", 0])
def test_no_truncate_dim_means_all(value):
    assert check_dim(value) is None


@pytest.mark.parametrize("value", ["x", -1, 2.5, float("nan"), float("inf"), True, [64], {},
                                   10**400])
def test_a_truncate_dim_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="truncate_dim must be a whole number"):
        check_dim(value)


def test_runs_of_home_outlive_a_record_that_cannot_be_read(settings, opened):
    broken = create_run(settings.runs, "broken")
    (broken.folder / "run.json").write_text("{")
    assert isinstance(opened(settings, Machine(), "ready").run, Run)


def test_a_first_run_that_was_killed_and_resumed_shows_its_result_without_a_restart(
    settings, opened
):
    engine = Machine(ends="interrupted")
    opening = opened(settings, engine, "failed")
    assert "The loss became nan" in opening.state.text
    engine.ends = "done"
    opening.queue.resume(opening.run)
    until(lambda: opening.state.kind == "ready")
    assert opening.compare("brakes").tuned is not None


def test_a_new_run_of_the_pair_is_shown_after_the_first_one_failed(settings, opened):
    engine = Machine(ends="failed")
    opening = opened(settings, engine, "failed")
    engine.ends = "done"
    opening.queue.submit(RunSpec(settings.data, "base"))
    until(lambda: opening.state.kind == "ready")


def test_a_model_that_is_not_what_was_trained_is_said_and_the_one_before_it_shown(
    settings, opened, monkeypatch, caplog
):
    def load(name, revision=None, **how):
        encoder = HashingEncoder(name)
        encoder.weights_fingerprint = "flipped" if "-second" in name else "written"
        return encoder

    monkeypatch.setattr(room, "load_served", load)
    corpus = room.load_corpus(settings.data)
    for name in ("first", "second"):
        finish(create_run(settings.runs, name), corpus,
               fingerprints={"corpus": corpus.fingerprint, "tuned": "written"})
    opening = opened(settings, Machine(), "ready")
    assert opening.pair.run_id.endswith("-first")
    assert "-second is damaged: its files are not those that were trained" in caplog.text
