"""The blind test on the page.

Questions, two unlabelled lists, votes, and what they say.
"""

import csv
import io
import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

import gradio as gr

from corpus.text import shortened
from retrieval.blind import Ballot, Votes, VoteTally, ballots, tally
from retrieval.compare import Hit, check_query
from train.run.files import sentence_of, write_text
from train.run.record import now
from ui.auth import Visitor
from ui.html import elements
from ui.html.words import without_code
from ui.services.app import Services
from ui.services.model_pair import ModelPair
from ui.services.runs import RunService
from ui.serving.rates import Rate

from .board_handlers import pair_seen, report_place
from .shared import HIDDEN, QUIET, Shared

UNKNOWN = "unknown-"
"""How sessions begin of voters who did not sign in where one can."""
LISTED = 5
MOST_OWN = 50
"""Questions of one's own in a session."""
MOST_SESSIONS = {"": 500, UNKNOWN: 250}
"""Sessions kept for one pair, and those of voters who did not sign in among them."""
VOTES, SESSIONS = Rate(60, 60), Rate(20, 3_600)
"""How many votes a minute and sessions an hour are one visitor's."""
LONGEST_NAME = 60
LABELS = {"left": "Left is better", "right": "Right is better", "tie": "Equally good",
          "neither": "Neither helps"}


@dataclass(frozen=True)
class Session:
    """One sitting of one voter, on one pair of models.

    voter: what they call themselves. who: what is known of who they are.
    """

    id: str
    voter: str
    who: str
    run: str
    pair: str
    ballots: tuple[Ballot, ...]
    at: int = 0

    @property
    def ballot(self) -> Ballot | None:
        """The question that is put now; None when all were."""
        return self.ballots[self.at] if self.at < len(self.ballots) else None


def blind_tab(service: RunService, shared: Shared) -> None:
    """Build the blind test inside the current Blocks."""
    gr.HTML(elements.sentence("Which list answers better? Which model made which is not shown, and "
                            "drawn anew for each question."), js_on_load=None)
    with gr.Row():
        count = gr.Slider(1, 50, value=10, step=1, label="Test questions")
        name = gr.Textbox(label="Your name or initials", max_length=LONGEST_NAME,
                          info="To tell voters apart; it is kept with the votes.")
        own = gr.Textbox(label="Questions of your own instead, one a line", lines=3)
    start = gr.Button("Start", variant="primary", size="sm")
    session = gr.State(None)
    lists = gr.HTML(js_on_load=None, elem_id="blind")
    with gr.Row(visible=False, elem_id="blind-votes") as row:
        votes = {choice: gr.Button(label, size="sm") for choice, label in LABELS.items()}
    result = gr.HTML(js_on_load=None, elem_id="blind-result")
    with gr.Row():
        show = gr.Button("Show the result", size="sm")
        take = {kind: gr.Button(f"Votes as {kind.upper()}", size="sm") for kind in ("csv", "json")}
        save = gr.DownloadButton("Save", size="sm", visible=False, elem_id="votes-save")
    saved = gr.Textbox("", show_label=False, elem_classes="t-hide")
    start.click(_start(service), [shared.run, shared.nonce, count, name, own],
                [session, lists, row, result], concurrency_limit=2, **HIDDEN)
    for choice, button in votes.items():
        button.click(_vote(service.services, choice), session, [session, lists, row, result],
                     trigger_mode="once", concurrency_limit=4, **HIDDEN)
    show.click(_result(service), [shared.run, shared.nonce], result, **QUIET)
    for kind, button in take.items():
        button.click(_take(service, kind), [shared.run, shared.nonce, session], [save, saved],
                     **QUIET).success(None, saved, None, js="tandem.saveVotes")


def pair_key(pair: ModelPair) -> str:
    """Where the votes on a pair are kept.

    A name that no other pair has.
    """
    tuned = pair.tuned.encoder.fingerprint if pair.tuned else ""
    prints = (pair.base.encoder.fingerprint, tuned, pair.corpus.fingerprint)
    return "-".join("".join(mark for mark in text if mark.isalnum())[:12] for text in prints)


def votes_on(services: Services, pair: ModelPair) -> Votes:
    """The votes on a pair of models."""
    return Votes(services.settings.home / "votes" / pair_key(pair))


def session_for(votes: Votes, visitor: Visitor, identity: str) -> str:
    """The name of a visitor's session.

    ValueError where there are too many. identity: letters and digits of its own.
    """
    kind = "" if visitor.is_owner or visitor.account else UNKNOWN
    known = [path.stem for path in votes.folder.glob(f"{kind}*.jsonl")]
    if f"{kind}{identity}" in known:
        return f"{kind}{identity}"
    if len(known) >= MOST_SESSIONS[kind]:
        raise ValueError(f"There are {MOST_SESSIONS[kind]:,} sessions on this pair already: the "
                         "owner of this Tandem must take them away first"
                         f"{', or sign in' if kind else ''}.")
    if not SESSIONS.allows(visitor.shares) and visitor.shares:
        raise ValueError("You have begun as many sessions as count within an hour: go on later.")
    return f"{kind}{identity}"


def check_pace(who: str) -> None:
    """Refuse votes that are quicker than reading; ValueError."""
    if who and not VOTES.allows(who):
        raise ValueError("That was quicker than anybody reads: go on in a minute.")


def kept_vote(session: str, voter: str, who: str, ballot: Ballot, choice: str) -> dict[str, str]:
    """A vote as it is kept on disk."""
    return {"voter": voter, "who": who, "unknown": "yes" if session.startswith(UNKNOWN) else "",
            "query": ballot.query, "outcome": ballot.meant(choice), "choice": choice,
            "tuned_on": "left" if ballot.swapped else "right", "time": now()}


def begin(
    services: Services, visitor: Visitor, pair: ModelPair, run: str, count: int, name: str, own: str
) -> Session:
    """A new session.

    ValueError with a sentence when it cannot be held.
    """
    if pair.tuned is None:
        raise ValueError("This needs a fine-tuned model: it is there when training is done.")
    # A name is what a voter says, a session is what is known.
    identity = secrets.token_hex(8)
    named = session_for(votes_on(services, pair), visitor, identity)
    asked = [check_query(line) for line in own.splitlines() if line.strip()]
    if len(asked) > MOST_OWN:
        raise ValueError(f"At most {MOST_OWN} questions of your own fit, not {len(asked):,}.")
    texts = list(dict.fromkeys(asked)) or [
        pair.corpus.queries[query_id].text for query_id in pair.corpus.qrels.get("test", {})]
    if not texts:
        raise ValueError("The data has no test questions: write some of your own.")
    drawn = ballots(texts, len(texts) if asked else min(int(count), len(texts)),
                    secrets.randbits(32))
    voter = shortened(name.strip(), LONGEST_NAME) or f"voter {identity[:4]}"
    return Session(named, voter, visitor.shares, run, pair_key(pair), tuple(drawn))


def vote(services: Services, session: Session, choice: str) -> Session:
    """Keep one vote, and go on to the next question."""
    ballot, pair = session.ballot, services.opening.pair_of(session.run)
    if ballot is None:
        return session
    if pair_key(pair) != session.pair:
        raise ValueError("Another model has taken this one's place: start again.")
    check_pace(session.who)
    votes_on(services, pair).add(
        session.id, kept_vote(session.id, session.voter, session.who, ballot, choice))
    return replace(session, at=session.at + 1)


def two_lists(pair: ModelPair, session: Session) -> str:
    """The current question of the test, with both lists.

    Nothing in them tells which is which.
    """
    ballot = session.ballot
    if ballot is None:
        return elements.sentence(f"Thank you, {session.voter}: that was the last of "
                               f"{len(session.ballots):,} questions.")
    found = pair.compare(ballot.query, LISTED)
    base, tuned = found.base.hits, found.tuned.hits if found.tuned else ()
    left, right = (tuned, base) if ballot.swapped else (base, tuned)
    return (
        f'<div class="t t-blind"><p class="t-soft">Question {session.at + 1:,} of '
        f'{len(session.ballots):,}</p><h3>{escape(ballot.query)}</h3><div class="t-two">'
        f'{_list("Left", left)}{_list("Right", right)}</div></div>'
    )


def _list(name: str, hits: Sequence[Hit]) -> str:
    items = "".join(
        f'<li><article class="t-card"><div class="t-top"><span class="t-rank">{hit.rank}</span>'
        f'<span class="t-title">{escape(hit.title or shortened(hit.text, 60))}</span></div>'
        f'<details><summary><span class="t-text">{escape(hit.text)}</span></summary></details>'
        "</article></li>" for hit in hits
    )
    return f'<section><h3>{name}</h3><ol class="t-list" aria-label="{name}">{items}</ol></section>'


def outcome(found: VoteTally) -> str:
    """What the votes say."""
    return elements.sentence(f"{found.sentence} {found.voters:,} "
                             f"{'voter' if found.voters == 1 else 'voters'}, "
                             f"{found.questions:,} "
                             f"{'question' if found.questions == 1 else 'questions'}. "
                             f"{found.apart_sentence}".rstrip())


def exported(votes: Sequence[dict[str, str]], kind: str) -> str:
    """Votes as `csv`, or with their result as `json`."""
    if kind == "json":
        return json.dumps({"date": now(), "result": tally(votes).as_json(), "votes": list(votes)},
                          indent=1, ensure_ascii=False) + "\n"
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    keys = ("voter", "query", "outcome", "choice", "tuned_on", "time", "unknown")
    rows.writerow(keys)
    for row in votes:  # a quote before what a spreadsheet would take for a formula
        rows.writerow([f"'{text}" if (text := row.get(key, "")).startswith(("=", "+", "-", "@"))
                       else text for key in keys])
    return out.getvalue()


def _start(service: RunService) -> Callable[..., Any]:
    def start(
        request: gr.Request, run: str, nonce: str, count: int, name: str, own: str
    ) -> Any:
        try:
            pair = pair_seen(service, request, nonce, run)
            visitor = service.services.auth.visitor(request, nonce)
            session = begin(service.services, visitor, pair, run, count, name, own)
            lists = two_lists(pair, session)
        except ValueError as error:
            return None, elements.error(str(error)), gr.Row(visible=False), ""
        return session, lists, gr.Row(visible=True), ""

    return start


def _vote(services: Services, choice: str) -> Callable[[Session | None], Any]:
    def voted(session: Session | None) -> Any:
        if session is None:
            return None, elements.error("Press Start first."), gr.Row(visible=False), ""
        try:
            session = vote(services, session, choice)
            pair = services.opening.pair_of(session.run)
            lists = two_lists(pair, session)
        except (ValueError, OSError) as error:
            return session, elements.error(sentence_of(error)), gr.Row(visible=False), ""
        over = session.ballot is None
        said = outcome(tally(votes_on(services, pair).all())) if over else ""
        return session, lists, gr.Row(visible=not over), said

    return voted


def _result(service: RunService) -> Callable[..., str]:
    def result(request: gr.Request, run: str, nonce: str) -> str:
        try:
            pair = pair_seen(service, request, nonce, run)
        except ValueError as error:
            return elements.error(str(error))
        return outcome(tally(votes_on(service.services, pair).all()))

    return result


def _take(service: RunService, kind: str) -> Callable[..., Any]:
    def take(request: gr.Request, run: str, nonce: str, session: Session | None) -> Any:
        try:
            visitor = service.services.auth.looks(request, nonce)
            kept = votes_on(service.services, service.pair(visitor, run))
            # Names and questions of others are for the owner alone.
            mine = kept.all() if visitor.is_owner else kept.of(session.id) if session else []
            if not mine:
                raise ValueError("There are no votes of yours to take away yet.")
            place = report_place("votes", f".{kind}")
            write_text(place, exported(mine, kind))
        except (ValueError, OSError) as error:
            raise gr.Error(without_code(sentence_of(error)), print_exception=False) from error
        return gr.DownloadButton(f"Save {place.name}", value=str(place), visible=True), place.name

    return take
