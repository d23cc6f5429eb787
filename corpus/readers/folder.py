"""Names of files -> what they are together.

A BEIR folder, or a table in one file or several. The same for a folder and for a zip: only names
are looked at here, with `/` between folders.
"""

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from corpus.records import SPLITS, CorpusError
from corpus.text import listed

from .rows import TooMuchError

MOST_FILES = 10_000
SPLIT_WORDS = {
    "train": ("train", "training"),
    "dev": ("dev", "development", "val", "valid", "validation", "eval"),
    "test": ("test", "testing", "heldout"),
}
WORD = {word: split for split, words in SPLIT_WORDS.items() for word in words}
BEIR_TEXTS = ("corpus.jsonl", "queries.jsonl")
QRELS_SUFFIXES = (".tsv", ".txt", ".csv", ".jsonl", ".qrels", ".qrel", ".trec", "")
NOT_DATA = re.compile(
    r"(^|/)(__macosx/|\.|(readme|licen[sc]e|about|dataset_infos?)(\.\w+)?$"
    r"|(dataset_dict|state|check|owner)\.json$)", re.I)
COLUMNAR = (".parquet", ".arrow", ".feather")
"""Tables that have files about them, in JSON, beside them."""
LISTED = 5


@dataclass(frozen=True)
class Layout:
    """What some files are together.

    One of the two is filled. top: the folder in which they stand. beir: the name in a BEIR folder
    -> the file. tables: split -> the files of its rows, in order; the one split is "" where they
    bring none of their own. unread: tables beside those of splits, such as all of them together.
    """

    top: str = ""
    beir: Mapping[str, str] = field(default_factory=dict)
    tables: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unread: tuple[str, ...] = ()


def files_in(folder: Path) -> list[str]:
    """The names of a folder's files, hidden ones aside.

    And of those in its folders.
    """
    found: list[str] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += ((Path(place) / name).relative_to(folder).as_posix() for name in sorted(files))
        if len(found) > MOST_FILES:
            raise TooMuchError(f"{folder.name} holds more than {MOST_FILES:,} files: name the one "
                               "that holds the data.")
    return found


def layout_of(names: Iterable[str], title: str, suffixes: Collection[str]) -> Layout:
    """What the files of a folder or zip are.

    CorpusError where that is not clear. title: what sentences call it. suffixes: of files that hold
    a table.
    """
    names = [name for name in names if not NOT_DATA.search(name)]
    beir = {top: files for top, files in _beir_folders(names, title).items()
            if any(name.startswith(BEIR_TEXTS[0]) for name in files)}
    if len(beir) > 1:
        tops = listed([top or "the top" for top in beir], LISTED)
        raise CorpusError(f"{title} holds several BEIR folders ({tops}): keep one.")
    for top, files in beir.items():
        return Layout(top, beir=files)
    data = [name for name in names if suffix_of(name) in suffixes]
    data = [name for name in data if suffix_of(name) in COLUMNAR] or data
    of_splits = [name for name in data if _split_of_path(name)]
    if {_split_of_path(name) for name in of_splits} >= {"train", "test"}:
        others = tuple(name for name in data if name not in of_splits)
        return Layout(tables=_tables(of_splits, title), unread=others)
    return Layout(tables=_tables(data, title))


def split_of(name: str) -> str:
    """The split that a file's name speaks of.

    A folder's too; empty for none or several.
    """
    words = {WORD[word] for word in re.split(r"[^a-z]+", name.lower()) if word in WORD}
    return words.pop() if len(words) == 1 else ""


def suffix_of(name: str | Path) -> str:
    """The suffix of a file's name, in lower case.

    Of `a.csv.gz` it is `.csv`.
    """
    path = PurePosixPath(str(name).replace("\\", "/"))
    return PurePosixPath(path.stem if path.suffix.lower() == ".gz" else path.name).suffix.lower()


def stem_of(name: str | Path) -> str:
    """A file's name without suffix and `.gz`."""
    path = PurePosixPath(str(name).replace("\\", "/"))
    return PurePosixPath(path.stem if path.suffix.lower() == ".gz" else path.name).stem


def beir_name(name: str) -> str:
    """A file's name in a BEIR folder; else empty.

    As far as its own name says. Judgements may be called `qrels.test.tsv`, `qrels/test.txt`,
    `test.qrels`, `dev.trec`, … .
    """
    path = PurePosixPath(name)
    packed = ".gz" if path.suffix.lower() == ".gz" else ""
    plain = path.name.removesuffix(packed) if packed else path.name
    if plain in BEIR_TEXTS:
        return plain + packed
    suffix, stem = suffix_of(name), stem_of(name)
    of_qrels = path.parent.name.lower() == "qrels" or re.search(r"(^|[^a-z])qrels?([^a-z]|$)",
                                                                 plain.lower())
    if suffix not in QRELS_SUFFIXES or not (of_qrels or suffix in (".trec", ".qrels", ".qrel")):
        return ""
    if split := split_of(stem):
        return f"qrels/{split}.tsv{packed}"
    return f"qrels.tsv{packed}" if re.search("qrel", plain, re.I) else ""


def _beir_folders(names: Iterable[str], title: str) -> dict[str, dict[str, str]]:
    """Folder -> the files of it that a BEIR folder has, by the names they have there."""
    folders: dict[str, dict[str, str]] = {}
    for name in names:
        if not (called := beir_name(name)):
            continue
        parts = name.split("/")
        depth = 2 if len(parts) > 1 and parts[-2].lower() == "qrels" else 1
        files = folders.setdefault("/".join(parts[:-depth]), {})
        plain = called.removesuffix(".gz")
        for one in (plain, plain + ".gz"):
            if one in files:
                name = _the_usual(plain, files.pop(one), name, title)
        files[plain + (".gz" if name.lower().endswith(".gz") else "")] = name
    return folders


def _the_usual(called: str, one: str, other: str, title: str) -> str:
    """Of two files for one place in a BEIR folder, the one called so, or the one not packed."""
    for good in (lambda name: name.endswith(called), lambda name: not name.endswith(".gz")):
        if good(one) != good(other):
            return one if good(one) else other
    raise CorpusError(f"{title} holds {one[-80:]!r} and {other[-80:]!r}, which are both {called}: "
                      "keep one.")


def _tables(data: list[str], title: str) -> dict[str, tuple[str, ...]]:
    """Split -> its files, in order. CorpusError where files seem to be several tables."""
    tables: dict[str, dict[str, list[str]]] = {}
    for name in data:
        split = _split_of_path(name)
        tables.setdefault(split, {}).setdefault(_kind(name), []).append(name)
    tables_of = [names for kinds in tables.values() for names in kinds.values()]
    mixed = "" in tables and len(tables) > 1
    if mixed or any(len(kinds) > 1 for kinds in tables.values()):
        raise several(title, [names[0] for names in tables_of])
    found = {split: tuple(sorted(names, key=_in_order)) for split, kinds in tables.items()
             for names in kinds.values()}
    if len(found) == 1:
        return {"": next(iter(found.values()))}
    return {split: found[split] for split in SPLITS if split in found}


def several(title: str, names: Sequence[str]) -> CorpusError:
    """The sentence for files that seem several tables."""
    return CorpusError(
        f"{title} holds several data files ({listed(names, LISTED)}): keep one file of pairs, or "
        "one for each of train, dev and test called so, or corpus.jsonl, queries.jsonl and qrels.")


def _split_of_path(name: str) -> str:
    """The split that a file's name speaks of, or else the folder it is in."""
    parts = name.split("/")
    return split_of(stem_of(name)) or next(
        (split for part in reversed(parts[:-1]) if (split := split_of(part))), "")


def _kind(name: str) -> str:
    """What files of one table have alike: all of the name but numbers and the split's word."""
    path = PurePosixPath(name)
    words = [word for word in re.split(r"[^a-z]+", stem_of(name).lower())
             if word not in WORD and word != "of"]
    folders = [part for part in path.parts[:-1] if not split_of(part)]
    return "/".join([*folders, " ".join(filter(None, words)), suffix_of(name)])


def _in_order(name: str) -> list[tuple[int, str]]:
    """Sorts `part-10` behind `part-9`."""
    return [(int(part), "") if part.isdigit() else (0, part)
            for part in re.split(r"(\d{1,18})", name)]
