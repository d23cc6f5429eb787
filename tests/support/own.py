"""Data that visitors brought, without a page: folders of pairs, each its owner's."""

import contextlib
import threading
from dataclasses import replace
from pathlib import Path

from retrieval.index import build_index
from support.fakes import HashingEncoder, small_corpus
from support.runs.finished import finished_run
from support.samples import write_lines
from support.waiting import until
from ui.auth import Visitor
from ui.services.model_pair import ModelPair
from ui.services.pair_cache import NotReadyError
from ui.services.runs import RunService
from ui.services.uploads import UploadError

GONE = "That data is not here any more: upload it again."


def name_of(number=1):
    return f"upload-{number:024x}"


class FakeUploads:
    """What `Uploads` is to whoever shows data: where it is, whose, and what it is called."""

    def __init__(self, settings):
        self.settings, self.owners, self.titles = settings, {}, {}

    def bring(self, number=1, owner=None, title="numbers", rows=None):
        name = name_of(number)
        folder = self.settings.uploads / name
        folder.mkdir(parents=True)
        write_pairs(folder, rows or numbers(60))
        self.owners[name], self.titles[name] = owner, title
        return name

    def source(self, data, visitor=None):
        folder = self.settings.uploads / str(data)
        theirs = visitor is None or visitor.is_owner or self.owners.get(data) == visitor.key
        if not theirs or not folder.is_dir():
            raise UploadError(GONE)
        return str(folder)

    def title(self, data):
        return self.titles.get(data, "")

    def is_upload(self, source):
        return Path(source).resolve().parent == self.settings.uploads.resolve()


def numbers(count, salt=""):
    return [(f"What is the number {salt}{n}?", f"The number {salt}{n} is {n * n} squared.")
            for n in range(count)]


def write_pairs(folder, rows):
    """Pairs in BEIR layout: the last third of them is the test split."""
    write_lines(folder / "corpus.jsonl", [
        {"_id": f"p{n:03}", "title": "", "text": text} for n, (_, text) in enumerate(rows)])
    write_lines(folder / "queries.jsonl", [
        {"_id": f"q{n:03}", "text": text} for n, (text, _) in enumerate(rows)])
    (folder / "qrels").mkdir()
    third = len(rows) // 3
    for at, split in enumerate(("train", "dev", "test")):
        chosen = range(at * third, (at + 1) * third)
        (folder / "qrels" / f"{split}.tsv").write_text(
            "query-id\tcorpus-id\tscore\n" + "".join(f"q{n:03}\tp{n:03}\t1\n" for n in chosen))


class Gate(HashingEncoder):
    """An encoder that reads data in the background only while it is let: `open` is an event."""

    def __init__(self, *args, **how):
        super().__init__(*args, **how)
        self.open, self.passages = threading.Event(), 0
        self.open.set()

    def encode_passages(self, texts):
        if threading.current_thread().name == "own-data":  # not the sentences of an answer
            assert self.open.wait(10)
        self.passages += len(texts)
        return super().encode_passages(texts)


def opening_pair(encoder=None):
    """The pair a page opens with, base alone."""
    corpus = small_corpus()
    return ModelPair(corpus, build_index(encoder or Gate("base"), corpus))


def with_own(services, encoder=None):
    """A house whose showcase is open and whose uploads are fake."""
    services = replace(services, uploads=FakeUploads(services.settings))
    services.opening.pair = opening_pair(encoder)
    services.opening.corpus = services.opening.pair.corpus
    return services


OWNER = Visitor(None, True)


def ready(service, visitor, shown):
    """The pair, once it is measured too."""
    def is_ready():
        with contextlib.suppress(NotReadyError):
            service.pair(visitor, shown)
        stage = service.services.opening.pairs.stage(shown)
        return stage and stage.ended

    until(is_ready)
    return service.pair(visitor, shown)


def made_on(services, name, visitor, tmp_path):
    """A finished run of a visitor on their data."""
    pair = ready(RunService(services), visitor, name)
    model = tmp_path / "model"
    model.mkdir(exist_ok=True)
    (model / "modules.json").write_text("[]")
    run = finished_run(services.settings.runs, model, pair.corpus, pair.base.encoder,
                       HashingEncoder("tuned", salt="t"), owner=visitor.key)
    source = str((services.settings.uploads / name).resolve())
    run.update(data=run.record().data.changed(source=source, name="numbers"),
               base_model=run.record().base_model.changed(name="base", revision=None))
    return run
