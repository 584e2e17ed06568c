"""A figure: how the codes are spread, a panel for each latent that stands for no attribute."""

from functools import partial
from typing import Any

from distaff.analysis import Analysis
from distaff.errors import InputError
from distaff.figures import Page, Panel, Plots, figure


def draw(analysis: Analysis, latent: int, axes: Any) -> None:
    axes.hist(analysis.codes[:, latent], bins=40)


@figure()
def code_histogram(analysis: Analysis) -> Page:
    """How the codes of unseen images are spread, a panel for each latent."""
    if not len(analysis.free):
        raise InputError("every latent stands for an attribute")  # the figure is left out, with this reason
    latents = [analysis.model.latents[index] for index in analysis.free[:6]]
    panels = [Panel(each.label, partial(draw, analysis, each.index)) for each in latents]
    return Plots("Codes", f"Codes of {len(analysis.codes):,} {analysis.split_name} images.", panels)
