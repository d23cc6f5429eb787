"""One question through both models, against plain sentence-transformers.

    python -m bench.speed.question [--tuned RUN_OR_MODEL] [--threads 1] [--out FILE.json]

The handler behind `/compare`, from its first line to its return, marking included, against what a
user would write instead: two `SentenceTransformer.encode` calls and a NumPy search. Both in turn in
one process, on the test questions of the built-in corpus, with the same number of threads; then the
same question over HTTP to an app in a process of its own. Without `--tuned`, a copy of the base
whose weights were shaken stands in for a tuned model: it costs the same.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np

from corpus.load import load_corpus
from corpus.records import Corpus
from retrieval.index import build_index
from retrieval.metrics import PRIMARY, query_metrics
from retrieval.models import EMBEDDED_MODEL, load_encoder

from ..report import Part, finish, table
from .paired import in_turn, load

if TYPE_CHECKING:
    from ui.services.app import Services

ROOT = Path(__file__).resolve().parents[2]
TOP = 10
Vectors = np.ndarray[Any, np.dtype[np.float32]]


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tuned", help="a run directory or a model; a shaken base if not given")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--questions", type=int, default=60, help="that are timed")
    parser.add_argument("--no-http", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder:
        result = measured(options, Path(folder))
    finish(Part("question", "One question, both models", shown(result), result), options.out)


def measured(options: argparse.Namespace, home: Path) -> dict[str, Any]:
    """Times, and whether both ways find the same."""
    import torch

    torch.set_num_threads(options.threads)
    corpus = load_corpus("porsche")
    tuned = model_folder(options.tuned, home)
    plain = Plain(corpus, [EMBEDDED_MODEL, str(tuned)], home / "cache")
    services, ask = handler(home, tuned)
    texts = [corpus.queries[query].text for query in sorted(corpus.qrels["test"])]
    timed = in_turn({"plain": plain.ask, "handler": ask}, texts[: options.questions + 3])
    result: dict[str, Any] = {"threads": options.threads, "load": load(),
                              "ways": timed.as_json(), "same": same(services, plain, corpus)}
    if not options.no_http:
        with_http = over_http(home, tuned, plain, texts[: options.questions + 3], options.threads)
        result["http"] = with_http
    return result


class Plain:
    """What a user would write: encode with each model, multiply, sort."""

    def __init__(self, corpus: Corpus, models: list[str], cache: Path) -> None:
        """Load the models; PyTorch makes the passages' vectors, once."""
        encoders = [load_encoder(name) for name in models]
        self.models = [encoder.model for encoder in encoders]
        self.ids = sorted(corpus.passage)
        self.vectors = [np.asarray(build_index(encoder, corpus, cache).vectors)
                        for encoder in encoders]

    def scores(self, question: str) -> list[Vectors]:
        """Scores of all passages under each model."""
        return [vectors @ model.encode([question], normalize_embeddings=True,
                                       show_progress_bar=False)[0]
                for model, vectors in zip(self.models, self.vectors, strict=True)]

    def ask(self, question: str) -> list[list[str]]:
        """The best five passages under each model."""
        return [[self.ids[place] for place in np.argsort(-row)[:5]]
                for row in self.scores(question)]


def model_folder(tuned: str | None, home: Path) -> Path:
    """The model to compare with; one is made where none is given."""
    if tuned:
        return model_path(tuned)
    import torch

    model, folder = load_encoder(EMBEDDED_MODEL).model, home / "shaken"
    torch.manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * weight.std() * 0.05)
    model.save_pretrained(str(folder), create_model_card=False)
    return folder


def model_path(tuned: str) -> Path:
    """The model of a run directory, or the folder itself."""
    return Path(tuned) / "model" if (Path(tuned) / "run.json").is_file() else Path(tuned)


def handler(home: Path, tuned: Path) -> "tuple[Services, Any]":
    """The function behind `/compare`, with both models ready."""
    from gradio import Request

    from train.engines.queue import Queue
    from train.settings import Settings
    from ui.auth import Auth
    from ui.services.app import Services
    from ui.services.opening import OpeningPair
    from ui.services.runs import RunService
    from ui.services.uploads import Uploads
    from ui.tabs.compare import compare_endpoint

    settings = Settings(home=home, tuned_model=str(tuned), train="off")
    queue = Queue(settings.runs, {}, None)
    services = Services(settings, OpeningPair(settings, queue), queue, Auth(settings),
                        Uploads(settings))
    services.opening.open()
    while services.opening.state.kind == "loading":
        time.sleep(0.05)
    if services.opening.state.kind != "ready":
        sys.exit(services.opening.state.text)
    on = compare_endpoint(services, RunService(services))
    request = Request(headers={"host": "localhost"}, session_hash="bench")
    return services, lambda question: on(request, question)


def same(services: "Services", plain: Plain, corpus: Corpus) -> dict[str, Any]:
    """How often both ways have the same best ten, and what each is worth."""
    pair = services.opening.pair
    assert pair is not None and pair.tuned is not None
    queries = sorted(corpus.qrels["test"])
    ours = {name: index.search_many([corpus.queries[query].text for query in queries])
            for name, index in (("base", pair.base), ("tuned", pair.tuned))}
    found: dict[str, Any] = {}
    plains = [plain.scores(corpus.queries[query].text) for query in queries]
    for side, name in enumerate(ours):
        level = 0
        worth: dict[str, list[float]] = {"plain": [], "ours": []}
        for query, ranking, scores in zip(queries, ours[name], plains, strict=True):
            order = [plain.ids[place] for place in np.argsort(-scores[side], kind="stable")]
            best = [passage for passage, _ in ranking.top(TOP)]
            level += set(best) == set(order[:TOP])
            relevant = corpus.qrels["test"][query]
            worth["plain"].append(_ndcg({p: order.index(p) + 1 for p in relevant}, relevant))
            worth["ours"].append(_ndcg({p: ranking.rank(p) for p in relevant}, relevant))
        found[name] = {"same_top10": level / len(queries),
                       **{way: float(np.mean(values)) for way, values in worth.items()}}
    return found


def _ndcg(ranks: dict[str, int | None], grades: Any) -> float:
    return float(query_metrics(ranks, grades)[PRIMARY])


def over_http(
    home: Path, tuned: Path, plain: Plain, texts: list[str], threads: int
) -> dict[str, Any]:
    """The same question through `/compare` of an app in another process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = os.environ | {"TANDEM_HOME": str(home), "TANDEM_TUNED_MODEL": str(tuned),
                        "TANDEM_TRAIN": "off", "PORT": str(port),
                        "OMP_NUM_THREADS": str(threads)}
    app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=env,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}/gradio_api", timeout=60) as client:
            wait_for(client)
            timed = in_turn({"plain": plain.ask, "http": lambda text: asked(client, text)}, texts)
    finally:
        app.terminate()
        app.wait(20)
    return timed.as_json()


def wait_for(client: httpx.Client, seconds: float = 300) -> None:
    """Wait until both models answer."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if (answer := asked(client, "does the boxster have a frunk")) and answer["tuned"]:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    raise SystemExit("The app does not answer.")


def asked(client: httpx.Client, question: str) -> dict[str, Any] | None:
    """The answer of `/compare`; None where it is an error."""
    posted = client.post("/call/compare", json={"data": [question, 5, None]}).json()
    text = client.get(f"/call/compare/{posted['event_id']}").text
    if "event: complete" not in text:
        return None
    answer: dict[str, Any] = json.loads(text.rsplit("data: ", 1)[1])[0]
    return answer


def shown(result: dict[str, Any]) -> str:
    """The tables, as Markdown."""
    rows = [[name, f"{way['median_ms']:.1f}", f"{way['tenth_ms']:.1f}",
             f"{way['times_as_fast']:.2f}", str(way["rounds"])]
            for name, way in result["ways"].items()]
    if "http" in result:
        way = result["http"]["http"]
        rows.append(["over HTTP", f"{way['median_ms']:.1f}", f"{way['tenth_ms']:.1f}",
                     f"{way['times_as_fast']:.2f}", str(way["rounds"])])
    sides = [[name, f"{side['same_top10']:.3f}", f"{side['plain']:.4f}", f"{side['ours']:.4f}"]
             for name, side in result["same"].items()]
    return "\n\n".join([
        f"{result['threads']} thread{'s' * (result['threads'] > 1)}, load "
        f"{result['load']:.1f}.",
        table(["way", "median ms", "fastest tenth, ms", "times as fast as plain", "rounds"], rows),
        table(["side", "same top 10", "ndcg@10 plain", "ndcg@10 here"], sides)])


if __name__ == "__main__":
    main()
