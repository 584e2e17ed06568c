"""Several runs on one page: reconstruction, KL, latents in use, and the most active latent."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from distaff.analysis import Analysis
from distaff.errors import InputError
from distaff.figures._latents import code_path, decode_one, free_latents, latent_values, moved
from distaff.figures._page import ACCENT, DPI, PRINT, Page, Panel, blank, check_width, dress
from distaff.figures._sheet import visible
from distaff.figures._text import (
    INK,
    LABEL,
    LEADING,
    MUTED,
    SMALL,
    elide,
    look,
    number,
    plural,
    readable,
    wrap,
    write,
)
from distaff.model import Floats
from distaff.run import Run
from distaff.schedules import Constant, Schedule

HIGH, WIDE = 1.25, 11.0
"""Inches of a run's row, and of the page."""
SHARES = (2.7, 2.6, 5.7)
"""Widths of the words, the bars and the images."""


@dataclass(frozen=True)
class Compared:
    """What the page says of one run.

    Attributes:
        name: of its folder.
        lines: words below the name.
        nats: KL of the latents in use in nats per image, the largest first.
        strip: images side by side [h, w] or [h, w, 3]; None without a latent to move.
        moved: which latent that is, and how far it goes.
    """

    name: str
    lines: Sequence[str]
    nats: Sequence[float]
    strip: Floats | None
    moved: str


@dataclass(frozen=True)
class Comparison(Page):
    """A row for each run."""

    runs: Sequence[Compared]
    title: str = "Comparison of runs"
    note: str = (
        "Reconstruction and KL in nats per image; a bar for the KL of each latent in use; a "
        "traversal of the most active latent."
    )

    def draw(self, width: float | None = None, *, head: bool = True) -> Figure:
        """Return the page; runs without bars or without images to move leave those out."""
        if width is not None:
            check_width(width)
        across = width or WIDE
        kept = [True, any(run.nats for run in self.runs), any(run.strip is not None for run in self.runs)]
        shares = [share for share, wanted in zip(SHARES, kept, strict=True) if wanted]
        figure = blank(
            across, HIGH * len(self.runs) + 0.35, self if head else None, DPI if width is None else PRINT
        )
        grid = figure.add_gridspec(len(self.runs), len(shares), width_ratios=shares)
        top = max(max(run.nats, default=0.0) for run in self.runs)
        most = max(len(run.nats) for run in self.runs)
        for row, run in enumerate(self.runs):
            _describe(figure.add_subplot(grid[row, 0]), run, across * shares[0] / sum(shares) * 72)
            if kept[1]:
                _bars(figure.add_subplot(grid[row, 1]), run, top, most, last=row == len(self.runs) - 1)
            if kept[2]:
                _strip(figure.add_subplot(grid[row, len(shares) - 1]), run)
        return figure


def compare(runs: Sequence[Run], progress: Callable[[str], None] | None = None) -> Page:
    """Return a page with a row for each run.

    Args:
        runs: two or more trained runs, in the order of the rows.
        progress: told what is being done.

    Raises:
        InputError: fewer than two runs, or one that cannot be loaded.
    """
    if len(runs) < 2:
        raise InputError(f"a comparison takes two or more runs, not {len(runs)}")
    say = progress or (lambda _: None)
    return Comparison([_look_at(run, Analysis.of(run, progress=say)) for run in runs])


def _look_at(run: Run, analysis: Analysis) -> Compared:
    weight = analysis.model.objective.schedules.get("kl")
    nats, verdict = analysis.kl, analysis.collapse
    latents = plural(len(verdict.used) + len(verdict.unused), "latent")
    reconstruction = f"reconstruction {number(float(analysis.bound.reconstruction.mean()))}"
    lines = [
        *([] if weight is None else [f"KL weight {weight_in_words(weight)}"]),
        reconstruction + (f", KL {number(sum(nats.values()))}" if nats else ""),
        "the posterior has collapsed"
        if verdict.verdict == "all"
        else f"{len(verdict.used)} of {latents} in use",
    ]
    strip, words = None, "no latent to traverse"
    with suppress(InputError):
        latent = free_latents(analysis)[0]
        code = analysis.codes[analysis.typical]
        if latent.values is None:
            values = code_path(latent.low, float(code[latent.index]), latent.high)
        else:
            values = np.array(latent_values(analysis, latent), dtype=np.float32)
        images = decode_one(analysis, moved(code, latent.index, values), analysis.typical)
        strip = np.concatenate(list(visible(images)), axis=1)
        words = f"{latent.label}, {number(float(values[0]))} to {number(float(values[-1]))}"
    used = sorted((nats[name] for name in nats if name not in verdict.unused), reverse=True)
    return Compared(run.path.resolve().name, lines, used, strip, words)


def weight_in_words(schedule: Schedule) -> str:
    """Return a weight as people say it: `4`, or `linear, 100 to 1 by 40%`."""
    if isinstance(schedule, Constant):
        return number(schedule.at)
    levels = " to ".join(number(level) for level in schedule.levels)
    until = getattr(schedule, "until", None)
    return f"{schedule.tag}, {levels}" + (f" by {until}" if until not in {None, "100%"} else "")


def _describe(axes: Any, run: Compared, room: float) -> None:
    axes.set_axis_off()
    height = HIGH * 72
    title = elide(run.name, LABEL, room, "bold")
    write(axes, 0, 0.98, title, LABEL, INK, "bold", va="top", transform=axes.transAxes)
    lines = [line for each in run.lines for line in wrap(each, SMALL, room)]
    for place, line in enumerate(lines[:5]):
        y = 0.98 - (LABEL + (place + 0.4) * SMALL) * LEADING / height
        write(axes, 0, y, line, SMALL, MUTED, va="top", transform=axes.transAxes)


def _bars(axes: Any, run: Compared, top: float, most: int, *, last: bool) -> None:
    dress(axes, Panel("", lambda _: None, "latents, the largest first" if last else "", "KL in nats"))
    if not run.nats:
        axes.set_axis_off()
        return
    axes.bar(np.arange(len(run.nats)), run.nats, color=ACCENT, width=0.8)
    axes.set_xlim(-0.6, max(most, 10) - 0.4)
    axes.set_xticks([])
    axes.set_ylim(0, top * 1.05 or 1.0)


def _strip(axes: Any, run: Compared) -> None:
    axes.set_axis_off()
    axes.set_title(readable(run.moved), loc="left", pad=3, **look(run.moved, SMALL, MUTED))
    if run.strip is not None:
        axes.imshow(run.strip, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
