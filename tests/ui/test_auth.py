import time
import traceback
from dataclasses import replace

import pytest

from hub.account import AccountError, Accounts
from support.fakes import FakeRequest
from support.services import ADA, BEN
from train.run.record import create_run
from ui import auth as room
from ui.auth import RefusedError, Visitor

ENGINES = ("local", "zerogpu", "jobs")
WHO = {"nobody": None, "stranger": BEN, "owner": ADA}

MAY_START = {
    # on a Space, TANDEM_TRAIN, who -> the engines they may start a run on
    (True, "open", "nobody"): ("local",),
    (True, "open", "stranger"): ENGINES,
    (True, "open", "owner"): ENGINES,
    (True, "login", "nobody"): (),
    (True, "login", "stranger"): ("zerogpu", "jobs"),
    (True, "login", "owner"): ENGINES,
    (True, "owner", "nobody"): (),
    (True, "owner", "stranger"): (),
    (True, "owner", "owner"): ENGINES,
    (True, "off", "nobody"): (),
    (True, "off", "stranger"): (),
    (True, "off", "owner"): (),
    # elsewhere whoever reaches the page is the owner, unless TANDEM_TRAIN asks for more
    (False, "open", "nobody"): ENGINES,
    (False, "open", "stranger"): ENGINES,
    (False, "open", "owner"): ENGINES,
    (False, "login", "nobody"): (),
    (False, "login", "stranger"): ENGINES,
    (False, "login", "owner"): ENGINES,
    (False, "owner", "nobody"): (),
    (False, "owner", "stranger"): (),
    (False, "owner", "owner"): ENGINES,
    (False, "off", "nobody"): (),
    (False, "off", "stranger"): (),
    (False, "off", "owner"): (),
}


@pytest.mark.parametrize("case", MAY_START, ids=lambda case: "-".join(map(str, case)))
def test_who_may_start_a_run_where(make_services, monkeypatch, case):
    on_space, train, who = case
    monkeypatch.setattr(room, "local_token", lambda: ADA)
    auth = make_services(on_space=on_space, train=train,
                      space_owner="ada" if on_space else None).auth
    visitor = auth.visitor(FakeRequest(WHO[who], browser="mark"))
    allowed = [engine for engine in ENGINES if not auth.why_not(visitor, engine)]
    assert allowed == list(MAY_START[case])
    for engine in ENGINES:
        if engine in allowed:
            auth.check_start(visitor, engine)
        else:
            with pytest.raises(RefusedError, match=r"\.$"):
                auth.check_start(visitor, engine)


def test_without_a_token_of_its_own_a_machine_offers_nothing_that_is_paid(make_services):
    auth = make_services(train="open").auth
    visitor = auth.visitor(FakeRequest())
    assert [e for e in ENGINES if not auth.why_not(visitor, e)] == ["local"]


def test_who_made_a_space_of_an_organisation_is_its_owner_too(make_services):
    auth = make_services(on_space=True, space_owner="team", space_creator="id-ben").auth
    assert auth.visitor(FakeRequest(BEN)).is_owner
    assert not auth.visitor(FakeRequest(ADA)).is_owner


def test_a_space_that_does_not_say_whose_it_is_is_nobodys(make_services):
    auth = make_services(on_space=True).auth
    assert not auth.visitor(FakeRequest(ADA)).is_owner


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://tandem.example:8443",
                                    "https://tandem.example.evil.example"])
def test_another_sites_page_is_refused_whatever_it_sends(space, origin):
    own = FakeRequest(signed_in=ADA)
    asked = FakeRequest(ADA, signed_in=ADA, origin=origin)
    for act in (lambda: space.auth.visitor(asked), lambda: space.auth.nonce(asked),
                lambda: space.auth.visitor(asked, space.auth.nonce(own))):
        with pytest.raises(RefusedError, match="another site"):
            act()
    assert space.auth.looks(asked, space.auth.nonce(own)) == Visitor(None)


def test_the_pages_own_origin_and_a_program_without_one_are_let_in(space):
    for request in (FakeRequest(BEN, origin="https://tandem.example"), FakeRequest(BEN)):
        assert space.auth.visitor(request).name == "ben"


def test_a_page_acts_with_the_account_that_signed_in_there(space):
    request = FakeRequest(signed_in=BEN, expires=time.time() + 60)
    visitor = space.auth.visitor(request, space.auth.nonce(request))
    assert (visitor.key, visitor.name, visitor.token) == ("ben", "ben", BEN)


@pytest.mark.parametrize("nonce", ["", "wrong", "ü", "\ud800", None, 0, [], {}, "0" * 64])
def test_a_wrong_or_missing_nonce_is_refused_for_what_a_page_does(space, nonce):
    request = FakeRequest(signed_in=ADA)
    with pytest.raises(RefusedError, match="reload"):
        space.auth.visitor(request, nonce)
    assert space.auth.looks(request, nonce) == Visitor(None)


def test_the_nonce_of_one_session_or_one_start_is_not_anothers(space, make_services):
    request = FakeRequest(signed_in=ADA)
    for other in (space.auth.nonce(FakeRequest(signed_in=ADA, session="another")),
                  make_services(on_space=True).auth.nonce(request)):
        with pytest.raises(RefusedError):
            space.auth.visitor(request, other)


def test_an_endpoint_never_acts_with_the_browsers_sign_in(space):
    visitor = space.auth.visitor(FakeRequest(browser="mark", signed_in=ADA))
    assert visitor.account is None and visitor.token is None and not visitor.is_owner


def test_an_expired_sign_in_is_none(space):
    request = FakeRequest(browser="mark", signed_in=ADA, expires=time.time() - 1)
    visitor = space.auth.visitor(request, space.auth.nonce(request))
    assert visitor.token is None and not visitor.is_owner


@pytest.mark.parametrize("header", ["authorization", "x-hf-authorization"])
def test_a_program_acts_with_the_token_it_sends(space, header):
    request = FakeRequest(**{header: f"Bearer {BEN}"})
    assert space.auth.visitor(request).name == "ben"


def test_gradios_own_header_goes_before_what_a_proxy_may_have_put_there(space):
    request = FakeRequest(BEN, authorization=f"Bearer {ADA}")
    assert space.auth.visitor(request).name == "ben"


@pytest.mark.parametrize("value", ["Basic YTpi", "Bearer ey.jwt", "Bearer", "hf_ada", ""])
def test_what_is_no_hub_token_is_nobodys(space, value):
    assert space.auth.visitor(FakeRequest(authorization=value)).token is None


def test_a_token_that_the_hub_does_not_take_is_refused_and_not_said(space):
    with pytest.raises(AccountError) as caught:
        space.auth.visitor(FakeRequest("hf_stolen"))
    assert "sign in again" in str(caught.value) and "hf_stolen" not in str(caught.value)
    assert space.auth.looks(FakeRequest("hf_stolen")) == Visitor(None)


def test_a_hub_that_does_not_answer_is_said_without_the_token(make_services, monkeypatch):
    import huggingface_hub

    def unreachable(self, token):
        raise ConnectionError(f"no route for bearer {token}")

    monkeypatch.setattr(huggingface_hub.HfApi, "whoami", unreachable)
    auth = make_services(ask=Accounts().ask, on_space=True).auth
    with pytest.raises(AccountError) as caught:
        auth.visitor(FakeRequest(ADA))
    assert "The Hub does not answer" in str(caught.value)
    assert ADA not in "".join(traceback.format_exception(caught.value))


def test_a_visitor_is_shown_without_their_token(space):
    assert BEN not in repr(space.auth.visitor(FakeRequest(BEN)))
    assert str(space.auth.secret) not in repr(space.auth)


def test_the_mark_of_a_browser_is_kept_as_a_hash(space):
    one, again, other = (space.auth.visitor(FakeRequest(browser=mark))
                         for mark in ("mark-a", "mark-a", "mark-b"))
    assert one.key == again.key != other.key
    assert one.key.startswith("browser-") and "mark-a" not in one.key


def test_a_run_belongs_to_who_started_it_and_to_the_owner(space):
    run = create_run(space.settings.runs, "a")
    run.update(owner="ben")
    who = {"ben": FakeRequest(BEN), "ada": FakeRequest(ADA), "nobody": FakeRequest(),
           "browser": FakeRequest(browser="mark")}
    visitors = {name: space.auth.visitor(request) for name, request in who.items()}
    assert [name for name, visitor in visitors.items() if visitor.owns(run)] == ["ben", "ada"]
    for name in ("nobody", "browser"):
        with pytest.raises(RefusedError, match="started by somebody else"):
            space.auth.check_owns(visitors[name], run)


def test_the_owners_run_is_not_that_of_a_visitor_without_a_mark(space):
    run = create_run(space.settings.runs, "a")
    run.update(owner=None)
    assert not space.auth.visitor(FakeRequest()).owns(run)


def test_with_training_switched_off_nobody_acts_on_a_run(make_services):
    services = make_services(on_space=True, train="off", space_owner="ada")
    run = create_run(services.settings.runs, "a")
    with pytest.raises(RefusedError, match="switched off"):
        services.auth.check_owns(services.auth.visitor(FakeRequest(ADA)), run)




def test_the_door_reads_a_request_as_gradio_hands_it_over(space):
    import gradio as gr
    from starlette.requests import Request

    headers = [(b"host", b"tandem.example"), (b"cookie", b"tandem_browser=mark"),
               (b"Origin".lower(), b"https://tandem.example")]
    info = {"access_token": BEN, "expires_at": time.time() + 60}
    raw = Request({"type": "http", "method": "POST", "path": "/", "query_string": b"",
                   "headers": headers, "session": {"oauth_info": info}})
    request = gr.Request(raw, session_hash="session")
    assert space.auth.visitor(request, space.auth.nonce(request)).name == "ben"
    assert space.auth.visitor(request).key == space.auth.visitor(FakeRequest(browser="mark")).key


def test_a_share_is_an_accounts_or_an_addresss_whatever_the_cookie(space):
    def asked(browser, address, token=None):
        request = FakeRequest(token, browser=browser)
        request.request.scope |= {"client": ("10.0.0.1", 1), "headers": [
            (b"x-forwarded-for", address.encode())]}
        return space.auth.visitor(request)

    one, forged = (asked(cookie, "93.184.216.34") for cookie in ("a", "b"))
    assert one.key != forged.key and one.shares == forged.shares
    assert asked("a", "93.184.216.35").shares != one.shares
    assert "93.184" not in repr(one) + one.shares
    assert asked("a", "93.184.216.34", BEN).shares == "ben"


def test_who_tries_many_bad_tokens_asks_the_hub_no_more(space):
    asked = []

    def refuse(token):
        asked.append(token)
        raise AccountError("No.", "unauthorized")

    auth = replace(space.auth, accounts=Accounts(refuse))

    def bring(token, address):
        request = FakeRequest(token)
        request.request.scope |= {"client": None, "headers": [(b"x-forwarded-for", address)]}
        with pytest.raises(AccountError) as caught:
            auth.visitor(request)
        return str(caught.value)

    said = [bring(f"hf_bad{number}", b"93.184.216.34") for number in range(200)]
    assert len(asked) == 10 and "try again in a minute" in said[-1]
    assert bring("hf_bad0", b"93.184.216.34") == "No."  # that answer is known
    assert bring("hf_bad", b"93.184.216.35") == "No." and len(asked) == 11
