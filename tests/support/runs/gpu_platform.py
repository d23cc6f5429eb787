"""ZeroGPU as far as a run can tell, and what its tests share."""

import contextvars
import multiprocessing
from types import SimpleNamespace

from corpus.load import load_corpus
from support.runs.job_play import wait_until
from support.samples import write_beir
from support.tiny import tiny_model_for
from train.recipe import Recipe
from train.run.spec import RunSpec

VISITOR = contextvars.ContextVar("visitor", default=None)
"""Stands for the context variable in which the platform finds the request."""


class PlatformError(Exception):
    """An error as the platform's decorator raises it."""

    def __init__(self, title, message):
        super().__init__(message)
        self.title, self.message = title, message


class Platform:
    """ZeroGPU's decorator as far as a run can tell: each call in a forked process, ended in time.

    errors: raised by the next calls instead. limit: seconds a worker is left, None for what the
    function asked for. calls: (visitor, seconds asked for) of each.
    """

    def __init__(self, limit=None):
        self.limit, self.calls, self.errors, self.pids = limit, [], [], []
        self.before = lambda: None

    def __call__(self, duration):
        def wrap(task):
            def call(*arguments):
                self.calls.append((VISITOR.get(), duration(*arguments)))
                if self.errors:
                    raise self.errors.pop(0)
                return self.fork(task, arguments)
            return call
        return wrap

    def fork(self, task, arguments):
        context = multiprocessing.get_context("fork")
        results = context.SimpleQueue()

        def work():
            import torch

            torch.set_num_threads(1)  # the parent's threads are not here
            self.before()
            results.put(task(*arguments))

        process = context.Process(target=work)
        process.start()
        self.pids.append(process.pid)
        process.join(self.limit or self.calls[-1][1])
        if process.is_alive():
            process.kill()
        process.join()
        if process.exitcode:
            raise PlatformError("ZeroGPU worker error", "GPU task aborted")
        return results.get()


def small_data(porsche, folder):
    """Thirty passages and a tiny model that knows their words."""
    corpus = write_beir(porsche, folder / "thirty", passages=30)
    model = tiny_model_for(load_corpus(corpus), folder / "tiny")
    import sentence_transformers  # noqa: F401 - in the parent, so that each fork has it already

    return SimpleNamespace(corpus=corpus, model=model)


def request(data, **options):
    recipe = Recipe(epochs=2, batch_size=4, dropout=0.1, **options)
    return RunSpec(str(data.corpus), str(data.model), recipe=recipe, engine="zerogpu")


def wait_for(run, status, seconds=60):
    wait_until(lambda: run.record().status == status, seconds, run.record)
