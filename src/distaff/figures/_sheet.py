"""Sheets: rows of images with words beside them, a pixel of an image drawn as a whole number of pixels.

A grid says where images and words stand, in pixels of the page.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from distaff.errors import InputError
from distaff.figures._page import (
    DPI,
    HAIRLINE,
    MARGIN,
    PRINT,
    SECOND,
    Page,
    check_width,
    head_height,
    write_head,
)
from distaff.figures._text import INK, LABEL, LEADING, MUTED, SMALL, TITLE, elide, text_width, write
from distaff.model import Floats

CELL, LEAST_CELL, MOST_CELL = 0.667, 0.08, 1.1
"""Inches of an image's longer side: aimed at, and the bounds in a page whose width is given."""
GAP, GROUP_GAP, LABEL_PAD, HEAD_PAD = 0.04, 0.18, 0.1, 0.05
LABEL_MOST, LABEL_SHARE = 2.1, 0.2
"""Width of the words beside a row at most: inches, and share of a page whose width is given."""
HEAD_MOST = 0.8
"""Inches of a vertical word above an image at most."""
WIDTH, TITLE_MOST = 4.4, 9.0
"""Inches that a page with a head takes at least, and at most for the sake of its title."""


@dataclass(frozen=True)
class Row:
    """One row of images.

    Attributes:
        images: [k, h, w] or [k, h, w, c] in [0, 1].
        label: beside the row.
        detail: below the label, smaller.
        heads: words above each image.
        marked: the framed columns.
        opens: leave a wider gap above.
        panel: the rows of one name are a panel.
    """

    images: Floats
    label: str = ""
    detail: str = ""
    heads: Sequence[str] = ()
    marked: Sequence[int] = ()
    opens: bool = False
    panel: str = ""


@dataclass(frozen=True)
class Grid:
    """The measures of a sheet.

    Attributes:
        dpi: pixels per inch of the page.
        scale: pixels of the page to a pixel of an image.
        size: height and width of an image in its own pixels.
        gap: pixels between images.
        left: where images begin.
        width: of the page in pixels.
        gutter: the column before which a wider gap lies, if any.
        stacked: whether words stand above a row, not beside it.
    """

    dpi: float
    scale: int
    size: tuple[int, int]
    gap: int
    left: int
    width: float
    gutter: int | None
    stacked: bool = False

    def px(self, inches: float) -> int:
        """Return inches in pixels."""
        return round(inches * self.dpi)

    @property
    def high(self) -> int:
        """Height of an image in pixels of the page."""
        return self.size[0] * self.scale

    @property
    def wide(self) -> int:
        """Width of an image in pixels of the page."""
        return self.size[1] * self.scale

    def column(self, index: int) -> int:
        """Return the left side of a column."""
        extra = self.px(GROUP_GAP) - self.gap if self.gutter is not None and index >= self.gutter else 0
        return self.left + index * (self.wide + self.gap) + extra

    def place(self, rows: Sequence[Row], top: int) -> tuple[list[int], int]:
        """Return where the images of each row begin, and where the last one ends."""
        tops: list[int] = []
        y = top
        for index, row in enumerate(rows):
            if row.opens and index:
                y += self.px(GROUP_GAP) - self.gap
            beside = 0
            if self.stacked and (row.label or row.detail):
                y += self.px(LABEL * LEADING / 72)
            elif not self.stacked:
                sizes = (LABEL if row.label else 0, SMALL if row.detail else 0)
                beside = self.px(sum(sizes) * LEADING / 72)
            y += self.px(self.heads_height(row))
            spare = max(0, beside - self.high)
            tops.append(y + spare // 2)
            y += self.high + spare + self.gap
        return tops, y - self.gap

    def heads_height(self, row: Row) -> float:
        """Return the inches above a row that its heads take."""
        if not any(row.heads):
            return 0.0
        if not self.upright(row):
            return SMALL * LEADING / 72 + 0.03
        return min(HEAD_MOST, max(text_width(head, SMALL) for head in row.heads) / 72) + HEAD_PAD

    def upright(self, row: Row) -> bool:
        """Tell whether the heads of a row are too wide for their columns, and so are written upwards."""
        return any(
            text_width(head, SMALL) > self.head_room(row, index) for index, head in enumerate(row.heads)
        ) and self.wide < self.px(CELL)

    def head_room(self, row: Row, index: int) -> float:
        """Return the points that a head may take: more where its neighbours have none."""
        around = [row.heads[place] for place in (index - 1, index + 1) if 0 <= place < len(row.heads)]
        columns = 1 if any(around) else 2.5
        return (columns * self.wide + self.gap - 2) / self.dpi * 72

    def head(self, row: Row, index: int) -> str:
        """Return the head of a column as far as there is room for it."""
        room = HEAD_MOST * 72 if self.upright(row) else self.head_room(row, index)
        return elide(row.heads[index], SMALL, room)


def natural_grid(
    rows: Sequence[Row], *, cell: float, gap: float, gutter: int | None, title: str | None
) -> Grid:
    """Return the grid of a page as wide as its images ask for, and its title where it has one."""
    size = _size(rows)
    left = MARGIN + min(_labels(rows), LABEL_MOST)
    grid = Grid(DPI, scale_of(*size, cell=cell), size, round(gap * DPI), round(left * DPI), 0, gutter)
    width = grid.column(_columns(rows) - 1) + grid.wide + grid.px(MARGIN)
    if title is not None:
        wanted = text_width(title, TITLE, "bold") / 72 + 2 * MARGIN + 0.02
        width = max(width, grid.px(min(wanted, TITLE_MOST)), grid.px(WIDTH))
    return replace(grid, width=width)


def fitted_grid(rows: Sequence[Row], width: float, *, gap: float, gutter: int | None) -> Grid:
    """Return the grid of a page `width` inches wide; the images say how many pixels it has.

    Raises:
        InputError: no page is as wide, or the images would be too small.
    """
    check_width(width)
    size, columns, labels = _size(rows), _columns(rows), _labels(rows)
    stacked = labels > LABEL_SHARE * width
    left = MARGIN / 2 + (0.0 if stacked else labels)
    gaps = (columns - 1) * gap + (0 if gutter is None else GROUP_GAP - gap)
    room = (width - left - MARGIN / 2 - gaps) / columns
    if room < LEAST_CELL:
        least = left + MARGIN / 2 + gaps + LEAST_CELL * columns
        raise InputError(
            f"width: {width:g} inches are too narrow for {columns} images in a row; give {least:.1f} or more"
        )
    cell = min(room, MOST_CELL * size[1] / max(size))
    scale = max(1, math.ceil(PRINT * cell / size[1]))
    dpi = size[1] * scale / cell
    return Grid(dpi, scale, size, round(gap * dpi), round(left * dpi), width * dpi, gutter, stacked)


def scale_of(height: int, width: int, cell: float = CELL) -> int:
    """Return how many pixels of the page one pixel of an image takes, each way."""
    return max(1, round(cell * DPI / max(height, width)))


def _size(rows: Sequence[Row]) -> tuple[int, int]:
    height, width = rows[0].images.shape[1:3]
    return int(height), int(width)


def _columns(rows: Sequence[Row]) -> int:
    return max(len(row.images) for row in rows)


def _labels(rows: Sequence[Row]) -> float:
    """Return the inches that the words beside the rows take."""
    widest = max(max(text_width(row.label, LABEL, "bold"), text_width(row.detail, SMALL)) for row in rows)
    return widest / 72 + LABEL_PAD if widest else 0.0


@dataclass(frozen=True)
class Sheet(Page):
    """Rows of images of one size.

    Attributes:
        title: the page's title.
        note: what is shown.
        rows: the images; of more than three channels, or of two, the mean of the channels is shown.
        gutter: the column before which a wider gap lies.
        cell: inches that the longer side of an image aims at.
        gap: inches between images.

    >>> page = Sheet("Two images", "", [Row(np.zeros((2, 8, 8)), label="black")])
    >>> len(page.draw().axes[0].images)
    2
    """

    title: str
    note: str
    rows: Sequence[Row]
    gutter: int | None = None
    cell: float = CELL
    gap: float = GAP

    def split(self) -> dict[str, Page]:
        """Return the rows of each panel as a page of its own."""
        names = dict.fromkeys(row.panel for row in self.rows)
        if len(names) < 2:
            return {}
        return {name: replace(self, rows=[row for row in self.rows if row.panel == name]) for name in names}

    def draw(self, width: float | None = None, *, head: bool = True) -> Figure:
        """Return the page; in a narrow one images are smaller, and words stand above their row."""
        page = replace(self, note=f"{self.note} {_averaged(self.rows)}".strip())
        if width is None:
            title = self.title if head else None
            grid = natural_grid(self.rows, cell=self.cell, gap=self.gap, gutter=self.gutter, title=title)
        else:
            grid = fitted_grid(self.rows, width, gap=self.gap, gutter=self.gutter)
        top = grid.px(head_height(page, grid.width / grid.dpi) if head else MARGIN / 2)
        tops, end = grid.place(self.rows, top)
        height = end + grid.px(MARGIN if head else MARGIN / 2)
        figure = Figure(figsize=(grid.width / grid.dpi, height / grid.dpi), dpi=grid.dpi, facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        if head:
            write_head(figure, page)
        borders, frames = [], []
        for row, y in zip(self.rows, tops, strict=True):
            _label(axes, row, grid, y)
            _heads(axes, row, grid, y)
            for column, image in enumerate(visible(row.images)):
                x = grid.column(column)
                _paint(axes, image, grid.scale, (x, y))
                if grid.gap:
                    borders.append(_around(x, y, grid, 0.007))
                if column in row.marked:
                    frames.append(_around(x, y, grid, 0.0175))
        # Borders lie below their images, so that they cover no pixel.
        axes.add_collection(PatchCollection(borders, facecolor=HAIRLINE, linewidth=0, zorder=-1))
        axes.add_collection(
            PatchCollection(frames, facecolor="none", edgecolor=SECOND, linewidth=2, zorder=3)
        )
        axes.set_xlim(0, grid.width)
        axes.set_ylim(height, 0)
        return figure


def visible(images: Floats) -> Floats:
    """Return images of one or three channels in [0, 1]: of any other number, the mean of the channels.

    >>> visible(np.ones((2, 4, 4, 5))).shape
    (2, 4, 4)
    """
    shown: Floats = np.clip(images, 0, 1)
    if shown.ndim == 4 and shown.shape[3] != 3:
        shown = shown.mean(axis=3)
    return shown


def _averaged(rows: Sequence[Row]) -> str:
    """Return what is said where channels are averaged."""
    channels = rows[0].images.shape[3] if rows[0].images.ndim == 4 else 1
    return "" if channels in {1, 3} else f"Shown is the mean of the {channels} channels."


def _label(axes: Any, row: Row, grid: Grid, top: int) -> None:
    """Write the label and the detail of a row: right-aligned and centred on it, or in one line above it."""
    lines = [(row.label, LABEL, INK, "bold"), (row.detail, SMALL, MUTED, "normal")]
    lines = [line for line in lines if line[0]]
    if grid.stacked:
        x, y = float(grid.left), top - grid.px(grid.heads_height(row) + HEAD_PAD)
        for text, size, colour, weight in lines:
            room = (grid.width - x) / grid.dpi * 72 - MARGIN * 36
            shown = elide(text, size, room, weight)
            write(axes, x, y, shown, size, colour, weight, ha="left", va="baseline")
            x += (text_width(shown, size, weight) / 72 + LABEL_PAD) * grid.dpi
        return
    right = grid.left - grid.px(LABEL_PAD)
    room = (right - grid.px(MARGIN / 2)) / grid.dpi * 72 + 2
    heights = [size * LEADING / 72 * grid.dpi for _, size, _, _ in lines]
    middle = top + grid.high / 2 - sum(heights) / 2
    for (text, size, colour, weight), step in zip(lines, heights, strict=True):
        shown = elide(text, size, room, weight)
        write(axes, right, middle + step / 2, shown, size, colour, weight, ha="right", va="center")
        middle += step


def _heads(axes: Any, row: Row, grid: Grid, top: int) -> None:
    """Write the words above the images of a row, upwards where they are wider than the images."""
    turned = {"rotation": 90, "va": "bottom"} if grid.upright(row) else {"va": "baseline"}
    for column, head in enumerate(row.heads):
        if head:
            middle = grid.column(column) + grid.wide / 2
            shown = grid.head(row, column)
            write(axes, middle, top - grid.px(HEAD_PAD), shown, SMALL, MUTED, ha="center", **turned)


def _paint(axes: Any, image: Floats, scale: int, corner: tuple[int, int]) -> None:
    # Enlarged here: nearest-neighbour drawing at a whole scale is then exact in every format.
    shown = image.repeat(scale, axis=0).repeat(scale, axis=1)
    high, wide = shown.shape[:2]
    x, y = corner
    axes.imshow(
        shown,
        extent=(x, x + wide, y + high, y),
        cmap="gray",
        vmin=0,
        vmax=1,
        interpolation="none",
        aspect="auto",
    )


def _around(x: int, y: int, grid: Grid, inches: float) -> Rectangle:
    by = inches * grid.dpi
    return Rectangle((x - by, y - by), grid.wide + 2 * by, grid.high + 2 * by)
