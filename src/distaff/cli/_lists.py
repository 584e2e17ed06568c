"""`distaff data`, `distaff recipes` and `distaff metrics`: what there is to choose from, described."""

from __future__ import annotations

import inspect
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from distaff.cli._console import WIDTH, Imports, described, row, tell
from distaff.errors import InputError, nearest, printable

if TYPE_CHECKING:
    from distaff.metrics import Metric


COLUMN, SHOWN, LONGEST = 25, 8, 40
"""Where descriptions begin; how many classes are shown, and how many characters of each."""
_COSTS = {
    "cheap": "below a second for 10,000 points",
    "seconds": "seconds for 10,000 points",
    "minutes": "minutes for 10,000 points",
}


def data(
    name: Annotated[
        str | None,
        typer.Argument(help="Describe only this source, or read these data and say what is in them."),
    ] = None,
    imports: Imports = None,
) -> None:
    """List the data that a recipe or --data can name, or say what is read from a path."""
    from distaff.data import SOURCES
    from distaff.parts import is_foreign, provider

    if name is not None and name not in SOURCES:
        _tell_content(name)
        return
    for tag in [name] if name is not None else SOURCES:
        source = SOURCES[tag]
        facts = {
            "written": source.path or tag + ("[:PLACE]" if source.has_place else ""),
            "size": source.size,
            "attributes": source.attributes,
            "from": source.origin,
            "part of": str(provider(source.__module__)) if is_foreign(source.__module__) else "",
        }
        tell(described(tag, source.about, facts))


def _tell_content(source: str) -> None:
    """Print the images, the split and the labels of data, and what was left out."""
    import numpy as np

    from distaff.data import load

    dataset = load(source)
    size = " x ".join(map(str, dataset.images.shape[1:]))
    parts = ", ".join(f"{len(rows):,} {part}" for part, rows in dataset.splits.items())
    tell(f"{source}: {len(dataset.images):,} images of {size}; {parts}")
    # A name as long as the line would leave no room for what is said beside it.
    column = 4 + min(COLUMN, max((len(each.name) for each in dataset.attributes.attributes), default=0))
    for index, each in enumerate(dataset.attributes.attributes):
        known = dataset.attributes.values[:, index]
        gaps = int(np.isnan(known).sum())
        known = known[~np.isnan(known)]
        if each.size:
            counts = np.bincount(known.astype(int), minlength=each.size)
            names = [printable(value)[:LONGEST] for value in each.values[:SHOWN]]
            shown = [f"{value} ({count:,})" for value, count in zip(names, counts, strict=False)]
            about = f"{each.kind}, {each.size} classes: {', '.join(shown)}{', ...' * (each.size > SHOWN)}"
        else:
            about = f"{each.kind}, {known.min():.9g} to {known.max():.9g}"
        tell(row(f"  {printable(each.name)}", f"{about}; {gaps:,} missing" if gaps else about, column=column))
    for note in dataset.notes:
        tell(f"note: {note}")


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(help="Show this recipe's YAML, to start your own from.", show_default=False),
    ] = None,
    parts: Annotated[bool, typer.Option("--parts", help="List every part that a recipe can name.")] = False,
    imports: Imports = None,
) -> None:
    """List the shipped recipes, or show one; or list the parts that recipes are made of."""
    from distaff.recipes import describe, shipped

    if parts:
        if name is not None:
            raise InputError(f"recipes: give either the recipe {name!r} or --parts")
        _list_parts()
        return
    if name is None:
        known = describe()
        for each, about in known.items():
            tell(row(each, about, column=2 + max(map(len, known))))
        return
    texts = shipped()
    if name not in texts:
        raise InputError(f"recipes: no shipped recipe is called {name!r}; {nearest(name, texts)}")
    tell(texts[name].removesuffix("\n"))


def _list_parts() -> None:
    """Print every family and its parts by name, and who provides those that are not distaff's own."""
    import distaff.evaluation
    import distaff.recipe  # noqa: F401 - both define parts
    from distaff.figures import FIGURES
    from distaff.metrics import METRICS
    from distaff.parts import FAMILIES, is_foreign, provider

    # The module and a line about each.
    found = {
        family: {tag: (part.__module__, inspect.getdoc(part) or "") for tag, part in parts.items()}
        for family, parts in FAMILIES.items()
    }
    found["metric"] = {name: (each.function.__module__, each.summary) for name, each in METRICS.items()}
    found["figure"] = {name: (each.function.__module__, each.description) for name, each in FIGURES.items()}
    column = 4 + max(len(name) for parts in found.values() for name in parts)
    for family, listed in found.items():
        tell(family)
        for name, (module, about) in listed.items():
            by = f" ({provider(module)})" if is_foreign(module) else ""
            tell(row(f"  {name}", about.partition("\n")[0] + by, column=column))


def metrics(
    name: Annotated[
        str | None, typer.Argument(help="Describe this metric in full.", show_default=False)
    ] = None,
    imports: Imports = None,
) -> None:
    """List the metrics, or describe one: what it means, its range, its paper, what fools it."""
    import distaff.evaluation  # noqa: F401 - registers the metrics of a trained model
    from distaff.metrics import METRICS

    if name is not None:
        tell(_in_full(METRICS[name]))
        return
    entries = [METRICS[each] for each in sorted(METRICS)]
    groups = {
        "Of codes and factors, for 'distaff score' and 'distaff evaluate':": [
            each for each in entries if each.default and not each.of_model
        ],
        "Of a trained model, for 'distaff evaluate':": [
            each for each in entries if each.default and each.of_model
        ],
        "When they are named, by --metrics NAME:": [each for each in entries if not each.default],
    }
    for place, (title, group) in enumerate(groups.items()):
        tell(title if place == 0 else f"\n{title}")
        for each in group:
            slow = " It takes minutes." if each.cost == "minutes" else ""
            tell(row(each.name, each.summary + slow, column=COLUMN))


def _in_full(entry: Metric) -> str:
    from distaff.metrics import NEEDS

    facts = {
        "range": entry.span,
        "chance": entry.chance,
        "better": entry.better,
        "shown with it": ", ".join(entry.parts),
        "needs": ", ".join(NEEDS[need] for need in entry.needs),
        "at least": _least(entry),
        "continuous": entry.continuous,
        "missing": entry.missing,
        "fooled by": entry.weaknesses,
        "runs": ("by default" if entry.default else "when it is named") + f"; {_COSTS[entry.cost]}",
        "from": str(entry.provider) if entry.is_foreign else "",
        "paper": entry.paper,
    }
    about = [textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="  ") for text in entry.about]
    return "\n\n".join([described(entry.name, entry.summary, facts), *about])


def _least(entry: Metric) -> str:
    least = [f"{entry.least_codes} codes"] if entry.least_codes > 1 else []
    least += [f"{entry.least_factors} factors"] if entry.least_factors > 1 else []
    return ", ".join(least)
