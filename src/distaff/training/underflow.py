"""Adam's averages of gradients that have ended, kept from becoming the slowest numbers of a processor.

The average of a weight whose gradient is 0 for good, as all of a dead unit's are, halves every seven steps
until it is a denormal number, and rounding keeps it there. A processor takes many times as long for those:
with half the units of the wide layers dead, Adam takes eight times as long, and most of the step.
"""

from __future__ import annotations

import torch

EVERY = 100
"""Steps: by the usual betas an average falls 40,000 times meanwhile, never from `SMALLEST` to a denormal."""
SMALLEST = 1e-30
"""Averages up to this size become 0; beside Adam's epsilon of 1e-8 they move no weight."""


def forget_ended(optimizer: torch.optim.Optimizer) -> None:
    """Set the averages that are as good as 0 to 0, in place."""
    for state in optimizer.state.values():
        for name in ("exp_avg", "exp_avg_sq"):
            average = state[name]
            torch.hardshrink(average, SMALLEST, out=average)
