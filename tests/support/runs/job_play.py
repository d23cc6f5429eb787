"""A job's real log and result, made once by a real job, to be played again at any speed."""

import os
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from corpus.load import load_corpus
from support.fake_hub.jobs import TOKEN, VERA
from support.fake_hub.repos import loopback
from support.samples import write_beir
from support.tiny import tiny_model_for
from train.engines.jobs import JobPace, JobsEngine
from train.engines.jobs.protocol import event_line, heard, record_line
from train.engines.jobs.result import result_place
from train.recipe import Recipe
from train.run.record import Run
from train.run.spec import RunSpec

QUICK = JobPace(look=0.02, retry=0.02, retry_most=0.1, grace=0.5)


def wait_until(true, seconds=20, what=lambda: ""):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, what()
        time.sleep(0.01)


@contextmanager
def jobs_hub():
    """A Hub with one user, `vera`, who pays for jobs.

    Large files go by LFS: the client would choose xet, which this Hub does not have.
    """
    with loopback() as hub, pytest.MonkeyPatch.context() as patch:
        hub.tokens = {TOKEN: {"name": VERA, "type": "user", "auth": {"type": "access_token"}}}
        patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        yield hub
        hub.fall()


def start_inside(job, folder):
    """The process of a job as its machine would start it, but for the libraries: they are here."""
    command = job.spec["command"]
    inside = command[command.index("python") + 1:]
    folder.mkdir(exist_ok=True)
    return subprocess.Popen(
        [sys.executable, *inside], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, env={
            "PATH": os.environ["PATH"], "HOME": str(folder), "HF_HUB_DISABLE_XET": "1",
            "OMP_NUM_THREADS": "1", **job.spec["environment"], **job.spec["secrets"]})


def real_job(porsche, folder):
    """A run of a tiny model on thirty passages, trained by its job's own command in a process."""
    data = write_beir(porsche, folder / "thirty", passages=30)
    model = tiny_model_for(load_corpus(data), folder / "tiny")
    with jobs_hub() as hub:
        engine = JobsEngine(endpoint=hub.endpoint, pace=QUICK, keep=True)
        run = RunSpec(str(data), str(model), recipe=Recipe(epochs=2, batch_size=8),
                      engine="jobs", flavor="t4-small").create(folder / "runs")
        engine.start(run, TOKEN)
        wait_until(lambda: hub.jobs, what=run.record)
        job = hub.only_job()
        hub.move(job, "RUNNING")
        process = start_inside(job, folder / "machine")
        limit = threading.Timer(300, process.kill)
        limit.start()
        printed = []
        for line in process.stdout:
            printed.append(line.rstrip("\n"))
            hub.print(job, printed[-1])
        hub.move(job, "COMPLETED" if process.wait() == 0 else "ERROR")
        limit.cancel()
        wait_until(lambda: run.record().status != "running", what=run.record)
        [repository] = hub.repos.values()
        return SimpleNamespace(run=run, data=data, model=model, printed=printed, job=job,
                               machine=folder / "machine", repository=repository)


@dataclass
class Play:
    """An engine, a Hub and a run, with the lines and the result of a real job to play there."""

    hub: object
    real: SimpleNamespace
    run: Run
    engine: JobsEngine
    said: list = field(default_factory=list)
    later: list = field(default_factory=list)  # engines that were started after the first

    def __post_init__(self):
        mark = self.real.run.record().engine.mark
        self.said = [said for line in self.real.printed if (said := heard(line, mark))]

    @property
    def mark(self):
        return self.run.record().engine.mark

    @property
    def repo(self):
        return self.run.record().engine.repository

    @property
    def status(self):
        return self.run.record().status

    @property
    def events(self):
        return [said for said in self.said if said.n]

    def lines(self):
        """The real job's lines as this job would print them."""
        return [event_line(self.mark, said.n, said.value) if said.n
                else record_line(self.mark, said.value) for said in self.said]

    def parts(self, events=3):
        """The same lines in two parts, the first up to its third event."""
        lines = self.lines()
        end = [place for place, said in enumerate(self.said, 1) if said.n == events][0]
        return lines[:end], lines[end:]

    def start(self):
        """Start the run and bring its job to its machine."""
        self.engine.start(self.run, TOKEN)
        wait_until(lambda: self.run.record().engine.stage == "SCHEDULING",
                   what=self.run.record)
        job = self.hub.only_job()
        self.hub.move(job, "RUNNING")
        return job

    def leave_result(self, **files):
        """Put the real job's result where this job would leave it."""
        place = result_place(self.mark)
        there = {f"{place}/{name.split('/', 1)[1]}": data
                 for name, data in self.real.repository.head.contents.items()
                 if name.startswith("result-")}
        self.hub.put(self.repo, there | {f"{place}/{name}": data for name, data in files.items()})

    def finish(self, job, **files):
        """Leave the result and end."""
        self.leave_result(**files)
        self.hub.move(job, "COMPLETED")

    def wait_for(self, status):
        wait_until(lambda: self.status == status, what=self.run.record)

    def numbers(self):
        """The numbers of the job's events in the run directory."""
        return [event.n for event in self.run.events() if event.n]


@contextmanager
def playing(real, folder):
    """A Play of its own, with a small run that is queued."""
    with jobs_hub() as hub:
        engine = JobsEngine(endpoint=hub.endpoint, pace=QUICK)
        run = RunSpec(str(real.data), str(real.model), engine="jobs",
                      flavor="t4-small", owner="vera").create(folder / "runs")
        play = Play(hub, real, run, engine)
        try:
            yield play
        finally:
            engines = [engine, play.engine, *play.later]
            for each in engines:
                each.abandon()
            hub.fall()  # cuts the log a watch may be reading
            for watch in [watch for each in engines for watch in each._watches.values()]:
                watch.join(20)  # nobody writes into the run directory any more
