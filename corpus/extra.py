"""Passages without questions: what joins a corpus, so that a search has more to choose from."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from .columns import FOR_EXTRA, TITLES, first_called
from .fields import Texts
from .formats.encodings import TextFile
from .limits import Limits
from .pairs import id_of
from .records import CorpusError, Passage
from .rows import OnBadRow, Row, bounded, each
from .sources import Source, opened


def extra_passages(path: Path, limits: Limits, on_bad_row: OnBadRow) -> Iterator[Passage]:
    """The passages of a file: of its column `text`, `passage`, `document` …, or its only one.

    A column `title` joins in. In a .txt the passages are paragraphs, with blank lines between.
    """
    texts = Texts(on_bad_row, limits.characters)

    def passage(row: Row) -> Passage:
        where, fields = row
        content = texts.text(fields, (text,), where)
        return Passage(id_of("p", content), content, texts.label(fields, (title,), where).strip())

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
