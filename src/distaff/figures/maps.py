"""Maps of the codes: where pictures lie in the latent space, coloured by attribute."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from distaff.figures.colouring import empty_look, marks, scatter
from distaff.figures.embedding import neighbour_embedding
from distaff.figures.material import Material
from distaff.figures.style import ACCENT, dress, page
from distaff.model.pixels import Floats

PANELS, COLUMNS, FEWEST = 6, 3, 10


def not_two_latents(material: Material) -> str | None:
    """Say why the gaussian latents are no plane, if they are not exactly two."""
    count = len(material.gaussian)
    return None if count == 2 else f"the model has {count} gaussian latents, and a plane takes two"


def nothing_to_project(material: Material) -> str | None:
    """Say why a projection to the plane would show nothing."""
    if material.model.network.latent.outputs <= 2:
        return "the code has no more than two numbers; 'map' shows it as it is"
    count = len(material.dataset.splits["train"])
    if count < FEWEST:
        return f"a map needs {FEWEST} pictures, the training split has {count}"
    return None


def draw_map(material: Material, points: Floats, title: str, note: str, labels: tuple[str, str]) -> Figure:
    """Draw points [n, 2], once for each of the first attributes; scales show when the axes have labels."""
    table = material.trained.factors
    shown = table.attributes[:PANELS]
    count = max(1, len(shown))
    columns = count if count <= COLUMNS else 2 if count == 4 else COLUMNS
    rows = -(-count // columns)
    side = {1: 7.0, 2: 5.2}.get(columns, 4.2)
    left_out = (
        f" {len(shown)} of {len(table.attributes)} attributes." if len(table.attributes) > PANELS else ""
    )
    # One unit is as long up as across, so a flat map gets flat axes.
    across, up = np.ptp(points, axis=0) + 1e-9
    shape = float(np.clip(0.84 * up / across, 0.5, 0.84))
    figure = page(
        side * columns,
        side * shape * rows,
        title,
        f"{material.shown_of_trained}. {note}{left_out}",
    )
    for index in range(count):
        axes = figure.add_subplot(rows, columns, index + 1)
        dress(
            axes,
            title=f"by {shown[index].name}" if shown else "",
            xlabel=labels[0],
            ylabel=labels[1],
            grid=None,
        )
        if shown:
            scatter(axes, points, shown[index], table.column(shown[index].name))
        else:
            axes.scatter(*points.T, color=ACCENT, **marks(len(points)))
        axes.set_aspect("equal", adjustable="datalim")
        if not any(labels):
            empty_look(axes)
    return figure


def plane(material: Material) -> Figure:
    """Draw the two gaussian latents as they are."""
    labels = [material.model.latents[column].label for column in material.gaussian]
    return draw_map(
        material,
        material.trained.codes[:, material.gaussian],
        "Map of the two latents",
        "Each at its mean code.",
        (labels[0], labels[1]),
    )


def principal_components(codes: Floats) -> tuple[Floats, Floats]:
    """Return the first two principal components [n, 2] and the shares of the variance they hold [2]."""
    centred = codes.astype(np.float64) - codes.mean(axis=0)
    left, sizes, right = np.linalg.svd(centred, full_matrices=False)
    # The sign of a component is free; the largest entry of its direction is made positive.
    signs = np.sign(right[np.arange(2), np.abs(right[:2]).argmax(axis=1)])
    total = max(float((sizes**2).sum()), 1e-12)
    points = left[:, :2] * sizes[:2] * signs
    return points.astype(np.float32), (sizes[:2] ** 2 / total).astype(np.float32)


def map_pca(material: Material) -> Figure:
    """Draw the two directions in which the mean codes vary most."""
    points, shares = principal_components(material.trained.codes)
    return draw_map(
        material,
        points,
        "Map of the codes: principal components",
        f"The two directions in which mean codes vary most hold {shares.sum():.0%} of their variance.",
        (f"first component ({shares[0]:.0%})", f"second component ({shares[1]:.0%})"),
    )


def map_tsne(material: Material) -> Figure:
    """Draw the mean codes so that neighbours stay neighbours."""
    return draw_map(
        material,
        neighbour_embedding(material.trained.codes),
        "Map of the codes: t-SNE",
        "Neighbouring codes lie side by side; distances between groups and the axes mean nothing.",
        ("", ""),
    )
