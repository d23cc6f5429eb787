"""What may wait in the queue, how long answers wait, and what an event's errors say."""

import asyncio
import logging
import time
from datetime import datetime
from types import SimpleNamespace

import gradio as gr
import pytest

from ui.serving import queue as room
from ui.serving.blocks import BoundedBlocks
from ui.serving.queue import BoundedQueue

ONE, OTHER = "93.184.216.34", "93.184.216.35"


def asked(address, session="s", event="e" * 32):
    scope = {"client": None, "headers": [(b"x-forwarded-for", address.encode())]}
    return SimpleNamespace(request=SimpleNamespace(scope=scope), session_hash=session, _id=event)


@pytest.fixture
def page():
    def fail(text: str) -> str:
        if text == "refuse":
            raise gr.Error("A sentence.")
        raise RuntimeError(f"a bug with {text}")

    with BoundedBlocks(on_space=True) as page:
        gr.api(fail, api_name="fail", concurrency_limit=2)
    return page.queue(max_size=4)


def waiting(page, *events, seconds=0.0):
    fn = page.fns[0]
    page._queue.create_event_queue_for_fn(fn)
    line = page._queue.event_queue_per_concurrency_id[fn.concurrency_id]
    line.queue = list(events)
    if seconds:
        page._queue.process_time_per_fn[fn].add(seconds)


def why_not(page, address):
    return page.bounds.why_not(SimpleNamespace(fn_index=0), asked(address).request.scope)


def test_one_address_may_have_so_much_waiting_and_another_still_its_own(page, monkeypatch):
    monkeypatch.setattr(room, "MOST_OF_VISITOR", 2)
    waiting(page, asked(ONE), asked(ONE))
    assert "busy with what you asked before" in why_not(page, ONE)
    assert why_not(page, OTHER) == ""


def test_what_is_at_work_counts_as_well(page, monkeypatch):
    monkeypatch.setattr(room, "MOST_OF_VISITOR", 2)
    waiting(page, asked(ONE))
    page._queue.active_jobs = [None, [asked(ONE)]]
    assert "busy" in why_not(page, ONE)


def test_when_too_much_waits_in_all_or_for_too_long_it_is_said_at_once(page):
    waiting(page, *(asked(f"93.184.216.{n}") for n in range(3)))
    assert why_not(page, OTHER) == ""
    waiting(page, *(asked(f"93.184.216.{n}") for n in range(4)))
    assert "Tandem is busy: try again" in why_not(page, OTHER)
    waiting(page, *(asked(f"93.184.216.{n}") for n in range(3)), seconds=50)
    assert "Tandem is busy" in why_not(page, OTHER)  # 3 × 50 s / 2 at a time


def test_who_is_refused_is_told_with_a_503(page):
    page.bounds.closing = True
    pushed = asyncio.run(page._queue.push(SimpleNamespace(fn_index=0), asked(ONE).request, None))
    assert pushed == (False, "Tandem is being restarted: try again in a minute.", "queue_full")


def test_answers_that_nobody_fetches_and_sessions_of_calls_go(page, monkeypatch):
    monkeypatch.setattr(room, "UNREAD", 0.05)
    queue, states = page._queue, page.app.state_holder
    for session in ("a" * 32, "page"):
        queue.pending_messages_per_session[session] = asyncio.Queue()
        queue.pending_event_ids_session[session] = {"done"}
        _ = states[session]
    queue.event_ids_to_events["event"] = asked(ONE, session="page")  # at work yet
    page.bounds.sweep()
    assert "a" * 32 in queue.pending_messages_per_session
    time.sleep(0.1)
    page.bounds.sweep()
    assert list(queue.pending_messages_per_session) == ["page"]
    assert list(queue.pending_event_ids_session) == ["page"]
    page.bounds.sweep()
    assert list(states.session_data) == ["page"]
    monkeypatch.setattr(room, "FORGOTTEN", 0.01)
    queue.event_ids_to_events.clear()
    for _ in range(2):
        time.sleep(0.1)
        page.bounds.sweep()
    assert not states.session_data and not states.time_last_used


def test_a_clock_that_is_set_ahead_takes_no_page_its_state(page):
    states = page.app.state_holder
    _ = states["page"]
    states.time_last_used["page"] = datetime(2001, 1, 1)
    page.bounds.sweep()
    page.bounds.sweep()
    assert list(states.session_data) == ["page"]


def test_whoever_goes_on_asking_loses_no_answer(page, monkeypatch):
    monkeypatch.setattr(room, "UNREAD", 0.2)

    async def push(body, request, username):
        return True, "event", "success"

    page.bounds._push = push
    page._queue.pending_messages_per_session["client"] = asyncio.Queue()
    body = SimpleNamespace(fn_index=0, session_hash="client")
    for _ in range(4):  # quick calls, none of which is at work when it is looked
        page.bounds.sweep()
        time.sleep(0.1)
        asyncio.run(page._queue.push(body, asked(ONE).request, None))
    page.bounds.sweep()
    assert "client" in page._queue.pending_messages_per_session


def run(page, *inputs, **named):
    return asyncio.run(page.process_api(page.fns[0], list(inputs), **named))


def test_an_error_nobody_foresaw_is_said_with_its_id_and_logged_without_its_text(page, caplog):
    caplog.set_level(logging.INFO, "tandem.requests")
    request = gr.Request(SimpleNamespace(scope={"tandem_id": "0badcafe", "headers": []}))
    with pytest.raises(gr.Error, match=r"unforeseen went wrong \(request 0badcafe\)") as caught:
        run(page, "a secret question", request=request)
    assert not caught.value.print_exception and "secret" not in caplog.text
    assert "event 0badcafe failed: RuntimeError" in caplog.text
    assert "raise RuntimeError(f" in caplog.text and "event 0badcafe fail failed" in caplog.text


def test_a_refusal_stays_as_it_is(page, caplog):
    caplog.set_level(logging.INFO, "tandem.requests")
    with pytest.raises(gr.Error, match="^'A sentence.'$"):
        run(page, "refuse")
    assert "fail refused" in caplog.text


@pytest.mark.parametrize("inputs", [[], [{}][:0]], ids=["none", "empty"])
def test_values_that_fit_nowhere_are_said_to(page, inputs, caplog):
    with pytest.raises(gr.Error, match="not the values that this takes"):
        run(page, *inputs)
    assert "Traceback" not in caplog.text


def test_the_state_of_a_session_holds_no_copy_of_the_page(page):
    state = page.app.state_holder["page"]
    assert state.config_values == {}
    with pytest.raises(gr.Error):
        run(page, "refuse", state=state)
    assert state.config_values == {}
    assert set(state.blocks_config.blocks) == set(page.blocks)


def test_nothing_waits_in_a_queue_that_is_idle(page):
    waiting(page)
    assert page.bounds.is_idle and isinstance(page.bounds, BoundedQueue)
    waiting(page, asked(ONE))
    assert not page.bounds.is_idle
