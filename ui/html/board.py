"""Escaped HTML of the Scoreboard.

The verdict in counts, then in figures. Pure functions.
"""

from collections.abc import Sequence
from html import escape

from retrieval.evaluation import Evidence, Topic
from retrieval.metrics import PRIMARY
from retrieval.statistics import NO_DIFFERENCE
from train.report.evidence_html import SIDES, WAYS, Names, metrics_table, pictures
from train.run.extra_parts import CrossValidation


def nothing_measured(kind: str, about: str) -> str:
    """Why there is no verdict yet, in its place.

    kind: of the opening state. about: what it is doing.
    """
    said = {"loading": "What was measured is being read.",
            "waiting": "What was measured is being read.",
            "training": "Nothing is measured yet: a fine-tuned model is being made.",
            "ready": "Nothing is measured yet.",
            }.get(kind, "Nothing is measured yet: there is no fine-tuned model.")
    busy = ' aria-busy="true"' if kind in ("loading", "waiting") else ""
    return f'<div class="t"><p class="t-empty"{busy}>{escape(f"{said} {about}".strip())}</p></div>'


def verdict_head(evidence: Evidence, names: Names = SIDES, more: str = "") -> str:
    """The verdict for somebody who decides.

    Counts, the interval in words, won and lost. more: a sentence before the verdict's own.
    """
    gap = evidence.differences[PRIMARY]
    return (
        f'<div class="t t-verdict"><p class="t-say" data-mood="{WAYS[gap.outcome]}">'
        f"{escape(in_counts(evidence, names))}</p>"
        f"<p>{escape(_interval(evidence, names))}</p>{_won_bar(evidence)}"
        f'<p class="t-soft">{escape(f"{more} {evidence.verdict_of(*names)}".strip())}</p></div>'
    )


def cross_validated(found: CrossValidation | None) -> str:
    """The cross-validated verdict, over all questions."""
    if found is None:
        return ""
    return (f'<div class="t"><p class="t-say" data-mood="{WAYS[found.outcome]}">'
            f"{escape(found.verdict)}</p></div>")


def in_counts(evidence: Evidence, names: Names = SIDES) -> str:
    """How often the right answer comes first, on both sides."""
    before, after = (sum(judged.best_rank == 1 for judged in side.values())
                     for side in (evidence.base, evidence.tuned))
    asked = len(evidence.base)
    other = "before" if names[0] == SIDES[0] else f"with {names[0]}"
    unclear = "" if evidence.differences[PRIMARY].outcome != NO_DIFFERENCE \
        else "No clear difference. "
    return (f"{unclear}The right answer comes first for {after:,} of {asked:,} "
            f"{'question' if asked == 1 else 'questions'}; {other}, for {before:,}.")


def _interval(evidence: Evidence, names: Names) -> str:
    """The interval of the difference, in words."""
    gap = evidence.differences[PRIMARY]
    likely = f"between {gap.low:+.3f} and {gap.high:+.3f}"
    if gap.outcome == NO_DIFFERENCE:
        return (f"Asked other questions like these, the difference in {PRIMARY} would most likely "
                f"lie {likely}: it may be a gain, a loss, or nothing.")
    kind = "gain" if gap.outcome == "better" else "loss"
    return (f"Asked other questions like these, the {kind} in {PRIMARY} (here {gap.value:+.3f}) "
            f"would most likely lie {likely}: more than chance explains.")


def _won_bar(evidence: Evidence) -> str:
    """Won, tied and lost as a bar with its labels."""
    found = evidence.outcomes
    parts = (("up", "won", "better than before"), ("same", "tied", "no change"),
             ("down", "lost", "worse than before"))
    bar = "".join(f'<i data-way="{way}" style="flex:{found[name]}"></i>' for way, name, _ in parts)
    key = "".join(f'<span><i data-way="{way}"></i><b>{found[name]:,}</b> {name}: {said}</span>'
                  for way, name, said in parts)
    said = ", ".join(f"{found[name]:,} {name}" for _, name, _ in parts)
    return (f'<div class="t-wins" role="img" aria-label="Questions: {said}">{bar}</div>'
            f'<p class="t-winkey">{key}</p>')


def figures(
    evidence: Evidence, about: str, names: Names = SIDES, topics: Sequence[Topic] = ()
) -> str:
    """The fifteen metrics and the pictures of them."""
    return (f'<div class="t t-board">{metrics_table(evidence, names, about)}'
            f'<div class="t-charts">{pictures(evidence, names, topics, opens=True)}</div></div>')
