"""The normal posterior of every number of a code, without decoding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from distaff.model.bound import has_bound
from distaff.model.model import Known, Model
from distaff.model.pixels import Floats, read_pictures


def posterior(
    model: Model, images: npt.ArrayLike, *, attributes: Known | None = None
) -> tuple[Floats, Floats]:
    """Return mean and log variance of q(z | x): float32 [n, D] each, for a model that draws all its code."""
    assert has_bound(model)
    array = read_pictures(images, model.image_shape)
    condition = model.condition_tensor(attributes, len(array))
    mean = np.empty((len(array), model.network.latent.outputs), dtype=np.float32)
    log_variance = np.empty_like(mean)
    with torch.inference_mode():
        for start in range(0, len(array), model.batch_size):
            rows = slice(start, start + model.batch_size)
            given = None if condition is None else condition[rows]
            states = model.network.encode(model.to_tensor(array[rows]), given)
            ordered = [states[block.name] for block in model.network.latent]
            for table, name in ((mean, "mean"), (log_variance, "log_variance")):
                table[rows] = torch.cat([getattr(state, name) for state in ordered], dim=1).cpu().numpy()
    return mean, log_variance
