"""All figures by name, and how they are made for a run."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from distaff.data import Dataset
from distaff.errors import InputError, nearest
from distaff.figures.confusion import confusion, nothing_to_read
from distaff.figures.kl import kl
from distaff.figures.losses import losses, no_history
from distaff.figures.manifold import manifold, no_plane
from distaff.figures.maps import map_pca, map_tsne, not_two_latents, nothing_to_project, plane
from distaff.figures.material import ALL_TRAINED, MOST_TRAINED, Material
from distaff.figures.mixes import mixes, no_classes
from distaff.figures.reconstructions import reconstructions
from distaff.figures.regions import no_regions, regions
from distaff.figures.samples import samples
from distaff.figures.strongest import strongest, zero_means_nothing
from distaff.figures.sweeps import no_attribute, sweeps
from distaff.figures.traversals import no_gaussian, traversals
from distaff.figures.variation import no_variation, variation
from distaff.files import atomic_write
from distaff.run import Run


def _nothing(material: Material) -> None:
    """Every model has what the figure needs."""


@dataclass(frozen=True)
class Entry:
    """One figure: what it shows, how it is drawn, and what may stand in its way."""

    description: str
    draw: Callable[[Material], Figure]
    obstacle: Callable[[Material], str | None] = _nothing

    def function(self, run: Run, dataset: Dataset) -> Figure:
        """Return the figure."""
        return self.draw(Material(run, dataset))

    def needs(self, run: Run, dataset: Dataset) -> str | None:
        """Return the reason why the figure cannot be drawn, None when it can."""
        return self.obstacle(Material(run, dataset))


FIGURES: dict[str, Entry] = {
    "reconstructions": Entry("unseen pictures above their reconstructions", reconstructions),
    "samples": Entry("new pictures, a row for each class where classes can be asked for", samples),
    "traversals": Entry("what each of the most active latents does to a picture", traversals, no_gaussian),
    "strongest": Entry("the latent furthest from zero, over its own range", strongest, zero_means_nothing),
    "sweeps": Entry("pictures with one attribute set to each of its values", sweeps, no_attribute),
    "losses": Entry("terms of the loss, weights and learning rate against the step", losses, no_history),
    "kl": Entry("how many nats each latent carries, and which carry none", kl),
    "map": Entry("the two gaussian latents of unseen pictures, by attribute", plane, not_two_latents),
    "regions": Entry("which class lives where in the plane of two latents", regions, no_regions),
    "mixes": Entry("straight paths from class to class", mixes, no_classes),
    "variation": Entry("what varies within each class", variation, no_variation),
    "manifold": Entry("pictures over the plane of two latents, by the prior's quantiles", manifold, no_plane),
    "map_pca": Entry("codes of unseen pictures in two principal components", map_pca, nothing_to_project),
    "map_tsne": Entry("codes of unseen pictures, neighbours side by side", map_tsne, nothing_to_project),
    "confusion": Entry("which classes the model reads as which", confusion, nothing_to_read),
}


def make(
    run: Run,
    only: Sequence[str] | None = None,
    data: str | None = None,
    progress: Callable[[str], None] | None = None,
) -> dict[str, Path]:
    """Draw figures of a run and write them to its folder as figures/NAME.png, each whole or not at all.

    Without `only`, figures that do not fit the model are left out. `data` replaces the run's own data.
    `progress` is called with a line before each figure, and with the reason for each left out.

    Returns the path of every figure written, by name.

    Raises:
        InputError: an unknown name, or a figure asked for by name that cannot be drawn.
    """
    for name in only or ():
        if name not in FIGURES:
            raise InputError(f"figures: there is no figure {name!r}; {nearest(name, FIGURES)}")
    say = progress or _quiet
    # All training codes where a figure is asked for by name; some where every figure is drawn.
    material = Material(run, run.dataset(data), MOST_TRAINED if only is None else ALL_TRAINED)
    drawable = []
    for name in dict.fromkeys(only if only is not None else FIGURES):
        reason = FIGURES[name].obstacle(material)
        if reason is None:
            drawable.append(name)
        elif only is not None:
            raise InputError(f"figures: {name!r} cannot be drawn for {run.path}: {reason}")
        else:
            say(f"{name}: left out, {reason}")
    written = {}
    for name in drawable:
        say(f"{name}: {FIGURES[name].description}")
        written[name] = run.path / "figures" / f"{name}.png"
        atomic_write(written[name], to_png(FIGURES[name].draw(material)))
    return written


def to_png(figure: Figure) -> bytes:
    """Return a figure as a PNG file, the same bytes for the same figure."""
    file = io.BytesIO()
    FigureCanvasAgg(figure).print_png(file, metadata={"Software": "distaff"})
    return file.getvalue()


def _quiet(line: str) -> None:
    """Say nothing."""
