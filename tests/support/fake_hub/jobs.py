"""Jobs on the Hub on loopback.

A test is the machine behind it: it moves jobs from stage to stage and prints their lines.
"""

import json
import threading
from dataclasses import dataclass, field

TOKEN, VERA = "hf_" + "visitorVisitorVisitorVisitor", "vera"
"""Whoever pays for jobs."""
ENDED = ("COMPLETED", "CANCELED", "ERROR", "DELETED")
HARDWARE = [
    {"name": "cpu-basic", "prettyName": "CPU Basic", "cpu": "2 vCPU", "ram": "16 GB",
     "ephemeralStorage": "50 GB", "unitCostMicroUSD": 167, "unitCostUSD": 0.000167,
     "unitLabel": "minute"},
    {"name": "a10g-largex2", "prettyName": "2x Nvidia A10G - large", "cpu": "24 vCPU",
     "ram": "92 GB", "unitCostMicroUSD": 50000, "unitCostUSD": 0.05, "unitLabel": "minute",
     "accelerator": {"type": "gpu", "model": "A10G", "quantity": "2", "vram": "48 GB",
                     "manufacturer": "Nvidia"}},
    {"name": "t4-small", "prettyName": "Nvidia T4 - small", "cpu": "4 vCPU", "ram": "15 GB",
     "unitCostMicroUSD": 6667, "unitCostUSD": 0.006667, "unitLabel": "minute",
     "accelerator": {"type": "gpu", "model": "T4", "quantity": "1", "vram": "16 GB",
                     "manufacturer": "Nvidia"}},
]


@dataclass
class Job:
    id: str
    spec: dict
    owner: str
    stage: str = "SCHEDULING"
    message: str | None = None
    lines: list[str] = field(default_factory=list)

    def info(self):
        seen = {key: value for key, value in self.spec.items() if key != "secrets"}
        return {"id": self.id, "createdAt": "2026-11-27T02:00:00.000Z", **seen,
                "owner": {"id": "1", "name": self.owner, "type": "user"},
                "status": {"stage": self.stage, "message": self.message}}


class JobLevers:
    """The jobs of a Hub, and the levers on them; down: nobody is answered."""

    def __init__(self):
        self.jobs, self.down, self.changed = {}, False, threading.Condition()

    def only_job(self):
        [job] = self.jobs.values()
        return job

    def move(self, job, stage, message=None):
        with self.changed:
            job.stage, job.message = stage, message
            self.changed.notify_all()

    def print(self, job, *lines):
        with self.changed:
            job.lines += lines
            self.changed.notify_all()

    def fall(self, down=True):
        """Go away: open streams are cut and nobody is answered; or come back."""
        with self.changed:
            self.down = down
            self.changed.notify_all()


class JobAnswers:
    """The part of the handler that answers for jobs."""

    def job_hardware(self):
        return self.json(HARDWARE)

    def list_jobs(self, owner):
        label, _, value = self.query.get("label", [""])[0].partition("=")
        stages = self.query.get("stage", [])
        return self.json([
            job.info() for job in self.hub.jobs.values()
            if job.owner == owner and (not stages or job.stage in stages)
            and (not label or job.spec.get("labels", {}).get(label) == value)])

    def run_job(self, owner):
        job = Job(f"job{len(self.hub.jobs) + 1}", json.loads(self.body), owner)
        self.hub.jobs[job.id] = job
        return self.json(job.info())

    def inspect_job(self, owner, job):
        found = self.hub.jobs.get(job)
        return self.json(found.info()) if found else self.missing("JobNotFound")

    def cancel_job(self, owner, job):
        self.hub.move(self.hub.jobs[job], "CANCELED")
        return self.json({})

    def job_log(self, owner, job):
        hub, job, told = self.hub, self.hub.jobs[job], 0
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        while True:
            with hub.changed:
                hub.changed.wait_for(
                    lambda told=told: hub.down or len(job.lines) > told or job.stage in ENDED, 60)
                lines, ended = job.lines[told:], hub.down or job.stage in ENDED
            for line in [] if hub.down else lines:
                event = {"timestamp": "2026-11-27T02:00:00.000Z", "data": line}
                self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
            self.wfile.flush()
            told += len(lines)
            if ended:
                return


JOB_ROUTES = (
    ("GET /api/jobs/hardware", "job_hardware"),
    ("GET /api/jobs/([^/]+)", "list_jobs"),
    ("POST /api/jobs/([^/]+)", "run_job"),
    ("GET /api/jobs/([^/]+)/([^/]+)", "inspect_job"),
    ("POST /api/jobs/([^/]+)/([^/]+)/cancel", "cancel_job"),
    ("GET /api/jobs/([^/]+)/([^/]+)/logs", "job_log"),
)
