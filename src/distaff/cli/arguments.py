"""Arguments that several commands share, and how their words are read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from distaff.errors import InputError

RunFolder = Annotated[
    Path, typer.Argument(metavar="RUN", help="The run folder that 'distaff train' made.", show_default=False)
]
RunFolders = Annotated[
    list[Path],
    typer.Argument(metavar="RUN...", help="Run folders that 'distaff train' made.", show_default=False),
]
Attributes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="ATTRIBUTE=VALUE",
        help="An attribute's value; may be given again.",
        show_default=False,
    ),
]
Source = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="Other data than the recipe's: a name, name:FOLDER, or a path."),
]
Scale = Annotated[int, typer.Option(min=1, help="Draw each pixel this many times as wide and as high.")]


def read_attributes(words: list[str] | None) -> dict[str, str]:
    """Read `ATTRIBUTE=VALUE` words; raises InputError for any other word, and for one attribute twice."""
    attributes: dict[str, str] = {}
    for word in words or []:
        name, equals, value = (part.strip() for part in word.partition("="))
        if not (name and equals and value):
            raise InputError(f"--set {word}: expected ATTRIBUTE=VALUE, such as shape=heart")
        if name in attributes:
            raise InputError(f"--set {word}: {name!r} is already set to {attributes[name]!r}; give one value")
        attributes[name] = value
    return attributes


def read_names(text: str | None) -> list[str] | None:
    """Read `NAME,NAME`; None when the option was not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def check_out(out: Path, *suffixes: str, option: str = "--out") -> None:
    """Refuse an output file of another kind, or in the place of a folder, before any work is done."""
    if out.suffix.lower() not in suffixes:
        raise InputError(f"{option} {out}: expected a file that ends in {' or '.join(suffixes)}")
    if out.is_dir():
        raise InputError(f"{option} {out}: is a folder; give a file")
