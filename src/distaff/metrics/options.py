"""Named choices: a misspelt one is told the nearest right one."""

from __future__ import annotations

from typing import Any, get_args

from distaff.errors import InputError, nearest


def check_option(name: str, value: str, choices: Any) -> None:
    """InputError unless `value` is one of the literals of `choices`."""
    allowed = get_args(choices)
    if value not in allowed:
        listed = ", ".join(allowed)
        raise InputError(f"{name} is one of {listed}, not {value!r}; {nearest(str(value), allowed)}")
