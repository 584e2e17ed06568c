"""Arrays kept on disk between runs: written whole or not at all, checked on reading, memory-mapped.

A kept array is a .npy file with the sha256 of its data appended, so that one rename puts both in place.
Making one may take long: whoever listens (`telling`) is told how far it has come.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np

from distaff.data._images import Bytes
from distaff.errors import InputError

DIGEST = hashlib.sha256().digest_size
CHECKED = 2**30
"""Bytes up to which the data are hashed on reading; of larger files only the size is checked."""
_listener: ContextVar[Callable[[str], None] | None] = ContextVar("listener", default=None)
IN_MEMORY = 2**30
"""Bytes that may stay in memory when the folder cannot be written."""


def cache_folder() -> Path:
    """Return where arrays and downloads are kept: `$DISTAFF_CACHE`, else the user's cache folder.

    >>> os.environ["DISTAFF_CACHE"] = "/tmp/kept"
    >>> cache_folder()
    PosixPath('/tmp/kept')
    """
    given = os.environ.get("DISTAFF_CACHE")
    if given:
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("distaff"))


def find(name: str, shape: tuple[int, ...] | None = None) -> Bytes | None:
    """The kept array of that name, memory-mapped; None if there is none or it is not what was written.

    Args:
        name: the name it was kept by.
        shape: what it must have; any if None.
    """
    path = cache_folder() / f"{name}.npy"
    try:
        array: np.memmap[tuple[int, ...], np.dtype[np.uint8]] = np.load(
            path, mmap_mode="r", allow_pickle=False
        )
        with path.open("rb") as file:
            file.seek(-DIGEST, os.SEEK_END)
            end, digest = file.tell(), file.read()
    except (OSError, ValueError, EOFError):
        return None
    if array.shape != (shape or array.shape) or array.dtype != np.uint8 or array.offset + array.nbytes != end:
        return None
    if array.nbytes <= CHECKED and hashlib.sha256(array.data).digest() != digest:
        return None
    return array


def keep(name: str, shape: tuple[int, ...], chunks: Callable[[], Iterator[Bytes]]) -> Bytes:
    """The kept array of that name; made, and kept if that is possible, when it is not there or damaged.

    Args:
        name: says all that the content depends on.
        shape: of the whole uint8 array.
        chunks: makes the array from its first row to its last, piece by piece.

    Returns:
        uint8 of that shape: memory-mapped read-only, or in memory if the folder cannot be written.

    Raises:
        InputError: the folder cannot be written and the array is too large for memory.
    """
    kept = find(name, shape)
    return kept if kept is not None else make(name, shape, chunks)


def make(name: str, shape: tuple[int, ...], chunks: Callable[[], Iterator[Bytes]]) -> Bytes:
    """Make an array and keep it if that is possible, whatever was kept before; see `keep`."""
    path = cache_folder() / f"{name}.npy"
    try:
        _write(path, shape, chunks())
    except OSError as error:
        size = int(np.prod(shape))
        if size > IN_MEMORY:
            raise InputError(
                f"cannot keep {size / 2**30:.1f} GiB of images in {path.parent}: {error.strerror}; "
                "set DISTAFF_CACHE to a folder with room"
            ) from None
        return gather(shape, chunks())
    kept = find(name, shape)
    return kept if kept is not None else gather(shape, chunks())


def _write(path: Path, shape: tuple[int, ...], chunks: Iterator[Bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    size = int(np.prod(shape))
    if shutil.disk_usage(path.parent).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    # Plain writes, not a writable map: a full disk is then an error and not a signal.
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
        temporary = Path(file.name)
        try:
            header = {"descr": "|u1", "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, header)
            digest = hashlib.sha256()
            for chunk in chunks:
                data = np.ascontiguousarray(chunk).data
                file.write(data)
                digest.update(data)
            file.write(digest.digest())
            file.flush()
            os.fsync(file.fileno())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def gather(shape: tuple[int, ...], chunks: Iterator[Bytes]) -> Bytes:
    """The same array in memory: uint8 of that shape."""
    array = np.empty(shape, dtype=np.uint8)
    start = 0
    for chunk in chunks:
        array[start : start + len(chunk)] = chunk
        start += len(chunk)
    return array


@contextmanager
def telling(listener: Callable[[str], None]) -> Iterator[None]:
    """Have the readings inside tell `listener` in a few words what they do.

    >>> with telling(print):
    ...     tell("reading images.npz: 40%")
    reading images.npz: 40%
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(words: str) -> None:
    """Tell the listener, if there is one."""
    listener = _listener.get()
    if listener is not None:
        listener(words)
