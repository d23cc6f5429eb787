"""How often somebody may do something."""

import time

from ui.serving import rates as room
from ui.serving.rates import Rate


def test_so_many_acts_within_some_seconds_and_each_visitor_for_themselves():
    rate = Rate(2, 0.2)
    assert [rate.allows("a") for _ in range(3)] == [True, True, False]
    assert rate.allows("b")
    time.sleep(0.25)
    assert rate.allows("a")


def test_only_so_many_visitors_are_remembered(monkeypatch):
    monkeypatch.setattr(room, "MOST_KEPT", 3)
    rate = Rate(1, 60)
    for visitor in "abcd":
        rate.allows(visitor)
    assert len(rate._done) == 3 and not rate.allows("d")
