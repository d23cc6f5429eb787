"""Whether what is on the Hub is what was measured.

Downloaded again, hashed, and asked again.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from corpus.records import Corpus
from hub.client import Hub, Meter
from hub.errors import Failure
from hub.progress import Progress, mapped
from retrieval.index import build_index
from retrieval.models import ModelError, load_encoder
from train.run.record import Run

from .bundle import CARD, FIGURES, RECORD, Item
from .errors import PublishError

QUESTIONS = 20
NEAR = 20
"""A rank may differ by one place, and by a twentieth: another machine rounds otherwise."""


@dataclass(frozen=True)
class Verified:
    """What was found.

    questions: how many test questions were asked again; same: ranked as before. note: why fewer
    were asked than could have been.
    """

    hashes: int
    questions: int = 0
    same: int = 0
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """As the record keeps it."""
        return {"hashes": self.hashes, "questions": self.questions, "same": self.same,
                "note": self.note}


def download(
    hub: Hub, repo: str, revision: str, items: tuple[Item, ...], folder: Path
) -> Generator[Progress, None, None]:
    """Download a revision's files and compare their hashes.

    Yielding how many bytes came. Files of the model land in `folder`/model, the others beside it.
    PublishError names the first file that is not what was sent.
    """
    meter = Meter(total=sum(item.bytes for item in items))
    for item in items:
        beside = item.path in (CARD, RECORD, FIGURES)
        place = folder / ("" if beside else "model") / item.path
        place.parent.mkdir(parents=True, exist_ok=True)
        for number in range(hub.patience.tries):
            watched = hub.watch(partial(hub.fetch, repo, revision, item.path, place, meter),
                                meter)
            found = yield from mapped(watched, lambda _: meter.progress)
            if not isinstance(found, Failure) or found.kind == "cancelled":
                break
            if number + 1 < hub.patience.tries:
                hub.rest(hub.patience.pause * 2**number)
        if isinstance(found, Failure):
            raise PublishError.of(found, f"downloading {item.path} again", published=True)
        if found != item.sha256:
            raise PublishError(
                f"{item.path} came back from the Hub other than it was sent (SHA-256 "
                f"{found[:12]}…, not {item.sha256[:12]}…). Publish again.", "differs", True)
        yield meter.progress


def ask_again(
    run: Run, model: Path, hashes: int, corpus: Corpus | None, cache: Path | None,
    device: str | None = None,
) -> Verified:
    """Rank test queries with the downloaded model, as before.

    model: its folder. hashes: how many files were compared. corpus: None when it is not at hand;
    then the model is only loaded. cache: where the vectors of its passages may be kept. device:
    None for the best there is. PublishError when it cannot be loaded or ranks otherwise.
    """
    try:
        encoder = load_encoder(str(model), device=device)
    except ModelError as error:
        raise PublishError(f"What is on the Hub does not load: {error}", "differs", True) from None
    recorded = run.record().fingerprints.corpus
    rows = [row for row in run.per_query() if row["split"] == "test"][:QUESTIONS]
    if corpus is None or corpus.fingerprint != recorded:
        why = "the data of the run is not here" if corpus is None else "the data has changed"
        return Verified(hashes, note=f"No questions were asked again: {why}. The files are those "
                                     "that were measured, and the model loads.")
    rows = [row for row in rows if row["query_id"] in corpus.queries]
    index = build_index(encoder, corpus, cache)
    rankings = index.search_many([corpus.queries[row["query_id"]].text for row in rows])
    same = sum(
        all(_near(ranking.rank(passage), rank) for passage, rank in row["tuned"]["ranks"].items())
        for row, ranking in zip(rows, rankings, strict=True)
    )
    if same < len(rows):
        raise PublishError(
            f"The model that came back ranks {len(rows) - same} of {len(rows)} test questions "
            "otherwise than the run recorded. Do not use it; train again.", "differs", True)
    return Verified(hashes, len(rows), same)


def _near(found: int | None, recorded: int | None) -> bool:
    if found is None or recorded is None:
        return found == recorded
    return abs(found - recorded) <= max(1, recorded // NEAR)
