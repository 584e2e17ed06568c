"""The one error a user can mend: what is wrong, where, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """Something the user gave is wrong; its message is one line. The command line exits with 2."""


class EchoError(InputError):
    """Something went wrong in another process of the same run, which tells the user; this one only ends."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Say the known name nearest to `name`, or list them all when none is near.

    Returns a clause to end a message with, such as ``did you mean 'batch'?``.
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there is: {', '.join(names)}" if names else "there is none"
