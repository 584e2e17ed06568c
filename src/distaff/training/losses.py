"""The losses of several steps: kept as they come, and only looked at when a row of the history is due.

So a step costs no arithmetic and no wait for the device, and when a loss has broken it can still be told
which term was the first, and in which step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from distaff.errors import InputError
from distaff.objective import Loss

TOTAL = "loss"
LABELLED = ("classify.", "supervise.")
"""Terms that skip pictures without a label."""
REMEDY = "lower train.lr, or set train.gradient_clip"


class BrokenError(InputError):
    """A term or a weight that is no longer a finite number, from a step on."""

    def __init__(self, what: str, step: int) -> None:
        super().__init__(f"training: {what} was no longer a finite number from step {step} on; {REMEDY}")
        self.what, self.step = what, step


class Losses:
    """The total [n] and each column's nats per picture, n tensors [b], of n steps."""

    def __init__(self) -> None:
        self._totals: list[Tensor] = []
        self._columns: list[dict[str, Tensor]] = []

    def __len__(self) -> int:
        return len(self._totals)

    def add(self, loss: Loss) -> None:
        """Keep the loss of a step."""
        self._totals.append(loss.total.detach())
        self._columns.append({name: nats.detach() for name, nats in loss.values.items()})

    def clear(self) -> None:
        """Begin anew."""
        self._totals, self._columns = [], []

    def state_dict(self) -> dict[str, Tensor]:
        """Return all that is kept, on the processor: the total [n] and the columns [n, b].

        The steps must be of one batch size.
        """
        if not self._totals:
            return {}
        kept = {name: torch.stack([each[name] for each in self._columns]).cpu() for name in self._names()}
        return {TOTAL: torch.stack(self._totals).cpu()} | kept

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Continue from a checkpoint."""
        columns = {name: list(values) for name, values in state.items()}
        self._totals = columns.pop(TOTAL, [])
        self._columns = [
            {name: values[step] for name, values in columns.items()} for step in range(len(self._totals))
        ]

    @torch.no_grad()
    def means(self) -> dict[str, float | None]:
        """Return the mean of the loss and of each column over the pictures, None where no picture counted.

        A picture that a term skipped (NaN, for want of a label) counts in neither sum.
        """
        if not self._totals:
            return {}
        names, device = self._names(), self._totals[-1].device
        sizes = [len(next(iter(each.values()))) for each in self._columns]
        counts = torch.tensor(sizes, device=device)
        totals = torch.stack([each.to(device) for each in self._totals])
        means: dict[str, float | None] = {TOTAL: float((totals * counts).sum() / counts.sum())}
        for name in names:
            nats = torch.cat([each[name].to(device) for each in self._columns])
            known = nats[~nats.isnan()] if name.startswith(LABELLED) else nats
            means[name] = float(known.sum() / len(known)) if len(known) else None
        return means

    def first_broken(self) -> tuple[str, int] | None:
        """Return which column was the first not to be finite, and in which of the steps (from 0), if any was.

        Of several in one step the terms come before the loss, which only adds them up.
        """
        for step, (total, columns) in enumerate(zip(self._totals, self._columns, strict=True)):
            for name, nats in columns.items():
                broken = nats.isinf() if name.startswith(LABELLED) else ~nats.isfinite()
                if bool(broken.any()):
                    return name, step
            if not bool(total.isfinite()):
                return TOTAL, step
        return None

    def _names(self) -> list[str]:
        return list(self._columns[0]) if self._columns else []
