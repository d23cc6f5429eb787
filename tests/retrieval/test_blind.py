import random

import pytest
from scipy import stats

from retrieval.blind import Ballot, Votes, ballots, fleiss_kappa, sign_test, tally


def votes(*rows):
    return [{"voter": voter, "query": query, "outcome": outcome} for voter, query, outcome in rows]


def test_what_left_and_right_mean_depends_on_the_side_tuned_is_on():
    assert Ballot("q", True).meant("left") == "tuned"
    assert Ballot("q", True).meant("right") == "base"
    assert Ballot("q", False).meant("left") == "base"
    assert Ballot("q", False).meant("neither") == "neither"
    with pytest.raises(ValueError, match="one of left, right, tie, neither"):
        Ballot("q", False).meant("tuned")


def test_ballots_repeat_no_question_and_favour_no_side():
    drawn = ballots([f"q{i}" for i in range(30)], 20, seed=3)
    assert len({ballot.query for ballot in drawn}) == 20
    assert sum(ballot.swapped for ballot in drawn) == 10
    assert drawn == ballots([f"q{i}" for i in range(30)], 20, seed=3)
    assert drawn != ballots([f"q{i}" for i in range(30)], 20, seed=4)
    for count in (0, 31):
        with pytest.raises(ValueError, match="from 1 to 30"):
            ballots([f"q{i}" for i in range(30)], count, 1)


def test_the_sign_test_is_the_exact_one():
    assert sign_test(9, 1) == pytest.approx(2 * 11 / 2**10)
    assert sign_test(0, 0) == 1
    assert sign_test(3, 3) == 1


def test_votes_are_counted_once_a_voter_and_question_the_last_one():
    found = tally(votes(("a", "q1", "base"), ("a", "q1", "tuned"), ("b", "q1", "tuned"),
                        ("b", "q2", "tie"), ("b", "q3", "nonsense")))
    assert found.counts == {"base": 0, "tuned": 2, "tie": 1, "neither": 0}
    assert (found.voters, found.questions) == (2, 2)


def test_the_sentence_names_a_preference_only_when_it_is_clear():
    clear = tally(votes(*[("a", f"q{i}", "tuned") for i in range(9)]))
    assert clear.sentence.startswith("Fine-tuned is preferred: Fine-tuned was preferred 9 times")
    few = tally(votes(*[("a", f"q{i}", "base") for i in range(5)]))
    assert few.sentence.startswith("No clear preference")
    assert tally([]).sentence == "Nobody has preferred a side yet."
    assert clear.agreement is None and clear.as_json()["p"] == clear.p


def test_agreement_is_full_none_and_as_worked_out_by_hand():
    assert fleiss_kappa([{"base": 2}, {"tuned": 2}]) == pytest.approx(1)
    assert fleiss_kappa([{"base": 1, "tuned": 1}, {"base": 1, "tuned": 1}]) == pytest.approx(-1)
    # shares 3/4 and 1/4: chance 10/16; the two questions agree by 1 and 0, so (0.5-0.625)/0.375
    assert fleiss_kappa([{"base": 2}, {"base": 1, "tuned": 1}]) == pytest.approx(-1 / 3)
    assert fleiss_kappa([{"base": 1}]) is None


def test_chance_votes_agree_by_chance_only():
    rng = random.Random(1)
    rows = [(voter, f"q{i}", rng.choice(["base", "tuned"])) for voter in "abcd"
            for i in range(400)]
    assert abs(tally(votes(*rows)).agreement) < 0.05
    assert "hardly more than by chance" in tally(votes(*rows)).sentence


def test_votes_outlive_their_session_and_a_line_cut_off(tmp_path):
    kept = Votes(tmp_path / "votes")
    kept.add("s-1", {"voter": "a", "query": "q", "outcome": "tie"})
    kept.add("s-2", {"voter": "b", "query": "q", "outcome": "base"})
    with (tmp_path / "votes" / "s-2.jsonl").open("a") as file:
        file.write('{"voter": "b", "que')
    assert Votes(tmp_path / "votes").all() == [
        {"voter": "a", "query": "q", "outcome": "tie"},
        {"voter": "b", "query": "q", "outcome": "base"}]
    assert Votes(tmp_path / "none").all() == []


@pytest.mark.parametrize("session", ["", "../x", "a/b", "a.b", "x" * 81, "é"])
def test_a_session_cannot_lead_out_of_its_folder(tmp_path, session):
    with pytest.raises(ValueError, match="no name of a session"):
        Votes(tmp_path).add(session, {})


def test_scipy_and_the_sum_of_the_tail_agree():
    assert sign_test(14, 5) == pytest.approx(2 * stats.binom.sf(13, 19, 0.5))
