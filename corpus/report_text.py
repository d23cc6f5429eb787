"""The data check's report for a person at a terminal."""

from collections.abc import Mapping
from typing import Any

from .report import Report


def as_text(report: Report) -> str:
    """The report for a person: the sizes, the findings worst first, how it is written."""
    splits = ", ".join(f"{split} {count:,}" for split, count in report.splits.items())
    lines = [
        f"{report.name}: {'can be used' if report.ok else 'cannot be used as it is'}",
        f"{report.pairs:,} pairs, {report.queries:,} questions ({splits}), "
        f"{report.passages:,} passages",
    ]
    if report.power.queries:
        lines.append(f"Test: {report.power.sentence()} (80 % power, 5 % two-sided, "
                     f"{_how(report)}).")
    lines += [f"Note: {note}" for note in report.notes]
    for finding in report.findings:
        lines += ["", f"{finding.severity.upper()} {finding.kind}: {finding.count:,}, "
                  f"{finding.treatment}",
                  f"  {finding.action}", *(f"  - {example}" for example in finding.examples)]
    if not report.findings:
        lines += ["", "Nothing to report."]
    return "\n".join(lines + (["", *_writing_lines(report.writing)] if report.writing else []))


def _how(report: Report) -> str:
    """What the detectable difference is reckoned from."""
    spread = report.spread
    if spread is None:
        return "assumed spread"
    base = (f"base has {spread.base_ndcg:.3f} on {spread.queries:,} questions among "
            f"{spread.passages:,} passages{', a sample' if spread.sampled else ''}")
    return f"{base}; {'its' if report.power.measured else 'assumed'} spread"


def _writing_lines(writing: Mapping[str, Any]) -> list[str]:
    tokens = writing["tokens"]
    lines = [f"Tokens ({tokens['counted_by']}):"]
    for what in ("questions", "passages", "passages_with_title"):
        spread = tokens[what]
        if spread and (what != "passages_with_title" or spread != tokens["passages"]):
            lines.append(f"  {what.replace('_', ' ')} {spread['min']} to {spread['max']}, "
                         f"mean {spread['mean']}")
    if (share := writing["at_most_one_shared_word"]) is not None:
        lines.append(f"Questions with at most one word of their passage: {share:.0%}")
    for what, pattern in writing["commonest_pattern"].items():
        if pattern:
            lines.append(f"Commonest opening of {what}: “{pattern['pattern']}”, "
                         f"{pattern['share']:.1%}")
    return lines
