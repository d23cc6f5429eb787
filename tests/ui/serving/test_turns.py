"""Whose heavy work is next."""

import pytest

from ui.serving.turns import AT_A_TIME, LARGE, MOST_WAITING, TooMuchError, Turns


def begun(turns, tickets):
    """The numbers of those whose turn it is now, each asking as it does while it waits."""
    return [n for n, ticket in enumerate(tickets) if not ticket.begun and turns.begins(ticket)]


def test_so_many_are_at_work_at_a_time_and_the_next_when_one_leaves():
    turns = Turns()
    tickets = [turns.join(who, 1) for who in "abc"]
    assert begun(turns, tickets) == [0, 1] and AT_A_TIME == 2
    turns.leave(tickets[0])
    assert turns.begins(tickets[2]) and turns.begins(tickets[2])


def test_something_small_does_not_wait_behind_what_is_large():
    turns = Turns()
    large = [turns.join(who, LARGE) for who in "abcdef"]
    assert begun(turns, large) == [0]
    small = turns.join("g", 1_000)
    assert turns.begins(small)
    turns.leave(small)
    assert begun(turns, large) == []  # and large work leaves the place free for what is small


def test_nobody_waits_behind_all_of_anothers_work():
    turns = Turns()
    many = [turns.join("many", 1) for _ in range(5)]
    assert begun(turns, many) == [0, 1]
    other = turns.join("other", 1)
    turns.leave(many[0])
    assert not turns.begins(many[2]) and turns.begins(other)


def test_those_who_were_served_last_wait_longest():
    turns = Turns()
    tickets = [turns.join(who, LARGE) for who in "aabb"]
    order = []
    while left := [one for one in tickets if one not in order]:
        (at,) = begun(turns, left)
        order.append(left[at])
        turns.leave(left[at])
    assert [one.share for one in order] == ["a", "b", "a", "b"]


def test_one_visitor_has_so_much_waiting_and_the_owner_as_much_as_they_like():
    turns = Turns()
    for _ in range(MOST_WAITING):
        turns.join("a", 1)
        turns.join("", 1)
    with pytest.raises(TooMuchError, match="6 of your files are being read already"):
        turns.join("a", 1)
    turns.join("b", 1)
    turns.join("", 1)
