"""Rows of pictures with words beside them, every pixel of a picture drawn as a whole number of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.collections import PatchCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from distaff.figures.style import (
    DPI,
    HAIRLINE,
    INK,
    LABEL,
    LEADING,
    MARGIN,
    MUTED,
    PIXELS_PER_POINT,
    SECOND,
    SMALL,
    TITLE,
    elide,
    head_height,
    text_width,
    words,
    write_head,
)
from distaff.model.pixels import Floats

CELL = 96
"""Pixels that the longer side of a picture aims at."""

GAP, GROUP_GAP, LABEL_PAD, LABEL_MOST = 6, 26, 14, 300


@dataclass(frozen=True)
class Row:
    """One row of pictures.

    `pictures`: [k, h, w] or [k, h, w, 3] in [0, 1]. `label`, `detail`: beside the row, the second smaller.
    `heads`: words above each picture. `marked`: the framed columns. `opens`: leave a wider gap above.
    """

    pictures: Floats
    label: str = ""
    detail: str = ""
    heads: Sequence[str] = ()
    marked: Sequence[int] = field(default=())
    opens: bool = False


def scale_of(height: int, width: int, cell: int = CELL) -> int:
    """Return how many pixels of the figure one pixel of a picture takes, each way."""
    return max(1, round(cell / max(height, width)))


def sheet(
    rows: Sequence[Row],
    title: str,
    note: str,
    *,
    gutter: int | None = None,
    framed: int | None = None,
    cell: int = CELL,
    gap: int = GAP,
) -> Figure:
    """Draw rows of pictures on one page.

    `gutter`: the column before which a wider gap lies. `framed`: the column with one frame around it.
    `cell`: pixels that the longer side of a picture aims at; `gap`: pixels between pictures.
    """
    height, width = (int(side) for side in rows[0].pictures.shape[1:3])
    scale = scale_of(height, width, cell)
    high, wide = height * scale, width * scale
    labels = max(max(text_width(row.label, LABEL, "bold"), text_width(row.detail, SMALL)) for row in rows)
    left = MARGIN + (min(labels, LABEL_MOST) + LABEL_PAD if labels else 0)
    # Whole numbers, so that pictures fall on the pixels of the page.
    left = round(left)
    columns = max(len(row.pictures) for row in rows)

    def column_at(column: int) -> int:
        extra = GROUP_GAP - gap if gutter is not None and column >= gutter else 0
        return left + column * (wide + gap) + extra

    page_width = max(
        column_at(columns - 1) + wide + MARGIN, round(text_width(title, TITLE, "bold")) + 2 * MARGIN, 640
    )
    y = round(head_height(title, note, page_width))
    tops: list[int] = []
    for number, row in enumerate(rows):
        if row.opens and number:
            y += GROUP_GAP - gap
        if row.heads:
            y += round(SMALL * LEADING * PIXELS_PER_POINT) + 4
        tops.append(y)
        y += high + gap
    page_height = y - gap + MARGIN

    figure = Figure(figsize=(page_width / DPI, page_height / DPI), dpi=DPI, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    write_head(figure, title, note)
    borders, frames = [], []
    for row, top in zip(rows, tops, strict=True):
        _label(axes, row, left - LABEL_PAD, top + high / 2)
        for column, picture in enumerate(row.pictures):
            x = column_at(column)
            # Enlarged here: nearest-neighbour drawing at a whole scale is then exact on every backend.
            shown = np.clip(picture, 0, 1).repeat(scale, axis=0).repeat(scale, axis=1)
            axes.imshow(
                shown,
                extent=(x, x + wide, top + high, top),
                cmap="gray",
                vmin=0,
                vmax=1,
                interpolation="nearest",
                aspect="auto",
            )
            if gap:
                borders.append(Rectangle((x - 1, top - 1), wide + 2, high + 2))
            if column in row.marked:
                frames.append(Rectangle((x - 2.5, top - 2.5), wide + 5, high + 5))
            if column < len(row.heads):
                head = elide(row.heads[column], SMALL, wide + gap - 2)
                axes.text(
                    x + wide / 2,
                    top - 10,
                    head,
                    ha="center",
                    va="baseline",
                    parse_math=False,
                    **words(SMALL, MUTED),
                )
    if framed is not None:
        tall = tops[-1] + high - tops[0]
        frames.append(Rectangle((column_at(framed) - 2.5, tops[0] - 2.5), wide + 5, tall + 5))
    edge = 72 / DPI
    # Borders lie below their pictures, so that they cover no pixel.
    axes.add_collection(PatchCollection(borders, facecolor=HAIRLINE, linewidth=0, zorder=-1))
    axes.add_collection(
        PatchCollection(frames, facecolor="none", edgecolor=SECOND, linewidth=4 * edge, zorder=3)
    )
    axes.set_xlim(0, page_width)
    axes.set_ylim(page_height, 0)
    return figure


def _label(axes: object, row: Row, right: float, middle: float) -> None:
    """Write the label and the detail of a row, right-aligned and centred on the row."""
    lines = [(row.label, LABEL, INK, "bold"), (row.detail, SMALL, MUTED, "normal")]
    lines = [line for line in lines if line[0]]
    tall = sum(size * LEADING for _, size, _, _ in lines) * PIXELS_PER_POINT
    y = middle - tall / 2
    for text, size, colour, weight in lines:
        step = size * LEADING * PIXELS_PER_POINT
        axes.text(  # type: ignore[attr-defined]
            right,
            y + step / 2,
            elide(text, size, LABEL_MOST),
            ha="right",
            va="center",
            parse_math=False,
            **words(size, colour, weight),
        )
        y += step
