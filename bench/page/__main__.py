"""How long a visitor waits, in a real browser.

    python -m bench.page --home HOME --out FILE.json [--against CHECKOUT --against-home HOME]

From the page's address to its first result, and from the Enter key to the result of a question;
from the address to where own data is brought; and what a page at rest still takes of the browser
and asks of the app. HOME has a finished run and the vectors of the built-in corpus. With
`--against` another checkout of Tandem is measured in turn with this one, load by load, so that
other work on the machine weighs on both. It needs what the tests need: playwright and Chromium.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOADS = 5
QUESTIONS = ("does the boxster have a frunk", "how quick off the line is the base 718",
             "flappy paddle gearbox jerks when cold", "what does the electric one tow",
             "which tyres for the snow", "how long does the battery last")
KINDS = ("first_result", "question", "own_data", "busy_until_first", "busy_at_rest",
         "requests_at_rest")
"""Seconds, but for the last. `busy`: how long the page's thread was at work; at rest, and requests:
in a minute."""
TUNED = "document.querySelector('#result ol[aria-label=Fine-tuned] article') !== null"
BOTH = f"() => {TUNED}"
ANSWERED = ("text => document.querySelector('#result [data-query]')?.dataset.query === text && "
            f"{TUNED}")
REST = 20
"""Seconds that a page at rest is watched."""
WITHIN = 60_000
"""Milliseconds that anything may take."""


def main() -> None:
    """Measure one checkout, or two in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--against", type=Path)
    parser.add_argument("--against-home", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    sides = {"this": (ROOT, options.home)}
    if options.against:
        sides["against"] = (options.against, options.against_home or options.home)
    with ExitStack() as stack:
        urls = {name: stack.enter_context(served(*where)) for name, where in sides.items()}
        found = measured(urls)
    result = {name: {kind: _spread(times) for kind, times in kinds.items()}
              for name, kinds in found.items()}
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")
    print(json.dumps(result, indent=1))


@contextmanager
def served(root: Path, home: Path) -> Iterator[str]:
    """A checkout's app at work; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"TANDEM_HOME": str(home.resolve()), "PORT": str(port)}
    app = subprocess.Popen([sys.executable, "app.py"], cwd=root, env=env,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        app.terminate()
        app.wait(30)


def measured(urls: Mapping[str, str]) -> dict[str, dict[str, list[float]]]:
    """Seconds to the first result and of each question, by side."""
    from playwright.sync_api import sync_playwright

    times: dict[str, dict[str, list[float]]] = {
        name: {kind: [] for kind in KINDS} for name in urls}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"),
                                             args=["--no-sandbox", "--disable-gpu"])
        for url in urls.values():  # until both models are there; and files are warm
            _until_both(browser, url)
        for load in range(LOADS):
            for name, url in list(urls.items())[:: 1 if load % 2 else -1]:
                for kind, seconds in _one_load(browser, url).items():
                    times[name][kind] += seconds
        browser.close()
    return times


def _until_both(browser: Any, url: str) -> None:
    for _ in range(120):
        page = browser.new_page()
        try:
            page.goto(url)
            page.wait_for_function(BOTH, timeout=5_000)
            return
        except Exception:  # it does not listen yet, or has one side only
            time.sleep(1)
        finally:
            page.close()
    raise SystemExit(f"There are no two models at {url}.")


def _one_load(browser: Any, url: str) -> dict[str, list[float]]:
    """One visitor: the page, its first result, then a few questions."""
    page = browser.new_page()
    page.set_default_timeout(WITHIN)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")
    start = time.monotonic()
    page.goto(url)
    page.wait_for_function(BOTH)
    first, until_first = time.monotonic() - start, _busy(metrics)
    page.wait_for_timeout(5_000)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    before = _busy(metrics)
    page.wait_for_timeout(REST * 1_000)
    at_rest, requests = _busy(metrics) - before, len(sent)
    asked = []
    box = page.get_by_label("Your question")
    for question in QUESTIONS:
        box.fill("")
        page.wait_for_timeout(300)  # what typing itself starts
        box.fill(question)
        start = time.monotonic()
        box.press("Enter")
        page.wait_for_function(ANSWERED, arg=question)
        asked.append(time.monotonic() - start)
    page.close()
    return {"first_result": [first], "question": asked, "own_data": [_own_data(browser, url)],
            "busy_until_first": [until_first], "busy_at_rest": [at_rest * 60 / REST],
            "requests_at_rest": [requests * 60 / REST]}


def _busy(metrics: Any) -> float:
    """Seconds the page's thread was at work since the page was opened."""
    told = metrics.send("Performance.getMetrics")["metrics"]
    return float(next(each["value"] for each in told if each["name"] == "TaskDuration"))


def _own_data(browser: Any, url: str) -> float:
    """Seconds from the address to where own data is brought, for who goes there at once."""
    page = browser.new_page()
    page.set_default_timeout(WITHIN)
    start = time.monotonic()
    page.goto(url)
    page.get_by_role("tab", name="Fine-tune", exact=True).click()
    page.get_by_role("radio", name="My own data").check()
    page.locator("#before").wait_for()
    seconds = time.monotonic() - start
    page.close()
    return seconds


def _spread(seconds: list[float]) -> dict[str, float]:
    ranked = sorted(seconds)
    return {"n": len(ranked), "median": round(statistics.median(ranked), 3),
            "p95": round(ranked[int(0.95 * (len(ranked) - 1))], 3)}


if __name__ == "__main__":
    main()
