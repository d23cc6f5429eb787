import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hub import account as room
from hub.account import Account, AccountError, Accounts, ask_hub

TOKEN = "hf_secret"


class Hub:
    """Answers what it is told to, and counts how often it is asked."""

    def __init__(self, answer=None):
        self.answer, self.asked = answer or Account("ada", "1", ("ada",)), 0

    def __call__(self, token):
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    clock = Clock()
    monkeypatch.setattr(room, "time", clock)
    return clock


def test_the_hub_is_asked_once_in_a_while_for_each_token(clock):
    hub = Hub()
    accounts = Accounts(hub)
    assert [accounts.of(token).name for token in (TOKEN, TOKEN, "hf_other")] == ["ada"] * 3
    assert hub.asked == 2
    clock.now += room.KEPT + 1
    accounts.of(TOKEN)
    assert hub.asked == 3


def test_a_no_is_believed_for_a_short_while_and_then_asked_again(clock):
    hub = Hub(AccountError("The Hub does not answer."))
    accounts = Accounts(hub)
    for _ in range(5):
        with pytest.raises(AccountError, match="does not answer"):
            accounts.of(TOKEN)
    assert hub.asked == 1
    hub.answer = Account("ada", "1", ("ada",))
    clock.now += room.REFUSAL_KEPT + 1
    assert accounts.of(TOKEN).name == "ada"


def test_no_token_is_kept_in_the_clear():
    accounts = Accounts(Hub())
    accounts.of(TOKEN)
    assert TOKEN not in str(accounts._known) and TOKEN not in repr(accounts)


def test_only_so_many_answers_are_kept(monkeypatch):
    monkeypatch.setattr(room, "MOST_KEPT", 3)
    accounts = Accounts(Hub())
    for number in range(10):
        accounts.of(f"hf_{number}")
    assert len(accounts._known) <= 3


def whoami(monkeypatch, answer):
    import huggingface_hub

    def said(self, token):
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(huggingface_hub.HfApi, "whoami", said)


def test_an_account_may_write_to_itself_and_where_it_is_more_than_a_reader(monkeypatch):
    roles = {"a": "admin", "b": "write", "c": "contributor", "d": "read", "e": None}
    whoami(monkeypatch, {"name": "ada", "id": "1", "orgs": [
        {"name": name, "roleInOrg": role} for name, role in roles.items()]})
    assert ask_hub(TOKEN) == Account("ada", "1", ("ada", "a", "b", "c", "e"))


@pytest.mark.parametrize("status, said", [(401, "Sign in again"), (429, "429 while"),
                                          (500, "500 while")])
def test_what_the_hub_refuses_is_said_without_the_token(monkeypatch, status, said):
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    request = httpx2.Request("GET", "https://hub.example",
                             headers={"authorization": f"Bearer {TOKEN}"})
    whoami(monkeypatch, HfHubHTTPError(f"no {TOKEN}", response=httpx2.Response(
        status, request=request)))
    with pytest.raises(AccountError, match=said) as caught:
        ask_hub(TOKEN)
    assert TOKEN not in str(caught.value) and caught.value.__cause__ is None


def test_many_who_bring_the_same_token_at_once_are_one_question_to_the_hub():
    asked = []

    def slowly(token):
        asked.append(token)
        time.sleep(0.2)
        raise AccountError("No.", "unauthorized")

    accounts = Accounts(slowly)

    def bring(_):
        with pytest.raises(AccountError, match="No"):
            accounts.of("hf_bad")

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(bring, range(200)))
    assert asked == ["hf_bad"] and not accounts._asking


def test_a_bad_token_is_remembered_longer_than_that_nobody_answers(clock):
    for kind, asks in (("unauthorized", 1), ("timeout", 2)):
        asked = []

        def refuse(token, kind=kind, asked=asked):
            asked.append(token)
            raise AccountError("No.", kind)

        accounts = Accounts(refuse)
        for _ in range(2):
            with pytest.raises(AccountError):
                accounts.of("hf_x")
            clock.now += room.REFUSAL_KEPT + 1
        assert len(asked) == asks
