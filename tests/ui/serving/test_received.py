"""Room for files before they are written, and what becomes of those that nobody takes."""

import os
import subprocess
import sys
import time

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from ui.serving import received as room
from ui.serving.address import LOOPBACK
from ui.serving.received import (
    UPLOAD,
    Arrivals,
    LimitUploads,
    fresh_folder,
    sweep_arrivals,
)

ONE, OTHER = "93.184.216.34", "93.184.216.35"


@pytest.fixture
def arrivals(tmp_path, monkeypatch):
    monkeypatch.setattr(room, "FILES_OF_VISITOR", 2)
    monkeypatch.setattr(room, "FILES_OF_ALL", 3)
    return Arrivals(tmp_path / "not" / "there yet", 1_000)


def send(arrivals, address, size=1_000):
    said = arrivals.why_not(address, size)
    if not said:
        arrivals.count(address, size)
    return said


def test_an_address_sends_so_much_and_all_together_so_much(arrivals):
    assert [send(arrivals, ONE) for _ in range(2)] == ["", ""]
    assert "You have sent as much" in send(arrivals, ONE, 1)
    assert send(arrivals, OTHER) == ""
    assert "Too much is being uploaded" in send(arrivals, "93.184.216.36", 1)
    assert "Too much is being uploaded" in send(arrivals, LOOPBACK, 1)


def test_what_was_swept_meanwhile_counts_no_more(arrivals, monkeypatch):
    monkeypatch.setattr(room, "UNUSED", 0.05)
    for _ in range(2):
        send(arrivals, ONE)
    time.sleep(0.06)
    assert send(arrivals, ONE) == "" and list(arrivals._sent) == [ONE]


def test_the_disk_is_never_filled(arrivals, monkeypatch):
    monkeypatch.setattr(room, "LEFT_FREE", 10**18)
    assert "no room for a file now" in send(arrivals, ONE)


def test_an_upload_too_many_is_refused_before_it_is_read(arrivals):
    read = []

    async def take(request):
        read.append(len(await request.body()))
        return PlainTextResponse("taken")

    app = Starlette(routes=[Route(UPLOAD, take, methods=["POST"])], middleware=[
        Middleware(LimitUploads, arrivals=arrivals, on_space=True)])
    asking = TestClient(app, headers={"x-forwarded-for": ONE})
    sent = [asking.post(UPLOAD, content=b"x" * 900) for _ in range(3)]
    assert [answer.status_code for answer in sent] == [200, 200, 429] and read == [900, 900]
    assert "You have sent as much" in sent[2].text
    elsewhere = asking.post(UPLOAD, content=b"x" * 900, headers={"x-forwarded-for": OTHER})
    assert elsewhere.status_code == 200  # a made-up cookie is no new visitor, another address is


def test_what_nobody_takes_over_goes_within_minutes_and_downloads_later(tmp_path):
    names = {"upload": 700, "new upload": 500, "report": 700, "old report": 3_700}
    uploaded = {"gone"}
    for name, age in names.items():
        place = tmp_path / name.replace(" ", "-") / "file.csv"
        place.parent.mkdir()
        place.write_text("x")
        os.utime(place, (time.time() - age,) * 2)
        if "upload" in name:
            uploaded.add(str(place))
    (tmp_path / "half").write_text("x")  # of an upload that was cut off
    os.utime(tmp_path / "half", (time.time() - 700,) * 2)
    sweep_arrivals(tmp_path, uploaded)
    sweep_arrivals(tmp_path, uploaded)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new-upload", "report"]
    assert uploaded == {str(tmp_path / "new-upload" / "file.csv")}
    sweep_arrivals(tmp_path / "nowhere", uploaded)


def test_the_folder_of_arrivals_is_ours_alone_and_what_a_killed_process_left_goes(tmp_path):
    gone = subprocess.Popen([sys.executable, "-S", "-c", ""])
    gone.wait()
    left, others = (tmp_path / f"{room.PREFIX}{pid}-x" for pid in (gone.pid, os.getppid()))
    for folder in (left, others):
        folder.mkdir()
        (folder / "file.csv").write_text("x")
    folder = fresh_folder(tmp_path)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name for path in tmp_path.iterdir()} == {folder.name, others.name}
