"""The state of the Hub on loopback, and the levers on it."""

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field

from .jobs import JobLevers

LARGE = (".safetensors", ".onnx", ".pt", ".npy")
ME, MINE = "hf_loopbackWriteToken0123456789", "me"


@dataclass
class Commit:
    oid: str
    title: str
    files: dict  # path -> (content, large)

    @property
    def contents(self):
        return {path: data for path, (data, _) in self.files.items()}


@dataclass
class Repo:
    owner: str
    private: bool
    commits: list = field(default_factory=list)
    pulls: dict = field(default_factory=dict)
    sdk: str | None = None
    hardware: str | None = None
    made_with: dict = field(default_factory=dict)

    @property
    def head(self):
        return self.commits[-1]

    def at(self, revision):
        if revision == "main":
            return self.head
        if revision in self.pulls:
            return self.pulls[revision]
        known = [*self.commits, *self.pulls.values()]
        return next((commit for commit in known if commit.oid == revision), None)

    def commit(self, title, changes, pull=False):
        files = {path: content for path, content in (dict(self.head.files) | changes).items()
                 if content is not None} if self.commits else dict(changes)
        seed = f"{title}{len(self.commits)}{len(self.pulls)}{sorted(files)}"
        made = Commit(hashlib.sha1(seed.encode()).hexdigest(), title, files)
        if pull:
            self.pulls[f"refs/pr/{len(self.pulls) + 1}"] = made
        else:
            self.commits.append(made)
        return made

    def text(self, path, revision="main"):
        return self.at(revision).files[path][0].decode()


@dataclass
class Fault:
    """What goes wrong with requests that match.

    drop: `early` (no answer), `middle` (of a body), `short` (half of a body arrives as if it were
    all of it), `late` (after it was carried out).
    """

    pattern: str
    times: int
    status: int | None = None
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    drop: str | None = None
    hang: bool = False


class LoopbackHub(JobLevers):
    """The state of a Hub, and the levers on it.

    refuse: (method, pattern of a path) -> an answer (status, words), for good. lose_answer:
    (method, path) whose next answer does not arrive though it was done. before: pattern of a
    request -> what happens just before it. sizes: whether the files of a repository are sized.
    """

    def __init__(self):
        super().__init__()
        self.repos, self.store, self.faults, self.asked = {}, {}, [], []
        self.uploads, self.collections, self.bodies = [], {}, []
        self.part_size, self.parts = None, {}
        self.tokens = {ME: {"name": MINE, "type": "user", "orgs": [
            {"name": "team", "roleInOrg": "write"}, {"name": "readers", "roleInOrg": "read"}],
            "auth": {"type": "access_token", "accessToken": {"role": "write"}}}}
        self.plan, self.quota, self.buckets, self.xet = "free", None, {}, ""
        self.over, self.sizes = threading.Event(), True
        self.endpoint = ""
        self.before, self.refuse, self.lose_answer = {}, {}, []

    def repo(self, name, owner=MINE, private=True, kind="model", files=None):
        made = self.repos[kind, name] = Repo(owner, private)
        content = {".gitattributes": (b"*.safetensors filter=lfs\n", False)}
        made.commit("initial commit", content | {
            path: (data, path.endswith(LARGE)) for path, data in (files or {}).items()})
        return made

    def spelled(self, kind, name):
        """A name as it was first written: to the Hub, those that differ in case are one."""
        return next((there for known, there in self.repos
                     if known == kind and there.lower() == name.lower()), name)

    def fail(self, pattern, times=1, **what):
        """Let requests fail whose `METHOD /path` matches; times: how many of them."""
        self.faults.append(Fault(pattern, times, **what))

    def put(self, name, files):
        """Commit files to a model beside those there are."""
        return self.repos["model", name].commit("put", {
            path: (data, path.endswith(LARGE)) for path, data in files.items()})

    def files(self, name):
        """The contents of a model's files by path, but for what the Hub puts there itself."""
        return {path: data for path, data in self.repos["model", name].head.contents.items()
                if path != ".gitattributes"}

    def fault_for(self, request):
        method, _, address = request.partition(" ")
        path = address.partition("?")[0]
        for (refused, pattern), (status, words) in self.refuse.items():
            if refused == method and re.search(pattern, path):
                return Fault(pattern, 1, status, body=json.dumps({"error": words}).encode())
        if (method, path) in self.lose_answer:
            self.lose_answer.remove((method, path))
            return Fault(path, 1, drop="late")
        for fault in self.faults:
            if fault.times > 0 and re.search(fault.pattern, request):
                fault.times -= 1
                return fault
        return None

    def count(self, pattern):
        return sum(bool(re.search(pattern, request)) for request, _ in self.asked)

    def may_read(self, repo, account, name):
        return not repo.private or self.may_write(repo.owner, account, name)

    def may_write(self, owner, account, repo_id=None):
        if account is None:
            return False
        token = account.get("auth", {}).get("accessToken", {})
        if token.get("role") == "read":
            return False
        if token.get("role") == "fineGrained":
            return any(scope["entity"]["name"] in (owner, repo_id)
                       and "repo.write" in scope["permissions"]
                       for scope in token["fineGrained"]["scoped"])
        return owner == account["name"] or any(
            org["name"] == owner and org["roleInOrg"] != "read" for org in account.get("orgs", ()))
