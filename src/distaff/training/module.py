"""The Lightning module: one step of training, the same for every recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import lightning
import torch
from torch import Tensor

from distaff.autoencoder import Autoencoder, Output
from distaff.data import Attribute
from distaff.model import condition_code, domains
from distaff.objective import Batch, Loss, Objective
from distaff.recipe import Recipe
from distaff.share import WHOLE, Share, SharedGenerator, uniform
from distaff.training.batches import RawBatch
from distaff.training.losses import TOTAL, Losses
from distaff.training.underflow import EVERY, forget_ended

HEAR_EVERY = 10
"""Steps after which the processes of a run on several GPUs hear of each other's wishes."""
Wish = Literal["stop", "save"]
WISHES: tuple[Wish, ...] = get_args(Wish)
UNKNOWN_SHARE = 0.1
"""How many pictures the encoder of a conditional model sees without their condition in training."""


class Trainee(lightning.LightningModule):
    """An autoencoder and its objective in training.

    All randomness of a step comes from a generator seeded by (seed, step), so that a step can be repeated.
    """

    def __init__(
        self, recipe: Recipe, attributes: Sequence[Attribute], model: Autoencoder, objective: Objective
    ) -> None:
        super().__init__()
        self.recipe, self.attributes = recipe, tuple(attributes)
        self.model, self.objective = model, objective
        self.last: Loss | None = None
        self.weights: dict[str, float] = objective.weights(0)
        self._wishes: dict[str, bool] = {}
        self._heard: set[str] = set()
        self._domains = domains(attributes)
        self.share = WHOLE
        self._noise: SharedGenerator | None = None

    def evaluate(self, batch: RawBatch, stream: int = 0) -> tuple[Loss, Output]:
        """Return the loss and output of a raw batch under the present weights.

        `stream` sets the draws of validation batches (1, 2, ...) apart from those of training (0).
        """
        images = batch[0].to(self.device, non_blocking=True).float().div_(255)
        images = images.contiguous(memory_format=torch.channels_last)
        values = batch[1].to(self.device, non_blocking=True)
        labels = {attribute.name: values[:, i] for i, attribute in enumerate(self.attributes)}
        share = WHOLE if stream else self.share
        generator = self._generator(stream, share)
        condition = condition_code(self.recipe.condition, self._domains, labels)
        seen = condition
        if self.training and condition is not None:
            # So that the encoder learns to read the style of pictures whose condition is unknown. The decoder
            # is always told: it would otherwise look for the class in z, and z would come to hold it.
            hidden = uniform((len(values),), generator, device=self.device) < UNKNOWN_SHARE
            seen = condition.masked_fill(hidden.unsqueeze(1), 0)
        output = self.model(
            images,
            condition,
            seen=seen,
            labels=labels if self.training else None,
            generator=generator,
        )
        with torch.autocast(self.device.type, enabled=False):
            loss: Loss = self.objective(Batch(images, labels, share), output, self.model, self.weights)
        return loss, output

    def training_step(self, batch: RawBatch, batch_idx: int) -> Tensor:
        """Return the loss to minimise, nats per image."""
        self.weights = self.objective.weights(self.global_step)
        loss, _ = self.evaluate(batch)
        self.last = self._gathered(loss)
        return loss.total

    def _gathered(self, loss: Loss) -> Loss:
        """Return the loss of the whole batch, and hear what any of the processes wishes."""
        if self.share.of == 1:
            return loss
        size = len(next(iter(loss.values.values())))
        bits = sum(2**place for place, wish in enumerate(WISHES) if self._wishes.get(wish))
        told = torch.full((size,), float(bits), device=self.device)
        columns = [told, loss.total.detach().expand(size), *(each.detach() for each in loss.values.values())]
        rows = torch.stack([each.float() for each in columns], dim=1)
        told, totals, *nats = self.share.gather(rows).unbind(1)
        self._heard = set()
        # A look at a number waits for the device, which would otherwise be given its next steps meanwhile.
        if self.device.type == "cpu" or self.global_step % HEAR_EVERY == 0:
            numbers = {int(each) for each in told.tolist()}
            self._heard = {
                wish for place, wish in enumerate(WISHES) if any(number >> place & 1 for number in numbers)
            }
        return Loss(totals.mean(), dict(zip(loss.values, nats, strict=True)))

    def agree(self, wish: Wish, *, wished: bool) -> bool:
        """Tell whether all processes of the run do now what this one, or another, wishes.

        Alone, at once. Else the wish is sent with the losses of the next step, so that all hear of it after
        the same one.
        """
        if self.share.of == 1:
            return wished
        self._wishes[wish] = wished
        return wish in self._heard

    def on_train_batch_start(self, batch: RawBatch, batch_idx: int) -> None:
        """Set this step's learning rate, and every so often what Adam should forget."""
        rate = self.recipe.train.lr.value(self.global_step, self.recipe.train.steps)
        optimizer = self.trainer.optimizers[0]
        for group in optimizer.param_groups:
            group["lr"] = rate
        # Before a step, not after: what a checkpoint holds is then the same however often a run is resumed.
        if self.global_step % EVERY == 0:
            forget_ended(optimizer)

    def on_before_optimizer_step(self, optimizer: torch.optim.Optimizer) -> None:
        """Clip the gradient's norm; Lightning's own clipping refuses fused optimisers."""
        if self.recipe.train.gradient_clip is not None:
            torch.nn.utils.clip_grad_norm_(self.parameters(), self.recipe.train.gradient_clip)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return Adam in its fused form."""
        parameters = [each for each in self.parameters() if each.requires_grad]
        return torch.optim.Adam(
            parameters,
            lr=self.recipe.train.lr.value(0, self.recipe.train.steps),
            betas=self.recipe.train.adam_betas,
            fused=True,
        )

    @torch.no_grad()
    def broken(self, batch: RawBatch) -> str | None:
        """Return what is no longer a finite number: a weight, or a term of the loss that the weights give.

        The loss of a step is that of the weights before it, and so says nothing of what the step has made.
        What one process of a run finds in its part of the batch, all return.
        """
        found = self._broken(batch)
        if self.share.of == 1:
            return found
        names = [f"the weight {name}" for name in self.state_dict()] + [*self.objective.columns(), TOTAL]
        place = torch.tensor([len(names) if found is None else names.index(found)], device=self.device)
        first = int(self.share.gather(place).min())
        return names[first] if first < len(names) else None

    def _broken(self, batch: RawBatch) -> str | None:
        for name, tensor in self.state_dict().items():
            if not bool(tensor.isfinite().all()):
                return f"the weight {name}"
        self.eval()
        with self.trainer.precision_plugin.forward_context():
            loss, _ = self.evaluate(batch, stream=1)
        self.train()
        losses = Losses()
        losses.add(loss)
        first = losses.first_broken()
        return first[0] if first else None

    def transfer_batch_to_device(
        self, batch: RawBatch, device: torch.device, dataloader_idx: int
    ) -> RawBatch:
        """Leave the move to `evaluate`, which also turns bytes to floats on the device."""
        return batch

    def _generator(self, stream: int, share: Share) -> torch.Generator:
        if self._noise is None or self._noise.device.type != self.device.type:
            self._noise = SharedGenerator(self.device)
        self._noise.share = share
        # Validation draws are the same at every step, so that its curve moves by the model alone.
        # Distinct odd multipliers keep nearby seeds, steps and streams from sharing a sequence.
        step = 0 if stream else self.global_step
        mixed = (self.recipe.train.seed * 0x9E3779B97F4A7C15 + step * 0xBF58476D1CE4E5B9 + stream) % 2**63
        return self._noise.manual_seed(mixed)
