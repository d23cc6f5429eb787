"""What benchmarks print and keep: tables, JSON, sections of RESULTS.md."""

import importlib.metadata
import json
import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_name("RESULTS.md")
LIBRARIES = ("torch", "sentence-transformers", "onnxruntime", "numpy", "gradio")


@dataclass(frozen=True)
class Part:
    """What one benchmark found.

    name: under which RESULTS.md keeps it. text: its tables as Markdown.
    """

    name: str
    title: str
    text: str
    figures: dict[str, Any]


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of cells."""
    lines = [f"| {' | '.join(row)} |" for row in [head, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(head), *lines[1:]])


def finish(part: Part, out: Path | None) -> None:
    """Print a benchmark's tables and write its JSON.

    The JSON says on what machine and with what versions. The environment variable
    `BENCH_RESULTS=1` has its section of RESULTS.md replaced too: `make bench` sets it.
    """
    figures = {"part": part.name, **ran_on(), **part.figures}
    sys.stdout.write(f"## {part.title}\n\n{part.text}\n")
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    if os.environ.get("BENCH_RESULTS") == "1":
        RESULTS.write_text(with_section(RESULTS.read_text("utf-8"), part), "utf-8")


def ran_on() -> dict[str, Any]:
    """When, on what machine, and with what versions."""
    return {"date": time.strftime("%F", time.gmtime()), "machine": machine(),
            "versions": {"python": platform.python_version()} | {
                name: importlib.metadata.version(name) for name in LIBRARIES}}


def machine() -> str:
    """What processor this is, and how many cores of it."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return f"{platform.machine()}, {os.cpu_count()} cores"
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    named = {name.strip(): value.strip() for name, value in fields.items()}
    flags = [flag for flag in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
             if flag in named.get("flags", "").split()]
    return f"{named.get('model name', 'unknown')}, {os.cpu_count()} cores, {' '.join(flags)}"


def with_section(text: str, part: Part) -> str:
    """RESULTS.md with the section of a benchmark replaced, or added at its end."""
    ran = ran_on()
    versions = ", ".join(f"{name} {version}" for name, version in ran["versions"].items())
    begin, end = f"<!-- bench {part.name} -->", f"<!-- end {part.name} -->"
    section = (f"{begin}\n## {part.title}\n\n{ran['date']}, {ran['machine']}; {versions}.\n\n"
               f"{part.text}\n{end}")
    known = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
    if known.search(text):
        return known.sub(lambda _: section, text)
    return f"{text.rstrip()}\n\n{section}\n"
