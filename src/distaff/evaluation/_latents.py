"""Which latents a model uses, posterior collapse, and what is read from codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute
from distaff.errors import InputError
from distaff.metrics import Score, metric

if TYPE_CHECKING:
    from distaff.analysis import Analysis


@metric(needs=("model",))
def collapse(analysis: Analysis) -> Score:
    """Share of latents that carry less than 0.01 nats; 1: the posterior has collapsed.

    The verdict on posterior collapse, none, some latents or all, with each latent's mean KL and the variance
    of its code; some unused latents are normal. It is the one that training gives. Latents without a KL, such
    as quantised ones, are described by how many values of them occur; one that never changes is unused.

    Interpretation:
        Range: 0 to 1.
        Better: neither.
        Weaknesses: A latent may cost nats and tell nothing; where its code hardly varies, a note says so.
        Paper: https://arxiv.org/abs/1511.06349

    Returns:
        Score; details `verdict`, `sentence`, `unused`, `latents`, `unused_below_nats`, `kl_per_latent`,
        `values_per_latent` (of latents without a KL), `variance_per_latent`, `images`.

    Raises:
        InputError: nothing is known of any latent's use.
    """
    from distaff.analysis import MOVES_ABOVE, UNUSED_BELOW

    verdict, latents = analysis.collapse, analysis.latents
    count = len(verdict.used) + len(verdict.unused)
    if not count:
        raise InputError("no latent of this model has a KL divergence or takes countable values")
    still = [
        each.label
        for each in latents
        if each.kl is not None and each.used and each.attribute is None and each.variance <= MOVES_ABOVE
    ]
    values = {each.label: each.values for each in latents if each.values is not None}
    details = {
        "verdict": verdict.verdict,
        "sentence": verdict.sentence,
        "unused": list(verdict.unused),
        "latents": count,
        "unused_below_nats": UNUSED_BELOW,
        "kl_per_latent": dict(analysis.kl),
        "variance_per_latent": {each.label: each.variance for each in latents},
        "images": len(analysis.codes),
    }
    if values:
        details["values_per_latent"] = values
    if still:
        details["note"] = (
            f"{', '.join(still)}: the KL is above {UNUSED_BELOW:g} nats, yet the mean hardly moves from "
            f"image to image (its variance is at most {MOVES_ABOVE:g}); it may tell less than it costs"
        )
    return Score(len(verdict.unused) / count, details)


@metric(needs=("gaussian_latents",))
def strongest_latent(analysis: Analysis) -> Score:
    """The largest |mean| of a gaussian latent over 1,000 images; details name the latent and its range.

    Which gaussian latent leans furthest from zero, and its least and largest value: the analysis of a
    beta-VAE's author. The figure `strongest` draws that range.

    Interpretation:
        Range: 0 upwards.
        Better: neither.
        Weaknesses: Leaning from zero is no sign of meaning: in a model that matches its prior every mean is
            near 0.

    Returns:
        Score; details `latent`, `low`, `high`, `mean_per_latent`, `images`, and by the other reading of
        "absolute mean", the mean of |code|: `strongest_by_size`, `mean_size_per_latent`.
    """
    found = analysis.strongest
    return Score(
        abs(found.mean[found.label]),
        {
            "latent": found.label,
            "low": found.low,
            "high": found.high,
            "strongest_by_size": max(found.size, key=lambda name: found.size[name]),
            "mean_per_latent": found.mean,
            "mean_size_per_latent": found.size,
            "images": found.images,
        },
    )


Numbers = npt.NDArray[np.float64]
NOTE = "orders round a circle are told as cosine and sine of the whole turn, so symmetric images lower R^2"


@metric(needs=("model",))
def attribute_accuracy(analysis: Analysis) -> Score:
    """How often the model itself reads the attributes of images right; mean over attributes.

    From the codes, by attribute latents or a latent classifier; of continuous attributes alone, mean R^2. The
    value of a circular attribute may differ by the symmetry of the image.

    Interpretation:
        Range: 0 to 1.
        Better: higher.
        Weaknesses: Says nothing of what is decoded: see swap_test.

    Returns:
        Score; details `per_attribute`: `accuracy`, `mean_absolute_error` and `within_one` (in steps, of
        ordered classes), or `r2`.

    Raises:
        InputError: the model reads no attribute that the data label, or only numbers that do not vary.
    """
    from distaff.analysis import headline, judge, symmetry_folds, symmetry_note

    if not analysis.model.readable:
        raise InputError("the model reads no attribute: it has no attribute latents and no latent classifier")
    attributes = [each for each in analysis.labelled if each.name in analysis.model.readable]
    if not attributes:
        raise InputError("the data have no labels of the attributes that the model reads")
    table = analysis.table
    verdicts = {
        each.name: judge(each, analysis.read[each.name], table.column(each.name), symmetry_folds(each, table))
        for each in attributes
    }
    value = headline(verdicts)
    if np.isnan(value):
        raise InputError("the labels of the attributes that the model reads do not vary")
    return Score(value, {"per_attribute": verdicts, **symmetry_note(attributes)})


@metric(needs=("model", "labels"))
def linear_factor(analysis: Analysis) -> Score:
    """R^2 of a linear map from the codes to each factor; mean over factors.

    Least squares from all codes of training images to numbers and ordered classes as they are, circles as
    cosine and sine, unordered classes one-hot; R^2 = 1 - squared errors / squared distances to the mean on
    the measured images, both summed over these columns. The same for any invertible linear map of the codes.

    Interpretation:
        Range: at most 1.
        Chance: about 0.
        Better: higher.
        Weaknesses: Blind to relations that bend. Says nothing on whether one code holds one factor: see sap,
            dci, mig. linear_probe asks the same by classification, linearity on traversals.
        Continuous factors: taken as they are.
        Missing labels: an image is left out for the factor that it lacks.
        Paper: https://openreview.net/forum?id=Sy2fzU9gl

    Returns:
        Score; details `r2_per_attribute`.

    Raises:
        InputError: no factor varies over both the training and the measured images.
    """
    codes, others = analysis.train_codes, analysis.codes[analysis.held_out]
    measured = analysis.table.rows(analysis.held_out)
    found: dict[str, float] = {}
    circular = False
    for attribute in analysis.labels.attributes:
        values = _numbers(attribute, analysis.train_table.column(attribute.name))
        true = _numbers(attribute, measured.column(attribute.name))
        known, asked = ~np.isnan(values).any(1), ~np.isnan(true).any(1)
        if not (_varies(values[known]) and _varies(true[asked])):
            continue
        read = _linear(codes[known].astype(np.float64), values[known], others[asked].astype(np.float64))
        errors = float(np.square(read - true[asked]).sum())
        spread = float(np.square(true[asked] - true[asked].mean(0)).sum())
        found[attribute.name] = 1 - errors / spread
        circular = circular or attribute.kind == "circular"
    if not found:
        raise InputError("no factor varies over both the training and the measured images")
    note = {"note": NOTE} if circular else {}
    return Score(float(np.mean(list(found.values()))), {"r2_per_attribute": found, **note})


def _numbers(attribute: Attribute, values: npt.NDArray[np.float32]) -> Numbers:
    """The columns that stand for an attribute's values [n]: [n, columns], NaN where unknown."""
    column = values.astype(np.float64)[:, None]
    if attribute.kind == "circular":
        turn = 2 * np.pi * column / (attribute.period or attribute.size)
        return np.concatenate([np.cos(turn), np.sin(turn)], axis=1)
    if attribute.kind == "categorical":
        return np.where(np.isnan(column), np.nan, column == np.arange(attribute.size))
    return column


def _varies(values: Numbers) -> bool:
    return len(values) > 1 and bool((np.ptp(values, axis=0) > 0).any())


def _linear(codes: Numbers, values: Numbers, others: Numbers) -> Numbers:
    """What least squares of `values` [n, k] on `codes` [n, D] say of `others` [m, D]: [m, k]."""
    centre, spread = codes.mean(0), codes.std(0)
    # Codes that hardly move would be told apart by their rounding alone.
    scale = np.where(spread > 1e-6, spread, np.inf)
    slope, *_ = np.linalg.lstsq((codes - centre) / scale, values - values.mean(0), rcond=1e-6)
    return np.asarray((others - centre) / scale @ slope + values.mean(0))
