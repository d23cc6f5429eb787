import json

import pytest

from brought_data import keep
from fakes import FakeEngine, FakeRequest
from house import ADA, BEN
from samples import write_lines
from test_evidence import side
from train.engines import EngineError
from train.run.record import RunError, list_runs
from train.run.spec import request_of
from ui.auth import RefusedError, Visitor
from ui.services import runs as room
from ui.services.pair_cache import NotReadyError
from ui.services.runs import Acts, Wish
from ui.services.uploads import UploadError


def pairs(path, count=40):
    return write_lines(path, [{"anchor": f"What is the number {n}?", "positive": f"It is {n}."}
                              for n in range(count)])


@pytest.fixture
def data(tmp_path):
    return str(pairs(tmp_path / "pairs.jsonl"))


@pytest.fixture
def home(make_house, data):
    """Tandem on somebody's own machine."""
    return Acts(make_house(data=data))


@pytest.fixture
def acts(make_house, data):
    """Tandem on Ada's Space."""
    engines = {name: FakeEngine(name) for name in ("local", "zerogpu", "jobs")}
    return Acts(make_house(engines, data=data, on_space=True, train="login", space_owner="ada"))


@pytest.fixture
def ada(acts):
    return acts.house.door.visitor(FakeRequest(ADA))


@pytest.fixture
def ben(acts):
    return acts.house.door.visitor(FakeRequest(BEN))


NOBODY = Visitor(None)
OWNER = Visitor(None, True)


def runs(acts):
    return list_runs(acts.house.settings.runs)


def of_upload(acts, tmp_path):
    return keep(acts.house.uploads, pairs(tmp_path / "mine.jsonl", 30), Visitor("ben"))


def over(run, status="done", **changes):
    run.update(status=status, **changes)
    return run


# --- looking at data


def test_a_plan_knows_pairs_passages_and_steps_without_measuring(home, data):
    asked = home.request(OWNER, Wish(data, "seed", values={"epochs": "2"}))
    counted = home.counts(asked)
    assert counted["passages"] == 40
    assert counted["steps"] == 2 * -(-counted["pairs"] // 8)


# --- starting


def test_a_start_queues_what_was_asked_for(home, data):
    wish = Wish(data, "quick", "", {"epochs": "2", "dropout": " "}, seed=7)
    run = home.start(OWNER, wish)
    asked = request_of(run)
    assert run.record()["status"] == "queued"
    assert (asked.data, asked.seed, asked.owner, asked.engine) == (data, 7, None, "local")
    assert (asked.recipe.name, asked.recipe.epochs, asked.recipe.dropout) == ("quick", 2, 0.0)


def test_a_visitors_run_is_theirs_and_their_token_reaches_the_engine(acts, ben, data):
    run = acts.start(ben, Wish(data, engine="jobs", flavor="a10g-small"))
    assert run.record()["owner"] == "ben"
    assert run.record()["engine"] == {"name": "jobs", "flavor": "a10g-small"}
    acts.house.queue.look()
    assert acts.house.queue.engines["jobs"].tokens == {run.id: BEN}


def test_auto_takes_an_engine_that_this_visitor_may_use(acts, ada, ben, home, data):
    assert [acts.request(who, Wish(data)).engine for who in (ada, ben)] == ["zerogpu", "zerogpu"]
    assert home.request(OWNER, Wish(data)).engine == "local"
    with pytest.raises(RefusedError, match="sign in|Sign in"):
        acts.request(NOBODY, Wish(data))


@pytest.mark.parametrize("wish, said", [
    (Wish(recipe="best"), "There is no recipe 'best': take one of"),
    (Wish(values={"epochs": "0"}), "epochs must be a whole number from 1 to 100, not 0"),
    (Wish(values={"epochs": "many"}), "epochs must be a whole number from 1 to 100, not 'many'"),
    (Wish(values={"learning_rate": "nan"}), "learning_rate must be"),
    (Wish(values={"magic": "1"}), "A recipe has no 'magic'"),
    (Wish(data="/etc/passwd"), "There is no data '/etc/passwd' here"),
    (Wish(engine="cloud"), "There is no engine 'cloud' here: take one of auto, local"),
    (Wish(seed=-1), "seed must be a whole number from 0"), (Wish(seed=2**31), "seed must be"),
    (Wish(seed=1.5), "seed must be"), (Wish(seed="x"), "seed must be"), (Wish(seed=True), "seed"),
])
def test_a_wish_that_cannot_be_is_refused_with_a_sentence(home, wish, said):
    with pytest.raises(ValueError, match=said):
        home.start(OWNER, wish)
    assert runs(home) == []


def test_an_engine_that_is_there_but_not_offered_is_refused(make_house, data):
    engines = {name: FakeEngine(name) for name in ("local", "jobs")}
    acts = Acts(make_house(engines, data=data, engine="jobs"))
    with pytest.raises(EngineError, match="take one of auto, jobs"):
        acts.start(OWNER, Wish(data, engine="local"))


@pytest.mark.parametrize("base", ["/etc", "..", "~/model", "./x", "corpus/porsche", "a/b/c", "-x",
                                  "https://evil.example/x", "a b", "--json", "x\ny"])
def test_a_visitor_names_no_folder_of_the_machine_as_base(acts, ben, data, base):
    with pytest.raises(RefusedError, match="must be a Hub id, owner/name, not"):
        acts.start(ben, Wish(data, base=base))
    assert runs(acts) == []


@pytest.mark.parametrize("base, name, revision", [
    ("", "sentence-transformers/all-MiniLM-L6-v2", None),
    ("owner/some.model-v1", "owner/some.model-v1", None),
    (" owner/name@e785744 ", "owner/name", "e785744"),
])
def test_a_base_is_a_hub_id_with_or_without_a_revision(acts, ben, data, base, name, revision):
    asked = acts.request(ben, Wish(data, base=base))
    assert (asked.base, asked.revision) == (name, revision)


def test_the_owner_may_name_a_folder_as_base(home, data, tmp_path):
    assert home.request(OWNER, Wish(data, base=str(tmp_path))).base == str(tmp_path)


def test_who_may_not_start_a_run_does_not(acts, ben, data):
    for who, engine, said in ((ben, "local", "owner’s"), (NOBODY, "local", "Sign in"),
                              (NOBODY, "jobs", "sign in")):
        with pytest.raises(RefusedError, match=said):
            acts.start(who, Wish(data, engine=engine))
    assert runs(acts) == []


def test_a_browser_without_a_mark_is_asked_to_reload(make_house, data):
    acts = Acts(make_house(data=data, on_space=True, train="open"))
    with pytest.raises(RefusedError, match="Reload the page"):
        acts.start(acts.house.door.visitor(FakeRequest()), Wish(data))
    marked = acts.house.door.visitor(FakeRequest(browser="mark"))
    assert acts.start(marked, Wish(data)).record()["owner"] == marked.key


def test_a_visitor_has_so_many_runs_waiting_and_no_more(acts, ada, ben, data):
    for _ in range(5):
        acts.start(ada, Wish(data))
    started = [acts.start(ben, Wish(data)) for _ in range(room.MOST_WAITING)]
    with pytest.raises(RefusedError, match="You have 3 runs waiting or running already"):
        acts.start(ben, Wish(data))
    over(started[0])
    acts.start(ben, Wish(data))


def test_more_pairs_than_are_allowed_are_refused_with_the_variable(make_house, data):
    acts = Acts(make_house(data=data, max_pairs=20))
    with pytest.raises(RefusedError, match=r"There are 3\d training pairs; at most 20 .*MAX_PAIRS"):
        acts.start(OWNER, Wish(data))
    assert runs(acts) == []


# --- whose a run is


def test_a_run_on_an_upload_is_shown_to_its_owner_only(acts, ada, ben, tmp_path, data):
    mine = acts.start(ben, Wish(of_upload(acts, tmp_path)))
    public = acts.start(ben, Wish(data))
    assert set(acts.runs(ben)) == set(acts.runs(ada)) == {mine, public}
    for who in (NOBODY, Visitor("carl"), Visitor("browser-1")):
        assert acts.runs(who) == [public]
        assert [state.id for state in acts.listed(who)] == [public.id]
        assert acts.newest(who) == public
        for act in (lambda who=who: acts.run(who, mine.id),
                    lambda who=who: acts.status(who, mine.id),
                    lambda who=who: acts.stop(who, mine.id)):
            with pytest.raises(RunError, match="There is no run"):
                act()


def test_nobody_starts_a_run_on_anothers_data(acts, ada, ben, tmp_path):
    name = of_upload(acts, tmp_path)
    for who in (NOBODY, Visitor("carl"), Visitor("browser-1")):
        with pytest.raises(UploadError, match="not here any more"):
            acts.request(who, Wish(name))
    for who in (ben, ada):
        assert acts.request(who, Wish(name)).data.endswith(name)


def test_the_id_of_a_run_on_an_upload_cannot_be_guessed_from_the_files_name(acts, ben, tmp_path):
    ids = [acts.start(ben, Wish(of_upload(acts, tmp_path))).id for _ in range(2)]
    marks = {run_id.rpartition("-")[2] for run_id in ids}
    assert all("Z-mine-tandem-" in run_id for run_id in ids)
    assert len(marks) == 2 and {len(mark) for mark in marks} == {12}


@pytest.mark.parametrize("status, name", [("running", "stop"), ("failed", "resume"),
                                          ("done", "delete")])
def test_a_stranger_does_nothing_to_anothers_run(acts, ada, ben, data, status, name):
    run = over(acts.start(ben, Wish(data)), status)
    for who in (NOBODY, Visitor("carl"), Visitor("browser-1")):
        with pytest.raises(RefusedError, match="started by somebody else"):
            getattr(acts, name)(who, run.id)
    assert run.record()["status"] == status
    getattr(acts, name)(ben, run.id)
    again = over(acts.start(ben, Wish(data)), status)
    getattr(acts, name)(ada, again.id)


def test_going_on_asks_again_whether_one_may_use_the_engine(acts, ada, ben, data):
    run = over(acts.start(ada, Wish(data, engine="local")), "interrupted", owner="ben")
    with pytest.raises(RefusedError, match="owner’s"):
        acts.resume(ben, run.id)


@pytest.mark.parametrize("run_id", ["", "nothing", "../runs", "..", ".", "a/../b", "/etc", "\x00",
                                    "<img>", "x" * 1000, "%2e%2e"])
def test_a_run_that_is_not_there_is_said(home, data, run_id):
    home.start(OWNER, Wish(data))
    for act in (home.run, home.stop, home.resume, home.delete):
        with pytest.raises(RunError, match="There is no run"):
            act(OWNER, run_id)


def test_the_run_that_the_page_opens_with_is_not_deleted(home, data):
    run = over(home.start(OWNER, Wish(data)))

    class Opened:
        run_id = run.id

    home.house.showcase.pair = Opened()
    with pytest.raises(RefusedError, match="what Compare opens with"):
        home.delete(OWNER, run.id)
    Opened.run_id = "another"
    home.delete(OWNER, run.id)
    assert not run.folder.exists()


def test_a_deleted_run_is_let_go_of(home, data):
    run = over(home.start(OWNER, Wish(data)))
    chosen = home.house.showcase.chosen
    run.model.mkdir()
    (run.model / "modules.json").write_text("[]")
    with pytest.raises(NotReadyError):
        home.pair(OWNER, run.id)
    assert chosen.stage(run.id)
    home.delete(OWNER, run.id)
    assert chosen.stage(run.id) is None


def test_a_run_deleted_while_the_runs_are_listed_is_left_out(home, data, monkeypatch):
    gone, there = (over(home.start(OWNER, Wish(data))) for _ in range(2))
    known = runs(home)
    gone.delete()
    monkeypatch.setattr(room, "list_runs", lambda folder: known)
    assert home.runs(OWNER) == [there]
    monkeypatch.setattr(home.__class__, "runs", lambda self, visitor: known)
    assert [state.id for state in home.listed(OWNER)] == [there.id]


def test_a_list_of_runs_reads_no_events(home, data, monkeypatch):
    run = home.start(OWNER, Wish(data))
    monkeypatch.setattr(type(run), "events", lambda self: pytest.fail("events were read"))
    assert [state.data for state in home.listed(OWNER)] == ["pairs"]


# --- watching and comparing


def test_who_chose_no_run_sees_one_that_is_active_their_own_first(acts, ada, ben, data):
    assert acts.newest(ben) is None
    done = over(acts.start(ada, Wish(data)))
    assert acts.newest(ben) == done
    others = acts.start(ada, Wish(data))
    assert acts.newest(ben) == others
    own = acts.start(ben, Wish(data))
    acts.start(ada, Wish(data))
    assert acts.newest(ben) == own


def test_the_status_of_a_run_is_its_figures_as_json(home, data):
    first, run = home.start(OWNER, Wish(data)), home.start(OWNER, Wish(data))
    first.update(created="2020-01-01T00:00:00+00:00")
    assert home.status(OWNER, run.id)["place"] == 1
    over(run, "running", steps=12)
    for event in ({"type": "phase", "phase": "train"},
                  {"type": "eval", "epoch": 0, "metrics": {"ndcg@10": 0.5}},
                  {"type": "loss", "step": 3, "loss": 0.7}, {"type": "loss", "step": 4,
                                                             "loss": float("nan")},
                  {"type": "step", "step": 4, "share": 0.3, "left_s": 60, "loss": 0.7}):
        run.append(event)
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
                data=run.record()["data"] | {"passages": 40})


def test_two_runs_stand_beside_each_other_by_their_tuned_models(home, data):
    left, right = (measured(home.start(OWNER, Wish(data)), ranks)
                   for ranks in ([5] * 30, [1] * 30))
    evidence = home.beside(OWNER, left.id, right.id)
    assert evidence.verdict_of("Left", "Right").startswith("Right is better")
    assert home.beside(OWNER, right.id, left.id).outcomes == {"won": 0, "lost": 30, "tied": 0}
    assert evidence.passages == 40


@pytest.mark.parametrize("other", [{"corpus": "another"}, {"test": "another"}])
def test_runs_on_other_data_or_another_split_are_not_compared(home, data, other):
    left = measured(home.start(OWNER, Wish(data)), [1, 2])
    right = measured(home.start(OWNER, Wish(data)), [1, 2], **other)
    with pytest.raises(ValueError, match="measured on different data"):
        home.beside(OWNER, left.id, right.id)


def test_a_run_that_measured_nothing_is_not_compared(home, data):
    left, right = (over(home.start(OWNER, Wish(data)), "failed") for _ in range(2))
    with pytest.raises(ValueError, match="has not measured its test split"):
        home.beside(OWNER, left.id, right.id)


def test_the_data_of_a_run_is_read_once(home, tmp_path, monkeypatch):
    read = []
    load = room.load_corpus
    monkeypatch.setattr(room, "load_corpus", lambda *args: read.append(args) or load(*args))
    source = home.source(OWNER, of_upload(home, tmp_path))
    assert home.corpus(source) is home.corpus(source)
    assert len(read) == 1
