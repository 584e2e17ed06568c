"""Whether a model generates what it is asked for, in as many ways as real images show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable
from distaff.errors import InputError
from distaff.evaluation._inputs import settable
from distaff.evaluation._swap import reference_details
from distaff.metrics import Score, metric, relative_spread

if TYPE_CHECKING:
    from distaff.analysis import Analysis
    from distaff.model import Model

SETTINGS = 1000
"""Images generated from random settings."""
IMAGES = 200
"""Images generated of each class, and real ones of it at most."""
STILL = 0.1
"""A latent is unused if what is read of it varies by less than this share of what was drawn."""
LEAST = 10
"""A class with fewer real images has no variation to compare with."""
Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.floating[Any]]
Masks = npt.NDArray[np.bool_]


@metric(needs=("sprites",), cost="seconds", parts=("median", "lowest_twentieth"))
def drawn_iou(analysis: Analysis) -> Score:
    """Overlap of generated sprites with true ones (intersection over union), for random settings.

    Sprites are generated from 1,000 random settings of all five attributes and laid over their true
    renderings; pixels count from 1/2 on.

    Interpretation:
        Range: 0 to 1.
        Better: higher.
        Weaknesses: Small sprites lose more by an error of one pixel.

    Returns:
        Score; details `median`, `lowest_twentieth` (the 5% quantile), `settings`, `threshold`.
    """
    from distaff.data import sprites

    rng = np.random.default_rng([analysis.seed, 7])
    factors = np.stack([rng.integers(factor.size, size=SETTINGS) for factor in sprites.FACTORS], axis=1)
    asked = {factor.name: factors[:, k].astype(np.float32) for k, factor in enumerate(sprites.FACTORS)}
    shares = overlap(generate(analysis, asked) > 0.5, sprites.render(factors) > 0)
    worst, median = np.quantile(shares, [0.05, 0.5])
    return Score(
        float(shares.mean()),
        {
            "median": float(median),
            "lowest_twentieth": float(worst),
            "settings": SETTINGS,
            "threshold": 0.5,
        },
    )


@metric(needs=("settable_attribute", "reference_classifier"), cost="minutes")
def condition_fidelity(analysis: Analysis) -> Score:
    """How often generated images show what was asked for; mean over attributes.

    1,000 images are generated for attributes of real images, those that the model can set: how often does the
    reference classifier see what was asked? By attribute and by class.

    Interpretation:
        Range: 0 to 1.
        Better: higher.
        Weaknesses: A model that generates one image for each class scores 1: see diversity. As good as the
            reference classifier, whose accuracy on real images stands in the details.

    Returns:
        Score; details `per_attribute`, `per_class`, `images`, `reference_accuracy`.

    Raises:
        InputError: no measured image has all the labels that the model can set.
    """
    from distaff.analysis import is_right, known_mean, symmetry_folds

    conditions = settable(analysis)
    table = analysis.table.select([each.name for each in conditions])
    known = np.flatnonzero(~np.isnan(table.values).any(axis=1))
    if not len(known):
        raise InputError("no measured image has all the labels that the model can set")
    rng = np.random.default_rng([analysis.seed, 8])
    # Conditions are drawn together from real images: not every combination need exist.
    rows = known[rng.integers(len(known), size=SETTINGS)]
    asked = analysis.table.rows(rows)
    images = generate(analysis, {each.name: asked.column(each.name) for each in conditions})
    seen = analysis.reference_classifier.read(images)
    right = {
        each.name: is_right(each, seen[each.name], asked.column(each.name), symmetry_folds(each, asked))
        for each in conditions
    }
    shares = {name: known_mean(each) for name, each in right.items()}
    by_class = {
        each.name: share_by_class(each, right[each.name], asked.column(each.name))
        for each in conditions
        if each.size
    }
    return Score(
        float(np.nanmean(list(shares.values()))),
        {
            "per_attribute": shares,
            "per_class": by_class,
            "images": SETTINGS,
            **reference_details(analysis),
        },
    )


@metric(
    needs=("settable_attribute", "reference_classifier"),
    cost="minutes",
    parts=("lowest", "in_reference_features", "of_right_images", "right"),
)
def diversity(analysis: Analysis) -> Score:
    """How much generated images of a class differ, over how much real ones do; 1 is as real.

    Mean Euclidean distance between the pixels of two images generated of a class, over that of two real ones;
    the mean over classes. Details: the same in the reference classifier's features, and among the images that
    it reads as asked, without which a wrong class would pass for variation.

    Interpretation:
        Range: 0 upwards; 1 is the variation of real images.
        Better: higher.
        Weaknesses: Noise and wrong classes pass for variation: read it beside condition_fidelity and the
            detail of_right_images. Blur lowers it.

    Returns:
        Score; details `lowest`, `in_reference_features`, `of_right_images`, `right`, `per_class`,
        `images_per_class`, `reference_accuracy`.

    Raises:
        InputError: no class that the model can set has enough measured images that differ.
    """
    from distaff.analysis import known_mean

    per_class: dict[str, dict[str, dict[str, float]]] = {}
    for attribute in settable(analysis):
        members = _members(analysis, attribute) if attribute.size else {}
        if members:
            analysis.progress(f"diversity: generating the classes of {attribute.name}")
            per_class[attribute.name] = {
                str(attribute.label(value)): _compare(analysis, attribute, value, rows)
                for value, rows in members.items()
            }
    verdicts = [verdict for classes in per_class.values() for verdict in classes.values()]
    if not verdicts:
        raise InputError(f"the data have no class that the model can set with {LEAST} measured images")
    spreads = [each["pixels"] for each in verdicts if not np.isnan(each["pixels"])]
    if not spreads:
        raise InputError("the measured images of each class are all the same")

    def mean(part: str) -> float:
        return known_mean(np.array([each[part] for each in verdicts]))

    return Score(
        mean("pixels"),
        {
            "lowest": min(spreads),
            "in_reference_features": mean("features"),
            "of_right_images": mean("pixels_of_right"),
            "right": mean("right"),
            "per_class": per_class,
            "images_per_class": IMAGES,
            **reference_details(analysis),
        },
    )


def generate(
    analysis: Analysis, asked: Mapping[str, Floats], *, count: int = SETTINGS, seed: int | None = None
) -> Floats:
    """Return images of the class indices, or numbers, asked for: [n, h, w] or [n, h, w, c]."""
    model, seed = analysis.model, analysis.seed if seed is None else seed
    codes, condition = model.sample_codes(count, indices=asked, seed=seed)
    return model.decode(codes, indices=condition)


def read_each_other(
    models: Sequence[Model], *, votes: int = 500, images: int = 32, seed: int = 0
) -> tuple[list[list[Floats]], list[npt.NDArray[np.int64]]]:
    """Return what models read in images of each other that share one latent, for `model_centrality`.

    Args:
        models: trained alike, without a condition.
        votes: groups of images that each model makes; a latent that it uses is the same throughout a group.
        images: in a group.
        seed: of every draw.

    Returns:
        `codes[i][j]`, what model j reads in the images of model i, float32 [votes, images, D_j]; and
        `fixed[i]`, which latent was the same in each group, int [votes].

    Raises:
        InputError: a model with a condition, or one that uses no latent.
    """
    codes: list[list[Floats]] = []
    fixed: list[npt.NDArray[np.int64]] = []
    for number, model in enumerate(models):
        if model.condition:
            raise InputError(f"model {number} has a condition, which its code does not tell")
        z = model.sample_codes(votes * images, seed=seed + number)[0]
        sample = z[: max(votes, 100)]
        # An unused latent does not move the images, so it is not read again from them.
        used = np.flatnonzero(model.encode(model.decode(sample)).std(axis=0) > STILL * sample.std(axis=0))
        if not len(used):
            raise InputError(f"model {number} uses no latent")
        latent = np.random.default_rng([seed, number]).choice(used, votes)
        groups = z.reshape(votes, images, -1)
        groups[np.arange(votes), :, latent] = groups[np.arange(votes), :1, latent]
        made = model.decode(groups.reshape(votes * images, -1))
        codes.append([other.encode(made).reshape(votes, images, -1) for other in models])
        fixed.append(latent)
    return codes, fixed


def overlap(drawn: Masks, true: Masks) -> npt.NDArray[np.float64]:
    """Return the intersection over union of masks: bool [n, h, w] each -> [n]."""
    return np.asarray((drawn & true).sum((1, 2)) / (drawn | true).sum((1, 2)))


def share_by_class(attribute: Attribute, right: Numbers, asked: Numbers) -> dict[str, float]:
    """Return the mean of `right` [n] over the images asked to be of each class, by its label."""
    from distaff.analysis import known_mean

    return {
        str(attribute.label(value)): known_mean(right[asked == value])
        for value in np.unique(asked[~np.isnan(asked)])
    }


def _compare(
    analysis: Analysis, attribute: Attribute, value: int, rows: npt.NDArray[np.int64]
) -> dict[str, float]:
    """Generate one class and compare with its real images, by pixels and by features."""
    from distaff.analysis import is_right, symmetry_folds

    asked = np.full(IMAGES, value, dtype=np.float32)
    drawn = generate(analysis, {attribute.name: asked}, count=IMAGES, seed=analysis.seed + value)
    given, reference = analysis.images(rows), analysis.reference_classifier
    pixels, real = _pixels(analysis, drawn), _pixels(analysis, given)
    read = reference.read(drawn)
    seen = AttributeTable(
        reference.attributes, np.stack([read[each.name] for each in reference.attributes], axis=1)
    )
    right = is_right(attribute, read[attribute.name], asked, symmetry_folds(attribute, seen)) == 1
    return {
        "pixels": relative_spread(pixels, real),
        "features": relative_spread(reference.features(drawn), reference.features(given)),
        # Images of other classes would pass for variation.
        "pixels_of_right": relative_spread(pixels[right], real) if right.sum() > 1 else float(np.nan),
        "right": float(right.mean()),
    }


def _pixels(analysis: Analysis, images: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Images as rows of pixels from 0 to 1: [n, pixels]."""
    from distaff.model import read_images

    array = read_images(images, analysis.model.image_shape)
    return array.reshape(len(array), -1) / (255.0 if array.dtype == np.uint8 else 1.0)


def _members(analysis: Analysis, attribute: Attribute) -> dict[int, npt.NDArray[np.int64]]:
    """The rows of the first measured images of each class that has enough of them."""
    values = analysis.table.column(attribute.name)
    found = {value: analysis.rows[values == value][:IMAGES] for value in range(attribute.size)}
    return {value: rows for value, rows in found.items() if len(rows) >= LEAST}
