"""The Hub as one signed-in user: every call with their token and a time limit, errors in sentences.

A `HfHubHTTPError` holds the request with the bearer token in its header. So none leaves this
module: what is raised instead has no cause and no context, and the token is taken out of its text.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hub.client import set_time_limits
from train.engines import EngineError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, JobInfo

    Operation = CommitOperationAdd | CommitOperationDelete

SAID = 300
"""How much of what the Hub says of an error is repeated."""
LABEL = "tandem-run"
"""The label of a job that names its run: how a job is found whose number was lost."""
BILLING = "https://huggingface.co/settings/billing"
TOKEN = re.compile(r"\b(?:hf|hf_oauth|api_org)_[A-Za-z0-9]{16,}[\w.-]*")
"""What the Hub's tokens look like; `hf_hub_download` is none."""
Answer = TypeVar("Answer")


class SignInError(EngineError):
    """The Hub does not accept the token: it has expired, was revoked, or may only read."""


class LostContactError(EngineError):
    """The Hub does not answer, or says that it cannot now: worth trying again."""


class NotThereError(EngineError):
    """What was asked for is not on the Hub, or not for this user."""


class JobOwner(NamedTuple):
    """Whose token it is, and until when it holds (None: as long as they leave it)."""

    name: str
    until: datetime | None


class UserHub:
    """What the engine asks of the Hub in the name of one user; the token is never shown."""

    def __init__(self, token: str, endpoint: str | None = None) -> None:
        """token: the user's own; a fallback to this process' HF_TOKEN would spend its owner's."""
        if not token:
            raise SignInError("Jobs are paid by whoever starts them: sign in first.")
        self._token, self._endpoint = token, endpoint

    def who(self) -> JobOwner:
        """Whose token this is; SignInError if it may not write."""
        said = self.ask("say who you are", lambda api: api.whoami())
        auth = said.get("auth") or {}
        if (auth.get("accessToken") or {}).get("role") == "read":
            raise SignInError("This token may only read: a run on Jobs needs one that may write "
                              "repositories and run Jobs.")
        return JobOwner(str(said["name"]), _time(auth.get("expiresAt")))

    def check_jobs(self, namespace: str) -> None:
        """Refuse with a sentence whoever may not run Jobs."""
        self.ask("run Jobs", lambda api: next(iter(api.list_jobs(namespace=namespace)), None))

    def create_private(self, repo: str) -> None:
        """A new repository that nobody else sees; EngineError if it is not private."""
        self.ask(f"create {repo}", lambda api: api.create_repo(repo, private=True, exist_ok=True))
        self.check_private(repo)

    def check_private(self, repo: str) -> None:
        """Refuse a repository that others can read: `private` is ignored on one that exists."""
        if not self.ask(f"read {repo}", lambda api: api.repo_info(repo)).private:
            raise EngineError(f"{repo} is on the Hub already and is public: your data would be "
                              "too. Make it private or delete it, then start again.")

    def commit(self, repo: str, operations: "list[Operation]", message: str) -> str:
        """One commit; its id."""
        done = self.ask(f"write to {repo}", lambda api: api.create_commit(
            repo, operations, commit_message=message))
        return str(done.oid)

    def files(self, repo: str) -> tuple[str, list[str]]:
        """The newest commit of a repository and what is in it."""
        info = self.ask(f"read {repo}", lambda api: api.repo_info(repo))
        listed = self.ask(f"read {repo}", lambda api: api.list_repo_files(
            repo, revision=info.sha))
        return str(info.sha), listed

    def has(self, repo: str, path: str) -> bool:
        """Whether a file is in a repository."""
        return self.ask(f"read {repo}", lambda api: api.file_exists(repo, path))

    def download(self, repo: str, revision: str, patterns: list[str], folder: Path) -> None:
        """Files of a commit into a folder; the client checks size and hash."""
        self.ask(f"download from {repo}", lambda api: api.snapshot_download(
            repo, revision=revision, allow_patterns=patterns, local_dir=folder))

    def forget_history(self, repo: str) -> None:
        """Keep the newest commit alone, so that earlier checkpoints are not stored for ever."""
        self.ask(f"write to {repo}", lambda api: api.super_squash_history(repo))

    def run_job(self, namespace: str, run_id: str, **spec: Any) -> "JobInfo":
        """Start a job; one that started though the answer was lost is found again."""
        try:
            return self.ask("run Jobs", lambda api: api.run_job(
                namespace=namespace, labels={LABEL: run_id, "name": f"tandem-{run_id}"}, **spec))
        except LostContactError as lost:
            problem = lost
        found = self.find_job(namespace, run_id)
        if found is None:
            raise problem
        return found

    def find_job(self, namespace: str, run_id: str) -> "JobInfo | None":
        """The job of a run that has not ended."""
        return self.ask("run Jobs", lambda api: next(iter(api.list_jobs(
            namespace=namespace, labels={LABEL: run_id}, status=["SCHEDULING", "RUNNING"])), None))

    def job(self, namespace: str, job: str) -> "JobInfo":
        """How a job is."""
        return self.ask("look at the job",
                        lambda api: api.inspect_job(job_id=job, namespace=namespace))

    def cancel(self, namespace: str, job: str) -> None:
        """End a job at once."""
        self.ask("cancel the job", lambda api: api.cancel_job(job_id=job, namespace=namespace))

    def log(self, namespace: str, job: str) -> Iterator[str]:
        """The lines a job prints, from its first one, until it ends or contact is lost."""
        lines = self.ask("read the job's log", lambda api: iter(api.fetch_job_logs(
            job_id=job, namespace=namespace, follow=True)))
        end = object()
        while (line := self.ask("read the job's log", lambda api: next(lines, end))) is not end:
            yield str(line)

    def ask(self, what: str, call: "Callable[[HfApi], Answer]") -> Answer:
        """Ask the Hub something. what: completes "may not …" in a sentence of the error."""
        return ask_anyone(what, call, self._token, self._endpoint)

    def without_token(self, text: str) -> str:
        """A text with this user's token, and whatever looks like one, taken out."""
        return without_tokens(text, self._token)

    @property
    def secrets(self) -> Mapping[str, str]:
        """What the job is given encrypted, so that it can read and write as its user."""
        return {"HF_TOKEN": self._token}

    def __repr__(self) -> str:
        return "UserHub(…)"


def ask_anyone(
    what: str,
    call: "Callable[[HfApi], Answer]",
    token: str | None,
    endpoint: str | None = None,
) -> Answer:
    """Ask the Hub in somebody's name, or with None in nobody's, whoever owns this process."""
    import httpx2
    from huggingface_hub import HfApi

    set_time_limits()
    try:
        return call(HfApi(endpoint=endpoint, token=token or False))
    except (httpx2.HTTPError, OSError, ValueError, KeyError, RuntimeError) as error:
        problem = _in_words(what, error, token)
    raise problem  # out here, so that it has no context, which holds the token


def _in_words(what: str, error: Exception, token: str | None) -> EngineError:
    status = getattr(getattr(error, "response", None), "status_code", None)
    said = without_tokens(getattr(error, "server_message", None) or "", token)[:SAID]
    said = f" The Hub says: {said}" if said else ""
    if status == 401:
        return SignInError("The Hub does not accept your sign-in; it may have expired. Sign in "
                           f"again.{said}")
    if status == 402:
        return EngineError("Jobs are paid in advance and there is not enough credit. Add some at "
                           f"{BILLING}, then start again.{said}")
    if status == 403:
        return EngineError(f"Your sign-in may not {what}. Sign in again and allow it, or take a "
                           f"token that may.{said}")
    if status == 404:
        return NotThereError(f"The Hub has nothing there when asked to {what}: it was deleted, or "
                             f"your sign-in may not see it.{said}")
    if status is not None and status < 500 and status not in (408, 425, 429):
        return EngineError(f"The Hub refused to {what} ({status}).{said}")
    return LostContactError("The Hub did not answer as it should "
                            f"({status or type(error).__name__}) when asked to {what}.{said}")


def without_tokens(text: str, token: str | None = None) -> str:
    """A text with a token, and whatever looks like one of the Hub's, taken out."""
    if token:
        text = text.replace(token, "[token]")
    return TOKEN.sub("[token]", text)


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return None
