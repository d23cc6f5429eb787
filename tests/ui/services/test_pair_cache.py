"""What visitors choose: begun in the background, kept while there is room, let go of after."""

import shutil

import pytest

from support.fakes import FakeRequest, HashingEncoder
from support.own import GONE, OWNER, Gate, made_on, name_of, numbers, ready, with_own
from support.services import ADA, BEN
from support.waiting import until
from train.run.record import list_runs
from ui.auth import Visitor
from ui.services import pair_cache as room
from ui.services.pair_cache import NotReadyError
from ui.services.runs import RunService
from ui.services.selection import Selection
from ui.services.uploads import UploadError
from ui.services.worker import BusyError

BROWSER, OTHER = Visitor("browser-a"), Visitor("browser-b")


@pytest.fixture
def encoder():
    return Gate("base")


@pytest.fixture
def services(make_services, encoder, monkeypatch):
    services = with_own(make_services(base_model="base"), encoder)
    monkeypatch.setattr(services.opening, "_loaded", None)
    services.opening.pairs.loads = lambda model, *revision, **how: HashingEncoder("tuned", salt="t")
    yield services
    encoder.open.set()


@pytest.fixture
def service(services):
    return RunService(services)


@pytest.fixture
def views(service):
    return Selection(service)


def test_data_is_read_in_the_background_and_shown_with_base_alone(services, service, views):
    name = services.uploads.bring()
    with pytest.raises(NotReadyError, match="ask again|Ask again"):
        service.pair(OWNER, name)
    pair = ready(service, OWNER, name)
    assert pair.tuned is None and pair.evidence is None and pair.of_base
    assert pair.base.encoder is services.opening.pair.base.encoder
    assert service.pair(OWNER, name) is pair and service.pair(OWNER, "") is services.opening.pair


def test_while_one_is_read_nobody_else_waits(services, service, views, encoder):
    seen, read = services.uploads.bring(1), services.uploads.bring(2, rows=numbers(70, "x"))
    pair = ready(service, OWNER, seen)
    encoder.open.clear()
    views.choose(OWNER, read)
    until(lambda: views.words(OWNER, read))
    assert service.pair(OWNER, seen) is pair
    assert service.pair(OWNER, "").compare("brakes").base.hits
    assert pair.compare("What is the number 41?").base.answer_rank == 1
    assert views.words(OWNER, read).compare("number x41").base.hits
    with pytest.raises(NotReadyError):
        service.pair(OWNER, read)
    encoder.open.set()
    assert ready(service, OWNER, read).corpus.name == "numbers"


def test_a_program_may_wait_for_a_while(services, service):
    pair = service.pair(OWNER, services.uploads.bring(), wait=10)
    assert pair.base.ids


def test_what_is_being_read_can_be_stopped_and_stays_so_until_it_is_chosen_again(
    services, service, views, encoder
):
    name = services.uploads.bring()
    encoder.open.clear()
    views.choose(OWNER, name)
    until(lambda: views.words(OWNER, name))
    views.stop(OWNER, name)
    encoder.open.set()
    for _ in range(3):
        with pytest.raises(ValueError, match="was stopped"):
            service.pair(OWNER, name)
    views.choose(OWNER, name)
    assert ready(service, OWNER, name).of_base


def test_what_is_ready_is_not_begun_again_when_it_is_chosen_again(services, service, views):
    name = services.uploads.bring()
    pair = ready(service, OWNER, name)
    views.choose(OWNER, name)
    assert service.pair(OWNER, name) is pair


def test_a_visitor_has_two_data_sets_read_at_a_time_and_others_theirs(services, views, encoder):
    mine = [services.uploads.bring(n, "browser-a") for n in range(3)]
    theirs = services.uploads.bring(9, "browser-b")
    encoder.open.clear()
    views.choose(BROWSER, mine[0])
    until(lambda: views.words(BROWSER, mine[0]))
    views.choose(BROWSER, mine[1])
    with pytest.raises(BusyError, match="2 of your data sets"):
        views.choose(BROWSER, mine[2])
    views.choose(OTHER, theirs)
    assert services.opening.pairs.others(theirs) == 2


def test_data_used_longest_ago_is_let_go_of_by_number_and_by_bytes(services, service, monkeypatch):
    monkeypatch.setattr(room, "MOST_OWN", 2)
    names = [services.uploads.bring(n) for n in range(3)]
    chosen = services.opening.pairs
    for at in (0, 1, 0, 2):
        ready(service, OWNER, names[at])
    assert [chosen.stage(name) is not None for name in names] == [True, False, True]
    monkeypatch.setattr(room, "MOST_BYTES", 1)
    ready(service, OWNER, names[1])
    assert [chosen.stage(name) is not None for name in names] == [False, True, False]


def test_the_bytes_of_a_pair_are_those_of_its_vectors_and_texts(services, service):
    pair = ready(service, OWNER, services.uploads.bring())
    texts = sum(len(passage.text) for passage in pair.corpus.passages)
    assert pair.bytes > pair.base.vectors.nbytes + texts


def test_a_run_on_own_data_gets_both_sides_and_base_is_not_asked_again(
    services, service, views, encoder, tmp_path
):
    name = services.uploads.bring(1, "browser-a")
    run = made_on(services, name, BROWSER, tmp_path)
    read = encoder.passages
    pair = ready(service, BROWSER, run.id)
    assert pair.tuned is not None and pair.evidence.outcomes and pair.of_base is None
    assert encoder.passages == read and pair.corpus.name == "numbers"
    assert views.run_on(BROWSER, name) == run


def test_a_run_whose_data_is_gone_is_said_without_a_path(services, service, tmp_path):
    name = services.uploads.bring(1, "browser-a")
    run = made_on(services, name, BROWSER, tmp_path)
    shutil.rmtree(services.settings.uploads / name)
    with pytest.raises(ValueError, match="not here any more: bring it again") as error:
        ready(service, BROWSER, run.id)
    assert str(services.settings.home) not in str(error.value)


def test_of_runs_on_own_data_only_their_own_are_offered(services, views, tmp_path):
    mine, other = services.uploads.bring(1, "browser-a"), services.uploads.bring(2, "browser-a")
    run = made_on(services, mine, BROWSER, tmp_path)
    assert views.run_on(BROWSER, other) is None
    run.update(owner="browser-b")
    assert views.run_on(BROWSER, mine) is None
    run.update(owner="browser-a", status="failed")
    assert views.run_on(BROWSER, mine) is None
    run.update(status="running")
    assert views.run_on(BROWSER, mine) == run and list_runs(services.settings.runs) == [run]


# --- whose it is


def test_anothers_data_is_refused_as_data_that_is_not_there(services, service, views):
    name = services.uploads.bring(1, "browser-a")
    ready(service, BROWSER, name)
    said = set()
    for shown in (name, name_of(77)):
        for act in (service.pair, views.choose, views.stage, views.words, views.stop, views.run_on):
            with pytest.raises(UploadError) as error:
                act(OTHER, shown)
            said.add(str(error.value))
    assert said == {GONE}
    assert service.pair(BROWSER, name) and service.pair(OWNER, name)


def test_nobody_can_be_kept_from_their_data_by_another_who_asks_for_it(services, service):
    name = services.uploads.bring(1, "browser-a")
    pair = ready(service, BROWSER, name)
    with pytest.raises(UploadError):
        service.pair(OTHER, name)
    assert service.pair(BROWSER, name) is pair


def test_data_whose_time_is_over_is_said_and_goes_from_memory_and_disk(services, service):
    name = services.uploads.bring(1, "browser-a")
    ready(service, BROWSER, name)
    shutil.rmtree(services.settings.uploads / name)
    with pytest.raises(UploadError, match="not here any more"):
        service.pair(BROWSER, name)
    assert services.opening.pairs.stage(name) is None
    assert list(services.settings.cache.iterdir()) == []


def test_a_wish_for_anothers_data_is_refused_too(space, tmp_path):
    from ui.services.runs import TrainForm

    services = with_own(space)
    name = services.uploads.bring(1, "ada")
    ben = services.auth.visitor(FakeRequest(BEN))
    with pytest.raises(UploadError, match="not here any more"):
        RunService(services).start(ben, TrainForm(name, engine="jobs", flavor="a10g-small"))
    ada = services.auth.visitor(FakeRequest(ADA))
    assert RunService(services).request(ada, TrainForm(name)).data.endswith(name)
