"""Every figure by name, registered by a decorator; what a figure shows stands in its docstring.

A figure is a function of an `Analysis` that returns a `Page`::

    from distaff.figures import Panel, Plots, figure

    @figure()
    def code_histogram(analysis):
        '''How the numbers of the codes are spread.'''
        codes = analysis.codes.ravel()
        return Plots("Codes", "", [Panel("all latents", lambda axes: axes.hist(codes))])

The function's name is the figure's name for `--only` and for its file. A figure that does not fit a model or
its data raises `InputError` with the reason: it is then left out.
"""

from __future__ import annotations

import inspect
import io
import logging
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Literal, TypeVar, get_args

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_pdf import FigureCanvasPdf
from matplotlib.backends.backend_svg import FigureCanvasSVG

from distaff.analysis import Analysis
from distaff.data import Data
from distaff.errors import InputError, WriteError, nearest
from distaff.figures._page import Page, check_width
from distaff.files import atomic_write
from distaff.parts import Provider, Registry, provider
from distaff.run import Run

F = TypeVar("F", bound=Callable[..., Page])


@dataclass(frozen=True)
class Figure:
    """A registered figure.

    Attributes:
        name: for `--only`, and of its file.
        function: returns its page; raises InputError when it does not fit the model or the data.
        when_named: keywords that the function is given when the figure is asked for by its name.
    """

    name: str
    function: Callable[..., Page]
    when_named: Mapping[str, Any]

    @property
    def description(self) -> str:
        """What it shows, in one sentence."""
        paragraph = (inspect.getdoc(self.function) or self.name).split("\n\n", maxsplit=1)[0]
        return " ".join(paragraph.split())

    @property
    def provider(self) -> Provider:
        """The module and the package that define it."""
        return provider(self.function.__module__)


FIGURES: Registry[Figure] = Registry("figure")
"""Every figure by name, those of other packages included."""


def figure(*, name: str | None = None, when_named: Mapping[str, Any] | None = None) -> Callable[[F], F]:
    """Register a function of an `Analysis` as a figure; the function stays as it is.

    Args:
        name: the figure's name; the function's if None.
        when_named: keywords that the function is given when the figure is asked for by its name, where it can
            take its time.

    Raises:
        InputError: the name belongs to another function, or is no file name.

    >>> @figure()
    ... def blank_page(analysis):
    ...     '''Nothing at all.'''
    ...     return Plots("Nothing", "", [])
    >>> FIGURES["blank_page"].description
    'Nothing at all.'
    """

    def register(function: F) -> F:
        entry = Figure(name or function.__name__, function, when_named or {})
        if not entry.name.replace("-", "_").isidentifier():
            raise InputError(f"a figure cannot be called {entry.name!r}: use letters, digits, _ and -")
        FIGURES.add(entry.name, entry)
        return function

    return register


FileFormat = Literal["png", "pdf", "svg"]
NAME_BYTES = 120
"""Bytes of a file's name that come from a panel's title, at most."""
_log = logging.getLogger("distaff")


@dataclass(frozen=True)
class Made(Mapping[str, tuple[Path, ...]]):
    """What `make` wrote: a mapping from the names of figures to their files.

    Attributes:
        written: the files of each figure, one, or one for each panel.
        left_out: why figures do not fit the run, by name.
        failed: what went wrong with figures that fit, or were asked for by name.
    """

    written: Mapping[str, tuple[Path, ...]]
    left_out: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, Exception] = field(default_factory=dict)

    def __getitem__(self, name: str) -> tuple[Path, ...]:
        if name in self.written:
            return self.written[name]
        raise InputError(f"figure {name!r} was not drawn: {self.left_out.get(name) or self.failed.get(name)}")

    def __contains__(self, name: object) -> bool:
        return name in self.written

    def __iter__(self) -> Iterator[str]:
        return iter(self.written)

    def __len__(self) -> int:
        return len(self.written)


def make(
    run: Run | Analysis,
    only: Sequence[str] | None = None,
    data: Data = None,
    *,
    file_format: FileFormat = "png",
    title: bool = True,
    width: float | None = None,
    panels: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Made:
    """Draw figures of a run and write them to its folder as figures/NAME.png, each whole or not at all.

    Those of other data than the run's own go to figures/DATA/NAME.png. Without `only`, figures that do not
    fit the model are left out. One that fails does not end the others.

    Args:
        run: a trained run, or the analysis of one, whose passes over the images are then shared.
        only: names of figures; every one if None.
        data: a data source, or images in Python, in place of the run's own.
        file_format: png, pdf or svg.
        title: whether title and note are written above.
        width: of each page in inches; the figures' own if None.
        panels: write each panel of a figure to a file of its own, figures/NAME-PANEL.png.
        progress: told what is being drawn.

    Raises:
        InputError: an unknown name or format, a width that no page has, or data that do not fit the model.
        WriteError: the files cannot be written.
    """
    for name in only or ():
        if name not in FIGURES:
            raise InputError(f"figures: there is no figure {name!r}; {nearest(name, FIGURES)}")
    _check_format(file_format)
    if width is not None:
        check_width(width)
    say = progress or (lambda _: None)
    analysis = run if isinstance(run, Analysis) else Analysis.of(run, data, progress=say)
    if analysis.run is None:
        raise InputError("figures: the analysis is of a model without a run, so it has no folder")
    folder = analysis.run.path / "figures"
    if analysis.other_data:
        folder /= file_stem(PurePath(analysis.dataset.name).stem)
    written: dict[str, tuple[Path, ...]] = {}
    left_out: dict[str, str] = {}
    failed: dict[str, Exception] = {}
    for name in dict.fromkeys(FIGURES if only is None else only):
        entry = FIGURES[name]
        say(f"{name}: {entry.description}")
        try:
            page = entry.function(analysis, **(entry.when_named if only is not None else {}))
        except InputError as reason:
            if only is None:
                left_out[name] = str(reason)
            else:
                failed[name] = reason
            continue
        except Exception as error:  # noqa: BLE001 - other figures are drawn whatever happens to this one
            failed[name] = _heard(name, error)
            continue
        try:
            files = {
                folder / f"{stem}.{file_format}": to_bytes(each, file_format, title=title, width=width)
                for stem, each in _pages(name, page, split=panels)
            }
        except Exception as error:  # noqa: BLE001
            failed[name] = _heard(name, error)
            continue
        for path, content in files.items():
            atomic_write(path, content)
        written[name] = tuple(files)
    return Made(written, left_out, failed)


def save(page: Page, path: Path | str, *, title: bool = True, width: float | None = None) -> None:
    """Write a page to a file, whole or not at all, in the format of its suffix.

    Raises:
        InputError: the suffix is none of png, pdf and svg, or the width is that of no page.
        WriteError: the file cannot be written.
    """
    path = Path(path)
    content = to_bytes(page, path.suffix.lower().removeprefix("."), title=title, width=width)
    atomic_write(path, content)


def to_bytes(
    page: Page, file_format: str = "png", *, title: bool = True, width: float | None = None
) -> bytes:
    """Return a page as a file, the same bytes for the same page.

    Raises:
        InputError: an unknown format, or a width that no page has.

    >>> from distaff.figures import Plots
    >>> to_bytes(Plots("A title", "", []), "svg")[:5]
    b'<?xml'
    """
    _check_format(file_format)
    figure = page.draw(width, head=title)
    file = io.BytesIO()
    if file_format == "png":
        FigureCanvasAgg(figure).print_png(file, metadata={"Software": "distaff"})
        return file.getvalue()
    # Journals refuse Type 3 fonts, which matplotlib writes by itself; this can be set in no other way.
    settings: dict[str, Any] = {"pdf.fonttype": 42, "svg.fonttype": "path", "svg.hashsalt": "distaff"}
    with mpl.rc_context(settings):
        if file_format == "pdf":
            FigureCanvasPdf(figure).print_pdf(file, metadata={"Creator": "distaff", "CreationDate": None})
        else:
            FigureCanvasSVG(figure).print_svg(file, metadata={"Creator": "distaff", "Date": None})
    return file.getvalue()


def _check_format(file_format: str) -> None:
    if file_format not in get_args(FileFormat):
        raise InputError(f"figures are written as {', '.join(get_args(FileFormat))}, not as {file_format!r}")


def _heard(name: str, error: Exception) -> Exception:
    if isinstance(error, WriteError):
        raise error
    _log.debug("figure %s cannot be drawn", name, exc_info=error)
    return error


def _pages(name: str, page: Page, *, split: bool) -> Iterator[tuple[str, Page]]:
    """Yield the pages to write with the stems of their files' names; no two are the same."""
    parts = page.split() if split else {}
    if not parts:
        yield name, page
    taken: set[str] = set()
    for title, part in parts.items():
        stem = f"{name}-{file_stem(title)}"
        count = 1
        # Some file systems take capitals and small letters for the same.
        while (unique := stem if count == 1 else f"{stem}-{count}").casefold() in taken:
            count += 1
        taken.add(unique.casefold())
        yield unique, part


def file_stem(title: str) -> str:
    """Return a title as a part of a file's name that every system takes.

    >>> file_stem("by length [mm]"), file_stem("../a:b"), file_stem("")
    ('by_length_mm', 'a_b', 'panel')
    """
    text = unicodedata.normalize("NFC", title)
    kept = "".join(each if each.isalnum() or each in "-=." else "_" for each in text)
    while "__" in kept:
        kept = kept.replace("__", "_")
    short = kept.encode("utf-8", "ignore")[:NAME_BYTES].decode("utf-8", "ignore")
    return short.strip("_.") or "panel"
