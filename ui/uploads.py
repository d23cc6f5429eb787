"""Data that visitors bring: kept under a name made of its content, which nobody can guess."""

import hashlib
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from corpus.read import BUILT_IN
from corpus.rows import ROW_SUFFIXES
from train.record import write_text
from train.settings import Settings

NAME_SUFFIX = ".name"
MOST_NAME = 60
MOST_KEPT = 200
"""Files of visitors: with their greatest size, what they may take of the disk."""
SUFFIX = "|".join(map(re.escape, ROW_SUFFIXES))
UPLOAD = re.compile(rf"upload-[0-9a-f]{{24}}(?:{SUFFIX})")


class UploadError(ValueError):
    """A file that cannot be taken, or data that is not there: the message says why."""


@dataclass(frozen=True)
class Uploads:
    """The data that runs may be trained on: the built-in, the owner's, and what visitors brought.

    Nobody can name any other file of this machine.
    """

    settings: Settings

    def keep(self, file: Path) -> str:
        """Keep a file of pairs; gives the name it goes by from now on. UploadError."""
        if file.suffix.lower() not in ROW_SUFFIXES:
            raise UploadError(
                f"Pairs are read from {', '.join(ROW_SUFFIXES)}, not from {file.name[:80]!r}."
            )
        try:
            size = file.stat().st_size
        except OSError:
            raise UploadError("The file did not arrive whole: upload it again.") from None
        if size > self.settings.max_upload:
            raise UploadError(
                f"The file has {size / 1e6:.1f} MB; at most {self.settings.max_upload / 1e6:.0f} "
                "MB are taken here (TANDEM_MAX_UPLOAD_MB)."
            )
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        name = f"upload-{digest[:24]}{file.suffix.lower()}"
        place = self.settings.uploads / name
        if not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            self._make_room()
            with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as beside:
                pass
            shutil.copyfile(file, beside.name)
            Path(beside.name).replace(place)
            write_text(place.with_suffix(NAME_SUFFIX), file.stem[:MOST_NAME])
        return name

    def _make_room(self) -> None:
        """Let go of the oldest files where there are many: a run has long read its own."""
        files = [path for path in self.settings.uploads.iterdir() if UPLOAD.fullmatch(path.name)]
        files.sort(key=lambda path: path.stat().st_mtime)
        for old in files[: max(0, len(files) - MOST_KEPT + 1)]:
            old.unlink(missing_ok=True)
            old.with_suffix(NAME_SUFFIX).unlink(missing_ok=True)

    def title(self, data: str) -> str:
        """What somebody called the data they brought; empty for data that has a name of its own."""
        if not UPLOAD.fullmatch(data):
            return ""
        try:
            return (self.settings.uploads / data).with_suffix(NAME_SUFFIX).read_text("utf-8")
        except OSError:
            return ""

    def source(self, data: object, visitor: object = None) -> str:
        """Where the data of a name is, as a run is asked for it. UploadError if it is nowhere."""
        if data in (BUILT_IN, "", None):
            return BUILT_IN
        if data == self.settings.data:
            return self.settings.data
        if isinstance(data, str) and UPLOAD.fullmatch(data):
            place = self.settings.uploads / data
            if place.is_file():
                return str(place)
            raise UploadError("That file is not here any more: upload it again.")
        raise UploadError(
            f"There is no data {data!r:.80} here: take `{BUILT_IN}`, or upload a file of pairs."
        )

    def is_upload(self, source: str) -> bool:
        """Whether a run's data was brought by a visitor."""
        return Path(source).resolve().parent == self.settings.uploads.resolve()
