"""What can go to the Hub beside a model.

Its data as a repository of its own, a collection.
"""

import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from hub.client import Hub
from train.report.card_metadata import LICENSES
from train.run.files import write_text

from .bundle import CARD, Item
from .commit import create, send
from .errors import PublishError
from .permissions import check_may_write
from .remote import OF_THE_HUB, RemoteRepo
from .steps import PublishSteps

PASSAGES, QUERIES = "corpus.jsonl", "queries.jsonl"


def publish_data(
    corpus: Corpus, to: str, hub: Hub, *, licence: str, private: bool = True,
    language: Iterable[str] = (), over: bool = False,
) -> PublishSteps:
    """Publish a corpus as a Hub data set.

    In BEIR layout, with a card; returns repo, url, revision. licence: an identifier of the Hub; it
    is that of the texts, not of a model. over: also where something else is. Events are those of
    `send`. PublishError says what is in the way.
    """
    if licence not in LICENSES:
        raise PublishError(f"The licence {licence!r:.40} of the data is none the Hub knows.",
                           "license")
    target = check_may_write(hub, to, private, repo_type="dataset")
    remote = RemoteRepo.at(hub, target) if target.exists else RemoteRepo()
    with tempfile.TemporaryDirectory(prefix="tandem-data-") as folder:
        items = write_data(corpus, Path(folder), licence, list(language))
        others = set(remote.files) - set(OF_THE_HUB) - {item.path for item in items}
        if others and not over:
            raise PublishError(f"{to} holds something else ({', '.join(sorted(others)[:5])}). "
                               "Take another name.", "other_content")
        changed = remote.changed(items)
        if not target.exists:
            target = create(hub, target, private)
        revision = str(target.head)
        if changed:
            wanted = [item for item in items if item.path in changed]
            revision, _ = yield from send(hub, target, wanted, (), f"Publish {corpus.name}")
    return {"repo": to, "url": f"{hub.endpoint}/datasets/{to}", "revision": revision,
            "changed": bool(changed)}


def add_to_collection(hub: Hub, slug: str, repo_id: str, repo_type: str = "model") -> None:
    """Put a repository into a collection of the Hub.

    Nothing happens if it is there already. slug: as in the collection's address, owner/title-id.
    """
    kind: Any = repo_type
    hub.ask(f"adding {repo_id} to the collection {slug}", lambda: hub.api.add_collection_item(
        slug, repo_id, item_type=kind, exists_ok=True))


def write_data(corpus: Corpus, folder: Path, licence: str, language: list[str]
               ) -> list[Item]:
    """Write a corpus in BEIR layout with its card.

    The files, ready to be sent.
    """
    _write_lines(folder / PASSAGES, ({
        "_id": p.id, "title": p.title, "text": p.text,
        **{key: value for key in ("topic", "model_line") if (value := getattr(p, key))},
    } for p in corpus.passages))
    _write_lines(folder / QUERIES, ({"_id": q.id, "text": q.text}
                                    for q in corpus.queries.values()))
    (folder / "qrels").mkdir()
    for split, qrels in corpus.qrels.items():
        rows = [f"{query}\t{passage}\t{grade}"
                for query, grades in qrels.items() for passage, grade in grades.items()]
        write_text(folder / "qrels" / f"{split}.tsv",
                   "\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n")
    write_text(folder / CARD, data_card(corpus, licence, language))
    paths = [CARD, PASSAGES, QUERIES, *(f"qrels/{split}.tsv" for split in corpus.qrels)]
    return [Item.of(path, folder / path) for path in paths]


def data_card(corpus: Corpus, licence: str, language: list[str]) -> str:
    """The card of a data set.

    What it is, in figures.
    """
    from huggingface_hub import DatasetCardData

    data = DatasetCardData(
        pretty_name=corpus.name, license=licence, language=language or None,
        task_categories=["text-retrieval"], tags=["beir", "information-retrieval", "tandem"],
    )
    configs = "\n".join([
        "configs:",
        *(f"- config_name: {name}\n  data_files: {path}"
          for name, path in (("corpus", PASSAGES), ("queries", QUERIES))),
        "- config_name: qrels\n  data_files:",
        *(f"  - split: {split}\n    path: qrels/{split}.tsv" for split in corpus.qrels),
    ])
    sizes = "\n".join(f"| {split} | {len(qrels):,} | {len(corpus.pairs(split)):,} |"
                      for split, qrels in corpus.qrels.items())
    return f"""---
{data.to_yaml()}
{configs}
---

# {corpus.name}

Questions and the passages that answer them, in BEIR layout: {len(corpus.passages):,} passages in
`{PASSAGES}`, {len(corpus.queries):,} questions in `{QUERIES}`, and which answers which in `qrels/`.

| split | questions | pairs |
| --- | --- | --- |
{sizes}

SHA-256 of the passages: `{corpus.fingerprint}`.
"""


def _write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    write_text(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
