import time
from dataclasses import asdict

import pytest

from fakes import HashingEncoder
from retrieval.evidence import Evidence, judge
from retrieval.index import build_index
from retrieval.inputs import check_dim
from samples import write_beir
from train.recipe import Recipe
from train.record import Run, create_run
from train.request import Request, request_of
from train.settings import Settings
from ui import showcase as room
from ui.progress import Progress, progress_of
from ui.showcase import NotReadyError, Showcase


class FakeEngine:
    """Finishes a run at once, or leaves it as it is told to."""

    def __init__(self, ends="done"):
        self.ends, self.started = ends, []

    def start(self, run, token=None):
        request, resume = request_of(run), run.record()["status"] == "interrupted"
        self.started.append((run.id, request.recipe.name, resume))
        if self.ends == "done":
            finish(run, room.load_corpus(request.data))
        elif self.ends:
            run.update(status=self.ends, error="The loss became nan.")

    def stop(self, run, token=None):
        return run.record()["status"] == "running"


def finish(run, corpus, **changes):
    base, tuned = (judge(build_index(HashingEncoder(dim=dim), corpus), corpus, "test")
                   for dim in (3, 64))
    run.model.mkdir()
    (run.model / "modules.json").write_text("[]")
    run.write_per_query([{"split": "test", "query_id": q, "base": asdict(base[q]),
                          "tuned": asdict(tuned[q])} for q in base])
    run.update(**{"status": "done", "recipe": asdict(Recipe()), "seconds": 5.0,
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
    monkeypatch.setattr(room, "load_encoder", lambda name: HashingEncoder(
        name, dim=3 if name == "base" else 64))


def opened(settings, engine, kind):
    showcase = Showcase(settings, engine)
    showcase.open()
    end = time.monotonic() + 10
    while showcase.progress.kind != kind:
        assert time.monotonic() < end, showcase.progress
        time.sleep(0.01)
    return showcase


def test_a_first_start_trains_and_shows_both_sides_with_their_evidence(settings):
    engine = FakeEngine()
    showcase = opened(settings, engine, "ready")
    assert len(engine.started) == 1
    assert showcase.compare("brakes").tuned is not None
    assert showcase.evidence.outcomes["won"] > 0
    assert "3 epochs of recipe tandem" in showcase.progress.text


def test_a_kept_run_of_the_same_pair_is_shown_and_nothing_starts(settings):
    corpus = room.load_corpus(settings.data)
    finish(create_run(settings.runs, "kept"), corpus)
    engine = FakeEngine()
    opened(settings, engine, "ready")
    assert engine.started == []


@pytest.mark.parametrize("changes", [
    {"fingerprints": {"corpus": "another"}}, {"base_model": {"name": "another"}}])
def test_a_run_on_another_corpus_or_base_is_not_taken_for_this_pair(settings, changes):
    finish(create_run(settings.runs, "other"), room.load_corpus(settings.data), **changes)
    engine = FakeEngine()
    opened(settings, engine, "ready")
    assert len(engine.started) == 1


def test_an_interrupted_run_is_resumed(settings):
    run = Request(settings.data, "base").create(settings.runs)
    run.update(status="running", process={"pid": 2**22 + 1, "started": "1"},
               fingerprints={"corpus": room.load_corpus(settings.data).fingerprint})
    engine = FakeEngine()
    opened(settings, engine, "ready")
    assert engine.started == [(run.id, "tandem", True)]


def test_a_failed_run_is_said_and_tried_again_only_when_asked(settings):
    first = FakeEngine("failed")
    showcase = opened(settings, first, "failed")
    assert "The loss became nan" in showcase.progress.text
    second = FakeEngine()
    showcase = opened(settings, second, "failed")
    assert second.started == []
    assert showcase.compare("brakes").tuned is None
    showcase.start()
    while showcase.progress.kind != "ready":
        time.sleep(0.01)
    assert len(second.started) == 1


def test_training_switched_off_serves_base_and_says_how_to_have_both(settings):
    from dataclasses import replace

    engine = FakeEngine()
    showcase = opened(replace(settings, train="off"), engine, "off")
    assert "TANDEM_TUNED_MODEL" in showcase.progress.detail
    assert showcase.compare("brakes").tuned is None
    assert engine.started == []


def test_nothing_can_be_asked_or_stopped_before_it_is_there(settings):
    showcase = Showcase(settings, FakeEngine())
    for act in (lambda: showcase.compare("x"), showcase.stop, showcase.lexical):
        with pytest.raises(NotReadyError):
            act()


def test_the_version_rises_with_each_side_that_comes(settings):
    showcase = opened(settings, FakeEngine(), "ready")
    assert showcase.progress.version == 2


def test_progress_counts_down_between_two_steps():
    events = [{"type": "phase", "phase": "train", "time": 0},
              {"type": "eval", "epoch": 0, "metrics": {"ndcg@10": 0.5}, "time": 0},
              {"type": "step", "step": 3, "steps": 12, "left_s": 60.0, "loss": 1.0, "share": 0.2,
               "time": time.time() - 10}]
    progress = progress_of({"status": "running", "steps": 12}, events)
    assert (progress.share, progress.detail) == (0.2, "step 3 of 12")
    assert 49 < progress.left_s < 51
    assert progress.curve == ((0, 0.5),)
    assert progress_of({"status": "queued"}, []) == Progress(
        "training", "Starting the fine-tune", share=0.0)


@pytest.mark.parametrize("value", [None, "", "all", 0])
def test_no_truncate_dim_means_all(value):
    assert check_dim(value) is None


@pytest.mark.parametrize("value", ["x", -1, 2.5, float("nan"), float("inf"), True, [64], {},
                                   10**400])
def test_a_truncate_dim_that_is_no_number_is_refused(value):
    with pytest.raises(ValueError, match="truncate_dim must be a whole number"):
        check_dim(value)


def test_runs_of_home_outlive_a_record_that_cannot_be_read(settings):
    broken = create_run(settings.runs, "broken")
    (broken.folder / "run.json").write_text("{")
    assert isinstance(opened(settings, FakeEngine(), "ready").run, Run)
