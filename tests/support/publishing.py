"""Publishing in tests: a run to a Hub on loopback, what came of it, and that no token leaked."""

import hashlib
import pickle

import pytest

from hub.client import Hub, Patience
from hub.progress import drained
from train.publish.errors import PublishError
from train.publish.publish import PublishRequest, publish

from .fake_hub.state import ME

TO = "me/car-parts"
QUICK = Patience(silence=1.5, tries=2, pause=0.01, longest_wait=2)
COMMIT = r"POST /api/models/\S+/commit/"
UPLOAD = "PUT /_lfs/"


def steps_of(run, hub, token=ME, to=TO, patience=QUICK, should_stop=lambda: False, edits=None,
              corpus=None, **asked):
    who = Hub(token, hub.endpoint, patience, should_stop)
    steps = []
    result = drained(publish(run, PublishRequest(to, **asked), who, edits=edits,
                             corpus=lambda: corpus), steps.append)
    return result, steps


def done(run, hub, **options):
    return steps_of(run, hub, **options)[0]


def refused(run, hub, **options):
    with pytest.raises(PublishError) as caught:
        steps_of(run, hub, **options)
    error = caught.value
    assert error.__context__ is None or error.__suppress_context__
    check_no_token(run, hub, str(error), pickle.dumps(error), repr(error), repr(vars(error)))
    assert str(error).endswith(".") and "\n" not in str(error)
    assert ("Nothing was published" in str(error)) == (error.published is False)
    return error


def check_no_token(run, hub, *texts):
    for text in texts:
        assert ME.encode() not in (text if isinstance(text, bytes) else text.encode())
    for path in run.folder.rglob("*"):
        if path.is_file():
            assert ME.encode() not in path.read_bytes(), path
    assert not [request for request, _ in hub.asked if ME in request]


def content(hub, name=TO):
    return hub.repos["model", name].head.files


def nothing_published(hub, name=TO):
    repo = hub.repos.get(("model", name))
    return repo is None or (len(repo.commits) == 1 and not repo.pulls)


def weights_sent(hub, run):
    digest = hashlib.sha256((run.model / "model.safetensors").read_bytes()).hexdigest()
    return hub.uploads.count(digest)
