"""A Hub on loopback that can be written to, for the unmodified client, and made to fail."""

import base64
import hashlib
import json
import re
import tempfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

import yaml

from .buckets import BUCKET_ROUTES, BucketAnswers
from .jobs import JOB_ROUTES, JobAnswers
from .spaces import SPACE_ROUTES, SpaceAnswers
from .state import LARGE, MINE, LoopbackHub

KINDS = {"models": "model", "datasets": "dataset", "spaces": "space"}


def git_oid(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Handler(JobAnswers, SpaceAnswers, BucketAnswers, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body in one piece, or the client waits for each

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.serve
        raise AttributeError(name)

    @property
    def hub(self):
        return self.server.hub

    def serve(self):
        parts = urlsplit(self.path)
        self.at, self.query = unquote(parts.path), parse_qs(parts.query)
        request = f"{self.command} {self.path}"
        bearer = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        self.hub.asked.append((request, bearer))
        self.fault = self.hub.fault_for(request)
        length = int(self.headers.get("content-length") or 0)
        if self.fault and self.fault.drop == "middle" and self.command == "PUT":
            self.rfile.read(length // 2)
            return self.hang_up()
        self.body = self.rfile.read(length)
        if self.fault and self.fault.drop == "short":
            self.body = self.body[: length // 2]
        self.hub.bodies.append(self.body)
        if self.hub.down:
            return self.hang_up()
        if self.fault and self.fault.hang:
            self.hub.over.wait(30)
            return self.hang_up()
        if self.fault and self.fault.drop == "early":
            return self.hang_up()
        if self.fault and self.fault.status:
            return self.send(self.fault.status, self.fault.body, self.fault.headers)
        for hook, action in list(self.hub.before.items()):
            if re.search(hook, request):
                del self.hub.before[hook]
                action()
        self.account = self.hub.tokens.get(bearer)
        if bearer and self.account is None and not self.at.startswith("/_lfs"):
            return self.error(401, "Invalid username or password.", **{
                "x-error-message": "Invalid credentials in Authorization header"})
        return self.route()

    def route(self):
        for pattern, answer in ROUTES:
            method, _, path = pattern.partition(" ")
            found = re.fullmatch(path, self.at)
            if found and method == self.command:
                return getattr(self, answer)(*found.groups())
        return self.error(404, f"no such page: {self.command} {self.at}")

    # answers

    def whoami(self):
        if self.account is None:
            return self.error(401, "Invalid username or password.")
        return self.json(self.account)

    def create(self):
        asked = json.loads(self.body)
        owner = asked.get("organization") or self.account["name"]
        name, kind = f"{owner}/{asked['name']}", asked.get("type", "model")
        if asked["name"] == "refused":
            return self.error(400, "This name is reserved.")
        if not self.hub.may_write(owner, self.account, name):
            return self.error(403, "You don't have the rights to create a model under this "
                                   "namespace")
        if (kind, self.hub.spelled(kind, name)) in self.hub.repos:
            return self.json({"error": "You already created this model repo",
                              "url": f"{self.hub.endpoint}/{name}"}, 409)
        if no := self.refused_hardware(kind, asked.get("hardware")):
            return self.error(*no)
        repo = self.hub.repo(name, owner, asked.get("visibility") == "private", kind)
        repo.sdk, repo.hardware, repo.made_with = asked.get("sdk"), asked.get("hardware"), asked
        return self.json({"url": f"{self.hub.endpoint}/{name}"})

    def delete(self):
        asked = json.loads(self.body)
        owner = asked.get("organization") or self.account["name"]
        name, kind = f"{owner}/{asked['name']}", asked.get("type", "model")
        if not self.hub.may_write(owner, self.account, name):
            return self.error(403, "Forbidden")
        if self.hub.repos.pop((kind, name), None) is None:
            return self.missing("RepoNotFound")
        return self.json({})

    def find(self, kind, name):
        repo = self.hub.repos.get((KINDS[kind], self.hub.spelled(KINDS[kind], name)))
        return repo if repo and self.hub.may_read(repo, self.account, name) else None

    def info(self, kind, name, revision=None):
        repo = self.find(kind, name)
        if repo is None:
            return self.missing("RepoNotFound")
        commit = repo.at(revision or "main")
        if commit is None:
            return self.missing("RevisionNotFound")
        name = self.hub.spelled(KINDS[kind], name)
        return self.json({"id": name, "modelId": name, "sha": commit.oid, "private": repo.private,
                          "tags": [], "downloads": 0, "likes": 0,
                          "siblings": [{"rfilename": path}
                                       | ({"size": len(data)} if self.hub.sizes else {})
                                       for path, (data, _) in commit.files.items()]})

    def auth_check(self, kind, name, write):
        repo = self.find(kind, name)
        if repo is None:
            return self.missing("RepoNotFound")
        if write and not self.hub.may_write(repo.owner, self.account, name):
            return self.error(403, "You have read access but not the required permissions for "
                                   "this operation")
        return self.json({})

    def validate(self):
        content = json.loads(self.body)["content"]
        wrong = []
        try:
            data = yaml.safe_load(content.split("---")[1])
            if not isinstance(data.get("license", ""), str):
                wrong.append('"license" must be a string')
            if not all(isinstance(tag, str) for tag in data.get("tags", [])):
                wrong.append('"tags" must be strings')
        except (IndexError, yaml.YAMLError, AttributeError):
            wrong.append("the metadata is no YAML")
        answer = {"errors": [{"message": text} for text in wrong], "warnings": []}
        return self.json(answer, 400 if wrong else 200)

    def preupload(self, kind, name, revision):
        repo = self.find(kind, name)
        if repo is None:
            return self.missing("RepoNotFound")
        if not self.query.get("create_pr") and not self.hub.may_write(
                repo.owner, self.account, name):
            return self.error(403, "Forbidden")
        files = []
        for asked in json.loads(self.body)["files"]:
            there = repo.head.files.get(asked["path"])
            oid = there and (hashlib.sha256(there[0]).hexdigest() if there[1]
                             else git_oid(there[0]))
            files.append({"path": asked["path"], "shouldIgnore": False, "oid": oid,
                          "uploadMode": "lfs" if asked["path"].endswith(LARGE) else "regular"})
        return self.json({"files": files})

    def batch(self, prefix, name):
        objects = []
        for asked in json.loads(self.body)["objects"]:
            there = asked["oid"] in self.hub.store
            place = {"href": f"{self.hub.endpoint}/_lfs/{asked['oid']}?sig=x"}
            if self.hub.part_size:
                place["header"] = {"chunk_size": str(self.hub.part_size)} | {
                    f"{number + 1:05}": f"{place['href']}&part={number}"
                    for number in range(-(-asked["size"] // self.hub.part_size))}
            objects.append(asked | ({} if there else {"actions": {"upload": place, "verify": {
                "href": f"{self.hub.endpoint}/_lfs/verify"}}}))
        return self.json({"transfer": "basic", "objects": objects})

    def put(self, oid):
        if "part" in self.query:
            self.hub.parts[oid, int(self.query["part"][0])] = self.body
            return self.send(200, b"", {"etag": f'"{len(self.body)}"'})
        return self.keep(oid)

    def complete(self, oid):
        asked = json.loads(self.body)["parts"]
        self.body = b"".join(self.hub.parts[oid, number] for number in range(len(asked)))
        return self.keep(oid)

    def keep(self, oid):
        if hashlib.sha256(self.body).hexdigest() != oid:
            return self.error(400, "not what was announced")
        self.hub.store[oid] = self.body
        self.hub.uploads.append(oid)
        return self.json({})

    def verified(self):
        return self.json({}, 200 if json.loads(self.body)["oid"] in self.hub.store else 404)

    def commit(self, kind, name, revision):
        repo = self.find(kind, name)
        if repo is None:
            return self.missing("RepoNotFound")
        pull = bool(self.query.get("create_pr"))
        if not pull and not self.hub.may_write(repo.owner, self.account, name):
            return self.error(403, "Forbidden")
        lines = [json.loads(line) for line in self.body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit", repo.head.oid) != repo.head.oid:
            return self.error(412, "A commit has happened since. Please refresh and try again.")
        changes = {}
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"]), False
            elif line["key"] == "lfsFile":
                if value["oid"] not in self.hub.store:
                    return self.error(400, "LFS pointer pointed to a file that does not exist")
                changes[value["path"]] = self.hub.store[value["oid"]], True
            elif line["key"] == "deletedFile":
                changes[value["path"]] = None
            elif line["key"] == "deletedFolder":
                changes |= {path: None for path in repo.head.files
                            if path.startswith(value["path"])}
        made = repo.commit(header["summary"], changes, pull)
        url = f"{self.hub.endpoint}/{name}"
        return self.json({"commitUrl": f"{url}/commit/{made.oid}", "commitOid": made.oid,
                          "pullRequestUrl": f"{url}/discussions/{len(repo.pulls)}" if pull
                          else None})

    def tree(self, kind, name, revision):
        repo = self.find(kind, name)
        if repo is None:
            return self.missing("RepoNotFound")
        revision, _, folder = revision.partition("/")
        files = repo.at(revision).files
        if folder and not any(path.startswith(f"{folder}/") for path in files):
            return self.missing("EntryNotFound")
        start = f"{folder}/" if folder else ""
        inside = [path for path in files if path.startswith(start)]
        if self.query.get("recursive") == ["false"]:
            folders = {start + path.removeprefix(start).partition("/")[0] for path in inside
                       if "/" in path.removeprefix(start)}
            inside = [path for path in inside if "/" not in path.removeprefix(start)]
            return self.json([self.folder(path) for path in sorted(folders)]
                             + [self.entry(path, *files[path]) for path in inside])
        return self.json([self.entry(path, *files[path]) for path in inside])

    def folder(self, path):
        return {"type": "directory", "path": path, "oid": git_oid(path.encode())}

    def entry(self, path, data, large):
        entry = {"type": "file", "path": path, "size": len(data), "oid": git_oid(data)}
        if large:
            entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data),
                            "pointerSize": 134}
        return entry

    def paths_info(self, kind, name, revision):
        repo = self.find(kind, name)
        if repo is None:
            return self.missing("RepoNotFound")
        files, listed = repo.at(revision).files, []
        form = parse_qs(self.body.decode()) if self.body[:1] != b"{" else json.loads(self.body)
        for path in form["paths"]:
            if path in files:
                listed.append(self.entry(path, *files[path]))
            elif any(file.startswith(f"{path}/") for file in files):
                listed.append(self.folder(path))
        return self.json(listed)

    def commits(self, kind, name, revision):
        return self.json([
            {"id": commit.oid, "title": commit.title, "message": "", "authors": [],
             "date": "2026-01-02T03:04:05.000Z"}
            for commit in reversed(self.find(kind, name).commits)])

    def squash(self, kind, name, branch):
        repo = self.find(kind, name)
        repo.commits = repo.commits[-1:]
        return self.json({})

    def refs(self, kind, name):
        repo = self.find(kind, name)
        return self.json({
            "branches": [{"name": "main", "ref": "refs/heads/main",
                          "targetCommit": repo.head.oid}],
            "tags": [], "converts": [],
            "pullRequests": [{"name": ref, "ref": ref, "targetCommit": commit.oid}
                             for ref, commit in repo.pulls.items()]})

    def resolve(self, prefix, name, revision, path):
        repo = self.find(prefix.rstrip("/") or "models", name)
        commit = repo and repo.at(revision)
        if commit is None:
            return self.missing("RevisionNotFound" if repo else "RepoNotFound")
        if path not in commit.files:
            return self.missing("EntryNotFound")
        data, large = commit.files[path]
        if self.fault and self.fault.drop == "middle":
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data[: len(data) // 2])
            return self.hang_up()
        headers = {"content-type": "application/octet-stream", "x-repo-commit": commit.oid,
                   "etag": f'"{hashlib.sha256(data).hexdigest() if large else git_oid(data)}"'}
        span = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("range") or "")
        if span:
            first, last = int(span[1]), min(int(span[2] or len(data)), len(data) - 1)
            headers["content-range"] = f"bytes {first}-{last}/{len(data)}"
            return self.send(206, data[first:last + 1], headers)
        return self.send(200, data, headers)

    def collect(self, slug):
        self.hub.collections.setdefault(slug, []).append(json.loads(self.body)["item"]["id"])
        return self.json({"slug": slug, "title": "x", "owner": {"name": MINE}, "items": [],
                          "lastUpdated": "2026-01-02T03:04:05.000Z", "gating": False,
                          "private": True, "theme": "blue", "upvotes": 0, "position": 0})

    # plumbing

    def json(self, value, status=200, **headers):
        return self.send(status, json.dumps(value).encode(),
                         {"content-type": "application/json"} | headers)

    def error(self, status, said, **headers):
        return self.json({"error": said}, status, **({"x-error-message": said} | headers))

    def missing(self, code):
        return self.json({"error": "Not found"}, 404, **{"x-error-code": code})

    def send(self, status, data, headers):
        if self.fault and self.fault.drop == "late":
            return self.hang_up()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def hang_up(self):
        self.close_connection = True
        self.wfile.flush()
        self.connection.close()

    def log_message(self, *_):
        pass


NAME, KIND, PREFIX = r"([\w.-]+/[\w.-]+)", "(models|datasets|spaces)", "(datasets/|spaces/|)"
ROUTES = (
    *JOB_ROUTES,
    *SPACE_ROUTES,
    *BUCKET_ROUTES,
    ("GET /api/whoami-v2", "whoami"),
    ("POST /api/repos/create", "create"),
    ("DELETE /api/repos/delete", "delete"),
    ("POST /api/validate-yaml", "validate"),
    (f"GET /api/{KIND}/{NAME}", "info"),
    (f"GET /api/{KIND}/{NAME}/revision/(.+)", "info"),
    (f"GET /api/{KIND}/{NAME}/auth-check(/write|)", "auth_check"),
    (f"POST /api/{KIND}/{NAME}/preupload/(.+)", "preupload"),
    (f"POST /api/{KIND}/{NAME}/commit/(.+)", "commit"),
    (f"GET /api/{KIND}/{NAME}/tree/(.+)", "tree"),
    (f"POST /api/{KIND}/{NAME}/paths-info/(.+)", "paths_info"),
    (f"GET /api/{KIND}/{NAME}/commits/(.+)", "commits"),
    (f"GET /api/{KIND}/{NAME}/refs", "refs"),
    (f"POST /api/{KIND}/{NAME}/super-squash/(.+)", "squash"),
    (rf"POST /{PREFIX}{NAME}\.git/info/lfs/objects/batch", "batch"),
    ("PUT /_lfs/([0-9a-f]+)", "put"),
    ("POST /_lfs/([0-9a-f]+)", "complete"),
    ("POST /_lfs/verify", "verified"),
    (f"GET /{PREFIX}{NAME}/resolve/([^/]+|refs/pr/[0-9]+)/(.+)", "resolve"),
    (f"HEAD /{PREFIX}{NAME}/resolve/([^/]+|refs/pr/[0-9]+)/(.+)", "resolve"),
    ("POST /api/collections/(.+)/items", "collect"),
)


@contextmanager
def loopback():
    """Start one; it ends with the block."""
    hub = LoopbackHub()
    store = tempfile.TemporaryDirectory(prefix="xet-")
    hub.xet = store.name
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads, server.hub = True, hub
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield hub
    finally:
        hub.over.set()
        server.shutdown()
        server.server_close()
        store.cleanup()
