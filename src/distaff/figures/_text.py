"""Text of figures as data: no mark-up, no mathematics, every character drawn or named by its code point."""

from __future__ import annotations

import unicodedata
import warnings
from bisect import bisect_right
from functools import cache
from typing import Any

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font, weight_dict
from matplotlib.textpath import TextToPath

FONT = "DejaVu Sans"
"""Comes with matplotlib, so that figures look alike everywhere."""
INK, MUTED = "#1c1e21", "#61666d"
TITLE, NOTE, LABEL, SMALL = 14.0, 9.5, 9.5, 8.0
"""Sizes in points."""
LEADING = 1.35
"""Height of a line over the size of its letters."""
MOST = 200
"""Characters of either end of a text that can be of use."""
UNFIT = ("Last Resort", "STIXNonUnicode", "STIXSize", "cm")
"""Fonts that draw boxes, or other things than what Unicode says (by the start of their names)."""
JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


@cache
def _weights() -> dict[str, set[int]]:
    """Return the weights in which each family of this machine is there, upright."""
    found: dict[str, set[int]] = {}
    for entry in fontManager.ttflist:
        weight = weight_dict[entry.weight] if isinstance(entry.weight, str) else entry.weight
        if entry.style == "normal" and not entry.name.startswith(UNFIT):
            found.setdefault(entry.name, set()).add(int(weight))
    return found


@cache
def _covers(family: str, weight: str, character: str) -> bool:
    """Tell whether a family has a character in just this weight."""
    if weight_dict[weight] not in _weights().get(family, ()):
        return False
    try:
        path = findfont(FontProperties(family=[family], weight=weight), fallback_to_default=False)
        return ord(character) in get_font(path).get_charmap()
    except (ValueError, RuntimeError, OSError):
        # A font of bitmaps, such as colour emoji, cannot be read.
        return False


@cache
def _family_of(character: str) -> str | None:
    """Return the first family of this machine that has a character, None where none has it."""
    if unicodedata.category(character) in {"Cc", "Cf", "Cs"} and character not in JOINERS:
        return None
    return next((each for each in (FONT, *sorted(_weights())) if _covers(each, "normal", character)), None)


def readable(text: str) -> str:
    r"""Return a text in which characters that no font here has are written as their code points.

    >>> readable("size [mm] $x$")
    'size [mm] $x$'
    >>> readable("a\tb\ue000")
    'a\\tb\\ue000'
    """
    return "".join(each if _family_of(each) else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")


def look(text: str, size: float, colour: str = INK, weight: str = "normal") -> dict[str, Any]:
    """Return the keywords with which matplotlib draws a text as it is; `size` in points."""
    families = {FONT: None} | {family: None for each in text if (family := _family_of(each))}
    if weight != "normal" and not all(
        any(_covers(family, weight, each) for family in families) for each in readable(text)
    ):
        weight = "normal"
    return {
        "fontsize": size,
        "color": colour,
        "fontweight": weight,
        "fontfamily": list(families),
        "parse_math": False,
    }


def write(
    target: Any,
    x: float,
    y: float,
    text: str,
    size: float,
    colour: str = INK,
    weight: str = "normal",
    **how: Any,
) -> Any:
    """Write a text on axes or on a figure, and return it."""
    return target.text(x, y, readable(text), **look(text, size, colour, weight), **how)


@cache
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return how many points a line of text takes."""
    drawn = look(text, size, weight=weight)
    properties = FontProperties(family=drawn["fontfamily"], weight=drawn["fontweight"], size=size)
    with warnings.catch_warnings():
        # The outline knows the first font only; a glyph of another is about as wide as its box.
        warnings.simplefilter("ignore", UserWarning)
        width, _, _ = TextToPath().get_text_width_height_descent(readable(text), properties, ismath=False)
    # Drawn text is hinted to whole pixels and so a little wider than its outline.
    return float(width) * 1.04


def elide(text: str, size: float, width: float, weight: str = "normal") -> str:
    """Return the text, its middle replaced by an ellipsis if it would take more than `width` points.

    Names that differ usually do so at their beginning or end.
    """
    text = readable(text if len(text) <= 2 * MOST else f"{text[:MOST]}…{text[-MOST:]}")
    if text_width(text, size, weight) <= width:
        return text
    kept = bisect_right(range(1, len(text)), width, key=lambda n: text_width(_ends(text, n), size, weight))
    return _ends(text, kept)


def _ends(text: str, kept: int) -> str:
    """Return the ends of a text, `kept` characters in all, with an ellipsis between them."""
    tail = kept // 2
    return f"{text[: kept - tail].rstrip()}…{text[len(text) - tail :].lstrip()}" if kept else "…"


def wrap(text: str, size: float, width: float, weight: str = "normal") -> list[str]:
    """Break a text at its plain spaces into lines of at most `width` points; longer words are elided."""
    lines: list[str] = []
    for word in (elide(each, size, width, weight) for each in text.split(" ") if each):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(longer, size, weight) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def number(value: float) -> str:
    """Write a number in three digits, or to its unit, with a true minus sign.

    >>> number(-0.12345), number(1234.5)
    ('−0.123', '1,234')
    """
    return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}").replace("-", "−")


def tick(value: float, _: float = 0) -> str:
    """Write the number at a tick in full, with a true minus sign."""
    return f"{value:,.10g}".replace("-", "−")


def plural(count: int, noun: str) -> str:
    """Write a count with its noun.

    >>> plural(1, "image"), plural(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
