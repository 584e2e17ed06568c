"""What is being done right now, on a terminal; nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """Give a function that shows the latest line beside a spinner on stderr, if that is a terminal."""
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield status.update
