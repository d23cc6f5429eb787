"""What the environment says, read once and checked once."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from corpus.load import BUILT_IN
from retrieval.models import EMBEDDED_MODEL
from train.engines import ENGINES

from .recipe import AUTO, RECIPES

TRAINERS = ("open", "login", "owner", "off")
SPACE_MODEL = 2_500_000_000
"""Bytes of weights that a visitor's base model may have on a Space: most embedders have fewer."""
LOGS = ("lines", "errors")
ENGINE_CHOICES = ("auto", *ENGINES)


class SettingsError(ValueError):
    """An environment variable that cannot be used.

    The message names it and what it may be.
    """


@dataclass(frozen=True)
class Settings:
    """How Tandem runs.

    home: where runs and caches are kept. data: the corpus shown (`porsche`, a folder, a file).
    base_model, tuned_model: Hub ids or folders; the tuned one may be a run directory. train: who
    may start and stop a fine-tune. engine: where it runs. recipe: what the first start trains with,
    `auto` for what is done in about three minutes. max_disk: bytes that all runs may take.
    max_upload: bytes of a file that somebody brings; max_rows, max_characters: rows of it, and
    characters of one text in it; keep_hours: how long after its last use it is deleted, None for
    never. max_passages: of a visitor's data that Base reads for Compare. max_pairs, max_minutes:
    what a fine-tune may take, None for as much as it wants. max_model: bytes of weights of a base
    model that a visitor names, None for any.
    zero_gpu: whether the Space has ZeroGPU. space_owner: the Hub name of the user or organisation
    the Space belongs to; space_creator: the Hub's id of who made it. hosts: the names it is
    served under, beside `localhost` and addresses. source: the address where others find this
    Tandem, which cards name; a Space's own where none is given. home_repo: where finished runs are
    kept on the Hub, `owner/name` of a private data set or `buckets/owner/name`. log: what the log
    says of an error nobody foresaw: its `lines` of code alone, or all of it (`errors`), what a
    visitor wrote included.
    """

    home: Path = Path(".tandem")
    home_repo: str | None = None
    data: str = BUILT_IN
    base_model: str = EMBEDDED_MODEL
    tuned_model: str | None = None
    train: str = "open"
    engine: str = "auto"
    recipe: str = AUTO
    max_pairs: int | None = None
    max_minutes: int | None = None
    keep_jobs: bool = False
    max_passages: int | None = None
    port: int = 7860
    max_disk: int | None = None
    max_model: int | None = None
    max_upload: int = 50_000_000
    max_rows: int = 1_000_000
    max_characters: int = 100_000
    keep_hours: int | None = None
    on_space: bool = False
    zero_gpu: bool = False
    space_owner: str | None = None
    space_creator: str | None = None
    source: str | None = None
    hosts: tuple[str, ...] = ()
    log: str = LOGS[0]

    @property
    def runs(self) -> Path:
        """Where run directories are."""
        return self.home / "runs"

    @property
    def uploads(self) -> Path:
        """Where the data that visitors bring is kept."""
        return self.home / "uploads"

    @property
    def judgements(self) -> Path:
        """Where judgements are kept, a folder an upload."""
        return self.home / "judgements"

    @property
    def cache(self) -> Path:
        """Where indexes are kept."""
        return self.home / "cache"

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> "Settings":
        """Read TANDEM_* and PORT; SettingsError says which variable is wrong."""
        given = {name: value.strip() for name, value in env.items() if value.strip()}
        on_space = given.get("SYSTEM") == "spaces"
        return cls(
            home=Path(given.get("TANDEM_HOME", ".tandem")),
            home_repo=_home_repo(given),
            data=given.get("TANDEM_DATA", BUILT_IN),
            base_model=given.get("TANDEM_BASE_MODEL", EMBEDDED_MODEL),
            tuned_model=given.get("TANDEM_TUNED_MODEL"),
            train=_choice(given, "TANDEM_TRAIN", TRAINERS, "login" if on_space else "open"),
            engine=_choice(given, "TANDEM_ENGINE", ENGINE_CHOICES, "auto"),
            recipe=_choice(given, "TANDEM_RECIPE", (AUTO, *RECIPES), AUTO),
            max_pairs=_limit(given, "TANDEM_MAX_PAIRS", 10_000 if on_space else None),
            max_minutes=_limit(given, "TANDEM_MAX_MINUTES", 60 if on_space else None),
            keep_jobs=_is_true(given.get("TANDEM_KEEP_JOBS", "")),
            max_passages=_limit(given, "TANDEM_MAX_PASSAGES", 20_000 if on_space else None),
            port=_port(given.get("PORT", "7860")),
            max_disk=_bytes(given, "TANDEM_MAX_DISK_GB", "giga", 1e9),
            max_model=_bytes(given, "TANDEM_MAX_MODEL_GB", "giga", 1e9)
            or (SPACE_MODEL if on_space else None),
            max_upload=_bytes(given, "TANDEM_MAX_UPLOAD_MB", "mega", 1e6) or cls.max_upload,
            max_rows=_number(given, "TANDEM_MAX_ROWS", 200_000 if on_space else cls.max_rows),
            max_characters=_number(given, "TANDEM_MAX_CHARACTERS", cls.max_characters),
            keep_hours=_limit(given, "TANDEM_KEEP_HOURS", 24 if on_space else None),
            on_space=on_space,
            zero_gpu=on_space and _is_true(given.get("SPACES_ZERO_GPU", "")),
            space_owner=given.get("SPACE_AUTHOR_NAME") if on_space else None,
            space_creator=given.get("SPACE_CREATOR_USER_ID") if on_space else None,
            source=_address(given, "TANDEM_SOURCE", f"https://huggingface.co/spaces/{space}"
                            if on_space and (space := given.get("SPACE_ID")) else None),
            hosts=_hosts(given, on_space),
            log=_choice(given, "TANDEM_LOG", LOGS, LOGS[0]),
        )


def _home_repo(env: Mapping[str, str]) -> str | None:
    value = env.get("TANDEM_HOME_REPO")
    if value is not None and not re.fullmatch(
            r"(hf://)?(buckets/|datasets/)?[\w.-]+/[\w.-]+", value):
        raise SettingsError("TANDEM_HOME_REPO must be owner/name of a private data set, or "
                            f"buckets/owner/name, not {value!r:.80}.")
    return value


def _hosts(env: Mapping[str, str], on_space: bool) -> tuple[str, ...]:
    """Host names in lower case: those of TANDEM_HOSTS, and the Space's own."""
    told = env.get("TANDEM_HOSTS", "").split(",")
    names = [name.strip().lower() for name in told if name.strip()]
    for name in names:
        if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name):
            raise SettingsError("TANDEM_HOSTS must be host names with commas between them, without "
                                f"http:// and port, not {name!r:.80}.")
    return (*names, *([env["SPACE_HOST"].lower()] if on_space and "SPACE_HOST" in env else []))


def _choice(env: Mapping[str, str], name: str, choices: tuple[str, ...], default: str) -> str:
    value = env.get(name, default)
    if value not in choices:
        raise SettingsError(f"{name} must be one of {', '.join(choices)}, not {value!r}.")
    return value


def _address(env: Mapping[str, str], name: str, default: str | None) -> str | None:
    value = env.get(name, default)
    if value is not None and not re.fullmatch(r"https?://[\w.:/~%@+-]{1,300}", value):
        raise SettingsError(f"{name} must be an address, https://…, not {value!r:.80}.")
    return value


def _limit(env: Mapping[str, str], name: str, default: int | None) -> int | None:
    value = env.get(name)
    if value is None:
        return default
    if value.lower() in ("none", "unlimited"):
        return None
    return _number(env, name, 0, ", or none for no limit")


def _number(env: Mapping[str, str], name: str, default: int, or_else: str = "") -> int:
    value = env.get(name, str(default))
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:12]) <= 10**9:
        raise SettingsError(f"{name} must be a whole number from 1 to 1,000,000,000{or_else}, not "
                            f"{value!r:.40}.")
    return int(value[:12])


def _bytes(env: Mapping[str, str], name: str, unit: str, size: float) -> int | None:
    value = env.get(name)
    if value is None:
        return None
    try:
        number = float(value)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise SettingsError(f"{name} must be a number of {unit}bytes above 0, not {value!r:.40}.")
    return max(1, int(number * size))


def _is_true(value: str) -> bool:
    return value.lower() in ("1", "true", "t", "yes", "on")


def _port(value: str) -> int:
    if not value.isascii() or not value.isdigit() or not 1 <= int(value[:6]) <= 65535:
        raise SettingsError(f"PORT must be a number from 1 to 65535, not {value!r:.40}.")
    return int(value)
