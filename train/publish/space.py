"""`make space REPO=owner/name`.

This very app to a Space of the Hub, in one commit. Only what the app needs is sent. The Space reads
the variables and secrets README names; none is set here.
"""

import argparse
import json
import logging
import subprocess
import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from hub.client import Hub, quiet
from hub.errors import Failure
from hub.progress import drained
from hub.tokens import local_token

from .bundle import Item
from .commit import create, send
from .errors import PublishError
from .permissions import Target, check_may_write
from .remote import OF_THE_HUB, RemoteRepo

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("app.py", "requirements.txt", "README.md", "LICENSE", "docs", "hub", "corpus",
          "retrieval", "train", "ui")
OURS = "train/recipe.py"
"""A Space that has this file holds Tandem."""
log = logging.getLogger("train")


def needed_files(root: Path = ROOT) -> list[str]:
    """The files a Space needs, as paths in the repository.

    Those git knows, where there is git.
    """
    listed = subprocess.run(["git", "ls-files", "-z", "--", *NEEDED], cwd=root,
                            capture_output=True, text=True, check=False)
    names = listed.stdout.rstrip("\0").split("\0") if listed.returncode == 0 else [
        path.relative_to(root).as_posix()
        for name in NEEDED
        for path in sorted([root / name, *(root / name).rglob("*")])
        if not any(part.startswith((".", "__pycache__"))
                   for part in path.relative_to(root).parts)
    ]
    return sorted(name for name in names if (root / name).is_file())


def publish_space(
    repo_id: str, hub: Hub, *, private: bool = True, hardware: str | None = None,
    over: bool = False, root: Path = ROOT,
) -> Generator[dict[str, Any], None, dict[str, Any]]:
    """Create or update a Space, yielding events as `publish` does.

    Returns what came of it. private: of a new Space; one that is there keeps its visibility.
    hardware: asked for only when given. over: also where something else is. PublishError says what
    is in the way.
    """
    target = check_may_write(hub, repo_id, False, repo_type="space")
    remote = RemoteRepo.at(hub, target) if target.exists else RemoteRepo()
    others = sorted(set(remote.files) - set(OF_THE_HUB) - {"style.css", "index.html"})
    if others and OURS not in remote.files and not over:
        raise PublishError(f"The Space {repo_id} holds something else ({', '.join(others[:5])}). "
                           "Take another name, or give --over.", "other_content")
    items = [Item.of(name, root / name) for name in needed_files(root)]
    changed = remote.changed(items)
    sent = {item.path for item in items}
    stale = [path for path in others if path not in sent and path.split("/")[0] in NEEDED]
    new = not target.exists
    if new:
        target = create(hub, target, private, space_sdk="gradio")
    revision = str(target.head)
    if changed or stale:
        wanted = [item for item in items if item.path in changed]
        revision, _ = yield from send(hub, target, wanted, stale, "Update Tandem")
    if hardware is not None:
        _ask_for(hub, target, hardware)
    return {"repo": repo_id, "url": f"{hub.endpoint}/spaces/{repo_id}", "revision": revision,
            "new": new, "changed": sorted(changed), "deleted": stale, "hardware": hardware}


def _ask_for(hub: Hub, target: Target, hardware: str) -> None:
    flavor: Any = hardware  # the Hub knows more of them than its client
    found = hub.attempt(lambda: hub.api.request_space_hardware(target.repo_id, flavor))
    if isinstance(found, Failure):
        raise PublishError(f"{target.repo_id} is up to date, but it did not get {hardware}: "
                           f"{found.sentence('asking for hardware')}", found.kind, True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    quiet()
    parser = argparse.ArgumentParser(prog="python -m train.publish.space", description=__doc__)
    parser.add_argument("--repo", required=True, metavar="OWNER/NAME")
    parser.add_argument("--hardware", metavar="FLAVOR", help="such as zero-a10g; else unchanged")
    parser.add_argument("--public", action="store_true", help="a new Space is private otherwise")
    parser.add_argument("--over", action="store_true", help="also where something else is")
    parser.add_argument("--dry-run", action="store_true", help="list the files; ask nobody")
    options = parser.parse_args(arguments)
    if options.dry_run:
        sys.stdout.write("".join(f"{name}\n" for name in needed_files()))
        return 0
    try:
        result = drained(publish_space(options.repo, Hub(local_token()), private=not options.public,
                                       hardware=options.hardware, over=options.over))
    except ValueError as error:
        log.error("%s", error)
        return 1
    log.info("%s", json.dumps({key: result[key] for key in ("revision", "new", "hardware")}))
    sys.stdout.write(result["url"] + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
