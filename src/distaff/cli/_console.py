"""What comes from the terminal, arguments that commands share, and what goes there: lines, tables, progress.

Text of the user's (names of attributes, files and columns) is shown as it is: it is never markup, and
control characters in it are written out.
"""

from __future__ import annotations

import io
import math
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distaff.errors import InputError, printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


WIDTH = 100
COLUMNS = {
    "read": ("attribute_accuracy", "accuracy"),
    "within one step": ("attribute_accuracy", "within_one"),
    "R2": ("attribute_accuracy", "r2"),
    "mean error": ("attribute_accuracy", "mean_absolute_error"),
    "10-NN": ("knn_accuracy", "value"),
    "linear probe": ("linear_probe", "value"),
}
"""Columns of the table by attribute: which detail of which metric."""


def tell(text: object = "", *, err: bool = False) -> None:
    """Print a line on stdout, or on stderr."""
    typer.echo(printable(text), err=err)


def tell_note(text: str) -> None:
    """Print a note beside the results: on stderr, so that stdout holds nothing where a command is refused."""
    tell(f"note: {text}", err=True)


def allow_any_text() -> None:
    """Let what a terminal's encoding does not hold be written out, not be an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def console(*, stderr: bool = False) -> Console:
    """Return a console that takes every text literally."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def table(first: str, *columns: str, numbers: bool = True) -> Table:
    """Return an empty table whose columns after the first hold numbers, or not."""
    from rich import box
    from rich.table import Table

    empty = Table(first, box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        empty.add_column(column, justify="right" if numbers else "left")
    return empty


@contextmanager
def working() -> Iterator[Callable[[str], None]]:
    """Give a function that shows the latest line beside a spinner on stderr, if that is a terminal."""
    from rich.text import Text

    with console(stderr=True).status(Text()) as status:
        yield lambda line: status.update(Text(printable(line)))


def tell_left_out(reasons: Mapping[str, str], what: str, *, verbose: bool) -> None:
    """Say what is left out: why, or else how much of it there is."""
    if verbose:
        for name, reason in reasons.items():
            tell(f"left out: {name}: {reason}")
    elif reasons:
        tell(f"{len(reasons)} {what} left out, which do not fit; --verbose says why")


def row(name: str, text: str, *, column: int = 18) -> str:
    """Return a name and its text, wrapped beside it."""
    return _wrapped(text, f"{name:<{column - 1}} ", " " * column)


def described(name: str, about: str, facts: Mapping[str, str]) -> str:
    """Return a name, a sentence about it, and facts by their label."""
    lines = [name, _wrapped(about, "  ", "  ")]
    column = 4 + max(map(len, facts))
    lines += [row(f"  {label}", text, column=column) for label, text in facts.items() if text]
    return "\n".join(lines)


def _wrapped(text: str, first: str, others: str) -> str:
    """Return a text in lines; names and addresses are not broken."""
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=False,
    )


def number(value: float | None) -> str:
    """Write a value for reading: counts whole, large values with two decimals, others with three.

    >>> number(7), number(-81.234), number(0.98765), number(None)
    ('7', '-81.23', '0.988', 'undefined')
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "undefined"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return name, value and meaning of each metric, and the parts that are shown with it."""
    from distaff.metrics import METRICS

    shown = table("metric")
    shown.add_column("value", justify="right")
    shown.add_column("what it says")
    for name, details in metrics.items():
        metric = METRICS[name]
        better = "" if metric.better == "neither" else f"; {metric.better} is better"
        shown.add_row(name, number(details["value"]), metric.summary.rstrip(".") + better)
        for part in metric.parts:
            if isinstance(details.get(part), (int, float)):
                shown.add_row(f"  {part}", number(details[part]), "")
    return shown


def attributes_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table | None:
    """Return what is known of each attribute on unseen images; None when nothing is."""
    found = {
        column: {
            attribute: verdict[part]
            for attribute, verdict in metrics.get(name, {}).get("per_attribute", {}).items()
            if part in verdict
        }
        for column, (name, part) in COLUMNS.items()
    }
    columns = [column for column, values in found.items() if values]
    if not columns:
        return None
    shown = table("attribute", *columns)
    for attribute in dict.fromkeys(name for column in columns for name in found[column]):
        values = (found[column].get(attribute) for column in columns)
        shown.add_row(
            printable(attribute).replace("\n", r"\n"),
            *("" if value is None else number(value) for value in values),
        )
    return shown


def remarks(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the verdicts, notes and warnings of metrics, each said once with the metrics that carry it."""
    said: dict[str, list[str]] = {}
    for name, details in metrics.items():
        for kind in ("sentence", "note", "warning"):
            if kind in details:
                said.setdefault(str(details[kind]), []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in said.items()]


def _import_parts(modules: list[str] | None) -> list[str] | None:
    """Import the modules that the user names before the command reads a recipe or a run."""
    if modules:
        from distaff.parts import import_parts

        for module in modules:
            import_parts(module)
    return modules


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
        "--attribute",
        "--set",
        metavar="NAME=VALUE",
        help="An attribute's value; may be given again.",
        show_default=False,
    ),
]
Source = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="Other data than the recipe's: a name, name:FOLDER, or a path."),
]
Device = Annotated[
    str | None,
    typer.Option(metavar="DEVICE", help="Where to compute: cpu, cuda, cuda:1, mps."),
]
Imports = Annotated[
    list[str] | None,
    typer.Option(
        "--import",
        metavar="MODULE",
        callback=_import_parts,
        help="Import parts, metrics and figures of your own; may be given again.",
        show_default=False,
    ),
]
Verbose = Annotated[bool, typer.Option("--verbose", help="Say why something is left out.")]
Scale = Annotated[int, typer.Option(min=1, help="Enlarge by this factor.")]


def read_attribute(word: str, known: Iterable[str], option: str = "--attribute") -> tuple[str, str]:
    """Read `NAME=VALUE`; a name that is `known` may hold an equals sign itself.

    >>> read_attribute("a=b=3", ["a=b"]), read_attribute(" shape = heart ", ["shape"])
    (('a=b', '3'), ('shape', 'heart'))

    Raises:
        InputError: any other word.
    """
    names = [name for name in known if word.startswith(f"{name}=")]
    end = max(map(len, names), default=word.find("="))
    name, value = (word[:end] if names else word[:end].strip()), word[end + 1 :].strip()
    if end < 0 or not (name and value):
        raise InputError(f"{option} {word}: expected NAME=VALUE, such as shape=heart")
    return name, value


def read_attributes(words: list[str] | None, known: Iterable[str]) -> dict[str, str]:
    """Read `NAME=VALUE` words; raises InputError for any other word, and for one attribute twice."""
    attributes: dict[str, str] = {}
    for word in words or []:
        name, value = read_attribute(word, known)
        if name in attributes:
            raise InputError(
                f"--attribute {word}: {name!r} is already set to {attributes[name]!r}; give one value"
            )
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
