"""The Hub as one user, for runs on Jobs.

Repositories, jobs and their logs. A failure of the Hub is an error of the engine here, of a class
that the watch of a job branches on.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hub.account import Account, read_account
from hub.client import Hub
from hub.errors import Failure
from train.engines import EngineError

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, JobInfo

    Operation = CommitOperationAdd | CommitOperationDelete

LABEL = "tandem-run"
"""The label of a job that names its run: how a job is found whose number was lost."""
Answer = TypeVar("Answer")


class SignInError(EngineError):
    """The Hub does not accept the token.

    It has expired, was revoked, or may only read.
    """


class LostContactError(EngineError):
    """The Hub does not answer now: worth trying again."""


class NotThereError(EngineError):
    """What was asked for is not on the Hub.

    Or not for this user.
    """


ERRORS = {"unauthorized": SignInError, "not_found": NotThereError, "not_the_hub": LostContactError,
          "failed": LostContactError, "file": LostContactError}
"""Kind of failure -> error; one that may pass is lost contact, any other a refusal."""


class UserHub:
    """The Hub as one user sees it, for jobs.

    The token is never shown.
    """

    def __init__(self, token: str, endpoint: str | None = None) -> None:
        """token: the user's own; a fallback to this process' HF_TOKEN would spend its owner's."""
        if not token:
            raise SignInError("Jobs are paid by whoever starts them: sign in first.")
        self._hub = Hub(token, endpoint)

    def who(self) -> Account:
        """Whose token this is; SignInError if it may not write."""
        who = read_account(self.ask("asking who you are", lambda api: api.whoami()))
        if who.role == "read":
            raise SignInError("This token may only read: a run on Jobs needs one that may write "
                              "repositories and run Jobs.")
        return who

    def check_jobs(self, namespace: str) -> None:
        """Refuse with a sentence whoever may not run Jobs."""
        self.ask("running Jobs", lambda api: next(iter(api.list_jobs(namespace=namespace)), None))

    def create_private(self, repo: str) -> None:
        """A new repository that nobody else sees.

        EngineError if it is not private.
        """
        self.ask(f"creating {repo}", lambda api: api.create_repo(repo, private=True, exist_ok=True))
        self.check_private(repo)

    def check_private(self, repo: str) -> None:
        """Refuse a repository that others can read.

        `private` is ignored on one that exists.
        """
        if not self.ask(f"reading {repo}", lambda api: api.repo_info(repo)).private:
            raise EngineError(f"{repo} is on the Hub already and is public: your data would be "
                              "too. Make it private or delete it, then start again.")

    def commit(self, repo: str, operations: "list[Operation]", message: str) -> str:
        """One commit; its id."""
        done = self.ask(f"writing to {repo}", lambda api: api.create_commit(
            repo, operations, commit_message=message))
        return str(done.oid)

    def files(self, repo: str) -> tuple[str, list[str]]:
        """The newest commit of a repository, and its files."""
        info = self.ask(f"reading {repo}", lambda api: api.repo_info(repo))
        listed = self.ask(f"reading {repo}", lambda api: api.list_repo_files(
            repo, revision=info.sha))
        return str(info.sha), listed

    def has(self, repo: str, path: str) -> bool:
        """Whether a file is in a repository."""
        return self.ask(f"reading {repo}", lambda api: api.file_exists(repo, path))

    def download(self, repo: str, revision: str, patterns: list[str], folder: Path) -> None:
        """Files of a commit into a folder.

        The client checks size and hash.
        """
        self.ask(f"downloading from {repo}", lambda api: api.snapshot_download(
            repo, revision=revision, allow_patterns=patterns, local_dir=folder))

    def delete(self, repo: str) -> None:
        """Delete a repository with all that is in it.

        Fine if it is gone.
        """
        self.ask(f"deleting {repo}", lambda api: api.delete_repo(repo, missing_ok=True))

    def empty(self, repo: str) -> None:
        """Delete what is in a repository, and its history.

        For a token that may write there and not delete it.
        """
        from huggingface_hub import CommitOperationDelete

        names = {name.split("/")[0] + ("/" if "/" in name else "") for name in self.files(repo)[1]}
        names -= {".gitattributes"}
        if names:
            self.commit(repo, [CommitOperationDelete(name) for name in sorted(names)],
                        "Delete what has been taken over")
            self.forget_history(repo)

    def clear(self, repo: str) -> str:
        """Delete a repository, or what is in it.

        Says what is left where the token may not delete: nothing but a name, if it may write. Empty
        where nothing is.
        """
        try:
            self.delete(repo)
        except EngineError as error:
            try:
                self.empty(repo)
            except EngineError:
                return f"The files of the job stay in {repo}, where you can delete them: {error}"
            return (f"{repo} is empty now, and yours to delete in its settings: this sign-in may "
                    "write to repositories, not delete them (the scope manage-repos would).")
        return ""

    def forget_history(self, repo: str) -> None:
        """Keep the newest commit of a repository alone.

        So that earlier checkpoints are not stored for ever.
        """
        self.ask(f"writing to {repo}", lambda api: api.super_squash_history(repo))

    def run_job(self, namespace: str, run_id: str, **spec: Any) -> "JobInfo":
        """Start a job.

        One that started though the answer was lost is found again.
        """
        try:
            return self.ask("running Jobs", lambda api: api.run_job(
                namespace=namespace, labels={LABEL: run_id, "name": f"tandem-{run_id}"}, **spec))
        except LostContactError as lost:
            problem = lost
        found = self.find_job(namespace, run_id)
        if found is None:
            raise problem
        return found

    def find_job(self, namespace: str, run_id: str) -> "JobInfo | None":
        """The job of a run that has not ended."""
        return self.ask("running Jobs", lambda api: next(iter(api.list_jobs(
            namespace=namespace, labels={LABEL: run_id}, status=["SCHEDULING", "RUNNING"])), None))

    def job(self, namespace: str, job: str) -> "JobInfo":
        """How a job is."""
        return self.ask("looking at the job",
                        lambda api: api.inspect_job(job_id=job, namespace=namespace))

    def cancel(self, namespace: str, job: str) -> None:
        """End a job at once."""
        self.ask("cancelling the job", lambda api: api.cancel_job(job_id=job, namespace=namespace))

    def log(self, namespace: str, job: str) -> Iterator[str]:
        """The log lines of a job, from its first one.

        Until it ends or contact is lost.
        """
        lines = self.ask("reading the job's log", lambda api: iter(api.fetch_job_logs(
            job_id=job, namespace=namespace, follow=True)))
        end = object()
        while (line := self.ask("reading the job's log", lambda api: next(lines, end))) is not end:
            yield str(line)

    def ask(self, doing: str, call: "Callable[[HfApi], Answer]") -> Answer:
        """Ask the Hub something. doing: what for, as a gerund."""
        return answer(doing, self._hub, call)

    def hide_tokens(self, text: str) -> str:
        """A text without tokens of the Hub.

        This user's, and whatever looks like one.
        """
        return self._hub.hide(text)

    @property
    def secrets(self) -> Mapping[str, str]:
        """The secrets of a job: its user's token.

        Given encrypted, so that it can read and write as its user.
        """
        return {"HF_TOKEN": str(self._hub.token)}

    def __repr__(self) -> str:
        return "UserHub(…)"


def answer(doing: str, hub: Hub, call: "Callable[[HfApi], Answer]") -> Answer:
    """The Hub's answer.

    EngineError, without the token, when there is none.
    """
    found = hub.call(lambda: call(hub.api))
    if isinstance(found, Failure):
        usual = LostContactError if found.passing else EngineError
        raise ERRORS.get(found.kind, usual)(found.sentence(doing))
    return found
