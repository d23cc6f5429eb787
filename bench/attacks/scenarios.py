"""What is tried, each against an app of its own."""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import time
from collections import Counter
from pathlib import Path

from .target import Target, address_of, ask, asked, raw

UPLOAD = "/gradio_api/upload"


def users(home: Path, seconds: float) -> dict:
    """A hundred visitors, each asking as soon as the last answer is there."""
    target = Target(home)

    async def visitor(number: int, end: float, seen: list) -> None:
        while time.monotonic() < end:
            seen.append(await asked(target.port, f"How do I clean part {number}?",
                                    address_of(number)))

    async def all_of_them() -> list:
        seen: list = []
        end = time.monotonic() + seconds
        await asyncio.gather(*(visitor(number, end, seen) for number in range(100)))
        return seen

    seen = asyncio.run(all_of_them())
    return _counted(seen) | _ended(target)


def connections(home: Path, seconds: float) -> dict:
    """A thousand open connections that say nothing, a thousand that dribble; and one visitor."""
    target = Target(home)

    async def hold(words: bytes) -> float:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
        began = time.monotonic()
        with contextlib.suppress(OSError):
            writer.write(words)
            await reader.read()
        writer.close()
        return time.monotonic() - began

    async def attack() -> tuple[list, list]:
        silent = [asyncio.create_task(hold(b"")) for _ in range(1000)]
        slow = [asyncio.create_task(hold(b"GET / HTTP/1.1\r\nHost: ")) for _ in range(1000)]
        honest = []
        while not all(task.done() for task in (*silent, *slow)):
            honest.append(await asked(target.port, "How do I open the roof?", address_of(1)))
            await asyncio.sleep(0.5)
        return [task.result() for task in (*silent, *slow)], honest

    held, honest = asyncio.run(attack())
    found = {"longest_connection_s": round(max(held), 1), "honest": _counted(honest)}
    return found | _ended(target)


def junk(home: Path, count: int) -> dict:
    """Requests that mean nothing, and the memory before and after them."""
    target = Target(home)
    rng = random.Random(1)

    def piece() -> tuple[str, str, bytes]:
        session = f"s{rng.randrange(10**9)}"
        return rng.choice([
            ("POST", "/gradio_api/call/compare", json.dumps({"data": [session, 5, None]}).encode()),
            ("POST", "/gradio_api/queue/join", json.dumps(
                {"data": ["roof", 5, None], "fn_index": 0, "session_hash": session}).encode()),
            ("POST", "/gradio_api/run/predict", json.dumps(
                {"data": [None], "fn_index": rng.randrange(150),
                 "session_hash": session}).encode()),
            ("POST", "/gradio_api/call/status", b'{"data": ["x"]}'),
            ("POST", f"/gradio_api/call/{session}", os.urandom(500)),
            ("POST", "/gradio_api/call/v2/compare", b'{"data": []}'),
            ("GET", f"/?page={session}", b""), ("GET", f"/gradio_api/call/x/{session}", b""),
            ("POST", "/gradio_api/cancel", b"[" * 500)])

    async def some(number: int) -> Counter:
        found: Counter = Counter()
        turns = asyncio.Semaphore(20)

        async def one() -> None:
            async with turns:
                try:
                    status, _ = await raw(target.port, *piece(), address_of(rng.randrange(500)))
                except (OSError, TimeoutError) as error:
                    status = type(error).__name__
                found[str(status)] += 1

        await asyncio.gather(*(one() for _ in range(number)))
        return found

    asyncio.run(some(500))  # each thread has its own buffers from its first work on
    time.sleep(75)
    before = target.megabytes
    answers = asyncio.run(some(count))
    peak = target.megabytes
    waited = []
    for _ in range(10):
        time.sleep(15)
        waited.append(round(target.megabytes))
    return {"requests": count, "answers": dict(answers), "mb_before": round(before),
            "mb_at_the_end": round(peak), "mb_after_150_s": waited[-1], "mb_by_15_s": waited,
            "ratio": round(waited[-1] / before, 3)} | _ended(target)


def soak(home: Path, seconds: float) -> dict:
    """Twenty visitors that search, upload, look at runs, reload and stop; and an honest one."""
    target = Target(home)
    end = time.monotonic() + seconds
    seen: list = []
    honest: list = []
    held: list = []

    async def visitor(number: int) -> None:
        rng = random.Random(number)
        while time.monotonic() < end:
            with contextlib.suppress(OSError, TimeoutError):
                seen.append(await _act(target.port, address_of(number), rng))
            await asyncio.sleep(rng.uniform(0.5, 2.0))

    async def watch() -> None:
        while time.monotonic() < end:
            honest.append(await asked(target.port, "How do I open the roof?", address_of(999)))
            held.append((round(target.megabytes), target.files))
            await asyncio.sleep(10)

    async def all_of_it() -> None:
        await asyncio.gather(watch(), *(visitor(number) for number in range(20)))

    asyncio.run(all_of_it())
    thirds = [part for at in range(3)  # none that is empty, where it was that short
              if (part := held[at * len(held) // 3:(at + 1) * len(held) // 3])]
    return {"minutes": round(seconds / 60, 1), "acts": _counted(seen), "honest": _counted(honest),
            "mb_by_third": [round(statistics.median(mb for mb, _ in part)) for part in thirds],
            "files_by_third": [round(statistics.median(fd for _, fd in part)) for part in thirds],
            } | _ended(target)


ROWS = "question,answer\n" + "".join(
    f"How do I clean the part {n}?,Take part {n} out and rinse it.\n" for n in range(60))


async def _act(port: int, address: str, rng: random.Random) -> tuple[str, float]:
    """What a visitor does next: what became of it, and the seconds it took."""
    began, kind = time.monotonic(), rng.randrange(10)
    if kind < 6:
        return await asked(port, f"Where is part {rng.randrange(999)}?", address)
    if kind == 6:
        how = await _checked(port, address)
    elif kind == 7:
        status, _ = await raw(port, "GET", "/", address=address)
        how = f"page {status}"
    else:
        how = await _call(port, "status" if kind == 8 else "stop", [""], address)
    return how, time.monotonic() - began


def kills(home: Path, count: int) -> dict:
    """`kill -9` of the app, its training process, or both, at random; then what is left."""
    rng = random.Random(7)
    target = Target(home, TANDEM_TRAIN="open", TANDEM_RECIPE="quick",
                    TANDEM_DATA=_small_data(home.parent))
    lost: list = []
    kinds: Counter = Counter()
    for _ in range(count):
        time.sleep(rng.uniform(0.2, 6.0))
        kind = rng.choice(["app", "child", "both"])
        kinds[kind] += 1
        _kill(target, kind)
        lost += _unreadable(home) + ([] if ask(target.port)["base"] else ["no answer"])
    return {"kills": count, "of": dict(kinds), "lost": lost, "runs": _finished(target)} | _ended(
        target)


def _kill(target: Target, kind: str) -> None:
    children = _children(target.process.pid)
    for pid in ([] if kind == "app" else children) + (
            [] if kind == "child" else [target.process.pid]):
        _end(pid)
    if kind != "child":
        target.process.wait()
        for pid in children:  # a container takes its processes with it
            _end(pid)
        target.start()


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _unreadable(home: Path) -> list[str]:
    """The runs whose record is not whole."""
    found = []
    for folder in home.glob("runs/*"):
        try:
            json.loads((folder / "run.json").read_text())
        except (OSError, ValueError) as error:
            found.append(f"{folder.name}: {type(error).__name__}")
    return found


def _finished(target: Target) -> list[str]:
    """How the runs of a home are at last, when one is done; with what ended those that failed."""
    end, found = time.monotonic() + 300, []
    while time.monotonic() < end and "done" not in found:
        records = [json.loads(path.read_text()) for path in target.home.glob("runs/*/run.json")]
        found = sorted(f"{one['status']}: {one['error']}" if one.get("error") else one["status"]
                       for one in records)
        if [one["status"] for one in records] == ["interrupted"]:
            target.stop()  # its process was killed alone: the next start goes on
            target.start()
        time.sleep(1)
    return found


def two_apps(home: Path, _: float) -> dict:
    """Two apps on one home, asked in turn; one is ended, the other goes on."""
    first, second = Target(home), Target(home)
    answers = [len(ask(one.port)["base"]) for one in (first, second) * 5]
    ended = first.stop()
    answers.append(len(ask(second.port)["base"]))
    return {"answers": answers, "first_exit": ended[0], "first_s": round(ended[1], 1)} | _ended(
        second)


def clock(home: Path, seconds: float) -> dict:
    """The clock set two days ahead, then five back, while a run trains."""
    library, told = home.parent / "clock.so", home.parent / "clock"
    compiler = shutil.which("cc")
    if compiler is None:
        return {"left_out": "there is no C compiler"}
    source = Path(__file__).with_name("clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", str(library), str(source)],
                   check=True)
    told.write_text("0")
    days, answers, kept = (0, 2, -3), [], []
    target = Target(home, TANDEM_TRAIN="open", TANDEM_RECIPE="quick", TANDEM_KEEP_HOURS="24",
                    TANDEM_DATA=_small_data(home.parent), LD_PRELOAD=str(library),
                    CLOCK_FILE=str(told))
    check = asyncio.run(_checked(target.port, address_of(1)))
    for ahead in days:
        told.write_text(str(ahead * 86_400))
        for _ in range(5):
            time.sleep(seconds / 10 if ahead else 1)  # the run is at work when it moves
            answers.append(len(ask(target.port)["base"]))
        kept.append(len(list(home.glob("uploads/upload-*"))))
    return {"check": check, "kept_data": kept, "answers": answers, "runs": _finished(target),
            "days_seen": _days_seen(target)} | _ended(target)


def _days_seen(target: Target) -> int:
    """How many days apart the times of the run's events are: the clock did move for the app."""
    times = [json.loads(line)["time"] for path in target.home.glob("runs/*/events.jsonl")
             for line in path.read_text().splitlines()]
    return round((max(times) - min(times)) / 86400) if times else 0


def unwritable(home: Path, _: float) -> dict:
    """A home that cannot be written to, not even by root."""
    target = Target(home, TANDEM_HOME="/proc/tandem", TANDEM_TRAIN="open")
    time.sleep(10)
    answers = len(ask(target.port)["base"])
    return {"answers": answers, "log": [line for line in target.log.read_text().splitlines()
                                        if not line.startswith(("request", "event"))]} | _ended(
        target)


def _small_data(folder: Path) -> str:
    """Pairs that train in a minute."""
    place = folder / "pairs.jsonl"
    place.write_text("".join(json.dumps(
        {"anchor": f"What is said of thing {n} in the list?",
         "positive": f"Thing number {n} is made of {n % 7} parts and weighs {n} grams."}) + "\n"
        for n in range(400)))
    return str(place)


def _children(pid: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(one) for one in found.stdout.split()]


async def _upload(port: int, content: bytes, address: str) -> tuple[int, bytes]:
    body = (b"--x\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a.csv\"\r\n"
            b"Content-Type: text/csv\r\n\r\n" + content + b"\r\n--x--\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"POST {UPLOAD} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                 f"Content-Type: multipart/form-data; boundary=x\r\nX-Forwarded-For: {address}\r\n"
                 f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
    answer = await asyncio.wait_for(reader.read(), 120)
    writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head[9:12] or b"0"), rest


async def _checked(port: int, address: str) -> str:
    """What becomes of a file that is uploaded and checked."""
    status, said = await _upload(port, ROWS.encode(), address)
    if status != 200:
        return f"upload {status}"
    file = {"path": json.loads(said)[0], "meta": {"_type": "gradio.FileData"}}
    return await _call(port, "check", ["", file, None, None, None, None, ""], address)


async def _call(port: int, name: str, data: list, address: str) -> str:
    place = f"/gradio_api/call/{name}"
    status, said = await raw(port, "POST", place, json.dumps({"data": data}).encode(), address)
    if status != 200:
        return f"{name} {status}"
    event = json.loads(said)["event_id"]
    status, said = await raw(port, "GET", f"{place}/{event}", address=address)
    return f"{name} {'complete' if b'event: complete' in said else 'refused'}"


def _counted(seen: list) -> dict:
    """How often each thing became of an act; and how long answers took."""
    times = sorted(seconds for how, seconds in seen if how == "answered") or [0.0]
    return {"count": dict(Counter(how for how, _ in seen)), "median_s": round(
        statistics.median(times), 3), "p95_s": round(times[int(0.95 * (len(times) - 1))], 3),
        "longest_s": round(times[-1], 3),
        "longest_refusal_s": round(max((s for how, s in seen if how != "answered"), default=0), 3)}


def _ended(target: Target) -> dict:
    status, seconds = target.stop()
    return {"tracebacks": target.tracebacks, "exit_status": status, "end_s": round(seconds, 1)}


SCENARIOS = {"users": (users, 60), "connections": (connections, 0), "junk": (junk, 10_000),
             "soak": (soak, 600), "kills": (kills, 50), "two-apps": (two_apps, 0),
             "unwritable": (unwritable, 0), "clock": (clock, 140)}
"""Name -> (what is tried, for how many seconds or how often)."""

