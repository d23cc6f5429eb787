"""Files of a run directory.

Written beside and renamed, so that nobody reads half of one.
"""

import errno
import json
import os
import tempfile
from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """Write JSON beside, then rename."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write text beside, then rename."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


OF_FILES = {errno.ENOSPC: "The disk is full", errno.EDQUOT: "The disk is full",
            errno.EROFS: "{name} lies on a disk that cannot be written to",
            errno.EACCES: "{name} may not be read or written",
            errno.EPERM: "{name} may not be read or written",
            errno.ENOENT: "{name} is not there any more",
            errno.EMFILE: "Too many files are open", errno.ENFILE: "Too many files are open"}


def sentence_of(error: Exception) -> str:
    """What to say of an error to a person.

    Of a file that cannot be read or written in our words: the system's own name folders of this
    machine.
    """
    if not isinstance(error, OSError) or isinstance(error, ValueError) or not (
            error.errno or error.filename):
        return str(error) or type(error).__name__
    name = Path(os.fsdecode(error.filename)).name if isinstance(
        error.filename, str | bytes | Path) else "A file"
    said = OF_FILES.get(error.errno or 0, "{name} cannot be read or written")
    return f"{said.format(name=name)}: the machine that Tandem runs on has to be seen to."
