"""`make space REPO=owner/name`.

This very app to a Space of the Hub, in one commit. Only what the app needs is sent. Hardware,
variables, a secret and a bucket are named as the Space is made: afterwards they stand in its
settings, where the token of `hf auth login` may not reach.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hub.client import Hub, Meter, quiet
from hub.progress import drained
from hub.tokens import local_token
from train.run.files import write_text

from .bundle import CARD, Item
from .commit import send
from .errors import PublishError
from .hardware import FREE, create_space, hardware_of
from .permissions import Target, check_may_write
from .preload import preload_of, preloaded, with_preload
from .remote import OF_THE_HUB, RemoteRepo
from .steps import PublishSteps, Step
from .storage import BUCKET, storage

ROOT = Path(__file__).resolve().parents[2]
NEEDED = ("app.py", "requirements.txt", CARD, "LICENSE", "docs", "hub", "corpus",
          "retrieval", "train", "ui")
OURS = "train/recipe.py"
"""A Space that has this file holds Tandem."""
SECRET = "TANDEM_SPACE_TOKEN"
"""The environment variable whose value becomes the Space's secret HF_TOKEN."""
MOUNT = "/data"
"""Where a bucket is mounted, and then the home of the Space."""
EMPTY = ("style.css", "index.html")
"""What a Space has that was made on the Hub's page and never filled."""
log = logging.getLogger("train")


@dataclass(frozen=True)
class SpaceSetup:
    """What a new Space is made with.

    hardware: None for what is free. base_model, tuned_model: Hub ids that it opens with.
    home_repo: where it keeps finished runs. bucket: `owner/name`, mounted as its home. token: its
    secret HF_TOKEN.
    """

    hardware: str | None = None
    base_model: str = ""
    tuned_model: str = ""
    home_repo: str = ""
    bucket: str = ""
    token: str = field(default="", repr=False)

    @property
    def models(self) -> tuple[str, ...]:
        """Models that the Space loads from the Hub."""
        return tuple(model for model in (self.base_model, self.tuned_model) if model)

    @property
    def variables(self) -> dict[str, str]:
        """The variables of the Space by name."""
        given = {"TANDEM_BASE_MODEL": self.base_model, "TANDEM_TUNED_MODEL": self.tuned_model,
                 "TANDEM_HOME_REPO": self.home_repo,
                 "TANDEM_HOME": MOUNT if self.bucket else ""}
        return {name: value for name, value in given.items() if value}


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
    repo_id: str, hub: Hub, *, private: bool = True, setup: SpaceSetup | None = None,
    over: bool = False, root: Path = ROOT,
) -> PublishSteps:
    """Create or update a Space, yielding steps as `publish` does.

    Returns what came of it. private: of a new Space; one that is there keeps its visibility, its
    hardware and its variables, and `note` says so where something else was asked for. over: also
    where something else is. PublishError says what is in the way.
    """
    setup = setup or SpaceSetup()
    target = check_may_write(hub, repo_id, False, repo_type="space")
    repo_id = target.repo_id
    remote = RemoteRepo.at(hub, target) if target.exists else RemoteRepo()
    others = sorted(set(remote.files) - set(OF_THE_HUB) - set(EMPTY))
    if others and OURS not in remote.files and not over:
        raise PublishError(f"The Space {repo_id} holds something else ({', '.join(others[:5])}). "
                           "Take another name, or give --over.", "other_content")
    entries = preloaded(hub, setup.models)
    new = not target.exists
    with tempfile.TemporaryDirectory(prefix="tandem-space-") as folder:
        if CARD in remote.files and not entries:
            entries = preload_of(_readme(hub, target, Path(folder)))
        items = _items(root, Path(folder), entries)
        changed = remote.changed(items)
        sent = {item.path for item in items}
        stale = [path for path in others if path not in sent and path.split("/")[0] in NEEDED]
        if new:
            target, hardware = yield from _make(hub, target, private, setup)
            note = ""
        else:
            hardware = hardware_of(hub, target)
            note = _stays(hub, target, private, hardware, setup)
        revision = str(target.head)
        if changed or stale:
            wanted = [item for item in items if item.path in changed]
            revision, _ = yield from send(hub, target, wanted, stale, "Update Tandem")
    return {"repo": repo_id, "url": _address(hub, repo_id), "revision": revision, "new": new,
            "changed": sorted(changed), "deleted": stale, "hardware": hardware, "note": note}


def _make(
    hub: Hub, target: Target, private: bool, setup: SpaceSetup
) -> Generator[Step, None, tuple[Target, str]]:
    from huggingface_hub import Volume

    for place in filter(None, (setup.home_repo, setup.bucket and BUCKET + setup.bucket)):
        storage(hub, place).prepare()
    options: dict[str, Any] = {}
    if setup.variables:
        options["space_variables"] = _pairs(setup.variables)
    if setup.token:
        options["space_secrets"] = _pairs({"HF_TOKEN": setup.token})
    if setup.bucket:
        options["space_volumes"] = [Volume(type="bucket", source=setup.bucket, mount_path=MOUNT)]
    return (yield from create_space(hub, target, private, setup.hardware or FREE, **options))


def _pairs(values: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": name, "value": value} for name, value in values.items()]


def _stays(hub: Hub, target: Target, private: bool, hardware: str, setup: SpaceSetup) -> str:
    """What was asked for and only the settings of a Space that exists can change."""
    asked = [f"{name}={value}" for name, value in setup.variables.items()]
    if setup.token:
        asked.append("the secret HF_TOKEN")
    if setup.bucket:
        asked.append(f"the bucket {setup.bucket} at {MOUNT}")
    if setup.hardware and setup.hardware != hardware:
        asked.append(f"the hardware {setup.hardware} (it has {hardware or 'none yet'})")
    if target.private and not private:
        asked.append("that it is public (it is private)")
    if not asked:
        return ""
    return (f"{target.repo_id} is there already and stays as it is. Set in its settings, "
            f"{_address(hub, target.repo_id)}/settings: {'; '.join(asked)}.")


def _address(hub: Hub, repo_id: str) -> str:
    return f"{hub.endpoint}/spaces/{repo_id}"


def _readme(hub: Hub, target: Target, folder: Path) -> str:
    place = folder / "there.md"
    hub.ask(f"reading the README of {target.repo_id}", lambda: hub.fetch(
        target.repo_id, str(target.head), CARD, place, Meter(), "space"))
    return place.read_text("utf-8", "replace")


def _items(root: Path, folder: Path, entries: Sequence[str]) -> list[Item]:
    """The files that are sent: the README with what is preloaded, the others as they are."""
    card = folder / CARD
    write_text(card, with_preload((root / CARD).read_text("utf-8"), list(entries)))
    return [Item.of(name, card if name == CARD else root / name) for name in needed_files(root)]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit status."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    quiet()
    options = _parser().parse_args(arguments)
    if options.dry_run:
        sys.stdout.write("".join(f"{name}\n" for name in needed_files()))
        return 0
    setup = SpaceSetup(options.hardware, options.base_model, options.tuned_model,
                       options.home_repo, options.bucket, os.environ.get(SECRET, "").strip())
    try:
        result = drained(publish_space(options.repo, Hub(local_token()), private=not options.public,
                                       setup=setup, over=options.over), _tell)
    except ValueError as error:
        log.error("%s", error)
        return 1
    if result["note"]:
        log.info("%s", result["note"])
    log.info("%s", json.dumps({key: result[key] for key in ("revision", "new", "hardware")}))
    sys.stdout.write(result["url"] + "\n")
    return 0


def _tell(step: Step) -> None:
    if step.text:
        log.info("%s", step.text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m train.publish.space", description=__doc__,
        epilog=f"What {SECRET} holds becomes the secret HF_TOKEN of a new Space.")
    parser.add_argument("--repo", required=True, metavar="OWNER/NAME")
    parser.add_argument("--hardware", metavar="FLAVOR",
                        help=f"of a new Space: {FREE} unless given, which costs nothing")
    parser.add_argument("--public", action="store_true", help="a new Space is private otherwise")
    parser.add_argument("--tuned-model", default="", metavar="OWNER/MODEL",
                        help="what a new Space shows beside its base, instead of training it")
    parser.add_argument("--base-model", default="", metavar="OWNER/MODEL")
    parser.add_argument("--home-repo", default="", metavar="OWNER/NAME",
                        help="a private data set, or buckets/OWNER/NAME, that finished runs are "
                             "kept in; made where there is none")
    parser.add_argument("--bucket", default="", metavar="OWNER/NAME",
                        help=f"a private bucket, mounted at {MOUNT} as the home; made where there "
                             "is none")
    parser.add_argument("--over", action="store_true", help="also where something else is")
    parser.add_argument("--dry-run", action="store_true", help="list the files; ask nobody")
    return parser


if __name__ == "__main__":
    sys.exit(main())
