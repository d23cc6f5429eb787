"""Pieces within the quota that the Hub says a visitor has."""

from datetime import UTC, datetime

import pytest

from support.fake_hub.repos import loopback
from support.fake_hub.state import ME
from support.runs.gpu_platform import Platform, PlatformError, wait_for
from train.engines.quota import Quota, minutes, zero_gpu_quota
from train.engines.zerogpu import ZeroGpuEngine, within
from train.run.events import PausedEvent
from train.run.spec import RunSpec

UNTIL = datetime(2026, 11, 30, 18, 5, tzinfo=UTC)


@pytest.fixture
def hub():
    with loopback() as served:
        yield served


def test_the_quota_is_what_the_hub_says(hub):
    hub.quota = {"base": 300, "current": 200, "resetsAt": "2026-11-30T18:05:00.000Z",
                 "overquotaUsed": 0}
    quota = zero_gpu_quota(ME, hub.endpoint)
    assert quota == Quota(200, 300, UNTIL)
    assert quota.sentence == ("You have 3 min 20 s of your daily 5 min of GPU left, all of it "
                              "again from 18:05 UTC.")
    assert [bearer for request, bearer in hub.asked if "quota" in request] == [ME]


def test_a_quota_that_was_not_used_has_no_end(hub):
    hub.quota = {"base": 2400, "current": 2400, "resetsAt": None, "overquotaUsed": None}
    assert zero_gpu_quota(ME, hub.endpoint).sentence == (
        "You have 40 min of your daily 40 min of GPU left.")


@pytest.mark.parametrize("how", [
    {"status": 401, "body": b'{"error": "Invalid username or password."}'},
    {"status": 403, "body": b'{"error": "needs read-billing"}'}, {"status": 404, "body": b"{}"},
    {"status": 503, "body": b"{}"}, {"drop": "early"}, {"status": 200, "body": b"<html>"},
    {"status": 200, "body": b'{"other": 1}'}], ids=lambda how: str(how.get("status", "dropped")))
def test_where_the_hub_does_not_say_nothing_is_known(hub, how):
    hub.fail("zero-gpu/quota", times=9, **how)
    assert zero_gpu_quota(ME, hub.endpoint) is None


def test_nobody_has_no_quota_to_ask_for(hub):
    assert zero_gpu_quota(None, hub.endpoint) is None and not hub.asked


@pytest.mark.parametrize("quota, seconds", [
    (None, 60), (Quota(300, 300), 60), (Quota(45.9, 300), 45), (Quota(3, 300), 60)],
    ids=["unknown", "enough", "less", "used up"])
def test_a_piece_asks_for_no_more_than_is_left(quota, seconds):
    assert within(quota, 60) == seconds


def pieces(tmp_path, left, fork=None):
    """The seconds that the pieces of a run ask for, with so much quota left before each."""
    platform, before = Platform(), iter(left)
    run = RunSpec("data", "base", engine="zerogpu").create(tmp_path / "runs")
    step = iter(range(1, 99))

    def paused(*_):
        run.append(PausedEvent(step=next(step), measured=0))

    def quota(token):
        assert token == ME
        value = next(before, None)
        if value is None:
            platform.errors.append(PlatformError("ZeroGPU quota exceeded", "0s left"))
        return value

    platform.fork = fork or paused
    ZeroGpuEngine(platform, quota=quota).start(run, ME)
    wait_for(run, "interrupted")
    return [seconds for _, seconds in platform.calls], run


def test_pieces_get_shorter_as_the_quota_ends_and_what_is_trained_is_kept(tmp_path):
    asked, run = pieces(tmp_path, [Quota(130, 300), Quota(70, 300), Quota(31.5, 300, UNTIL)])
    assert asked == [60, 60, 31, 60]  # the last one is the platform's to refuse
    assert "quota is used up" in run.record().error and "resume it" in run.record().error


def test_a_quota_too_small_for_one_step_says_so_instead_of_asking_again(tmp_path):
    asked, run = pieces(tmp_path, [Quota(40, 300)], fork=lambda *_: None)
    assert asked == [40]
    assert "The 40 s of ZeroGPU quota that were left are not enough" in run.record().error


@pytest.mark.parametrize("seconds, words", [(0, "0 s"), (59.9, "59 s"), (60, "1 min"),
                                            (3725, "62 min 5 s")])
def test_seconds_in_words(seconds, words):
    assert minutes(seconds) == words
