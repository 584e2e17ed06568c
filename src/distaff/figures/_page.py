"""Pages: what a figure returns. A page has a title, a note and panels, and is drawn in the width asked for.

Everything is set on the artists themselves, so that neither matplotlib's settings nor anyone else's figures
are touched.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from matplotlib.figure import Figure

from distaff.errors import InputError
from distaff.figures._text import (
    INK,
    LABEL,
    LEADING,
    MUTED,
    NOTE,
    SMALL,
    TITLE,
    elide,
    look,
    readable,
    wrap,
    write,
)

DPI, PRINT = 144, 300
"""Pixels per inch of a page in its natural width, and at least of one whose width is given."""
MARGIN = 0.25
"""Inches left free at the page's edges."""
NARROWEST, WIDEST = 1.5, 60.0
"""Widths of a page in inches."""
LEAST_PANEL = 2.4
"""Inches of a plot under which a page has fewer columns."""
BESIDE = 0.9
"""Inches of a plot that its axes, where the title begins, leave free at the sides."""
HAIRLINE, FAINT = "#d5d8dc", "#eef0f2"
ACCENT, SECOND, UNUSED = "#0072b2", "#d55e00", "#b4b9c0"


class Page(ABC):
    """A title, a note in plain words that says what is shown, and the panels below."""

    title: str
    note: str

    @abstractmethod
    def draw(self, width: float | None = None, *, head: bool = True) -> Figure:
        """Return the page as a matplotlib figure.

        Args:
            width: inches; None for the natural width.
            head: whether title and note are written.

        Raises:
            InputError: the width is not one of a page.
        """

    def split(self) -> dict[str, Page]:
        """Return each panel as a page of its own, by the panel's title; none where there is one only."""
        return {}


@dataclass(frozen=True)
class Panel:
    """One plot: `paint` is given matplotlib axes that have their title, labels and look.

    `grid`: x, y, both or None.
    """

    title: str
    paint: Callable[[Any], None]
    xlabel: str = ""
    ylabel: str = ""
    grid: str | None = "y"


@dataclass(frozen=True)
class Plots(Page):
    """Plots in rows.

    Attributes:
        title: the page's title.
        note: what is shown.
        panels: the plots.
        size: inches of one plot, width and height.
        columns: plots in a row at most.

    >>> page = Plots("A line", "", [Panel("line", lambda axes: axes.plot([0, 1]))])
    >>> [axes.get_title("left") for axes in page.draw(width=3.25).axes]
    ['line']
    """

    title: str
    note: str
    panels: Sequence[Panel]
    size: tuple[float, float] = (4.0, 3.0)
    columns: int = 3

    def draw(self, width: float | None = None, *, head: bool = True) -> Figure:
        """Return the page; in a narrow one the plots stand in fewer columns."""
        count = max(1, len(self.panels))
        fitting = self.columns
        if width is not None:
            check_width(width)
            fitting = max(1, min(fitting, int(width / min(self.size[0], LEAST_PANEL))))
        rows = math.ceil(count / fitting)
        columns = math.ceil(count / rows)
        across = self.size[0] if width is None else width / columns
        page_size = (across * columns, across * rows * self.size[1] / self.size[0])
        figure = blank(*page_size, self if head else None, DPI if width is None else PRINT)
        for index, panel in enumerate(self.panels):
            axes = figure.add_subplot(rows, columns, index + 1)
            room = (across - BESIDE) * 72
            dress(axes, replace(panel, title=elide(panel.title, LABEL + 0.5, room, "bold")))
            panel.paint(axes)
        return figure

    def split(self) -> dict[str, Page]:
        """Return each plot as a page of its own."""
        if len(self.panels) < 2:
            return {}
        return {panel.title: replace(self, panels=[panel]) for panel in self.panels}


def check_width(width: float) -> None:
    """Raise InputError for a width that no page has."""
    if not NARROWEST <= width <= WIDEST:
        raise InputError(f"width: {width:g} inches; a page has {NARROWEST:g} to {WIDEST:g}")


def blank(width: float, height: float, page: Page | None, dpi: float) -> Figure:
    """Return a page of `width` x `height` inches for axes, below the head of `page` if one is given."""
    head = 0.0 if page is None else head_height(page, width)
    total = height + head
    figure = Figure(figsize=(width, total), dpi=dpi, facecolor="white")
    edge = MARGIN / 2
    figure.set_layout_engine(
        "constrained",
        rect=(edge / width, edge / total, 1 - 2 * edge / width, (height - edge) / total),
        w_pad=0.06,
        h_pad=0.06,
        wspace=0.04,
        hspace=0.05,
    )
    if page is not None:
        write_head(figure, page)
    return figure


def _lines(page: Page, width: float) -> list[tuple[str, float, str, float]]:
    """Return the lines of a page's head: text, size, weight, and height in points."""
    room = (width - 2 * MARGIN) * 72
    title = [(line, TITLE, "bold", TITLE * 1.2) for line in wrap(page.title, TITLE, room, "bold")]
    return title + [(line, NOTE, "normal", NOTE * LEADING) for line in wrap(page.note, NOTE, room)]


def head_height(page: Page, width: float) -> float:
    """Return the inches that title and note take on a page so wide, the margin above included."""
    return 0.8 * MARGIN + sum(high for *_, high in _lines(page, width)) / 72 + 0.15


def write_head(figure: Figure, page: Page) -> None:
    """Write title and note at the top left of a page."""
    width, height = figure.get_size_inches()
    y = 0.8 * MARGIN
    for line, size, weight, high in _lines(page, width):
        colour = INK if weight == "bold" else MUTED
        write(figure, MARGIN / width, 1 - y / height, line, size, colour, weight, va="top")
        y += high / 72 + (0.04 if weight == "bold" else 0)


def dress(axes: Any, panel: Panel) -> None:
    """Give axes the common look, with a panel's title and labels."""
    axes.set_facecolor("white")
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(HAIRLINE)
        spine.set_linewidth(0.8)
    plain = look("", SMALL)
    axes.tick_params(
        which="both",
        color=HAIRLINE,
        labelcolor=MUTED,
        labelsize=SMALL,
        length=3,
        width=0.8,
        labelfontfamily=plain["fontfamily"],
    )
    axes.set_axisbelow(True)
    if panel.grid is not None:
        axes.grid(True, axis=panel.grid, color=FAINT, linewidth=0.8, linestyle="-")
    axes.set_title(readable(panel.title), loc="left", pad=6, **look(panel.title, LABEL + 0.5, INK, "bold"))
    axes.set_xlabel(readable(panel.xlabel), **look(panel.xlabel, SMALL + 0.5, MUTED))
    axes.set_ylabel(readable(panel.ylabel), **look(panel.ylabel, SMALL + 0.5, MUTED))


def name_ticks(axis: Any, places: Sequence[float], names: Sequence[str], *, slanted: bool = False) -> None:
    """Write names at places of an axis, as they are; slanted ones end at their place."""
    axis.set_ticks(places, [readable(name) for name in names], parse_math=False)
    for label, name in zip(axis.get_ticklabels(), names, strict=True):
        label.set_fontfamily(look(name, SMALL)["fontfamily"])
        if slanted:
            label.set(rotation=45, ha="right", rotation_mode="anchor")


def legend(axes: Any, handles: Sequence[Any], names: Sequence[str], colour: str = MUTED, **how: Any) -> None:
    """Write a legend of names as they are."""
    drawn = axes.legend(handles, [readable(name) for name in names], frameon=False, **how)
    for text, name in zip(drawn.get_texts(), names, strict=True):
        text.set(**look(name, SMALL, colour))
