"""What the metrics of a run are given: the codes and labels of an `Analysis`, and the analysis itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute
from distaff.metrics import NEEDS, Factor, Inputs, Metric

if TYPE_CHECKING:
    from distaff.analysis import Analysis
    from distaff.model import Model

Numbers = npt.NDArray[np.float64]
JACOBIANS, DECODED = 64, 4000
"""Measured images at whose codes the decoder is differentiated, and that are decoded, at most."""
OUTSIDE = 0.005
"""The share of codes at either end that independent codes leave out."""


class RunInputs(Inputs):
    """A model and its measured images.

    A metric that learns (it has a parameter `test_codes`) learns from the codes of training images and is
    tested on the measured ones; every other metric sees the measured ones alone. A metric of another package
    takes what it needs by its parameters: `analysis`, `model` or `images`, beside those of `Inputs`.
    """

    offers: ClassVar[frozenset[str]] = Inputs.offers | {
        "analysis",
        "independent",
        "images",
        "jacobians",
        "model",
        "reconstructions",
    }
    of_model: ClassVar[bool] = True

    def __init__(self, analysis: Analysis) -> None:
        self.analysis, self.seed = analysis, analysis.seed
        self.factors, self.factors_left_out, self._learnt = _factors(analysis)

    @cached_property
    def codes(self) -> Numbers:  # type: ignore[override]
        """Codes of the measured images: [n, D]."""
        return self.analysis.codes[self.analysis.held_out].astype(np.float64)

    @property
    def logvar(self) -> Numbers | None:  # type: ignore[override]
        """Log variances of their posteriors [n, D], where all are normal."""
        encoded = self.analysis.encoded
        if len(encoded.normal) < encoded.codes.shape[1]:
            return None
        return encoded.log_variance[self.analysis.held_out].astype(np.float64)

    @property
    def model(self) -> Model:
        """The trained model."""
        return self.analysis.model

    @property
    def images(self) -> npt.NDArray[np.uint8]:
        """The measured images: uint8 [n, c, h, w]."""
        return self.analysis.images(self.analysis.rows[self.analysis.held_out])

    @cached_property
    def jacobians(self) -> Numbers:
        """Derivatives of the pixels by the latents, at the codes of some measured images: [n, pixels, D]."""
        from distaff.analysis import jacobians

        self.analysis.progress(f"differentiating the decoder at {JACOBIANS} codes")
        return jacobians(self.model, self.codes[:JACOBIANS], self.condition(JACOBIANS)).astype(np.float64)

    @cached_property
    def reconstructions(self) -> npt.NDArray[np.float32]:
        """Measured images decoded from their codes: float32 [n, c, h, w]."""
        return self._decoded(self.codes[:DECODED])

    @cached_property
    def independent(self) -> npt.NDArray[np.float32]:
        """Images of independent codes, each drawn uniformly over its own range: float32 [n, c, h, w]."""
        codes = self.codes
        # Outliers would decide the range otherwise.
        low, high = np.quantile(codes, [OUTSIDE, 1 - OUTSIDE], axis=0)
        drawn = np.random.default_rng([self.seed, 13]).uniform(
            low, high, (min(len(codes), DECODED), codes.shape[1])
        )
        return self._decoded(drawn)

    def condition(self, count: int) -> dict[str, npt.NDArray[np.float32]]:
        """The condition of the first measured images, as class indices or numbers."""
        measured = self.analysis.table.rows(self.analysis.held_out)
        return {
            name: measured.column(name)[:count] for name in self.model.condition if name in measured.names
        }

    def _decoded(self, codes: Numbers) -> npt.NDArray[np.float32]:
        from distaff.model import read_images

        images = self.model.decode(codes, indices=self.condition(len(codes)))
        return read_images(images, self.model.image_shape)

    def lacks_need(self, need: str) -> str | None:
        """Say why a need (a key of `NEEDS`) is not met; None when it is."""
        if need in _NEEDS:
            return _NEEDS[need](self.analysis)
        if need == "logvar":
            return None if self.logvar is not None else f"it needs {NEEDS[need]}, and not all are normal"
        return super().lacks_need(need)

    def arguments(self, metric: Metric) -> dict[str, Any]:
        """What a metric is called with."""
        learns = "test_codes" in metric.parameters
        kept = self.offers - {"test_codes"}
        given = {name: getattr(self, name) for name in metric.parameters if name in kept}
        taken = self.factors_of(metric)
        measured = [each.values for each in taken]
        if learns:
            given |= {"codes": self.analysis.train_codes.astype(np.float64), "test_codes": self.codes}
        if taken and "factors" in metric.parameters:
            learnt = [self._learnt[each.name] for each in taken]
            given["factors"] = np.column_stack(learnt if learns else measured)
            if learns:
                given["test_factors"] = np.column_stack(measured)
        return given


def _factors(analysis: Analysis) -> tuple[list[Factor], dict[str, str], dict[str, Numbers]]:
    """The attributes that can be measured against, why others cannot, and their values to learn from."""
    factors: list[Factor] = []
    left_out: dict[str, str] = {}
    learnt: dict[str, Numbers] = {}
    measured = analysis.table.rows(analysis.held_out)
    for attribute in analysis.labels.attributes:
        values = measured.column(attribute.name).astype(np.float64)
        learnt[attribute.name] = analysis.train_table.column(attribute.name).astype(np.float64)
        reason = _constant(values, "measured") or _constant(learnt[attribute.name], "training")
        known = values[~np.isnan(values)]
        if reason is None and attribute.size and len(np.unique(known)) == len(known):
            reason = "every measured image has a class of its own"
        if reason is not None:
            left_out[attribute.name] = reason
        else:
            # Steps round a circle are no order on a line, so a circle counts as classes alone.
            kind = "categorical" if attribute.kind == "circular" else attribute.kind
            factors.append(Factor(attribute.name, kind, values, learnt[attribute.name]))
    return factors, left_out, learnt


def _constant(values: Numbers, which: str) -> str | None:
    """Say that values do not vary over the images, if they do not."""
    different = len(np.unique(values[~np.isnan(values)]))
    if different > 1:
        return None
    return f"it has {'only one value' if different else 'no label'} among the {which} images"


def _lacks_bound(analysis: Analysis) -> str | None:
    from distaff.analysis import lacks_bound

    return lacks_bound(analysis.model)


def _lacks_normal(analysis: Analysis) -> str | None:
    if len(analysis.encoded.normal) == analysis.model.code_size:
        return None
    return "not every latent has a normal posterior"


def _lacks_labels(analysis: Analysis) -> str | None:
    return None if _factors(analysis)[0] else "the data have no labels that vary"


def _lacks_attribute_latents(analysis: Analysis) -> str | None:
    if not analysis.model.vae.latents.attribute_blocks:
        return "the model has no attribute latents"
    if not analysis.set_by_code:
        return "the data have no labels of the attributes that the model sets"
    return None


def _lacks_reference(analysis: Analysis) -> str | None:
    if not analysis.labels.attributes:
        return "the data have no labels"
    known = ~np.isnan(analysis.labels.values[analysis.dataset.splits["train"]])
    names = [name for k, name in enumerate(analysis.labels.names) if not known[:, k].any()]
    return f"no training image has a label of {', '.join(names)}" if names else None


def _lacks_settable(analysis: Analysis) -> str | None:
    if not analysis.model.settable:
        return "no attribute of this model can be set"
    return None if settable(analysis) else "the data have no labels of what the model can set"


def lacks_sprites(analysis: Analysis) -> str | None:
    """Say why there is no true rendering to compare with, or None when there is."""
    from distaff.data import sprites

    model = analysis.model
    if analysis.dataset.name != "sprites" or model.image_shape != sprites.SHAPE:
        return "the data are not sprites of 64 x 64, which alone can be rendered"
    missing = [factor.name for factor in sprites.FACTORS if factor.name not in model.settable]
    return f"the model cannot set {', '.join(missing)}" if missing else None


def settable(analysis: Analysis) -> tuple[Attribute, ...]:
    """Return the labelled attributes that the model can set."""
    return tuple(each for each in analysis.labelled if each.name in analysis.model.settable)


_NEEDS: dict[str, Callable[[Analysis], str | None]] = {
    "model": lambda _: None,
    "images": lambda _: None,
    "jacobians": lambda _: None,
    "reconstructions": lambda _: None,
    "bound": _lacks_bound,
    "labels": _lacks_labels,
    "normal_posterior": _lacks_normal,
    "gaussian_latents": lambda each: None if len(each.gaussian) else "the model has no gaussian latents",
    "attribute_latents": _lacks_attribute_latents,
    "settable_attribute": _lacks_settable,
    "reference_classifier": _lacks_reference,
    "sprites": lacks_sprites,
}
