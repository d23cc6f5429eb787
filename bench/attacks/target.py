"""The app under attack, and its clients."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COMPARE = "/gradio_api/call/compare"


class Target:
    """`python app.py` on a free port, over a home of its own.

    Its host names take each client's address from X-Forwarded-For, as behind a proxy here.
    """

    def __init__(self, home: Path, **env: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.home, self.log = home, home / "app.log"
        home.mkdir(parents=True, exist_ok=True)
        self.env = {"TANDEM_HOME": str(home), "PORT": str(self.port), "TANDEM_TRAIN": "off"} | env
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers questions."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, stdout=log,
                                            stderr=log, env=os.environ | self.env)
        end = time.monotonic() + 180
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise SystemExit(self.log.read_text()[-2000:])
            try:
                if ask(self.port)["base"]:
                    return
            except (OSError, ValueError, KeyError, TypeError):
                time.sleep(0.5)
        raise SystemExit("The app does not answer: " + self.log.read_text()[-2000:])

    @property
    def megabytes(self) -> float:
        """Memory that is in use by it alone."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000

    @property
    def files(self) -> int:
        """Open descriptors."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    @property
    def tracebacks(self) -> int:
        """Tracebacks in its log."""
        return self.log.read_text("utf-8", "replace").count("Traceback")

    def stop(self) -> tuple[int, float]:
        """Ask it to end; its exit status and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - began


def ask(port: int, text: str = "How do I open the roof?") -> dict:
    """One question, asked as a program asks it."""
    place = f"http://127.0.0.1:{port}{COMPARE}"
    request = urllib.request.Request(place, json.dumps({"data": [text, 5, None]}).encode(),
                                     {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        event = json.load(answer)["event_id"]
    with urllib.request.urlopen(f"{place}/{event}", timeout=60) as answer:
        data = answer.read().decode().split("data: ")[-1]
    return json.loads(data)[0]


async def raw(
    port: int, method: str, path: str, body: bytes = b"", address: str = "", more: str = ""
) -> tuple[int, bytes]:
    """One request on a connection of its own: (status, body)."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        forwarded = f"X-Forwarded-For: {address}\r\n" if address else ""
        writer.write(f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                     f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                     f"{forwarded}{more}\r\n".encode() + body)
        answer = await asyncio.wait_for(reader.read(), 120)
    finally:
        writer.close()
    head, _, rest = answer.partition(b"\r\n\r\n")
    return int(head[9:12] or b"0"), rest


async def asked(port: int, text: str, address: str = "") -> tuple[str, float]:
    """One question of a visitor: what became of it, and the seconds it took."""
    began = time.monotonic()
    body = json.dumps({"data": [text, 5, None]}).encode()
    try:
        status, said = await raw(port, "POST", COMPARE, body, address)
        if status == 200:
            event = json.loads(said)["event_id"]
            status, said = await raw(port, "GET", f"{COMPARE}/{event}", address=address)
            if b"event: complete" in said:
                return "answered", time.monotonic() - began
    except (OSError, ValueError, TimeoutError) as error:
        return type(error).__name__, time.monotonic() - began
    return f"refused {status}", time.monotonic() - began


def address_of(number: int) -> str:
    """A public address for the visitor of a number."""
    return f"93.184.{number // 250}.{number % 250 + 1}"


def machine() -> dict:
    """What else the machine was doing."""
    return {"cores": os.cpu_count(), "load": [round(one, 1) for one in os.getloadavg()],
            "at": time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime())}
