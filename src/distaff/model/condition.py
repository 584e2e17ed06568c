"""What the unknown condition of a picture most likely is: the class under which it is drawn best.

A decoder p(x | z, y) that is always told y has not learnt what to draw when y is unknown. With z read from
the picture, the class of the largest p(x | z, y) stands in: a conditional model is a classifier, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from distaff.model.pixels import Floats, read_pictures

if TYPE_CHECKING:
    from distaff.model.model import Known, Model


def likeliest_condition(
    model: Model, images: npt.ArrayLike, codes: Floats, given: Known | None
) -> dict[str, Floats]:
    """Return class indices, or numbers, float32 [n] for every attribute of the condition.

    Args:
        model: a model with a condition.
        images: the pictures [n, ...].
        codes: their codes [n, D].
        given: the values that are known, kept as they are. Attributes with classes are guessed one after
            the other in the order of the condition; an unknown number stays missing (NaN).
    """
    array = read_pictures(images, model.image_shape)
    told = given or {}
    known = {name: model.values(name, told[name], len(array)) for name in model.condition if name in told}
    for attribute in model.attributes:
        if attribute.name in known or attribute.name not in model.condition:
            continue
        if not attribute.size:
            known[attribute.name] = np.full(len(array), np.nan, dtype=np.float32)
            continue
        nats = [
            _log_probability(
                model, array, codes, known | {attribute.name: np.full(len(array), value, dtype=np.float32)}
            )
            for value in range(attribute.size)
        ]
        known[attribute.name] = np.argmax(nats, axis=0).astype(np.float32)
    return known


@torch.inference_mode()
def _log_probability(model: Model, array: npt.NDArray[np.generic], codes: Floats, given: Known) -> Floats:
    """Return log p(x | z, y) in nats: [n]."""
    condition = model.condition_tensor(given, len(array))
    nats = np.empty(len(array), dtype=np.float32)
    for start in range(0, len(array), model.batch_size):
        rows = slice(start, start + model.batch_size)
        z = torch.from_numpy(codes[rows]).to(model.device)
        decoded = model.network.decode(z, None if condition is None else condition[rows])
        likelihood = model.network.likelihood
        nats[rows] = likelihood.log_probability(decoded, model.to_tensor(array[rows])).cpu().numpy()
    return nats
