"""Escaped HTML of publications. Pure functions."""

from collections.abc import Sequence
from html import escape

from train.run.parts import Published
from ui.services.publishing import PHASES, Publication


def publication(
    at: Publication | None, published: Sequence[Published], wanted: str = ""
) -> str:
    """A publication: how far it is, or how it ended.

    And where the run has been published before. wanted: where the run was to be published when it
    is done, if that has not happened.
    """
    parts = [_now(at)] if at is not None else []
    if at is None and not published and wanted:
        parts.append(f'<p class="t-soft">It was to be published to {escape(wanted)} when done: '
                     "press Publish.</p>")
    if at is None or not at.active:  # what is on its way stands there as not verified yet
        parts += [_before(entry) for entry in reversed(published)
                  if at is None or entry.revision != at.result.get("revision")]
    return f'<div class="t t-published">{"".join(parts)}</div>' if parts else ""


def _now(at: Publication) -> str:
    if at.active:
        bar = sizes = ""
        if total := at.progress.total:
            bar = (f'<progress max="{total}" value="{at.progress.done}" aria-label="Bytes sent">'
                   "</progress>")
            sizes = f" · {_size(at.progress.done)} of {_size(total)}"
            if at.phase == "onnx":  # counted in passages
                sizes = f" · {at.progress.done:,} of {total:,} passages"
        phase = escape(PHASES.get(at.phase, at.phase.capitalize()))
        return (f'<div class="t-state" data-kind="training" role="status"><p><strong>{phase}'
                f"</strong> · {escape(at.to)}{sizes}</p>{bar}</div>")
    if at.kind == "done":
        return _result(Published.from_json(at.result), bool(at.result.get("changed")))
    if at.kind == "edited":
        return (f'<p class="t-error" role="alert">{escape(at.text)}</p>'
                f'<pre class="t-diff" tabindex="0">{_diff(at.diff)}</pre>')
    return f'<p class="t-error" role="alert">{escape(at.text)}</p>'


def _result(entry: Published, changed: bool) -> str:
    said = "Published" if changed else "Nothing new: it is there as it is here"
    return (f'<div class="t-good" role="status"><p><strong>{said}.</strong> {_entry(entry)}</p>'
            "</div>")


def _before(entry: Published) -> str:
    return f'<p class="t-soft">{_entry(entry)}</p>'


def _entry(entry: Published) -> str:
    link = escape(entry.repo)
    if entry.url.startswith(("https://", "http://127.0.0.1", "http://localhost")):
        link = f'<a href="{escape(entry.url)}" target="_blank" rel="noopener noreferrer">{link}</a>'
    what = "pull request" if entry.pull_request else "commit"
    verified = "verified" if entry.verified else "not verified"
    at = f", {escape(entry.at[:16].replace('T', ' '))} UTC" if entry.at else ""
    note = f" {escape(entry.note)}" if entry.note else ""
    return (f"{link}, {what} <code>{escape(entry.revision[:12])}</code>, "
            f"<b>{verified}</b>{at}.{note}")


def _diff(diff: str) -> str:
    ways = {"+": "up", "-": "down"}
    return "".join(
        f'<span data-way="{ways.get(line[:1], "")}">{escape(line)}\n</span>'
        for line in diff.splitlines()
    )


def _size(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"
