"""A Hub on loopback: as much of its protocol as loading a model asks for, from a folder on disk."""

import hashlib
import json
import threading
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Handler(BaseHTTPRequestHandler):
    """Serves one repository; everything else is not found, with the Hub's own error code."""

    protocol_version = "HTTP/1.1"

    def __init__(self, repo, folder, asked, token, commit, *arguments):
        self.repo, self.folder, self.asked, self.token = repo, folder, asked, token
        self.commit = commit
        super().__init__(*arguments)

    def do_GET(self):
        self.answer(body=True)

    def do_HEAD(self):
        self.answer(body=False)

    def answer(self, body):
        path = self.path.split("?")[0]
        self.asked.append((self.command, path, self.headers.get("authorization")))
        if self.token and self.headers.get("authorization") != f"Bearer {self.token}":
            return self.missing("RepoNotFound")  # the Hub does not say that a private one exists
        resolve = f"/{self.repo}/resolve/"
        if path.startswith(resolve):
            revision, name = path[len(resolve):].split("/", 1)
            if revision not in ("main", self.commit):
                return self.missing("RevisionNotFound")
            file = self.folder / name
            if file.is_file():
                return self.send(file.read_bytes(), body, "application/octet-stream")
            return self.missing("EntryNotFound")
        if path.startswith(f"/api/models/{self.repo}"):
            if "/revision/" in path and path.rpartition("/")[2] not in ("main", self.commit):
                return self.missing("RevisionNotFound")
            files = [p for p in sorted(self.folder.rglob("*")) if p.is_file()]
            if "/tree/" in path:
                listed = [{"type": "file", "path": p.relative_to(self.folder).as_posix(),
                           "size": p.stat().st_size, "oid": "0" * 40} for p in files]
                return self.send(json.dumps(listed).encode(), body)
            info = {"id": self.repo, "modelId": self.repo, "sha": self.commit, "private": False,
                    "tags": [], "siblings": [
                        {"rfilename": p.relative_to(self.folder).as_posix()} for p in files]}
            return self.send(json.dumps(info).encode(), body)
        return self.missing("RepoNotFound")

    def send(self, data, body, kind="application/json"):
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(data)))
        self.send_header("etag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("x-repo-commit", self.commit)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def missing(self, code):
        self.send_response(404)
        self.send_header("x-error-code", code)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def hub(repo: str, folder: Path, token: str | None = None, commit: str = COMMIT):
    """Serve a folder as a repository, private if it has a token; gives the address and the log.

    commit: the only one it has, and its `main`.
    """
    asked: list[tuple[str, str, str | None]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(
        Handler, repo, folder, asked, token, commit))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
