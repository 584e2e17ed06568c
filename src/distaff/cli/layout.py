"""How lists are laid out in plain text."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

WIDTH = 100


def row(name: str, text: str, *, column: int = 18) -> str:
    """Return a name and its text, wrapped beside it."""
    return textwrap.fill(text, WIDTH, initial_indent=f"{name:<{column - 1}} ", subsequent_indent=" " * column)


def described(name: str, about: str, facts: Mapping[str, str]) -> str:
    """Return a name, a sentence about it, and facts by their label."""
    lines = [name, textwrap.fill(about, WIDTH, initial_indent="  ", subsequent_indent="  ")]
    column = 4 + max(map(len, facts))
    lines += [row(f"  {label}", text, column=column) for label, text in facts.items() if text]
    return "\n".join(lines)
