"""Several runs of one family in one picture: what a heavier or lighter KL keeps, and what it costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from distaff.errors import InputError
from distaff.figures.activity import mean_kl
from distaff.figures.material import Material
from distaff.figures.style import (
    ACCENT,
    DPI,
    IDLE,
    INK,
    LABEL,
    MUTED,
    SMALL,
    dress,
    elide,
    number,
    page,
    words,
    wrap,
)
from distaff.figures.traversals import base_row, path
from distaff.model import judge_collapse
from distaff.run import Run
from distaff.schedule import Constant, Schedule

HIGH, WIDE = 1.25, 11.0
"""Inches of a run's row, and of the page."""
NAMES = 2.7
"""Inches of the words at the left."""


def beta_sweep(runs: Sequence[Run], progress: Callable[[str], None] = lambda _: None) -> Figure:
    """Draw a row for each run: reconstruction, KL of every latent, active latents, the strongest traversed.

    Args:
        runs: two or more trained runs with gaussian latents, in the order of the rows.
        progress: told which run is being looked at.

    Raises:
        InputError: fewer than two runs, or one without gaussian latents.
    """
    if len(runs) < 2:
        raise InputError(f"a sweep compares two or more runs, not {len(runs)}")
    figure = page(
        WIDE,
        HIGH * len(runs) + 0.35,
        "What the weight of the KL does",
        "A row for each run: reconstruction in nats per picture (lower is better), the KL of every latent, "
        "the largest first, and the latent that moves most, from its 1st to its 99th percentile.",
    )
    grid = figure.add_gridspec(len(runs), 3, width_ratios=(NAMES, 2.6, WIDE - NAMES - 2.6))
    found = []
    for run in runs:
        progress(f"{run.path}: encoding and decoding")
        material = Material(run, run.dataset())
        if not len(material.gaussian):
            raise InputError(f"{run.path}: it has no gaussian latents, and a sweep compares those")
        found.append((material, mean_kl(material)))
    top = max(max(kl.values()) for _, kl in found)
    for row, (material, kl) in enumerate(found):
        _describe(figure.add_subplot(grid[row, 0]), material, kl)
        _bars(figure.add_subplot(grid[row, 1]), kl, top, last=row == len(found) - 1)
        _strip(figure.add_subplot(grid[row, 2]), material)
    return figure


def weight_in_words(schedule: Schedule) -> str:
    """Return a KL weight as people say it: `4`, or `100 to 1 by 40%`."""
    if isinstance(schedule, Constant):
        return number(schedule.at)
    levels = [number(level) for level in schedule.levels]
    until = getattr(schedule, "until", None)
    return f"{schedule.tag}, {' to '.join(levels)}" + (f" by {until}" if until not in {None, "100%"} else "")


def _describe(axes: Any, material: Material, kl: dict[str, float]) -> None:
    weights = [term.weight for term in material.model.recipe.loss if term.tag == "kl"]
    verdict = judge_collapse(kl)
    axes.set_axis_off()
    title = f"beta {weight_in_words(weights[0])}" if weights else "no KL"
    reconstruction = float(np.mean(material.posterior.reconstruction))
    lines = [
        f"{material.run.path.name}",
        f"reconstruction {number(reconstruction)}, KL {number(sum(kl.values()))}",
        *wrap(verdict.sentence.split(". ")[0].split(":")[0] + ".", SMALL, NAMES * DPI * 0.92),
    ]
    axes.text(
        0, 0.98, elide(title, LABEL, NAMES * DPI), va="top", parse_math=False, **words(LABEL, INK, "bold")
    )
    for place, line in enumerate(lines[:5]):
        shown = elide(line, SMALL, NAMES * DPI)
        axes.text(0, 0.78 - 0.15 * place, shown, va="top", parse_math=False, **words(SMALL, MUTED))


def _bars(axes: Any, kl: dict[str, float], top: float, *, last: bool) -> None:
    nats = sorted(kl.values(), reverse=True)
    dead = set(judge_collapse(kl).dead)
    colours = [ACCENT] * (len(nats) - len(dead)) + [IDLE] * len(dead)
    dress(axes, xlabel="latents, the most active first" if last else "", ylabel="KL in nats")
    axes.bar(np.arange(len(nats)), nats, color=colours, width=0.8)
    axes.set_xticks([])
    axes.set_ylim(0, top * 1.05)


def _strip(axes: Any, material: Material) -> None:
    """Show the pictures of the strongest latent, moved over its own range from a typical picture's code."""
    codes = material.codes[:, material.gaussian]
    place = int(codes.std(axis=0).argmax())
    column, base = material.gaussian[place], base_row(material)
    low, high = np.percentile(codes[:, place], (1, 99))
    values = path(float(low), float(codes[base, place]), float(high))
    moved = np.repeat(material.codes[base][None], len(values), axis=0)
    moved[:, column] = values
    known = material.known(np.array([base]))
    repeated = known and {name: np.repeat(value, len(values)) for name, value in known.items()}
    strip = np.concatenate(list(material.model.decode(moved, attributes=repeated)), axis=1)
    axes.imshow(np.clip(strip, 0, 1), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(
        f"{material.model.latents[column].label}, {number(float(values[0]))} to {number(float(values[-1]))}",
        loc="left",
        pad=3,
        parse_math=False,
        **words(SMALL, MUTED),
    )
