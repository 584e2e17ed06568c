"""The errors a caller can act on. Each message is one line: what is wrong, where, and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

SHOWN = 60
"""Names listed when none is near."""
# Escape sequences would move the cursor, and marks of direction turn the rest of a line round.
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class DistaffError(Exception):
    """The base of every error that distaff raises on purpose; the command line exits with 2."""


class InputError(DistaffError, ValueError):
    """Something the caller gave is wrong: an argument, a file, a recipe, a label."""


class UnknownAttributeError(InputError):
    """A recipe needs an attribute that the data do not have.

    Attributes:
        name: the attribute; None if any would do.
        where: the field of the recipe that names it.
    """

    def __init__(self, where: str, name: str | None, known: Iterable[str] | str) -> None:
        """Say what is there, by `known`: the attributes, or a sentence."""
        if not isinstance(known, str):
            known = f"the data has no attribute {name!r}; {nearest(str(name), known)}"
        super().__init__(f"{where}: {known}")
        self.where, self.name = where, name


class WriteError(DistaffError, OSError):
    """The system refused a write: a full disk, or a folder that may only be read."""


class DivergedError(DistaffError):
    """Training produced a number that is not finite.

    Attributes:
        what: the term or the weight that was the first not to be finite.
        step: the training step (from 1) that produced it.
    """

    def __init__(self, message: str, what: str, step: int) -> None:
        super().__init__(message)
        self.what, self.step = what, step


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a clause that ends an error message with the known name nearest to `name`, or with all of them.

    >>> nearest("bacth", ["batch", "steps"])
    "did you mean 'batch'?"
    >>> nearest("q", ["batch", "steps"])
    'there is: batch, steps'
    """
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    shown = f"{', '.join(names[:SHOWN])}{f', ... ({len(names):,} in all)' * (len(names) > SHOWN)}"
    return f"there is: {shown}" if names else "there is none"


def printable(text: object) -> str:
    r"""Return a text with its control characters written out.

    >>> printable("a\x1b[31mb")
    'a\\x1b[31mb'
    """
    return _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), str(text))
