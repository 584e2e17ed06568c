"""Files and folders that are there whole or not at all, also after a power cut.

A file is written to a temporary name beside its place, flushed to disk and renamed; then the folder that
holds the name is flushed too, without which the rename itself could be lost. A folder takes another's place
in one step, where the system can.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from filelock import FileLock, Timeout

from distaff.errors import InputError, WriteError

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

TEMPORARY = ".part"
"""How the names of files end that are still being written."""
LOCK = ".lock"
HERE = -100
"""Paths are relative to the working folder (AT_FDCWD)."""
EXCHANGE = 2
"""RENAME_EXCHANGE of Linux, and RENAME_SWAP of macOS."""


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


@contextlib.contextmanager
def sole_writer(folder: Path, doing: str) -> Iterator[None]:
    """Keep other processes from doing the same in a folder, which is made when missing; all may read.

    The system itself gives the lock back when the process ends, in whatever way. A folder in which nothing
    was written is removed again.

    Raises:
        InputError: another process has the lock.
        WriteError: the folder cannot be written.

    >>> with tempfile.TemporaryDirectory() as name, sole_writer(Path(name) / "run", "training"):
    ...     os.listdir(f"{name}/run")
    ['.lock']
    """
    lock, holder = FileLock(folder / LOCK, timeout=0), ""
    try:
        make_folder(folder)
        lock.acquire()
    except Timeout:
        with contextlib.suppress(OSError):
            holder = (folder / LOCK).read_text(errors="replace").strip()
        raise InputError(
            f"{folder}: {holder or 'another process'} is {doing} in it; wait until that has ended, or choose "
            "another folder"
        ) from None
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        raise WriteError(f"{folder}: cannot be written: {error.strerror}") from error
    # For people only: the lock holds without it, and a full disk must not keep work from being resumed.
    with contextlib.suppress(OSError):
        (folder / LOCK).write_text(f"process {os.getpid()} on {platform.node()}")
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            # While it is still held: whoever opened it meanwhile sees that it is gone, and makes a new one.
            (folder / LOCK).unlink()
            folder.rmdir()
        lock.release()


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


def exchange(first: Path, second: Path) -> bool:
    """Let two folders change names in one step; return False where the system or the disk cannot.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> exchange(folder / "nowhere", folder / "neither")
    False
    """
    paths = os.fsencode(first), os.fsencode(second)
    try:
        library = ctypes.CDLL(None)
        if sys.platform == "darwin":
            failed = library.renamex_np(*paths, ctypes.c_uint(EXCHANGE))
        else:
            failed = library.renameat2(HERE, paths[0], HERE, paths[1], ctypes.c_uint(EXCHANGE))
    except (OSError, AttributeError, TypeError):
        return False
    return bool(failed == 0)


def put_in_place(new: Path, path: Path) -> None:
    """Rename a folder to `path`, whose present folder, if any, takes the name of `new`.

    Where the system cannot exchange names there is a moment between two renames, and the folder that was
    there comes back if the second one fails; raises OSError.
    """
    if not path.exists():
        new.rename(path)
    elif not exchange(new, path):
        aside = new.with_name(f"{new.name}.before")
        path.rename(aside)
        try:
            new.rename(path)
        except OSError:
            aside.rename(path)
            raise
        aside.rename(new)
