"""The blind test.

Which of two unlabelled lists is better, as people see it. A voter gets each question with both
lists in random order and chooses left, right, tie or neither. What the sides are is drawn from the
session's seed, so it is known afterwards and shown to nobody before.
"""

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CHOICES = ("left", "right", "tie", "neither")
OUTCOMES = ("base", "tuned", "tie", "neither")
LEVEL = 0.05


@dataclass(frozen=True)
class Ballot:
    """One question as it is put to a voter.

    swapped: whether tuned stands on the left.
    """

    query: str
    swapped: bool

    def meant(self, choice: str) -> str:
        """What a choice means: `base`, `tuned`, `tie` or `neither`.

        ValueError for no choice.
        """
        if choice not in CHOICES:
            raise ValueError(f"A vote is one of {', '.join(CHOICES)}, not {choice!r:.40}.")
        if choice in ("left", "right"):
            return "tuned" if (choice == "left") == self.swapped else "base"
        return choice


@dataclass(frozen=True)
class VoteTally:
    """The votes of all voters.

    agreement: Fleiss' kappa, None where nobody shares a question. apart, apart_voters: of voters
    whom nobody knows, who may all be one script: they count in nothing else.
    """

    counts: Mapping[str, int]
    voters: int
    questions: int
    p: float
    agreement: float | None
    apart: Mapping[str, int] = field(default_factory=dict)
    apart_voters: int = 0

    @property
    def apart_sentence(self) -> str:
        """What voters say who did not sign in.

        Empty without any.
        """
        if not self.apart_voters:
            return ""
        return (f"Apart, and in no verdict, {self.apart_voters:,} who did not sign in: Fine-tuned "
                f"{self.apart['tuned']:,} times, Base {self.apart['base']:,} times, "
                f"{self.apart['tie'] + self.apart['neither']:,} times neither side.")

    @property
    def sentence(self) -> str:
        """What the votes say, in words."""
        base, tuned = self.counts["base"], self.counts["tuned"]
        if not base + tuned:
            return "Nobody has preferred a side yet."
        said = (f"Fine-tuned was preferred {_times(tuned)}, Base {_times(base)} (sign test, "
                f"p = {self.p:.3f})")
        rest = f"a tie {_times(self.counts['tie'])}, neither {_times(self.counts['neither'])}"
        verdict = "No clear preference"
        if self.p < LEVEL:
            verdict = f"{'Fine-tuned' if tuned > base else 'Base'} is preferred"
        agreed = ""
        if self.agreement is not None:
            agreed = f" The {self.voters:,} voters agree {_agreed(self.agreement)}."
        return f"{verdict}: {said}; {rest}.{agreed}"

    def as_json(self) -> dict[str, Any]:
        """The tally in figures."""
        return {"counts": dict(self.counts), "voters": self.voters, "questions": self.questions,
                "p": self.p, "agreement": self.agreement, "sentence": self.sentence,
                "not_signed_in": {"voters": self.apart_voters, "counts": dict(self.apart)}}


def ballots(queries: Sequence[str], count: int, seed: int) -> list[Ballot]:
    """Draw queries, each with its own side for tuned.

    None is drawn twice. ValueError when `count` is no number from 1 to how many there are.
    """
    if not 1 <= count <= len(queries):
        raise ValueError(f"Choose from 1 to {len(queries):,} questions, not {count}.")
    draw = random.Random(seed)
    chosen = draw.sample(list(queries), count)
    # As many left as right, but for one: a voter who always says left prefers nobody.
    sides = [place % 2 == 0 for place in range(count)]
    draw.shuffle(sides)
    return [Ballot(query, swapped) for query, swapped in zip(chosen, sides, strict=True)]


def tally(votes: Sequence[Mapping[str, str]]) -> VoteTally:
    """Count votes: each with `voter`, `query` and `outcome`.

    A voter's last on a query counts. Votes with `who` are of whoever that is, whatever they call
    themselves; those with `unknown` stand apart.
    """
    last, apart = (_last([vote for vote in votes if bool(vote.get("unknown")) == unknown])
                   for unknown in (False, True))
    counts = _counted(last)
    by_query: dict[str, Counter[str]] = {}
    for (_, query), outcome in last.items():
        by_query.setdefault(query, Counter())[outcome] += 1
    return VoteTally(counts, len({voter for voter, _ in last}), len(by_query),
                     sign_test(counts["tuned"], counts["base"]),
                     fleiss_kappa(list(by_query.values())), _counted(apart),
                     len({voter for voter, _ in apart}))


def _last(votes: Sequence[Mapping[str, str]]) -> dict[tuple[str, str], str]:
    """The last outcome of each voter on each query."""
    return {(vote.get("who") or vote["voter"], vote["query"]): vote["outcome"] for vote in votes
            if vote["outcome"] in OUTCOMES}


def _counted(last: Mapping[tuple[str, str], str]) -> dict[str, int]:
    found = Counter(last.values())
    return {outcome: found[outcome] for outcome in OUTCOMES}


def sign_test(wins: int, losses: int) -> float:
    """Two-sided p of wins against losses, ties left out.

    1 where there are none of either.
    """
    from scipy import stats  # half a second to import: not before somebody votes

    if not wins + losses:
        return 1.0
    return float(stats.binomtest(wins, wins + losses, 0.5).pvalue)


def fleiss_kappa(rated: Sequence[Mapping[str, int]]) -> float | None:
    """Agreement of voters beyond chance (Fleiss 1971).

    Over questions that two or more rated. rated: for each question, outcome -> voters. Questions
    need not have as many voters each. 1 is full agreement, 0 what chance gives; None where no
    question has two voters.
    """
    shared = [row for row in rated if sum(row.values()) > 1]
    if not shared:
        return None
    total = sum(sum(row.values()) for row in shared)
    chance = sum((sum(row.get(outcome, 0) for row in shared) / total) ** 2 for outcome in OUTCOMES)
    agreed = sum(_agreement(row) for row in shared) / len(shared)
    return 1.0 if chance == 1 else (agreed - chance) / (1 - chance)


def _agreement(row: Mapping[str, int]) -> float:
    voters = sum(row.values())
    return sum(n * (n - 1) for n in row.values()) / (voters * (voters - 1))


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _agreed(kappa: float) -> str:
    """Kappa in words (Landis & Koch 1977)."""
    words = ((0.8, "almost fully"), (0.6, "to a large part"), (0.4, "to some part"),
             (0.2, "a little"))
    said = next((word for least, word in words if kappa > least), "hardly more than by chance")
    return f"{said} (Fleiss' kappa {kappa:.2f})"


@dataclass(frozen=True)
class Votes:
    """The votes on one pair of models, on disk.

    A file a session, a line a vote.
    """

    folder: Path

    def add(self, session: str, vote: Mapping[str, str]) -> None:
        """Append a vote.

        session: letters, digits, - and _ only, or ValueError.
        """
        if not session or not all(mark.isascii() and (mark.isalnum() or mark in "-_")
                                  for mark in session) or len(session) > 80:
            raise ValueError(f"{session!r:.80} is no name of a session.")
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / f"{session}.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(dict(vote), ensure_ascii=False) + "\n")

    def all(self) -> list[dict[str, str]]:
        """Every whole vote of every session, in order within each."""
        return [vote for path in sorted(self.folder.glob("*.jsonl")) for vote in _read(path)]

    def of(self, session: str) -> list[dict[str, str]]:
        """The votes of one session."""
        path = self.folder / f"{session}.jsonl"
        return _read(path) if path.is_file() else []


def _read(path: Path) -> list[dict[str, str]]:
    found = []
    for line in path.read_bytes().split(b"\n"):
        try:
            vote = json.loads(line)
        except ValueError:
            continue  # the last one, cut off
        if isinstance(vote, dict) and {"voter", "query", "outcome"} <= vote.keys():
            found.append({str(key): str(value) for key, value in vote.items()})
    return found
