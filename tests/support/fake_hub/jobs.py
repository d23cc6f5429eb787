"""A Hub on loopback: as much of Jobs and of repositories as the engine asks for, all in memory.

A test is the machine behind it: it moves jobs from stage to stage, prints their lines, takes the
Hub away and brings it back.
"""

import base64
import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from huggingface_hub import constants

TOKEN = "hf_" + "visitorVisitorVisitorVisitor"
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


@dataclass
class Repository:
    private: bool = True
    commits: list[tuple[str, dict[str, bytes]]] = field(default_factory=list)

    def at(self, revision):
        """The files of a commit; None if there is no such commit."""
        if revision in ("main", None):
            return self.commits[-1]
        return next(((sha, files) for sha, files in self.commits if sha == revision), None)

    def commit(self, files):
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(files)}".encode()).hexdigest()
        self.commits.append((sha, files))
        return sha


class JobsHub:
    """The state of a Hub, and the levers on it.

    refuse: (method, pattern of a path) -> an answer (status, words). lose_answer: (method, path)
    whose next answer does not arrive though it was done.
    """

    def __init__(self):
        self.users = {TOKEN: {"name": "vera", "type": "user", "auth": {"type": "access_token"}}}
        self.repositories, self.jobs, self.objects = {}, {}, {}
        self.refuse, self.lose_answer = {}, []
        self.asked = []
        self.down = False
        self.changed = threading.Condition()
        self.on_job = lambda job: None

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

    def put(self, repo, files):
        """Commit files beside those there are, as a job would."""
        repository = self.repositories[repo]
        return repository.commit(repository.commits[-1][1] | files)

    def files(self, repo):
        return self.repositories[repo].commits[-1][1]


ROUTES = []


def route(method, pattern):
    def add(function):
        ROUTES.append((method, re.compile(pattern + r"\Z"), function))
        return function
    return add


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, hub, *arguments):
        self.hub = hub
        super().__init__(*arguments)

    def handle_request(self):
        url = urlsplit(self.path)
        self.query, path = parse_qsl(url.query), unquote(url.path)
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.hub.asked.append((self.command, path))
        if self.hub.down:
            return self.hang_up()
        for (method, pattern), (status, words) in self.hub.refuse.items():
            if method == self.command and re.search(pattern, path):
                return self.send({"error": words}, status)
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        self.user = self.hub.users.get(token)
        if self.user is None and not re.match(r"/(lfs/|api/jobs/hardware)", path):
            return self.send({"error": "Invalid credentials in Authorization header"}, 401)
        for method, pattern, function in ROUTES:
            if method == self.command and (match := pattern.match(path)):
                if (method, path) in self.hub.lose_answer:
                    self.hub.lose_answer.remove((method, path))
                    self.send = lambda *_, **__: self.hang_up()
                return function(self, self.hub, *match.groups())
        return self.missing("RepoNotFound")

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_request

    def send(self, value, status=200, headers=()):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in headers:
            self.send_header(name, text)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def missing(self, code):
        self.send({"error": "not found"}, 404, [("x-error-code", code)])

    def hang_up(self):
        self.close_connection = True

    def log_message(self, *_):
        pass


@route("GET", "/api/whoami-v2")
def whoami(handler, hub):
    handler.send(handler.user)


@route("GET", "/api/jobs/hardware")
def hardware(handler, hub):
    handler.send(HARDWARE)


@route("GET", "/api/jobs/([^/]+)")
def list_jobs(handler, hub, owner):
    wanted = dict(handler.query)
    stages = [value for key, value in handler.query if key == "stage"]
    name, _, value = wanted.get("label", "").partition("=")
    handler.send([
        job.info() for job in hub.jobs.values()
        if job.owner == owner and (not stages or job.stage in stages)
        and (not name or job.spec.get("labels", {}).get(name) == value)
    ])


@route("POST", "/api/jobs/([^/]+)")
def run_job(handler, hub, owner):
    job = Job(f"job{len(hub.jobs) + 1}", json.loads(handler.body), owner)
    hub.jobs[job.id] = job
    handler.send(job.info())
    hub.on_job(job)


@route("GET", "/api/jobs/([^/]+)/([^/]+)")
def inspect_job(handler, hub, owner, job):
    handler.send(hub.jobs[job].info()) if job in hub.jobs else handler.missing("JobNotFound")


@route("POST", "/api/jobs/([^/]+)/([^/]+)/cancel")
def cancel_job(handler, hub, owner, job):
    hub.move(hub.jobs[job], "CANCELED")
    handler.send({})


@route("GET", "/api/jobs/([^/]+)/([^/]+)/logs")
def job_log(handler, hub, owner, job):
    job, told = hub.jobs[job], 0
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    handler.close_connection = True
    while True:
        with hub.changed:
            hub.changed.wait_for(
                lambda told=told: hub.down or len(job.lines) > told or job.stage in ENDED, 60)
            lines, ended = job.lines[told:], hub.down or job.stage in ENDED
        for line in [] if hub.down else lines:
            event = {"timestamp": "2026-11-27T02:00:00.000Z", "data": line}
            handler.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        handler.wfile.flush()
        told += len(lines)
        if ended:
            return


@route("POST", "/api/repos/create")
def create_repo(handler, hub):
    asked = json.loads(handler.body)
    repo = f"{asked.get('organization') or handler.user['name']}/{asked['name']}"
    if repo in hub.repositories:
        return handler.send({"error": "You already created this model repo",
                             "url": f"http://{handler.headers['host']}/{repo}"}, 409)
    hub.repositories[repo] = Repository(asked.get("visibility") == "private")
    hub.repositories[repo].commit({})
    return handler.send({"url": f"http://{handler.headers['host']}/{repo}"})


@route("DELETE", "/api/repos/delete")
def delete_repo(handler, hub):
    asked = json.loads(handler.body)
    repo = f"{asked.get('organization') or handler.user['name']}/{asked['name']}"
    if hub.repositories.pop(repo, None) is None:
        return handler.missing("RepoNotFound")
    return handler.send({})


REPO = "([^/]+/[^/]+)"


@route("GET", f"/api/models/{REPO}(?:/revision/([^/]+))?")
def repo_info(handler, hub, repo, revision):
    repository = hub.repositories.get(repo)
    if repository is None:
        return handler.missing("RepoNotFound")
    sha, files = repository.at(revision)
    return handler.send({"id": repo, "modelId": repo, "sha": sha, "private": repository.private,
                         "tags": [], "siblings": [{"rfilename": name} for name in files]})


@route("GET", f"/api/models/{REPO}/tree/([^/]+)(?:/(.*))?")
def tree(handler, hub, repo, revision, folder):
    _, files = hub.repositories[repo].at(revision)
    handler.send([{"type": "file", "path": name, "size": len(data), "oid": sha1(data),
                   **({"lfs": {"oid": sha256(data), "size": len(data), "pointerSize": 130}}
                      if is_large(name) else {})} for name, data in sorted(files.items())])


@route("POST", f"/api/models/{REPO}/preupload/([^/]+)")
def preupload(handler, hub, repo, revision):
    handler.send({"files": [
        {"path": file["path"], "uploadMode": "lfs" if is_large(file["path"]) else "regular",
         "shouldIgnore": False} for file in json.loads(handler.body)["files"]]})


@route("POST", f"/{REPO}.git/info/lfs/objects/batch")
def batch(handler, hub, repo):
    host = f"http://{handler.headers['host']}"
    handler.send({"transfer": "basic", "objects": [
        each | ({} if each["oid"] in hub.objects else
                {"actions": {"upload": {"href": f"{host}/lfs/{each['oid']}"}}})
        for each in json.loads(handler.body)["objects"]]})


@route("PUT", "/lfs/([0-9a-f]+)")
def put_object(handler, hub, oid):
    if sha256(handler.body) != oid:
        return handler.send({"error": "not what it says"}, 400)
    hub.objects[oid] = handler.body
    return handler.send({})


@route("POST", f"/api/models/{REPO}/commit/([^/]+)")
def commit(handler, hub, repo, revision):
    files = dict(hub.files(repo))
    for line in handler.body.splitlines():
        operation = json.loads(line)
        value = operation["value"]
        if operation["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif operation["key"] == "lfsFile":
            files[value["path"]] = hub.objects[value["oid"]]
        elif operation["key"] == "deletedFile":
            files.pop(value["path"], None)
        elif operation["key"] == "deletedFolder":
            files = {name: data for name, data in files.items()
                     if not name.startswith(value["path"])}
    sha = hub.repositories[repo].commit(files)
    handler.send({"commitOid": sha,
                  "commitUrl": f"http://{handler.headers['host']}/{repo}/commit/{sha}"})


@route("POST", f"/api/models/{REPO}/super-squash/([^/]+)")
def squash(handler, hub, repo, branch):
    repository = hub.repositories[repo]
    repository.commits = repository.commits[-1:]
    handler.send({})


@route("GET", f"/{REPO}/resolve/([^/]+)/(.+)")
@route("HEAD", f"/{REPO}/resolve/([^/]+)/(.+)")
def resolve(handler, hub, repo, revision, name):
    repository = hub.repositories.get(repo)
    found = repository and repository.at(revision)
    if not found:
        return handler.missing("RepoNotFound")
    sha, files = found
    if name not in files:
        return handler.missing("EntryNotFound")
    return handler.send(files[name], headers=[
        ("etag", f'"{sha256(files[name])}"'), ("x-repo-commit", sha)])


def is_large(name):
    return name.endswith((".safetensors", ".pt", ".npy"))


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sha1(data):
    return hashlib.sha1(data).hexdigest()


@contextmanager
def jobs_hub():
    """A Hub with one user, `vera`; gives its state and its address.

    Large files go by LFS: the client would choose xet, which this Hub does not have.
    """
    hub = JobsHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, hub))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(constants, "HF_HUB_DISABLE_XET", True)
            yield hub, f"http://127.0.0.1:{server.server_port}"
    finally:
        hub.fall()
        server.shutdown()
        server.server_close()
