"""Convert data to a BEIR folder with its manifest.

All of it or nothing. Passages without questions: what joins a corpus, so that a search has more to
choose from.
"""

import json
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any, TextIO

from corpus.beir import beir_parts
from corpus.columns import FOR_EXTRA, TITLES, Columns
from corpus.names import first_called
from corpus.readers.clean import Spoilt, Texts
from corpus.readers.csv import longest_cell
from corpus.readers.open import Source, opened
from corpus.readers.rows import USUAL, OnBadRow, ReadLimits, Row, bounded, each
from corpus.readers.text import TextFile
from corpus.records import CorpusError, Passage, Query, not_possible
from corpus.split import BY_PASSAGE, with_missing_splits
from corpus.text import shortened
from hub.progress import OnProgress, Progress, silent

from .manifest import LossTally, Manifest, write_manifest
from .pairs import Gathering, Grades, PairReader, id_of, nothing_left, pair_reader
from .preview import splits_note

HEADER = "query-id\tcorpus-id\tscore\n"
EVERY_ROWS = 2_000
"""Rows between two words of progress."""


def convert(
    source: str | Path, out: Path, columns: Columns | None = None, limits: ReadLimits = USUAL,
    passages: Path | None = None, progress: OnProgress = silent, *,
    config: str = "", split: str = "", sheet: str = "", fix_mojibake: bool = False,
    strip_html: bool = False, split_by: str = BY_PASSAGE,
) -> dict[str, Any]:
    """Convert a data source to a new BEIR folder.

    out: must not be there yet. Gives its manifest. columns: of a table; without them they are told
    from their names and values. passages: a file of passages without questions that join the
    corpus. sheet: of a workbook, or `all`. fix_mojibake: put right texts whose UTF-8 was read as
    another encoding. split_by: what goes to one split as a whole. Rows that cannot be used are left
    out, counted. progress: in bytes or rows; the total is 0 where nobody knows it. Raises
    CorpusError with a sentence, and then nothing is left on the disk.
    """
    tally = LossTally()
    with ExitStack() as stack:
        stack.enter_context(longest_cell(limits.characters))
        folder = stack.enter_context(_beside(out))
        found = stack.enter_context(
            opened(source, limits, tally, config=config, split=split, sheet=sheet,
                   beside=folder.parent))
        writer = stack.enter_context(_Writer(folder))
        spoilt = Spoilt()
        texts = Texts(tally, limits.characters, fix_mojibake, strip_html, spoilt)
        if not found.folder:
            columns, reader = pair_reader(found, columns, texts, tally)
            counts = _write_table(found, reader, writer, tally, progress)
        elif columns:
            raise CorpusError(f"{found.file} is in BEIR layout, which has no columns to name.")
        else:
            counts = _write_folder(found.folder, writer, limits, tally, texts)
        for said in (*spoilt.with_html(), *spoilt.misread(found.file)):
            tally.note(said)
        if passages:
            _write_extra(passages, writer, limits, tally, texts)
        about = Manifest(
            shortened(found.name, 60), shortened(found.origin or found.file, 200), found.format,
            found.encoding, columns, not found.folder, **counts, queries=writer.queries,
            passages=writer.passages, notes=tuple(tally.notes),
            left_out=tally.of(fixed=False), fixed=tally.of(fixed=True),
            split_by=split_by,
        )
        write_manifest(folder, about)
    return about.as_json()


@contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A folder to write in, which takes the place of `out` when all went well."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CorpusError(f"{out} is there already: name a folder that is not.")
    folder = out.parent / f".{out.name[:60]}.{secrets.token_hex(4)}"
    try:
        folder.mkdir()
    except OSError as error:
        raise not_possible(out.name, "written", error) from error
    try:
        yield folder
        if out.exists():
            out.rmdir()
        folder.rename(out)
    except OSError as error:
        raise not_possible(out.name, "written", error) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Writer:
    """Writes passages and queries as they come, and judgements when they are known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queries = self.passages = 0
        self.known: set[str] = set()
        self._files = ExitStack()

    def __enter__(self) -> "_Writer":
        self._corpus, self._asked = (
            self._files.enter_context(_written(self.folder / f"{name}.jsonl"))
            for name in ("corpus", "queries"))
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, new: Passage | Query) -> None:
        """Write a passage or a query."""
        if isinstance(new, Passage):
            self.passages += 1
            self.known |= {new.id, id_of("p", new.text)}
            extra = {"title": new.title, "topic": new.topic, "model_line": new.model_line,
                     "source": new.source, "where": new.where}
            file = self._corpus
        else:
            self.queries += 1
            extra = {"topic": new.topic, "model_line": new.model_line, "where": new.where}
            file = self._asked
        row = {"_id": new.id, "text": new.text} | {k: text for k, text in extra.items() if text}
        file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def judge(self, qrels: Grades, split: str = "") -> int:
        """Write the judgements of a split, or of none.

        Gives how many there are.
        """
        place = self.folder / (f"qrels/{split}.tsv" if split else "qrels.tsv")
        place.parent.mkdir(exist_ok=True)
        with _written(place) as file:
            file.write(HEADER)
            for query_id, grades in qrels.items():
                file.writelines(f"{query_id}\t{passage_id}\t{grade}\n"
                                for passage_id, grade in grades.items())
        return sum(map(len, qrels.values()))


def _write_table(
    source: Source, reader: PairReader, writer: _Writer, tally: LossTally, progress: OnProgress
) -> dict[str, int]:
    """Write a table of pairs; gives how many rows were read, and how many pairs they made."""
    gathering = Gathering(tally)
    counted = _Counted(source, progress)
    for new in gathering.read(((split, counted.of(rows)) for split, rows in source.tables()),
                              reader):
        writer.add(new)
    judged = gathering.splits
    if source.parts:
        judged, said = with_missing_splits(judged)
        for note in said:
            tally.note(note)
    pairs = sum(map(_relevant, judged.values()))
    if not pairs:
        raise nothing_left(source.file, tally)
    for split, qrels in judged.items():
        writer.judge(qrels, split)
    return {"rows": counted.rows, "pairs": pairs}


def _write_folder(
    folder: Path, writer: _Writer, limits: ReadLimits, tally: LossTally, texts: Texts
) -> dict[str, int]:
    """Write what a folder in BEIR layout holds; gives how many judgements and pairs."""
    parts = beir_parts(folder, tally, limits, texts)
    judged = parts.splits if parts.single is None else {"": parts.single}
    pairs = sum(map(_relevant, judged.values()))
    if not pairs:
        raise nothing_left("The folder", tally)
    for passage in parts.passages:
        writer.add(passage)
    for query in parts.queries.values():
        writer.add(query)
    for said in splits_note(set(judged)):
        tally.note(said)
    return {"rows": sum(writer.judge(qrels, split) for split, qrels in judged.items()),
            "pairs": pairs}


def _write_extra(
    path: Path, writer: _Writer, limits: ReadLimits, tally: LossTally, texts: Texts
) -> None:
    """Write the passages of a file that are not in the corpus yet."""
    count = joined = 0
    for passage in extra_passages(path, limits, tally, texts):
        count += 1
        if passage.id not in writer.known:
            joined += 1
            writer.add(passage)
    there = f"; the other {count - joined:,} were in it already" if joined < count else ""
    tally.note(f"{joined:,} passages of {path.name[:80]} joined the corpus{there}.")


def _written(place: Path) -> TextIO:
    return place.open("w", encoding="utf-8", newline="\n")


class _Counted:
    """Rows that are counted, and told of, as they are taken."""

    def __init__(self, source: Source, progress: OnProgress) -> None:
        self.source, self.progress = source, progress
        self.rows = 0

    def of(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows of one of its tables."""
        for row in rows:
            self.rows += 1
            if self.rows % EVERY_ROWS == 0:
                self._tell()
            yield row
        self._tell()

    def _tell(self) -> None:
        text = self.source.text
        at = text.progress if text else Progress(self.rows, self.source.row_count or 0)
        self.progress(replace(at, text=f"{self.rows:,} rows read"))


def _relevant(qrels: Grades) -> int:
    return sum(grade > 0 for grades in qrels.values() for grade in grades.values())


def extra_passages(
    path: Path, limits: ReadLimits, on_bad_row: OnBadRow, texts: Texts
) -> Iterator[Passage]:
    """The passages of a file.

    Of its column `text`, `passage`, `document` …, or its only one. A column `title` joins in. In a
    .txt the passages are paragraphs, with blank lines between.
    """
    def passage(row: Row) -> Passage:
        where, fields = row
        content = texts.text(fields, (text,), where)
        return Passage(id_of("p", content), content, texts.label(fields, (title,), where).strip(),
                       where=where)

    if path.suffix.lower() == ".txt":
        text, title = "text", ""
        rows = bounded(_paragraphs(TextFile(path, limits, on_bad_row)), limits, path.name)
        yield from each(rows, passage, on_bad_row)
        return
    with opened(path, limits, on_bad_row) as source:
        text, title = _columns(source)
        yield from each(source.rows, passage, on_bad_row)


def _columns(source: Source) -> tuple[str, str]:
    """The columns of text and of title."""
    if source.folder:
        raise CorpusError(f"{source.file} is a folder: give one file of passages.")
    text, title = first_called(source.names, FOR_EXTRA), first_called(source.names, TITLES)
    others = [name for name in source.names if name != title]
    if not text and len(others) == 1:
        text = others[0]
    if not text and source.names:
        raise CorpusError(
            f"{source.file} has no text or passage or document: it has "
            f"{', '.join(source.names):.300}. Call the column of the passages “text”."
        )
    return text or "text", title


def _paragraphs(file: TextFile) -> Iterator[Row]:
    part: list[str] = []
    for number, line in enumerate(chain(file.lines(), [""]), 1):
        if line.strip():
            part.append(line)
        elif part:
            yield f"{file.path.name} line {number - len(part)}", {"text": "".join(part)}
            part = []
