"""Figures of small runs, drawn and looked into."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from distaff.analysis import Analysis
from distaff.data import Dataset
from distaff.figures import FIGURES
from distaff.run import Run


def analyse(run: Run, dataset: Dataset | None = None) -> Analysis:
    return Analysis(run, dataset or run.dataset())


def page_of(name: str, analysis: Analysis):
    return FIGURES[name].function(analysis)


def draw(name: str, analysis: Analysis, **how) -> Figure:
    """Return a figure as matplotlib's, laid out."""
    drawn = page_of(name, analysis).draw(**how)
    drawn.draw_without_rendering()
    return drawn


def scale_up(image, scale):
    return image.repeat(scale, axis=0).repeat(scale, axis=1)


def texts(drawn: Figure) -> list[str]:
    """Return every text of a figure that is not empty."""
    return [each.get_text() for each in drawn.findobj(Text) if each.get_text()]


def images_of(drawn: Figure) -> list[np.ndarray]:
    return [np.asarray(image.get_array()) for image in drawn.axes[0].images]


def same(image, wanted) -> bool:
    """Tell whether an image was drawn as wanted, each of its pixels enlarged."""
    scale = image.shape[0] // wanted.shape[0]
    return np.allclose(image, scale_up(np.clip(wanted, 0, 1), scale), atol=1e-5)
