"""What the reference classifier sees of changed codes: one attribute set anew, and paths between classes.

The swap test sets one attribute, decodes, and asks what changed. Whether classes lie side by side in the
code is told by what straight paths from class to class show and cross.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable
from distaff.errors import InputError
from distaff.metrics import (
    EMPTY,
    Score,
    class_paths,
    grid_over,
    log_aggregate,
    metric,
    path_purity,
    planar_bound,
    shares_border,
    void_depth,
)

if TYPE_CHECKING:
    from distaff.analysis import Analysis


Floats = npt.NDArray[np.float32]
IMAGES = 2000
"""Images each attribute is swapped in."""
TRUSTED = 0.98
"""A reference classifier that is right less often than this on real images earns a warning."""
PIECE = 1024
"""Codes decoded and read at a time."""
POINTS = 21
"""Codes on each path, both class means included."""
MOST_CLASSES = 20
"""An attribute with more classes has regions too thin to speak of, and too many pairs."""
EMPTY_SHARE = 0.05
"""A place counts as empty where the density is below that of all but this share of measured images' codes."""
SIDE = 150
"""Cells on each side of the map of two codes."""
Numbers = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
HALVINGS = 5
"""Random directions along which each class is halved, for the void within it."""
PARTS = (
    "path_purity_by_codes",
    "pure_pairs",
    "void_depth",
    "void_depth_within",
    "pairs_sharing_a_border",
)


@metric(needs=("attribute_latents", "reference_classifier"), cost="minutes", parts=("mean",))
def swap_test(analysis: Analysis) -> Score:
    """Set one attribute: does it change, and do the others stay? Share of the worst pair.

    One attribute of an image's code is set to another value and the image is decoded: does the reference
    classifier see the new value, and the old values of all other attributes? For every pair (set a, check b)
    the share of images where b is what it should be; the value is that of the worst pair.

    Interpretation:
        Range: 0 to 1.
        Better: higher.
        Weaknesses: As good as the reference classifier, whose accuracy on real images stands in the details.

    Returns:
        Score; details `mean` over pairs, `matrix` (set a: check b), `images`, `reference_accuracy`.

    Raises:
        InputError: no attribute that the model sets has two values, or labels to compare with.
    """
    from distaff.analysis import is_right, known_mean, symmetry_folds

    attributes = [each for each in analysis.set_by_code if each.size != 1]
    rng = np.random.default_rng([analysis.seed, 5])
    codes, true = analysis.codes[:IMAGES], analysis.table.rows(slice(0, IMAGES))
    matrix: dict[str, dict[str, float]] = {}
    for attribute in attributes:
        analysis.progress(f"swap test: setting {attribute.name}")
        values = another_value(attribute, true.column(attribute.name), rng)
        asked = replaced(true, attribute.name, values)
        written = analysis.model.write(codes, indices={attribute.name: values})
        condition = {name: asked.column(name) for name in analysis.model.condition if name in asked.names}
        found = decode_and_read(analysis, written, condition)
        matrix[attribute.name] = {
            each.name: known_mean(is_right(each, found[each.name], asked.column(each.name), fold))
            for each in attributes
            for fold in [
                np.lcm(symmetry_folds(each, true).astype(int), symmetry_folds(each, asked).astype(int))
            ]
        }
    shares = [share for row in matrix.values() for share in row.values() if not np.isnan(share)]
    if not shares:
        raise InputError("no attribute that the model sets has two values and labels to compare with")
    return Score(
        min(shares),
        {
            "mean": float(np.mean(shares)),
            "matrix": matrix,
            "images": len(codes),
            **reference_details(analysis),
            **_note(attributes),
        },
    )


def another_value(attribute: Attribute, true: Floats, rng: np.random.Generator) -> Floats:
    """Return for each image a value other than its own, drawn evenly: [n] -> [n]."""
    if not attribute.size:
        return rng.uniform(attribute.low, attribute.high, len(true)).astype(np.float32)
    drawn = rng.integers(attribute.size - 1, size=len(true)) if attribute.size > 1 else np.zeros(len(true))
    # Of the classes left when its own is taken out, those from its own on move up by one.
    return (drawn + (drawn >= true) * (attribute.size > 1)).astype(np.float32)


def replaced(table: AttributeTable, name: str, values: Floats) -> AttributeTable:
    """Return the table with one column replaced."""
    changed = table.values.copy()
    changed[:, table.names.index(name)] = values
    return AttributeTable(table.attributes, changed)


def reference_details(analysis: Analysis) -> dict[str, Any]:
    """Return how often the reference classifier is right on real images, and a warning if too rarely."""
    accuracy = analysis.reference_accuracy
    poor = [f"{name} {share:.1%}" for name, share in accuracy.items() if share < TRUSTED]
    warning = {
        "warning": f"the reference classifier itself is right on fewer than {TRUSTED:.0%} of real images: "
        f"{', '.join(poor)}; the test cannot show more than that"
    }
    return {"reference_accuracy": accuracy} | (warning if poor else {})


def decode_and_read(analysis: Analysis, codes: Floats, condition: Mapping[str, Floats]) -> dict[str, Floats]:
    """Decode codes, under the condition if the model has one, and read the images: [n] by attribute."""
    parts = []
    for start in range(0, len(codes), PIECE):
        rows = slice(start, start + PIECE)
        told = {name: values[rows] for name, values in condition.items()}
        images = analysis.model.decode(codes[rows], indices=told)
        parts.append(analysis.reference_classifier.read(images))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _note(attributes: Sequence[Attribute]) -> dict[str, str]:
    by = ", ".join(sorted({each.folds.by for each in attributes if each.folds is not None}))
    note = (
        "circular attributes are right within one step, up to the rotational symmetry of the original "
        f"image's true {by}; where {by} is itself set, up to the larger symmetry of the old and the new"
    )
    return {"note": note} if by else {}


@metric(needs=("normal_posterior", "reference_classifier"), default=False, cost="minutes", parts=PARTS)
def borders(analysis: Analysis) -> Score:
    """Path purity: share of a path from class to class that shows one of the two and no third class.

    Straight paths between the mean codes of every two classes are decoded: the share that the reference
    classifier reads as one of the two. Details: the same by the 10 nearest training codes, how deep the
    density of the aggregate posterior dips on the path in nats, how deep between two halves of one class, and
    which classes share a border. For models without a condition, and attributes of 2 to 20 classes.
    docs/borders.md defines every number.

    Interpretation:
        Range: 0 to 1.
        Better: higher.
        Weaknesses: In two latents many paths must cross a third class: look at path_purity_of_neighbours. A
            model that jumps from class to class has pure paths: look at void_depth. As good as the reference
            classifier, whose accuracy on real images stands in the details.
        Missing labels: an image without one is of no class.

    Returns:
        Score; details `path_purity_by_codes`, `pure_pairs`, `void_depth`, `void_depth_within`,
        `pairs_sharing_a_border`, `per_attribute`, `points_on_a_path`, `neighbours`,
        `empty_below_log_density`, `train_images`, `reference_accuracy`.

    Raises:
        InputError: the model has a condition, or the data no attribute with 2 to 20 classes.
    """
    from distaff.analysis import NEIGHBOURS

    if analysis.model.condition:
        raise InputError("the model is told its condition, so its codes need not tell classes apart")
    attributes = _attributes(analysis)
    if not attributes:
        raise InputError(f"the data have no attribute with 2 to {MOST_CLASSES} classes")
    density = _Density(analysis)
    found = {each.name: _measure(analysis, each, density) for each in attributes}
    return Score(
        float(np.mean([each["path_purity"] for each in found.values()])),
        {
            **{part: float(np.mean([each[part] for each in found.values()])) for part in PARTS},
            "per_attribute": found,
            "points_on_a_path": POINTS,
            "neighbours": NEIGHBOURS,
            "empty_below_log_density": density.floor,
            "train_images": len(density.mean),
            **reference_details(analysis),
        },
    )


class _Density:
    """log q of the aggregate posterior of training images, and the floor under which a place is empty."""

    def __init__(self, analysis: Analysis) -> None:
        trained = analysis.train_encoded
        self.mean, self.logvar = trained.mean.astype(np.float64), trained.log_variance.astype(np.float64)
        self.unseen = analysis.encoded.drawn[analysis.held_out].astype(np.float64)
        self.floor = float(np.quantile(self(self.unseen), EMPTY_SHARE))

    def __call__(self, points: Numbers) -> Numbers:
        return log_aggregate(points, self.mean, self.logvar)


def _measure(analysis: Analysis, attribute: Attribute, density: _Density) -> dict[str, Any]:
    """Everything about the regions of one attribute's classes; of its classes, those with enough images."""
    from distaff.analysis import Neighbours, known_mean

    known, labels, classes = _members(analysis, attribute)
    means, size = density.mean[known], len(classes)
    neighbours = Neighbours(means, labels, size)
    paths, pairs = class_paths(means, labels, points=POINTS)
    shape, points = paths.shape[:2], paths.reshape(-1, paths.shape[2])
    analysis.progress(f"borders: decoding the paths between {size} classes of {attribute.name}")
    seen = decode_and_read(analysis, points.astype(np.float32), {})[attribute.name]
    by_classifier = path_purity(seen.reshape(shape), classes[pairs])
    by_codes = path_purity(neighbours.read(points).reshape(shape), pairs)
    nats = density(points).reshape(shape)
    depth = void_depth(nats)
    within = _void_within(means, labels, density, analysis.seed)
    joined = (by_codes == 1) & (nats.min(axis=1) >= density.floor)
    found: dict[str, Any] = {
        "path_purity": float(by_classifier.mean()),
        "path_purity_by_codes": float(by_codes.mean()),
        "pure_pairs": float((by_classifier == 1).mean()),
        "void_depth": float(depth.mean()),
        "void_depth_median": float(np.median(depth)),
        "void_depth_within": float(within.mean()),
        "void_depth_within_median": float(np.median(within)),
        "pairs_sharing_a_border": float(joined.mean()),
        "borders_on_paths": int(joined.sum()),
        "classes": size,
    }
    if means.shape[1] == 2:
        grid = grid_over(density.unseen, SIDE)
        cells = neighbours.read(grid.points)
        cells[density(grid.points) < density.floor] = EMPTY
        touching, least = shares_border(cells.reshape(SIDE, SIDE), grid.cell, size)
        joined = touching[pairs[:, 0], pairs[:, 1]]
        found |= {
            "pairs_sharing_a_border": float(joined.mean()),
            "borders_on_the_map": int(joined.sum()),
            "share_of_planar_bound": float(joined.sum() / planar_bound(size)),
            "least_border_length": least,
        }
    # In a plane most straight paths must cross a third class; those between neighbours need not.
    found["path_purity_of_neighbours"] = known_mean(np.where(joined, by_classifier, np.nan))
    found["void_depth_of_neighbours"] = known_mean(np.where(joined, depth, np.nan))
    names = [str(attribute.label(value)) for value in classes]
    found["pairs"] = {
        f"{names[one]} - {names[two]}": {
            "path_purity": float(by_classifier[i]),
            "path_purity_by_codes": float(by_codes[i]),
            "void_depth": float(depth[i]),
            "border": bool(joined[i]),
        }
        for i, (one, two) in enumerate(pairs)
    }
    return found


def _void_within(means: Numbers, labels: Ints, density: _Density, seed: int) -> Numbers:
    """How deep the density dips between the mean codes of two halves of one class, nats: [halvings].

    A class is halved at its own mean, along a random direction. What is found there is no void between
    classes: the aggregate posterior of few images is lumpy.
    """
    rng, ends = np.random.default_rng([seed, 12]), []
    for value in range(int(labels.max()) + 1):
        codes = means[labels == value]
        for direction in rng.standard_normal((HALVINGS, codes.shape[1])):
            side = (codes - codes.mean(axis=0)) @ direction > 0
            if side.any() and not side.all():
                ends.append((codes[side].mean(axis=0), codes[~side].mean(axis=0)))
    if not ends:
        return np.zeros(1)
    share = np.linspace(0, 1, POINTS)[:, None]
    paths = np.stack([one * (1 - share) + two * share for one, two in ends])
    return void_depth(density(paths.reshape(-1, means.shape[1])).reshape(paths.shape[:2]))


def _attributes(analysis: Analysis) -> tuple[Attribute, ...]:
    """The attributes whose classes can have regions: of at least two there are enough training images."""
    return tuple(
        each
        for each in analysis.labelled
        if 2 <= each.size <= MOST_CLASSES and each.kind != "circular" and len(_members(analysis, each)[2]) > 1
    )


def _members(analysis: Analysis, attribute: Attribute) -> tuple[npt.NDArray[np.bool_], Ints, Ints]:
    """Which training images are of a class that can win a vote, their places [m] in the classes [K]."""
    from distaff.analysis import NEIGHBOURS

    values = analysis.train_table.column(attribute.name)
    classes, counts = np.unique(values[~np.isnan(values)].astype(np.int64), return_counts=True)
    classes = classes[counts >= NEIGHBOURS]
    known = np.isin(values, classes)
    return known, np.searchsorted(classes, values[known].astype(np.int64)), classes
