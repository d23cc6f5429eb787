"""Somebody's data -> Corpus.

A BEIR folder, or a file of anchor/positive pairs.
"""

from pathlib import Path

from corpus.importing.manifest import LossTally, read_manifest
from corpus.importing.pairs import Gathering, nothing_left, pair_reader
from corpus.readers.clean import Spoilt, Texts
from corpus.readers.open import Source, opened
from corpus.readers.registry import SOURCE_SUFFIXES
from corpus.readers.rows import WHOLE, OnBadRow, Remark, refuse

from .beir import beir_parts
from .records import Corpus, CorpusError, Passage, Query
from .split import BY_PASSAGE, split, with_missing_splits

BUILT_IN = "porsche"
GENERAL = "general"
"""The collection that has nothing to do with cars: what fine-tuning cost elsewhere."""


def load_corpus(
    source: str | Path, seed: int = 42, on_bad_row: OnBadRow = refuse
) -> Corpus:
    """Load a built-in corpus, BEIR folder, or pair file.

    Built in are `porsche` and `general`. A BEIR folder keeps the splits its qrels give; judgements
    without splits, and pairs, are split by passage with `seed`. Raises CorpusError with file, line
    and value when the data cannot be used; an `on_bad_row` of one's own is handed what is wrong
    with single rows instead, and those are left out.
    """
    return load_with_kind(source, seed, on_bad_row)[0]


def load_with_kind(
    source: str | Path, seed: int = 42, on_bad_row: OnBadRow = refuse
) -> tuple[Corpus, bool]:
    """Load a corpus as `load_corpus` does.

    Also gives whether it is made of rows of pairs, and not of judgements.
    """
    if (name := str(source)) in (BUILT_IN, GENERAL):
        return read_beir(Path(__file__).parent / name, name, on_bad_row), False
    path = Path(source)
    if path.is_dir() and (about := read_manifest(path)):
        corpus = read_beir(path, about.name, on_bad_row, seed, about.split_by)
        return corpus, about.from_pairs is True
    if not path.exists():
        raise CorpusError(
            f"There is no corpus at {path}. Give `{BUILT_IN}`, `{GENERAL}`, a folder in BEIR "
            f"layout or of files of pairs, or a file of pairs ({', '.join(SOURCE_SUFFIXES)})."
        )
    return read_pairs(path, seed, on_bad_row)


def read_beir(
    folder: Path, name: str, on_bad_row: OnBadRow = refuse, seed: int = 42, by: str = BY_PASSAGE
) -> Corpus:
    """Read `corpus.jsonl`, `queries.jsonl` and `qrels/{train,dev,test}.tsv`.

    A folder with a single `qrels.tsv` and no splits is split with `seed`, `by` passage or question.
    """
    parts = beir_parts(folder, on_bad_row)
    qrels = parts.splits if parts.single is None else split(parts.single, seed, by)
    return Corpus(name, parts.passages, parts.queries, qrels)


def read_pairs(
    path: Path, seed: int = 42, on_bad_row: OnBadRow = refuse
) -> tuple[Corpus, bool]:
    """Read files of pairs, and whether they are such.

    Equal positives become one passage, equal anchors one query. Anchors are equal when they differ
    in case, spacing or a closing question mark alone. A folder or a zip may be in BEIR layout, or
    hold a file for each split, which are kept.
    """
    tally = LossTally()

    def noted(error: CorpusError) -> None:
        tally(error)
        on_bad_row(error)

    with opened(path, WHOLE, noted) as source:
        if source.folder:
            return read_beir(source.folder, source.name, on_bad_row, seed), False
        return _gathered(source, seed, noted, tally), True


def _gathered(source: Source, seed: int, on_bad_row: OnBadRow, tally: LossTally) -> Corpus:
    passages: list[Passage] = []
    queries: dict[str, Query] = {}
    gathering = Gathering(on_bad_row)
    spoilt = Spoilt()
    texts = Texts(on_bad_row, spoilt=spoilt)
    _, reader = pair_reader(source, None, texts, on_bad_row, each_by_itself=True)
    for new in gathering.read(source.tables(), reader):
        if isinstance(new, Passage):
            passages.append(new)
        else:
            queries[new.id] = new
    for said in spoilt.misread(source.file):
        on_bad_row(Remark(said))
    if not any(gathering.splits.values()):
        raise nothing_left(source.file, tally)
    if not source.parts:
        qrels = split(gathering.qrels, seed)
    else:
        qrels, notes = with_missing_splits(gathering.splits, seed)
        for note in notes:
            on_bad_row(Remark(note))
    return Corpus(source.name, tuple(passages), queries, qrels)
