"""Uploaded data made ready for Compare and Scoreboard.

BM25 first, then Base.
"""

import random
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from corpus.load import load_corpus
from corpus.records import Corpus
from hub.progress import Progress
from retrieval.bm25 import build_lexical_index
from retrieval.evaluation import FEWEST, Evidence, Judged, evaluate
from retrieval.index import Searcher, forget_vectors, index_in_parts
from train.run.files import write_text
from train.settings import Settings

from .load_run import LEARNING, WAIT
from .model_pair import LexicalOnly, ModelPair
from .worker import Stage, Work, encoding

MOST_MEASURED = 2_000
"""Test questions that are measured: more of them take minutes and tell little more."""
PART = 128
"""Test questions ranked at a time: every ranking holds a score for each passage."""
READING = "Base is reading your passages"
OWN = re.compile(r"upload-[0-9a-f]{24}(?:\.\w+)?")
OF = ".of"
"""Ends the name of a file that says which passages an upload holds."""


class TooManyError(ValueError):
    """More passages than are encoded here.

    The message has both figures.
    """


def is_own(shown: str) -> bool:
    """Whether what is selected is uploaded data, no run."""
    return OWN.fullmatch(shown) is not None


def pair_of_data(
    name: str, source: str, title: str, opening: Callable[[], ModelPair | None], settings: Settings
) -> Work:
    """The stages of reading uploaded data with Base.

    Base is measured beside BM25. opening: the pair whose base reads the data, None while it is not
    there yet.
    """
    yield Stage("reading", "Reading your data")
    corpus = replace(_read(source, settings.max_passages), name=title)
    remember(settings, name, corpus)
    yield Stage("reading", "BM25 is reading your passages")
    words = LexicalOnly(corpus, build_lexical_index(corpus))
    while (opened := opening()) is None:
        yield Stage("waiting", "Base itself is being loaded first", words=words)
        time.sleep(WAIT)
    yield Stage("encoding", READING, Progress(0, len(corpus.passages)), words)
    base = yield from encoding(
        index_in_parts(opened.base.encoder, corpus, settings.cache, sentences=True), READING,
        words)
    pair = ModelPair.of_words(words, base, f"Your data {title}, {len(corpus.passages):,} passages.")
    yield Stage("measuring", LEARNING, words=words, pair=pair)
    pair.learn_what_is_answered(settings.cache)
    try:
        pair = yield from _measured(pair)
    except ValueError as error:
        pair = replace(pair, unmeasured=str(error))
    yield Stage("ready", pair.about, words=words, pair=pair)


def _read(source: str, most: int | None) -> Corpus:
    """The data, unless there is too much of it; rows of a folder are counted before it is read."""
    rows = Path(source) / "corpus.jsonl"
    if most is not None and rows.is_file():
        with rows.open("rb") as lines:
            _refuse_many(sum(1 for _ in lines), most)
    corpus = load_corpus(source)
    if most is not None:
        _refuse_many(len(corpus.passages), most)
    return corpus


def _refuse_many(passages: int, most: int) -> None:
    if passages > most:
        raise TooManyError(f"Your data has {passages:,} passages; at most {most:,} are read by "
                           "Base here (TANDEM_MAX_PASSAGES). Bring a part of them, or run Tandem "
                           "on a machine of your own.")


def _measured(pair: ModelPair) -> Generator[Stage, None, ModelPair]:
    """The pair with BM25 and Base measured on its test questions, as many as are worth it."""
    asked = list(pair.corpus.qrels.get("test", {}))
    if len(asked) < FEWEST:
        count = f"only {len(asked)}" if asked else "no"
        return replace(pair, unmeasured=(
            f"Your data has {count} test {'question' if len(asked) == 1 else 'questions'}: at "
            f"least {FEWEST} are needed to measure on. Add questions with their answers; Compare "
            "works without."))
    if len(asked) > MOST_MEASURED:
        asked = sorted(random.Random(42).sample(asked, MOST_MEASURED))
        pair = replace(pair, about=f"{pair.about} Measured on {MOST_MEASURED:,} of its "
                       f"{len(pair.corpus.qrels['test']):,} test questions, drawn by lot.")
    found: dict[str, dict[str, Judged]] = {"BM25": {}, "Base": {}}
    sides: list[tuple[str, Searcher]] = [("BM25", pair.lexical()), ("Base", pair.base)]
    total, done = 2 * len(asked), 0
    for name, side in sides:
        for start in range(0, len(asked), PART):
            yield Stage("measuring", f"Measuring {name} on your test questions",
                        Progress(done, total), pair=pair)
            part = asked[start:start + PART]
            found[name] |= evaluate(side, _only(pair.corpus, part), "test")
            done += len(part)
    return replace(pair, of_base=Evidence("test", len(pair.corpus.passages), found["BM25"],
                                          found["Base"]))


def _only(corpus: Corpus, asked: Sequence[str]) -> Corpus:
    """The corpus with these test questions alone."""
    return replace(corpus, qrels={"test": {query_id: corpus.qrels["test"][query_id]
                                           for query_id in asked}})


def remember(settings: Settings, name: str, corpus: Corpus) -> None:
    """Keep in the cache which passages an upload holds.

    So that its vectors can go with it.
    """
    settings.cache.mkdir(parents=True, exist_ok=True)
    write_text(settings.cache / f"{name}{OF}", corpus.fingerprint)


def swept(settings: Settings, kept: Sequence[str] = ()) -> Iterator[str]:
    """Remove the vectors of uploads that are gone.

    Gives the names of those. kept: fingerprints of passages that stay whatever becomes of an upload
    of the same ones.
    """
    gone, there = [], set(kept)
    for path in settings.cache.glob(f"*{OF}"):
        name = path.name.removesuffix(OF)
        try:
            passages = path.read_text("utf-8")
        except OSError:  # somebody else swept just now
            continue
        if (settings.uploads / name).exists():
            there.add(passages)
        else:
            gone.append((path, name, passages))
    for path, name, passages in gone:
        if passages not in there:
            forget_vectors(settings.cache, passages)
        path.unlink(missing_ok=True)
        yield name
