import json
import sys
from dataclasses import replace

import pytest

from support import kinds
from support.brought_data import keep
from support.evidence import side
from support.fakes import FakeEngine, FakeRequest
from support.samples import write_lines
from support.services import ADA, BEN
from train.engines import EngineError
from train.run.events import event_of
from train.run.record import RunError, list_runs
from train.run.spec import RunSpec, spec_of
from ui.auth import RefusedError, Visitor
from ui.services import estimate as estimate_room
from ui.services import runs as room
from ui.services.estimate import ModelCheck, model_command
from ui.services.pair_cache import NotReadyError
from ui.services.runs import RunService, TrainForm
from ui.services.uploads import UploadError


def pairs(path, count=40):
    return write_lines(path, [{"anchor": f"What is the number {n}?", "positive": f"It is {n}."}
                              for n in range(count)])


@pytest.fixture
def data(tmp_path):
    return str(pairs(tmp_path / "pairs.jsonl"))


@pytest.fixture
def home(make_services, data):
    """Tandem on somebody's own machine."""
    return RunService(make_services(data=data))


@pytest.fixture
def service(make_services, data):
    """Tandem on Ada's Space."""
    engines = {name: FakeEngine(name) for name in ("local", "zerogpu", "jobs")}
    return RunService(
        make_services(engines, data=data, on_space=True, train="login", space_owner="ada")
    )


@pytest.fixture
def ada(service):
    return service.services.auth.visitor(FakeRequest(ADA))


@pytest.fixture
def ben(service):
    return service.services.auth.visitor(FakeRequest(BEN))


NOBODY = Visitor(None)
OWNER = Visitor(None, True)


def runs(service):
    return list_runs(service.services.settings.runs)


def of_upload(service, tmp_path):
    return keep(service.services.uploads, pairs(tmp_path / "mine.jsonl", 30), Visitor("ben"))


def over(run, status="done", **changes):
    run.update(status=status, **changes)
    return run


# --- looking at data


def test_a_plan_knows_pairs_passages_and_steps_without_measuring(home, data):
    asked = home.request(OWNER, TrainForm(data, "seed", values={"epochs": "2"}))
    counted = home.counts(asked)
    assert counted["passages"] == 40
    assert counted["steps"] == 2 * -(-counted["pairs"] // 8)


# --- starting


def test_a_start_queues_what_was_asked_for(home, data):
    asked = TrainForm(data, "quick", "", {"epochs": "2", "dropout": " "}, seed=7)
    run = home.start(OWNER, asked)
    asked = spec_of(run)
    assert run.record().status == "queued"
    assert (asked.data, asked.seed, asked.owner, asked.engine) == (data, 7, None, "local")
    assert (asked.recipe.name, asked.recipe.epochs, asked.recipe.dropout) == ("quick", 2, 0.0)


def test_a_visitors_run_is_theirs_and_their_token_reaches_the_engine(service, ben, data):
    run = service.start(ben, TrainForm(data, engine="jobs", flavor="a10g-small"))
    assert run.record().owner == "ben"
    assert run.record().to_json()["engine"] == {"name": "jobs", "flavor": "a10g-small"}
    service.services.queue.look()
    assert service.services.queue.engines["jobs"].tokens == {run.id: BEN}


def test_auto_takes_an_engine_that_this_visitor_may_use(service, ada, ben, home, data):
    assert [service.request(who, TrainForm(data)).engine for who in (ada, ben)] == [
        "zerogpu",
        "zerogpu",
    ]
    assert home.request(OWNER, TrainForm(data)).engine == "local"
    with pytest.raises(RefusedError, match="sign in|Sign in"):
        service.request(NOBODY, TrainForm(data))


@pytest.mark.parametrize(
    "asked, said",
    [
        (TrainForm(recipe="best"), "There is no recipe 'best': take one of"),
        (TrainForm(values={"epochs": "0"}), "epochs must be a whole number from 1 to 100, not 0"),
        (
            TrainForm(values={"epochs": "many"}),
            "epochs must be a whole number from 1 to 100, not 'many'",
        ),
        (TrainForm(values={"learning_rate": "nan"}), "learning_rate must be"),
        (TrainForm(values={"magic": "1"}), "A recipe has no 'magic'"),
        (TrainForm(data="/etc/passwd"), "There is no data '/etc/passwd' here"),
        (TrainForm(engine="cloud"), "There is no engine 'cloud' here: take one of auto, local"),
        (TrainForm(seed=-1), "seed must be a whole number from 0"),
        (TrainForm(seed=2**31), "seed must be"),
        (TrainForm(seed=1.5), "seed must be"),
        (TrainForm(seed="x"), "seed must be"),
        (TrainForm(seed=True), "seed"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_with_a_sentence(home, asked, said):
    with pytest.raises(ValueError, match=said):
        home.start(OWNER, asked)
    assert runs(home) == []


def test_an_engine_that_is_there_but_not_offered_is_refused(make_services, data):
    engines = {name: FakeEngine(name) for name in ("local", "jobs")}
    service = RunService(make_services(engines, data=data, engine="jobs"))
    with pytest.raises(EngineError, match="take one of auto, jobs"):
        service.start(OWNER, TrainForm(data, engine="local"))


@pytest.mark.parametrize("base", ["/etc", "..", "~/model", "./x", "corpus/porsche", "a/b/c", "-x",
                                  "https://evil.example/x", "a b", "--json", "x\ny"])
def test_a_visitor_names_no_folder_of_the_machine_as_base(service, ben, data, base):
    with pytest.raises(RefusedError, match="must be a Hub id, owner/name, not"):
        service.start(ben, TrainForm(data, base=base))
    assert runs(service) == []


@pytest.mark.parametrize("base, name, revision", [
    ("", "sentence-transformers/all-MiniLM-L6-v2", None),
    ("owner/some.model-v1", "owner/some.model-v1", None),
    (" owner/name@e785744 ", "owner/name", "e785744"),
])
def test_a_base_is_a_hub_id_with_or_without_a_revision(service, ben, data, base, name, revision):
    asked = service.request(ben, TrainForm(data, base=base))
    assert (asked.base, asked.revision) == (name, revision)


def test_the_owner_may_name_a_folder_as_base(home, data, tmp_path):
    assert home.request(OWNER, TrainForm(data, base=str(tmp_path))).base == str(tmp_path)


def test_who_may_not_start_a_run_does_not(service, ben, data):
    for who, engine, said in ((ben, "local", "owner’s"), (NOBODY, "local", "Sign in"),
                              (NOBODY, "jobs", "sign in")):
        with pytest.raises(RefusedError, match=said):
            service.start(who, TrainForm(data, engine=engine))
    assert runs(service) == []


def test_a_browser_without_a_mark_is_asked_to_reload(make_services, data):
    service = RunService(make_services(data=data, on_space=True, train="open"))
    with pytest.raises(RefusedError, match="Reload the page"):
        service.start(service.services.auth.visitor(FakeRequest()), TrainForm(data))
    marked = service.services.auth.visitor(FakeRequest(browser="mark"))
    assert service.start(marked, TrainForm(data)).record().owner == marked.key


def test_a_visitor_has_so_many_runs_waiting_and_no_more(service, ada, ben, data):
    for _ in range(5):
        service.start(ada, TrainForm(data))
    started = [service.start(ben, TrainForm(data)) for _ in range(room.MOST_WAITING)]
    with pytest.raises(RefusedError, match="You have 3 runs waiting or running already"):
        service.start(ben, TrainForm(data))
    over(started[0])
    service.start(ben, TrainForm(data))


def test_more_pairs_than_are_allowed_are_refused_with_the_variable(make_services, data):
    service = RunService(make_services(data=data, max_pairs=20))
    with pytest.raises(RefusedError, match=r"There are 3\d training pairs; at most 20 .*MAX_PAIRS"):
        service.start(OWNER, TrainForm(data))
    assert runs(service) == []


# --- whose a run is


def test_a_run_on_an_upload_is_shown_to_its_owner_only(service, ada, ben, tmp_path, data):
    mine = service.start(ben, TrainForm(of_upload(service, tmp_path)))
    public = service.start(ben, TrainForm(data))
    assert set(service.runs(ben)) == set(service.runs(ada)) == {mine, public}
    for who in (NOBODY, Visitor("carl"), Visitor("browser-1")):
        assert service.runs(who) == [public]
        assert [state.id for state in service.listed(who)] == [public.id]
        assert service.newest(who) == public
        for act in (lambda who=who: service.run(who, mine.id),
                    lambda who=who: service.status(who, mine.id),
                    lambda who=who: service.stop(who, mine.id)):
            with pytest.raises(RunError, match="There is no run"):
                act()


def test_nobody_starts_a_run_on_anothers_data(service, ada, ben, tmp_path):
    name = of_upload(service, tmp_path)
    for who in (NOBODY, Visitor("carl"), Visitor("browser-1")):
        with pytest.raises(UploadError, match="not here any more"):
            service.request(who, TrainForm(name))
    for who in (ben, ada):
        assert service.request(who, TrainForm(name)).data.endswith(name)


def test_the_id_of_a_run_on_an_upload_cannot_be_guessed_from_the_files_name(service, ben, tmp_path):
    ids = [service.start(ben, TrainForm(of_upload(service, tmp_path))).id for _ in range(2)]
    marks = {run_id.rpartition("-")[2] for run_id in ids}
    assert all("Z-mine-tandem-" in run_id for run_id in ids)
    assert len(marks) == 2 and {len(mark) for mark in marks} == {12}


@pytest.mark.parametrize("status, name", [("running", "stop"), ("failed", "resume"),
                                          ("done", "delete")])
def test_a_stranger_does_nothing_to_anothers_run(service, ada, ben, data, status, name):
    run = over(service.start(ben, TrainForm(data)), status)
    for who in (NOBODY, Visitor("carl"), Visitor("browser-1")):
        with pytest.raises(RefusedError, match="started by somebody else"):
            getattr(service, name)(who, run.id)
    assert run.record().status == status
    getattr(service, name)(ben, run.id)
    again = over(service.start(ben, TrainForm(data)), status)
    getattr(service, name)(ada, again.id)


def test_going_on_asks_again_whether_one_may_use_the_engine(service, ada, ben, data):
    run = over(service.start(ada, TrainForm(data, engine="local")), "interrupted", owner="ben")
    with pytest.raises(RefusedError, match="owner’s"):
        service.resume(ben, run.id)


@pytest.mark.parametrize("run_id", ["", "nothing", "../runs", "..", ".", "a/../b", "/etc", "\x00",
                                    "<img>", "x" * 1000, "%2e%2e"])
def test_a_run_that_is_not_there_is_said(home, data, run_id):
    home.start(OWNER, TrainForm(data))
    for act in (home.run, home.stop, home.resume, home.delete):
        with pytest.raises(RunError, match="There is no run"):
            act(OWNER, run_id)


def test_the_run_that_the_page_opens_with_is_not_deleted(home, data):
    run = over(home.start(OWNER, TrainForm(data)))

    class Opened:
        run_id = run.id

    home.services.opening.pair = Opened()
    with pytest.raises(RefusedError, match="what Compare opens with"):
        home.delete(OWNER, run.id)
    Opened.run_id = "another"
    home.delete(OWNER, run.id)
    assert not run.folder.exists()


def test_a_deleted_run_is_let_go_of(home, data):
    run = over(home.start(OWNER, TrainForm(data)))
    chosen = home.services.opening.pairs
    run.model.mkdir()
    (run.model / "modules.json").write_text("[]")
    with pytest.raises(NotReadyError):
        home.pair(OWNER, run.id)
    assert chosen.stage(run.id)
    form = home.services.settings.cache / "forms" / "abc"
    form.mkdir(parents=True)
    run.update(fingerprints={"tuned": "abc"})
    home.delete(OWNER, run.id)
    assert chosen.stage(run.id) is None
    assert not form.exists() and form.parent.exists()


def test_a_run_deleted_while_the_runs_are_listed_is_left_out(home, data, monkeypatch):
    gone, there = (over(home.start(OWNER, TrainForm(data))) for _ in range(2))
    known = runs(home)
    gone.delete()
    monkeypatch.setattr(room, "list_runs", lambda folder: known)
    assert home.runs(OWNER) == [there]
    monkeypatch.setattr(home.__class__, "runs", lambda self, visitor: known)
    assert [state.id for state in home.listed(OWNER)] == [there.id]


def test_a_list_of_runs_reads_no_events(home, data, monkeypatch):
    run = home.start(OWNER, TrainForm(data))
    monkeypatch.setattr(type(run), "events", lambda self: pytest.fail("events were read"))
    assert [state.data for state in home.listed(OWNER)] == ["pairs"]


# --- watching and comparing


def test_who_chose_no_run_sees_one_that_is_active_their_own_first(service, ada, ben, data):
    assert service.newest(ben) is None
    done = over(service.start(ada, TrainForm(data)))
    assert service.newest(ben) == done
    others = service.start(ada, TrainForm(data))
    assert service.newest(ben) == others
    own = service.start(ben, TrainForm(data))
    service.start(ada, TrainForm(data))
    assert service.newest(ben) == own


def test_the_status_of_a_run_is_its_figures_as_json(home, data):
    first, run = home.start(OWNER, TrainForm(data)), home.start(OWNER, TrainForm(data))
    first.update(created="2020-01-01T00:00:00+00:00")
    assert home.status(OWNER, run.id)["place"] == 1
    over(run, "running", steps=12)
    for event in ({"type": "phase", "phase": "train"},
                  {"type": "eval", "epoch": 0, "metrics": {"ndcg@10": 0.5}},
                  {"type": "loss", "step": 3, "loss": 0.7}, {"type": "loss", "step": 4,
                                                             "loss": float("nan")},
                  {"type": "step", "step": 4, "share": 0.3, "left_s": 60, "loss": 0.7}):
        run.append(event_of(event))
    said = home.status(OWNER, run.id)
    assert json.loads(json.dumps(said, allow_nan=False)) == said
    assert (said["status"], said["phase"], said["step"], said["steps"]) == (
        "running", "training", 4, 12)
    assert said["loss"] == [[3, 0.7]] and said["dev_ndcg@10"] == [[0, 0.5]]
    assert 58 < said["left_s"] <= 60


def test_the_status_of_no_run_is_none(home):
    assert home.status(OWNER, "") == {"run": None, "status": None}


def measured(run, tuned, corpus="c", test="t"):
    base = side([9] * len(tuned))
    run.write_per_query([
        {"split": "test", "query_id": q, "base": {"ranks": base[q].ranks,
                                                  "metrics": base[q].metrics},
         "tuned": {"ranks": it.ranks, "metrics": it.metrics}} for q, it in side(tuned).items()])
    return over(run, fingerprints={"corpus": corpus, "splits": {"test": test}},
                data=run.record().data.changed(passages=40))


def test_two_runs_stand_beside_each_other_by_their_tuned_models(home, data):
    left, right = (measured(home.start(OWNER, TrainForm(data)), ranks)
                   for ranks in ([5] * 30, [1] * 30))
    evidence = home.beside(OWNER, left.id, right.id)
    assert evidence.verdict_of("Left", "Right").startswith("Right is better")
    assert home.beside(OWNER, right.id, left.id).outcomes == {"won": 0, "lost": 30, "tied": 0}
    assert evidence.passages == 40


@pytest.mark.parametrize("other", [{"corpus": "another"}, {"test": "another"}])
def test_runs_on_other_data_or_another_split_are_not_compared(home, data, other):
    left = measured(home.start(OWNER, TrainForm(data)), [1, 2])
    right = measured(home.start(OWNER, TrainForm(data)), [1, 2], **other)
    with pytest.raises(ValueError, match="measured on different data"):
        home.beside(OWNER, left.id, right.id)


def test_a_run_that_measured_nothing_is_not_compared(home, data):
    left, right = (over(home.start(OWNER, TrainForm(data)), "failed") for _ in range(2))
    with pytest.raises(ValueError, match="has not measured its test split"):
        home.beside(OWNER, left.id, right.id)


def test_the_data_of_a_run_is_read_once(home, tmp_path, monkeypatch):
    read = []
    load = room.load_corpus
    monkeypatch.setattr(room, "load_corpus", lambda *args: read.append(args) or load(*args))
    source = home.source(OWNER, of_upload(home, tmp_path))
    assert home.corpus(source) is home.corpus(source)
    assert len(read) == 1


# --- the base model, tried before a run is queued


@pytest.mark.slow
def test_a_base_that_is_no_embedder_is_refused_before_anything_is_queued(home, data, tmp_path):
    base = kinds.cross_encoder(tmp_path / "base")
    with pytest.raises(ValueError, match="is a cross-encoder"):
        home.start(OWNER, TrainForm(data, base=str(base)))
    broken = kinds.filled(tmp_path / "broken", 0.01)
    with pytest.raises(ValueError, match="the same vector"):
        home.start(OWNER, TrainForm(data, base=str(broken)))
    assert runs(home) == []


def test_a_base_is_tried_once_with_its_prompts_and_the_embedded_one_not_at_all(home, data,
                                                                              tmp_path):
    asked = []
    answer = "import json; print(json.dumps({'tried': True}))"

    def command(request):
        asked.append(model_command(request)[4:])
        return [sys.executable, "-c", answer]

    service = replace(home, models=ModelCheck(tmp_path, command))
    service.start(OWNER, TrainForm(data))
    assert asked == []
    prompted = TrainForm(data, base="acme/e5@abc", query_prompt="query: ", passage_prompt="")
    first = service.start(OWNER, prompted)
    service.start(OWNER, prompted)
    assert asked == [["--base=acme/e5@abc", "--query-prompt=query: ", "--passage-prompt=",
                      "--json"]]
    kept = spec_of(first)
    assert (kept.base, kept.revision, kept.query_prompt, kept.passage_prompt) == (
        "acme/e5", "abc", "query: ", "")


def test_a_base_that_cannot_be_tried_is_a_sentence_and_for_a_job_only_so_much_is_fetched(
    home, data, tmp_path, monkeypatch
):
    monkeypatch.setattr(estimate_room, "TRY_WITHIN", 0.5)
    sleeps = [sys.executable, "-c", "import time; time.sleep(9)"]
    slow = ModelCheck(tmp_path, lambda request: sleeps)
    with pytest.raises(ValueError, match="acme/huge could not be fetched and tried within 0.5 s"):
        replace(home, models=slow).start(OWNER, TrainForm(data, base="acme/huge"))
    mute = ModelCheck(tmp_path, lambda request: [sys.executable, "-c", "1 / 0"])
    with pytest.raises(ValueError, match="acme/huge could not be tried: "):
        replace(home, models=mute).start(OWNER, TrainForm(data, base="acme/huge"))
    assert runs(home) == []
    assert f"--most-bytes={estimate_room.MOST_TRIED}" in model_command(
        RunSpec(base="acme/huge", engine="jobs"))


def test_a_damaged_run_is_listed_for_the_owner_alone_who_can_delete_it(home, data):
    good, bad = (home.start(OWNER, TrainForm(data)) for _ in range(2))
    (bad.folder / "run.json").write_text('{"schema": 1, "status": "done", "seed": "x"}')
    states = {state.id: state for state in home.listed(OWNER)}
    assert states[bad.id].status == "damaged" and "seed must be" in states[bad.id].error
    assert states[good.id].status == "queued"
    assert home.status(OWNER, "")["run"] == good.id
    assert bad.id not in {state.id for state in home.listed(Visitor("ben"))}
    with pytest.raises(ValueError):
        home.delete(Visitor("ben"), bad.id)
    assert bad.folder.is_dir()
    home.delete(OWNER, bad.id)
    assert not bad.folder.exists() and good.folder.is_dir()


def test_folds_are_asked_of_the_data_and_of_this_machine(home, service, ben, data):
    assert home.request(OWNER, TrainForm(data, folds=5)).folds == 5
    assert home.request(OWNER, TrainForm(data)).folds is None
    with pytest.raises(ValueError, match="folds must be a whole number"):
        home.request(OWNER, TrainForm(data, folds=1))
    with pytest.raises(EngineError, match="on this machine only"):
        service.request(ben, TrainForm(data, engine="jobs", flavor="a10g-small", folds=5))


def test_folds_are_offered_where_the_test_split_shows_too_little(home, data):
    asked = home.request(OWNER, TrainForm(data))
    assert "all 40 questions are tested" in home.fold_offer(asked, 5)
    assert home.fold_offer(asked, 60) == ""
