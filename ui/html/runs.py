"""Escaped HTML of runs.

How one is doing, and two beside each other. Pure functions.
"""

from collections.abc import Mapping, Sequence
from html import escape

from retrieval.metrics import PRIMARY
from train.engines.offers import TITLES
from train.report.charts import curve
from train.report.evidence_html import WAYS
from train.run.compare import RunRow
from ui.services.progress import duration, time_left
from ui.services.run_state import LOST_AFTER, RunState

STATUS_WORDS = {
    "queued": "Waiting",
    "running": "Running",
    "done": "Done",
    "stopped": "Stopped",
    "failed": "Failed",
    "interrupted": "Interrupted",
    "damaged": "Damaged",
}
STATUS_KIND = {"done": "ready", "failed": "failed", "interrupted": "failed"}


def no_run() -> str:
    """What to do first while there is no run."""
    return (
        '<div class="t"><p class="t-empty">No run yet. Choose data and a recipe, look at what will '
        "happen, and start: the curves, the time left and the verdict appear here. A run goes on "
        "when this page is closed.</p></div>"
    )


def run_panel(state: RunState, now_showing: bool = False) -> str:
    """Everything about one run.

    What it is, how far it is, its curves, how it ended.
    """
    parts = [_head(state), _progress(state), _verdict(state, now_showing), _facts(state),
             curves(state), _log(state)]
    return f'<div class="t t-run" data-run="{escape(state.id)}">{"".join(parts)}</div>'


def _head(state: RunState) -> str:
    kind = STATUS_KIND.get(state.status, "")
    return (
        f'<div class="t-runhead"><h2>{escape(state.data)} · {escape(state.recipe)}</h2>'
        f'<span class="t-chip t-status" data-kind="{kind}">'
        f"{STATUS_WORDS.get(state.status, escape(state.status))}</span>"
        f'<small class="t-soft">{escape(started(state.created))}</small></div>'
    )


def _progress(state: RunState) -> str:
    if state.error and not state.active:
        return f'<p class="t-error" role="alert">{escape(state.error)}</p>'
    if not state.active:
        return ""
    note = f'<p class="t-soft">{escape(state.note)}</p>' if state.note else ""
    share = f"{100 * (state.share or 0):.0f}"
    return (
        f'<div class="t-state" data-kind="training" role="status"><p>{_doing(state)}</p>'
        f'<progress max="100" value="{share}" aria-label="Share done"></progress>{note}</div>'
    )


def _doing(state: RunState) -> str:
    if state.status == "queued":
        ahead = f"{state.place} {'run goes' if state.place == 1 else 'runs go'} before it"
        return f"<strong>In the queue</strong> · {ahead if state.place else 'it is next'}"
    doing = f"<strong>{escape(state.phase.capitalize() or 'Starting')}</strong>"
    if state.steps:
        doing += f" · step {state.step:,} of {state.steps:,}"
    if state.left_s is not None:
        doing += f" · {time_left(state.left_s)}"
    if state.silent_s > LOST_AFTER:
        doing += f" · nothing heard for {state.silent_s / 60:.0f} min"
    return doing


def _verdict(state: RunState, now_showing: bool) -> str:
    if not state.verdict or state.active:  # a resumed run is not measured yet
        return ""
    shown = '<p class="t-soft">Compare and Scoreboard show this run.</p>' if now_showing else ""
    return (f'<p class="t-say" data-mood="{state.mood}" role="status">{escape(state.verdict)}</p>'
            f"{shown}")


def _facts(state: RunState) -> str:
    facts = {
        "Base": state.base.rsplit("/", 1)[-1],
        "Prompts": state.prompts,
        "Where": " · ".join(filter(None, [TITLES.get(state.engine, ""), state.flavor]))
        if state.engine != "local" else "",
        "Device": state.device,
        "Speed": f"{state.examples_per_second:,.0f} pairs a second"
        if state.examples_per_second and state.active else "",
        "Memory": f"{state.memory / 1e9:.1f} GB" if state.memory and state.active else "",
        "Took": duration(state.seconds) if state.seconds and not state.active else "",
        "Steps": f"{state.steps:,} in {state.epochs} {'epoch' if state.epochs == 1 else 'epochs'}"
        if state.steps else "",
    }
    shown = "".join(
        f"<div><dt>{name}</dt><dd>{escape(value)}</dd></div>"
        for name, value in facts.items() if value
    )
    return f'<dl class="t-facts">{shown}</dl>' if shown else ""


def curves(state: RunState) -> str:
    """Loss and ndcg@10 curves of a run.

    Nothing before there are any.
    """
    if not state.loss and not state.dev:
        return ""
    base = state.dev[0][1] if state.dev and state.dev[0][0] == 0 else None
    loss = curve(
        "Training loss", state.loss, "step", x_end=float(state.steps),
        said=f"Loss {state.loss[0][1]:.3f} at first, {state.loss[-1][1]:.3f} now. It goes up and "
        "down from step to step, as no two batches are alike: its course over many steps counts."
        if state.loss else "",
    ) if state.loss else ""
    measured = [f"{'Base' if epoch == 0 else f'epoch {epoch:g}'} {value:.3f}"
                for epoch, value in state.dev]
    dev = curve(
        f"{PRIMARY} on questions kept out of training", state.dev, "epoch",
        x_end=float(state.epochs or 1),
        level=None if base is None else ("Base", base), dots=True,
        said=" · ".join(measured),
    ) if state.dev else ""
    return f'<div class="t-charts">{dev}{loss}</div>'


def _log(state: RunState) -> str:
    if not state.log:
        return ""
    lines = "".join(f"<li>{escape(line)}</li>" for line in state.log)
    return f'<details class="t-log"><summary>Log</summary><ul>{lines}</ul></details>'


def several(rows: Sequence[RunRow], names: Mapping[str, str]) -> str:
    """Several runs on the same queries, against the first.

    names: of a run by its id.
    """
    body = "".join(
        f'<tr><th scope="row">{escape(names.get(row.run_id, row.run_id))}</th>'
        f"<td>{escape(row.recipe)}</td><td>{row.base:.3f}</td><td>{row.tuned:.3f}</td>{_against(row)}"
        f"<td>{duration(row.seconds) if row.seconds else '–'}</td></tr>" for row in rows
    )
    heads = "".join(f'<th scope="col">{head}</th>' for head in
                    ("Run", "Recipe", "Base", f"Fine-tuned {PRIMARY}", "against the first",
                     "95 % interval", "Took"))
    return (
        '<div class="t t-board"><div class="t-scroll" tabindex="0" role="region" '
        f'aria-label="Runs on the same questions"><table class="t-table"><thead><tr>{heads}</tr>'
        f"</thead><tbody>{body}</tbody></table></div></div>"
    )


def name_of(state: RunState) -> str:
    """The name of a run for a reader.

    What, and when.
    """
    return named(state.data, state.recipe, state.created)


def named(data: str, recipe: str, created: str) -> str:
    """The name of a run by what its record says."""
    return f"{data} · {recipe} · {started(created)}"


def started(created: str) -> str:
    """When a run was started, to the second."""
    return created[:19].replace("T", " ")


def _against(row: RunRow) -> str:
    if row.against is None:
        return "<td>–</td><td>–</td>"
    gap = row.against.differences[PRIMARY]
    return (f'<td data-way="{WAYS[gap.outcome]}">{gap.value:+.3f}</td>'
            f"<td>{gap.low:+.3f} to {gap.high:+.3f}</td>")
