"""One look for all figures: colours that colour-blind people tell apart, type sizes, pages and axes.

Everything is set on the artists themselves, so that neither matplotlib's settings nor anyone else's figures
are touched.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

DPI = 144
"""Pixels per inch of every figure: two pixels to a point."""

PIXELS_PER_POINT = DPI / 72
FONT = "DejaVu Sans"
INK, MUTED, HAIRLINE, FAINT = "#1c1e21", "#61666d", "#d5d8dc", "#eef0f2"
ACCENT, SECOND, IDLE = "#0072b2", "#d55e00", "#b4b9c0"

OKABE_ITO = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#1c1e21", "#f0e442")
"""Okabe and Ito's eight colours, https://jfly.uni-koeln.de/color/, the hardest to see on white last."""

PETROFF = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Petroff's ten colours, https://arxiv.org/abs/2107.02270, optimised for colour blindness and by survey."""

TITLE, NOTE, LABEL, SMALL = 14.0, 9.5, 9.5, 8.0
MARGIN = 36
"""Pixels left free at the page's edges."""

LEADING = 1.35


def words(size: float, colour: str = INK, weight: str = "normal") -> dict[str, Any]:
    """Return the keywords of a piece of text; `size` in points."""
    return {"fontsize": size, "color": colour, "fontweight": weight, "fontfamily": FONT}


@cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return how many pixels a line of text takes."""
    if not text.strip():
        return 0.0
    # The dollar sign would start mathematics; a digit is as wide.
    path = TextPath(
        (0, 0), text.replace("$", "0"), size=size, prop=FontProperties(family=FONT, weight=weight)
    )
    # Drawn text is hinted to whole pixels and so a little wider than its outline.
    return float(path.get_extents().width) * PIXELS_PER_POINT * 1.04


def elide(text: str, size: float, width: float) -> str:
    """Return the text, shortened with an ellipsis if it would take more than `width` pixels."""
    if text_width(text, size) <= width:
        return text
    while len(text) > 1 and text_width(text + "…", size) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def wrap(text: str, size: float, width: float) -> list[str]:
    """Break a text at its plain spaces into lines of at most `width` pixels."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def head_height(title: str, note: str, width: float) -> float:
    """Return the pixels that title and note take on a page `width` pixels wide, the margin above included."""
    lines = len(wrap(title, TITLE, width - 2 * MARGIN)) * TITLE * 1.2
    lines += len(wrap(note, NOTE, width - 2 * MARGIN)) * NOTE * LEADING
    return MARGIN * 0.8 + lines * PIXELS_PER_POINT + 26


def write_head(figure: Figure, title: str, note: str) -> None:
    """Write title and note at the top left of a page."""
    width, height = figure.get_size_inches() * DPI
    y = MARGIN * 0.8
    for text, size, weight, leading in ((title, TITLE, "bold", 1.2), (note, NOTE, "normal", LEADING)):
        for line in wrap(text, size, width - 2 * MARGIN):
            figure.text(
                MARGIN / width,
                1 - y / height,
                line,
                va="top",
                parse_math=False,
                **words(size, INK if weight == "bold" else MUTED, weight),
            )
            y += size * leading * PIXELS_PER_POINT
        y += 6


def page(width: float, height: float, title: str, note: str) -> Figure:
    """Return an empty page for axes, `width` x `height` inches without the head, its head written."""
    head = head_height(title, note, width * DPI) / DPI
    total = height + head
    figure = Figure(figsize=(width, total), dpi=DPI, facecolor="white")
    edge = MARGIN / 2 / DPI
    figure.set_layout_engine(
        "constrained",
        rect=(edge / width, edge / total, 1 - 2 * edge / width, (height - edge) / total),
        wspace=0.05,
        hspace=0.06,
    )
    write_head(figure, title, note)
    return figure


def dress(axes: Any, *, title: str = "", xlabel: str = "", ylabel: str = "", grid: str | None = "y") -> None:
    """Give axes the common look; `grid` is x, y, both or None."""
    axes.set_facecolor("white")
    for side, spine in axes.spines.items():
        spine.set_visible(side in {"left", "bottom"})
        spine.set_color(HAIRLINE)
        spine.set_linewidth(0.8)
    axes.tick_params(
        which="both",
        color=HAIRLINE,
        labelcolor=MUTED,
        labelsize=SMALL,
        length=3,
        width=0.8,
        labelfontfamily=FONT,
    )
    axes.set_axisbelow(True)
    if grid is not None:
        axes.grid(True, axis=grid, color=FAINT, linewidth=0.8, linestyle="-")
    axes.set_title(title, loc="left", pad=6, parse_math=False, **words(LABEL + 0.5, INK, "bold"))
    axes.set_xlabel(xlabel, parse_math=False, **words(SMALL + 0.5, MUTED))
    axes.set_ylabel(ylabel, parse_math=False, **words(SMALL + 0.5, MUTED))


def signed(value: float) -> str:
    """Write a number with one decimal and a true minus sign."""
    return f"{value:.1f}".replace("-", "−")


def number(value: float) -> str:
    """Write a number in three digits, or to its unit, with a true minus sign."""
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")


def tick(value: float, _: float = 0) -> str:
    """Write the number at a tick in full, with a true minus sign."""
    return f"{value:,.10g}".replace("-", "−")
