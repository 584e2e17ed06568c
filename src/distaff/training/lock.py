"""One process at a time trains in a run folder; reading it is free to all."""

from __future__ import annotations

import contextlib
import os
import platform
import threading
from collections.abc import Iterator
from pathlib import Path

from lightning.pytorch.utilities import rank_zero_only

from distaff.errors import InputError
from distaff.files import WriteError, hold, make_folder

NAME = ".lock"
_held: set[tuple[int, Path]] = set()
"""The folders held by this process, each by one of its threads, which may ask for it again."""


@contextlib.contextmanager
def sole_trainer(folder: Path) -> Iterator[None]:
    """Keep other processes from training in a folder, which is made when missing.

    The system itself gives the lock back when the process ends, in whatever way. A folder that was made here
    and in which nothing was written is removed again. The other processes of a run on several devices belong
    to the first, which has the lock.

    Raises InputError when another process has it, WriteError when the folder cannot be written.
    """
    key = threading.get_ident(), folder.resolve()
    if getattr(rank_zero_only, "rank", 0) or key in _held:
        yield
        return
    new = not folder.exists()
    try:
        make_folder(folder)
        descriptor = _take(folder)
    except OSError as error:
        raise WriteError(f"{folder}: cannot be written: {error.strerror}") from error
    _held.add(key)
    try:
        yield
    finally:
        _held.discard(key)
        with contextlib.suppress(OSError):
            # While it is still held: whoever opened it meanwhile sees that it is gone, and makes a new one.
            (folder / NAME).unlink()
            if new:
                folder.rmdir()
        os.close(descriptor)


def _take(folder: Path) -> int:
    """Return the open lock file of a folder, held; its content says by whom."""
    while True:
        descriptor = os.open(folder / NAME, os.O_RDWR | os.O_CREAT, 0o666)
        if not hold(descriptor):
            holder = os.pread(descriptor, 100, 0).decode(errors="replace") or "another process"
            os.close(descriptor)
            raise InputError(
                f"{folder}: {holder} is training in it; wait until that has ended, or choose another --out"
            )
        if _is_at(descriptor, folder / NAME):
            break
        os.close(descriptor)
    # For people only: the lock holds without it, and a full disk must not keep a run from being resumed.
    with contextlib.suppress(OSError):
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}".encode(), 0)
    return descriptor


def _is_at(descriptor: int, path: Path) -> bool:
    """Tell whether an open file is the one of this name, and not one that was removed meanwhile."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
