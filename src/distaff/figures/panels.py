"""Which columns of the history share a plot, and where the plots stand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.figures.style import number

NOT_TERMS = ("step", "seconds", "split", "lr", "active_units")


@dataclass(frozen=True)
class Panel:
    """One plot: its title and the history's columns in it, by the name of each line."""

    title: str
    lines: dict[str, str]


def term_panels(history: dict[str, npt.NDArray[Any]]) -> list[Panel]:
    """Group the history's terms: a plot for each, and one for all the parts of one, such as kl.z0, kl.z1."""
    whole: dict[str, Panel] = {}
    parts: dict[str, dict[str, str]] = {}
    for column, values in history.items():
        if column in NOT_TERMS or column.startswith("weight.") or np.isnan(values).all():
            continue
        root, _, part = column.partition(".")
        if part:
            parts.setdefault(root, {})[part] = column
        else:
            whole[column] = Panel(column, {column: column})
    for root, lines in parts.items():
        if len(lines) > 1:
            title = f"{root}, part by part" if root in whole else root
            whole[f"{root}."] = Panel(title, lines)
        elif root not in whole:
            part, column = next(iter(lines.items()))
            whole[root] = Panel(f"{root} ({part})", {part: column})
    return sorted(whole.values(), key=lambda panel: panel.title != "loss")


def moving_weights(history: dict[str, npt.NDArray[Any]]) -> tuple[list[Panel], list[str]]:
    """Return a plot for every weight that moves, the learning rate last, and words for those that do not."""
    moving, still = [], []
    for column, values in history.items():
        if not column.startswith("weight."):
            continue
        name, known = column.removeprefix("weight."), values[~np.isnan(values)]
        if len(known) and np.ptp(known) > 0:
            capacity = name.removesuffix(".capacity")
            title = f"weight of {name}" if capacity == name else f"capacity of {capacity} in nats"
            moving.append(Panel(title, {name: column}))
        elif len(known):
            still.append(f"{name}\N{NO-BREAK SPACE}{number(float(known[0]))}")
    return [*moving, Panel("learning rate", {"learning rate": "lr"})], still


def beneath(terms: list[Panel], weights: list[Panel], columns: int) -> list[int]:
    """Return the place of every weight: in the column of its own term while that is free, else the next."""
    above = [panel.title.split(" ")[0] for panel in terms[:columns]]
    taken: list[int] = []
    for panel in weights:
        root = "loss" if "lr" in panel.lines.values() else next(iter(panel.lines)).partition(".")[0]
        own = above.index(root) if root in above and len(terms) <= columns else None
        free = next(place for place in range(len(taken) + len(weights)) if place not in taken)
        taken.append(free if own is None or own in taken else own)
    return taken
