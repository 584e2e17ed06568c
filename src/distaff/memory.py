"""Freed memory is kept for the next step instead of going back to the system.

Every training step allocates and frees the same large arrays. glibc hands arrays of this size back to the
system when they are freed, so that every step has the kernel fetch and clear thousands of pages anew: a third
of the time of a convolutional network on a processor.
"""

from __future__ import annotations

import ctypes
import sys
from functools import cache

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""The numbers of these options in glibc's malloc.h."""
LARGEST = 2**30
"""Bytes: arrays up to this size are kept, and so much of what is free."""


@cache
def keep_freed_memory() -> None:
    """Have the process keep up to `LARGEST` bytes that are free; does nothing where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGEST)
        mallopt(TRIM_THRESHOLD, LARGEST)
