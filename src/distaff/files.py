"""Files that are there whole or not at all, also after a power cut.

A file is written to a temporary name beside its place, flushed to disk and renamed; then the folder that
holds the name is flushed too, without which the rename itself could be lost.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from types import ModuleType

from distaff.errors import InputError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

TEMPORARY = ".part"
"""How the names of files end that are still being written."""


class WriteError(InputError):
    """The system refused a write: a full disk, a folder that may only be read."""


def atomic_write(path: Path, content: bytes, *, before: Path | None = None) -> None:
    """Write a file whole or not at all, flushed to disk; `before` becomes the name of the one it replaces.

    Raises WriteError when the disk is full or the folder cannot be written.
    """
    temporary: str | None = None
    try:
        make_folder(path.parent)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=TEMPORARY)
        with os.fdopen(descriptor, "wb") as file:
            hold(file.fileno())
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())
        if before is not None and path.exists():
            path.replace(before)
        Path(temporary).replace(path)
        temporary = None
        sync_folder(path.parent)
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        if temporary is not None:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()


def copy_file(source: str, target: str) -> None:
    """Copy a file whole or not at all, flushed to disk; raises OSError or WriteError."""
    atomic_write(Path(target), Path(source).read_bytes())


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, each one's name flushed to disk; raises OSError."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, where the system opens folders at all; raises OSError."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def hold(descriptor: int) -> bool:
    """Take the lock of an open file if no other process has it; the system gives it back when this one ends.

    The file must be open for writing, which network file systems ask for. Where there are no locks, every
    process is told that it has it.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files of processes that were killed, everywhere in a folder.

    Those that another process is still writing are held by it, and stay.
    """
    for file in folder.rglob(f".*{TEMPORARY}"):
        with contextlib.suppress(OSError), file.open("r+b") as opened:
            if hold(opened.fileno()):
                file.unlink()


def _umask() -> int:
    """Return the process's umask, which can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
