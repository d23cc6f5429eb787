"""Buckets of the Hub on loopback.

What is in a file goes by xet: to a store on disk, which its client takes for a server (`local://`).
"""

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

NEVER = 2**32


@dataclass
class Bucket:
    owner: str
    private: bool
    files: dict = field(default_factory=dict)  # path -> (xet hash, content)


def stored(store, digest):
    """What the client put into the store under a hash."""
    import hf_xet

    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "file"
        hf_xet.download_files([hf_xet.PyXetDownloadInfo(str(place), digest)], f"local://{store}",
                              None, None, None)
        return place.read_bytes()


class BucketAnswers:
    """The part of the handler that answers for buckets."""

    def bucket_of(self, owner, name, writes=False):
        bucket = self.hub.buckets.get(f"{owner}/{name}")
        if bucket is None or bucket.private and not self.hub.may_write(owner, self.account):
            self.missing("RepoNotFound")
            return None
        if writes and not self.hub.may_write(owner, self.account):
            self.error(403, "Forbidden")
            return None
        return bucket

    def make_bucket(self, owner, name):
        if not self.hub.may_write(owner, self.account):
            return self.error(403, "You may not create a bucket in this namespace")
        if f"{owner}/{name}" in self.hub.buckets:
            return self.error(409, "You already created this bucket")
        asked = json.loads(self.body or b"{}")
        self.hub.buckets[f"{owner}/{name}"] = Bucket(owner, asked.get("visibility") == "private")
        return self.json({"url": f"{self.hub.endpoint}/buckets/{owner}/{name}"})

    def bucket_info(self, owner, name):
        bucket = self.bucket_of(owner, name)
        return bucket and self.json({
            "id": f"{owner}/{name}", "private": bucket.private,
            "createdAt": "2026-11-01T00:00:00.000Z", "totalFiles": len(bucket.files),
            "size": sum(len(data) for _, data in bucket.files.values())})

    def bucket_tree(self, owner, name):
        bucket = self.bucket_of(owner, name)
        return bucket and self.json([self.bucket_file(bucket, path) for path in bucket.files])

    def bucket_paths(self, owner, name):
        bucket = self.bucket_of(owner, name)
        return bucket and self.json([self.bucket_file(bucket, path)
                                     for path in json.loads(self.body)["paths"]
                                     if path in bucket.files])

    def bucket_file(self, bucket, path):
        digest, data = bucket.files[path]
        return {"type": "file", "path": path, "size": len(data), "xetHash": digest,
                "mtime": "2026-11-01T00:00:00.000Z"}

    def xet_token(self, owner, name):
        return self.bucket_of(owner, name) and self.json(
            {"casUrl": f"local://{self.hub.xet}", "accessToken": "x", "exp": NEVER})

    def bucket_batch(self, owner, name):
        bucket = self.bucket_of(owner, name, writes=True)
        if bucket is None:
            return None
        for line in self.body.splitlines():
            change = json.loads(line)
            if change["type"] == "addFile":
                bucket.files[change["path"]] = (
                    change["xetHash"], stored(self.hub.xet, change["xetHash"]))
            else:
                bucket.files.pop(change["path"], None)
        return self.json({"success": True, "failed": []})

    def bucket_resolve(self, owner, name, path):
        bucket = self.bucket_of(owner, name)
        if bucket is None:
            return None
        digest, data = bucket.files[unquote(path)]
        refresh = f"{self.hub.endpoint}/api/buckets/{owner}/{name}/xet-read-token"
        return self.send(200, b"", {"x-xet-hash": digest, "x-linked-size": str(len(data)),
                                    "x-xet-refresh-route": refresh})


BUCKET = r"/([\w.-]+)/([\w.-]+)"
BUCKET_ROUTES = (
    (f"POST /api/buckets{BUCKET}", "make_bucket"),
    (f"GET /api/buckets{BUCKET}", "bucket_info"),
    (f"GET /api/buckets{BUCKET}/tree", "bucket_tree"),
    (f"POST /api/buckets{BUCKET}/paths-info", "bucket_paths"),
    (f"GET /api/buckets{BUCKET}/xet-(?:read|write)-token", "xet_token"),
    (f"POST /api/buckets{BUCKET}/batch", "bucket_batch"),
    (f"HEAD /buckets{BUCKET}/resolve/(.+)", "bucket_resolve"),
)
