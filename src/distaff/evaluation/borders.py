"""Whether classes lie side by side in the code: what straight paths from class to class show and cross."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data import Attribute
from distaff.evaluation.encoding import Posteriors
from distaff.evaluation.probes import NEIGHBOURS
from distaff.evaluation.right import share
from distaff.evaluation.subject import Subject
from distaff.evaluation.swap import read_decoded, reader_details
from distaff.metrics.aggregate import log_aggregate
from distaff.metrics.paths import class_paths, path_purity, void_depth
from distaff.metrics.regions import EMPTY, grid_over, nearest_class, planar_bound, shares_border
from distaff.model import has_bound
from distaff.objective import ClassifyTerm

POINTS = 21
"""Codes on each path, both class means included."""
MOST_CLASSES = 20
"""An attribute with more classes has regions too thin to speak of, and too many pairs."""
EMPTY_SHARE = 0.05
"""A place counts as empty where the density is below that of all but this share of unseen pictures' codes."""
SIDE = 150
"""Cells on each side of the map of two codes."""
Floats = npt.NDArray[np.float64]


def lacks_borders(subject: Subject) -> str | None:
    """Say why there are no regions of classes, or None when there are."""
    if subject.model.condition:
        return "the model is told its condition, so its codes need not tell classes apart"
    if not has_bound(subject.model):
        return "not every latent has a normal posterior, so the codes have no density between classes"
    if not _attributes(subject):
        return f"the data have no attribute with 2 to {MOST_CLASSES} classes"
    return None


def shaped(subject: Subject) -> bool:
    """Tell whether to measure borders unasked: a latent classifier shaped the code."""
    return any(isinstance(term, ClassifyTerm) for term in subject.model.objective)


def borders(subject: Subject) -> dict[str, Any]:
    """Return the mean share of the path between two class means whose pictures show one of the two.

    Pictures are read by the independent reader. Details: the same share by the 10 nearest training codes;
    how deep the aggregate posterior's density dips on the path, in nats; and which classes share a border.
    """
    codes = subject.posteriors
    floor = float(np.quantile(log_aggregate(codes.unseen, codes.mean, codes.logvar), EMPTY_SHARE))
    found = {each.name: _measure(subject, each, codes, floor) for each in _attributes(subject)}
    parts = ("path_purity_by_codes", "pure_pairs", "void_depth", "pairs_sharing_a_border")
    return {
        "value": float(np.mean([each["path_purity"] for each in found.values()])),
        **{part: float(np.mean([each[part] for each in found.values()])) for part in parts},
        "per_attribute": found,
        "points_on_a_path": POINTS,
        "neighbours": NEIGHBOURS,
        "empty_below_log_density": floor,
        "train_pictures": len(codes.mean),
        **reader_details(subject),
    }


def _measure(subject: Subject, attribute: Attribute, codes: Posteriors, floor: float) -> dict[str, Any]:
    """Everything about the regions of one attribute's classes; of its classes, those with enough pictures."""
    known, labels, classes = _members(subject, attribute)
    means = codes.mean[known]
    paths, pairs = class_paths(means, labels, points=POINTS)
    shape, points = paths.shape[:2], paths.reshape(-1, paths.shape[2])
    subject.say(f"borders: drawing the paths between {len(classes)} classes of {attribute.name}")
    pictured = read_decoded(subject.model, subject.reader, points.astype(np.float32), None)[attribute.name]
    by_reader = path_purity(pictured.reshape(shape), classes[pairs])
    by_codes = path_purity(nearest_class(means, labels, points, neighbours=NEIGHBOURS).reshape(shape), pairs)
    density = log_aggregate(points, codes.mean, codes.logvar).reshape(shape)
    depth = void_depth(density)
    joined = (by_codes == 1) & (density.min(axis=1) >= floor)
    size = len(classes)
    found: dict[str, Any] = {
        "path_purity": float(by_reader.mean()),
        "path_purity_by_codes": float(by_codes.mean()),
        "pure_pairs": float((by_reader == 1).mean()),
        "void_depth": float(depth.mean()),
        "void_depth_median": float(np.median(depth)),
        "pairs_sharing_a_border": float(joined.mean()),
        "borders_on_paths": int(joined.sum()),
        "classes": size,
    }
    if codes.mean.shape[1] == 2:
        touching, least = _on_the_map(codes, means, labels, floor)
        joined = touching[pairs[:, 0], pairs[:, 1]]
        found |= {
            "pairs_sharing_a_border": float(joined.mean()),
            "borders_on_the_map": int(joined.sum()),
            "share_of_planar_bound": float(joined.sum() / planar_bound(size)),
            "least_border_length": least,
        }
    # In a plane most straight paths must cross a third class; those between neighbours need not.
    found["path_purity_of_neighbours"] = share(np.where(joined, by_reader, np.nan))
    found["void_depth_of_neighbours"] = share(np.where(joined, depth, np.nan))
    names = [str(attribute.label(value)) for value in classes]
    found["pairs"] = {
        f"{names[one]} - {names[two]}": {
            "path_purity": float(by_reader[i]),
            "path_purity_by_codes": float(by_codes[i]),
            "void_depth": float(depth[i]),
            "border": bool(joined[i]),
        }
        for i, (one, two) in enumerate(pairs)
    }
    return found


def _on_the_map(
    codes: Posteriors, means: Floats, labels: npt.NDArray[np.int64], floor: float
) -> tuple[npt.NDArray[np.bool_], float]:
    """Tell which classes share a border on a map of two codes, and the least length that counts."""
    grid = grid_over(codes.unseen, SIDE)
    cells = nearest_class(means, labels, grid.points, neighbours=NEIGHBOURS)
    cells[log_aggregate(grid.points, codes.mean, codes.logvar) < floor] = EMPTY
    return shares_border(cells.reshape(SIDE, SIDE), grid.cell, int(labels.max()) + 1)


def _attributes(subject: Subject) -> tuple[Attribute, ...]:
    """The attributes whose classes can have regions: of at least two there are enough training pictures."""
    return tuple(
        each
        for each in subject.labelled
        if 2 <= each.size <= MOST_CLASSES and each.kind != "circular" and len(_members(subject, each)[2]) > 1
    )


def _members(
    subject: Subject, attribute: Attribute
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which training pictures are of a class that can win a vote, their places [m] in the classes [K]."""
    values = subject.table.column(attribute.name)[subject.train_rows]
    classes, counts = np.unique(values[~np.isnan(values)].astype(np.int64), return_counts=True)
    classes = classes[counts >= NEIGHBOURS]
    known = np.isin(values, classes)
    return known, np.searchsorted(classes, values[known].astype(np.int64)), classes
