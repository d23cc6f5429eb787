"""What visitors choose: begun in the background, kept while there is room, let go of after."""

import contextlib
import shutil

import pytest

from fakes import FakeRequest, HashingEncoder
from finished import finished_run
from house import ADA, BEN
from own import GONE, Gate, name_of, numbers, with_own
from test_lane import until
from train.run.record import list_runs
from ui.auth import Visitor
from ui.services import pair_cache as room
from ui.services.pair_cache import NotReadyError
from ui.services.runs import Acts, Views
from ui.services.uploads import UploadError
from ui.services.worker import BusyError

OWNER = Visitor(None, True)
BROWSER, OTHER = Visitor("browser-a"), Visitor("browser-b")


@pytest.fixture
def encoder():
    return Gate("base")


@pytest.fixture
def house(make_house, encoder, monkeypatch):
    house = with_own(make_house(base_model="base"), encoder)
    monkeypatch.setattr(house.showcase, "_loaded", None)
    house.showcase.chosen.loads = lambda model, *revision, **how: HashingEncoder("tuned", salt="t")
    yield house
    encoder.open.set()


@pytest.fixture
def acts(house):
    return Acts(house)


@pytest.fixture
def views(acts):
    return Views(acts)


def ready(acts, visitor, shown):
    """The pair, once it is measured too."""
    def is_ready():
        with contextlib.suppress(NotReadyError):
            acts.pair(visitor, shown)
        stage = acts.house.showcase.chosen.stage(shown)
        return stage and stage.ended

    until(is_ready)
    return acts.pair(visitor, shown)


def made_on(house, name, visitor, tmp_path):
    """A finished run of a visitor on their data."""
    pair = ready(Acts(house), visitor, name)
    model = tmp_path / "model"
    model.mkdir(exist_ok=True)
    (model / "modules.json").write_text("[]")
    run = finished_run(house.settings.runs, model, pair.corpus, pair.base.encoder,
                       HashingEncoder("tuned", salt="t"), owner=visitor.key)
    source = str((house.settings.uploads / name).resolve())
    run.update(data=run.record()["data"] | {"source": source, "name": "numbers"},
               base_model=run.record()["base_model"] | {"name": "base", "revision": None})
    return run


def test_data_is_read_in_the_background_and_shown_with_base_alone(house, acts, views):
    name = house.uploads.bring()
    with pytest.raises(NotReadyError, match="ask again|Ask again"):
        acts.pair(OWNER, name)
    pair = ready(acts, OWNER, name)
    assert pair.tuned is None and pair.evidence is None and pair.of_base
    assert pair.base.encoder is house.showcase.pair.base.encoder
    assert acts.pair(OWNER, name) is pair and acts.pair(OWNER, "") is house.showcase.pair


def test_while_one_is_read_nobody_else_waits(house, acts, views, encoder):
    seen, read = house.uploads.bring(1), house.uploads.bring(2, rows=numbers(70, "x"))
    pair = ready(acts, OWNER, seen)
    encoder.open.clear()
    views.choose(OWNER, read)
    until(lambda: views.words(OWNER, read))
    assert acts.pair(OWNER, seen) is pair
    assert acts.pair(OWNER, "").compare("brakes").base.hits
    assert pair.compare("What is the number 41?").base.answer_rank == 1
    assert views.words(OWNER, read).compare("number x41").base.hits
    with pytest.raises(NotReadyError):
        acts.pair(OWNER, read)
    encoder.open.set()
    assert ready(acts, OWNER, read).corpus.name == "numbers"


def test_a_program_may_wait_for_a_while(house, acts):
    pair = acts.pair(OWNER, house.uploads.bring(), wait=10)
    assert pair.base.ids


def test_what_is_being_read_can_be_stopped_and_stays_so_until_it_is_chosen_again(
    house, acts, views, encoder
):
    name = house.uploads.bring()
    encoder.open.clear()
    views.choose(OWNER, name)
    until(lambda: views.words(OWNER, name))
    views.stop(OWNER, name)
    encoder.open.set()
    for _ in range(3):
        with pytest.raises(ValueError, match="was stopped"):
            acts.pair(OWNER, name)
    views.choose(OWNER, name)
    assert ready(acts, OWNER, name).of_base


def test_what_is_ready_is_not_begun_again_when_it_is_chosen_again(house, acts, views):
    name = house.uploads.bring()
    pair = ready(acts, OWNER, name)
    views.choose(OWNER, name)
    assert acts.pair(OWNER, name) is pair


def test_a_visitor_has_two_data_sets_read_at_a_time_and_others_theirs(house, views, encoder):
    mine = [house.uploads.bring(n, "browser-a") for n in range(3)]
    theirs = house.uploads.bring(9, "browser-b")
    encoder.open.clear()
    views.choose(BROWSER, mine[0])
    until(lambda: views.words(BROWSER, mine[0]))
    views.choose(BROWSER, mine[1])
    with pytest.raises(BusyError, match="2 of your data sets"):
        views.choose(BROWSER, mine[2])
    views.choose(OTHER, theirs)
    assert house.showcase.chosen.others(theirs) == 2


def test_data_used_longest_ago_is_let_go_of_by_number_and_by_bytes(house, acts, monkeypatch):
    monkeypatch.setattr(room, "MOST_OWN", 2)
    names = [house.uploads.bring(n) for n in range(3)]
    chosen = house.showcase.chosen
    for at in (0, 1, 0, 2):
        ready(acts, OWNER, names[at])
    assert [chosen.stage(name) is not None for name in names] == [True, False, True]
    monkeypatch.setattr(room, "MOST_BYTES", 1)
    ready(acts, OWNER, names[1])
    assert [chosen.stage(name) is not None for name in names] == [False, True, False]


def test_the_bytes_of_a_pair_are_those_of_its_vectors_and_texts(house, acts):
    pair = ready(acts, OWNER, house.uploads.bring())
    texts = sum(len(passage.text) for passage in pair.corpus.passages)
    assert pair.bytes > pair.base.vectors.nbytes + texts


def test_a_run_on_own_data_gets_both_sides_and_base_is_not_asked_again(
    house, acts, views, encoder, tmp_path
):
    name = house.uploads.bring(1, "browser-a")
    run = made_on(house, name, BROWSER, tmp_path)
    read = encoder.passages
    pair = ready(acts, BROWSER, run.id)
    assert pair.tuned is not None and pair.evidence.outcomes and pair.of_base is None
    assert encoder.passages == read and pair.corpus.name == "numbers"
    assert views.run_on(BROWSER, name) == run


def test_a_run_whose_data_is_gone_is_said_without_a_path(house, acts, tmp_path):
    name = house.uploads.bring(1, "browser-a")
    run = made_on(house, name, BROWSER, tmp_path)
    shutil.rmtree(house.settings.uploads / name)
    with pytest.raises(ValueError, match="not here any more: bring it again") as error:
        ready(acts, BROWSER, run.id)
    assert str(house.settings.home) not in str(error.value)


def test_of_runs_on_own_data_only_their_own_are_offered(house, views, tmp_path):
    mine, other = house.uploads.bring(1, "browser-a"), house.uploads.bring(2, "browser-a")
    run = made_on(house, mine, BROWSER, tmp_path)
    assert views.run_on(BROWSER, other) is None
    run.update(owner="browser-b")
    assert views.run_on(BROWSER, mine) is None
    run.update(owner="browser-a", status="failed")
    assert views.run_on(BROWSER, mine) is None
    run.update(status="running")
    assert views.run_on(BROWSER, mine) == run and list_runs(house.settings.runs) == [run]


# --- whose it is


def test_anothers_data_is_refused_as_data_that_is_not_there(house, acts, views):
    name = house.uploads.bring(1, "browser-a")
    ready(acts, BROWSER, name)
    said = set()
    for shown in (name, name_of(77)):
        for act in (acts.pair, views.choose, views.stage, views.words, views.stop, views.run_on):
            with pytest.raises(UploadError) as error:
                act(OTHER, shown)
            said.add(str(error.value))
    assert said == {GONE}
    assert acts.pair(BROWSER, name) and acts.pair(OWNER, name)


def test_nobody_can_be_kept_from_their_data_by_another_who_asks_for_it(house, acts):
    name = house.uploads.bring(1, "browser-a")
    pair = ready(acts, BROWSER, name)
    with pytest.raises(UploadError):
        acts.pair(OTHER, name)
    assert acts.pair(BROWSER, name) is pair


def test_data_whose_time_is_over_is_said_and_goes_from_memory_and_disk(house, acts):
    name = house.uploads.bring(1, "browser-a")
    ready(acts, BROWSER, name)
    shutil.rmtree(house.settings.uploads / name)
    with pytest.raises(UploadError, match="not here any more"):
        acts.pair(BROWSER, name)
    assert house.showcase.chosen.stage(name) is None
    assert list(house.settings.cache.iterdir()) == []


def test_a_wish_for_anothers_data_is_refused_too(space, tmp_path):
    from ui.services.runs import Wish

    house = with_own(space)
    name = house.uploads.bring(1, "ada")
    ben = house.door.visitor(FakeRequest(BEN))
    with pytest.raises(UploadError, match="not here any more"):
        Acts(house).start(ben, Wish(name, engine="jobs", flavor="a10g-small"))
    ada = house.door.visitor(FakeRequest(ADA))
    assert Acts(house).request(ada, Wish(name)).data.endswith(name)
