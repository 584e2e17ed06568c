"""The training loop: batch, forward, backward, step, log, validate, checkpoint, stop."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NoReturn

import torch
from lightning_fabric import Fabric
from lightning_fabric.utilities import move_data_to_device
from torch import Tensor, nn

from distaff.analysis import Collapse, judge_collapse
from distaff.data import Dataset
from distaff.errors import DivergedError, InputError
from distaff.losses import Column, Loss, Step
from distaff.model import Model
from distaff.optimizers import Group
from distaff.process import GracefulStop
from distaff.run import DIVERGED, Run
from distaff.schedules import Schedule, as_schedule
from distaff.training._batches import ModelWithLoss, TrainBatches, evenly_spread, take, valid_batches
from distaff.training._callbacks import Listeners
from distaff.training._console import Console, TrainingImages
from distaff.training._devices import agree
from distaff.training._folder import REMEDY, latest_checkpoint, write_checkpoint
from distaff.training._history import LOG_EVERY, EarlyStopping, History, Kept, Row, first_broken, keep, means

PREPARED = 2048
"""Training images that priors may start from, at most."""
FORGET_EVERY, SMALLEST = 100, 1e-30
"""Steps between two looks at Adam's averages, and the size up to which they become 0."""
STATE = ("module", "optimizer", "history", "early_stopping")
"""What a checkpoint holds, beside the number of steps and of processes, and the precision."""
FAILED = 255
"""In place of the number of a signal: a callback has failed."""
_log = logging.getLogger("distaff")


class Loop:
    """One training: the state that moves, and the loop that moves it.

    Attributes:
        step: how many steps are done.
    """

    def __init__(
        self, run: Run, dataset: Dataset, module: ModelWithLoss, fabric: Fabric, listeners: Listeners
    ) -> None:
        self.run, self.dataset, self.fabric, self.listeners = run, dataset, fabric, listeners
        self.module, self.options = module, module.recipe.train
        options, objective = self.options, module.objective
        module.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.step, self._time = 0, time.monotonic()
        place = {"rank": fabric.global_rank, "processes": fabric.world_size}
        self.batches = TrainBatches(dataset, options, **place)
        self.valid = valid_batches(dataset.splits["valid"], options.batch, **place)
        self.rates, groups = parameter_groups(module)
        self.optimizer = options.optimizer.build(groups)
        self.history = History(run)
        since = max(term.last_change(options.steps) for term in objective)
        self.early_stopping = EarlyStopping(options.early_stopping, since)
        attributes = dataset.attributes.attributes
        model = partial(Model, module.recipe, attributes, module.vae, objective, fabric.device)
        self.images = TrainingImages(run, dataset, options.images_every, model)

    @property
    def precision(self) -> str:
        """What products are computed in, in the words of Lightning."""
        return str(self.fabric.strategy.precision.precision)

    @property
    def is_over(self) -> bool:
        """Whether the training has come to its end."""
        return self.step >= self.options.steps or self.early_stopping.is_over

    def start(self, state: Mapping[str, Any] | None) -> None:
        """Begin at the first step, or continue from the state of a checkpoint."""
        if state is not None:
            if state["processes"] != self.fabric.world_size:
                told = f"was trained by {state['processes']} processes and is now by {self.fabric.world_size}"
                raise InputError(f"{self.run.path}: {told}; continue it with as many")
            self.step = state["step"]
            before, now = state.get("precision"), self.precision
            if before not in {None, now}:
                _log.info("note: trained as %s until step %d and as %s from there on", before, self.step, now)
            try:
                for name in STATE:
                    getattr(self, name).load_state_dict(move_data_to_device(state[name], self.fabric.device))
            except (RuntimeError, LookupError, TypeError, ValueError) as error:
                raise InputError(f"{self.run.path}: the checkpoint is of another run") from error
            return
        images, _ = take(self.dataset, evenly_spread(self.dataset.splits["train"], PREPARED))
        with torch.no_grad():
            self.module.eval().vae.prepare(images.to(self.fabric.device).float().div_(255))
        if self.options.start is not None:
            _log.info("note: %s", Run.open(self.options.start).give_weights(self.module.vae))
        self.draw()

    def fit(self, stop: GracefulStop, console: Console) -> int:
        """Train until the end, a signal or a failing callback; return the number of the signal, or 0."""
        options, optimizer, listeners = self.options, self.optimizer, self.listeners
        # Not `setup_module`, whose wrapper copies every loss.
        module = self.fabric.strategy.setup_module(self.module).train()
        stopping = 0
        while not (self.is_over or stopping):
            images, labels = self.batches.take(self.step)
            self.set_rates()
            with self.fabric.autocast():
                loss: Loss = module(images, labels, self.step)
            self.fabric.backward(loss.total)
            if options.gradient_clip is not None:
                nn.utils.clip_grad_norm_(self.module.parameters(), options.gradient_clip)
            if options.value_clip is not None:
                nn.utils.clip_grad_value_(self.module.parameters(), options.value_clip)
            optimizer.step()
            optimizer.zero_grad()
            self.step += 1
            self.history.kept.append(keep(loss, len(images)))
            last = self.step == options.steps
            if self.step % LOG_EVERY == 0 or last:
                self.listeners.row(self._row("train", self.history.kept))
                self.history.kept.clear()
            if self.step % options.valid_every == 0 or last:
                self.validate()
            self.draw()
            listeners.step(self.step, loss)
            console.advance(self)
            late = time.monotonic() - self._time >= 60 * options.checkpoint_minutes
            wish = stop.number or (FAILED if listeners.failure else 0)
            stopping, save = agree(self.fabric, self.step, wish, save=late)
            if self.step % options.checkpoint_every == 0 or save or stopping or self.is_over:
                self.save(images, labels)
        self.batches.close()
        return stopping

    def set_rates(self) -> None:
        """Set this step's learning rates, and every so often the averages that are as good as 0 to 0.

        The average of a weight whose gradient is 0 for good, as all of a dead unit's are, shrinks until it is
        a denormal number, and rounding keeps it there. A processor takes many times as long for those: beside
        a wide layer of which half the units are dead, Adam takes most of the step.
        """
        for group in self.optimizer.param_groups:
            _, rate = self.rates[group["rate"]]
            group["lr"] = rate.value(self.step, self.options.steps)
        # Before a step, not after: what a checkpoint holds is then the same however often a run is resumed.
        if self.step % FORGET_EVERY == 0:
            for state in self.optimizer.state.values():
                for average in (state[name] for name in ("exp_avg", "exp_avg_sq") if name in state):
                    torch.hardshrink(average, SMALLEST, out=average)

    def validate(self) -> None:
        """Add a row of the loss of validation images, and say when a latent is no longer used."""
        if not self.valid:
            return
        kept, latents = list[Kept](), self.module.vae.latents
        for stream, rows in enumerate(self.valid, start=1):
            loss, step = self.evaluate(*take(self.dataset, rows), stream)
            for block, nats in latents.kl(step.posteriors, step.z, step.batch.labels).items():
                names = (f"kl.{name}" for name in latents[block].kl_names)
                loss.columns |= {name: Column(each) for name, each in zip(names, nats.unbind(1), strict=True)}
            kept.append(keep(loss, len(rows)))
        before = self.history.latest("valid")
        row = self._row("valid", kept)
        verdict = judge(row)
        if verdict is not None:
            row["active_units"] = len(verdict.used)
            if before is not None and row["active_units"] < before.get("active_units", 0):
                _log.info("step %d: %s", self.step, verdict.sentence)
        self.early_stopping.judge(row, self.module)
        self.history.write()
        self.listeners.row(row)

    @torch.no_grad()
    def evaluate(self, images: Tensor, labels: Tensor, stream: int = 1) -> tuple[Loss, Step]:
        """Return the loss of a batch that nothing is learned from, and what it was computed of."""
        self.module.eval()
        with self.fabric.autocast():
            # The schedules in force are those of the step that has been done.
            loss, step = self.module.evaluate(images, labels, self.step - 1, stream)
        self.module.train()
        return loss, step

    def save(self, images: Tensor, labels: Tensor) -> None:
        """Write a checkpoint; raises DivergedError when the loss or a weight is no longer finite."""
        # The loss of a step is that of the weights before it, and so says nothing of what the step has made.
        now = [keep(self.evaluate(images, labels)[0], len(images))]
        broken = any(first_broken(each, self.fabric) for each in (self.history.kept, now))
        if broken or self.module.broken_weight():
            self.diverge(now)
        if self.fabric.is_global_zero:
            state = {name: getattr(self, name).state_dict() for name in STATE}
            state |= {"step": self.step, "processes": self.fabric.world_size, "precision": self.precision}
            write_checkpoint(self.run.path, state)
        self._time = time.monotonic()

    def draw(self, *, last: bool = False) -> None:
        """Draw the model as it stands, when its time has come."""
        if self.fabric.is_global_zero and self.images.draw(self.step, last=last):
            self.module.train()
            self.listeners.image(self.step, self.images.path(self.step))

    def finish(self) -> None:
        """Write the weights, the history and the images of a run that has ended or been stopped."""
        if not self.history.rows and self.history.kept:
            # Not kept: a resumed run continues with the losses of this row.
            self._row("train", self.history.kept)
        self.history.write()
        self.draw(last=True)
        self._write_weights()
        row = self.history.latest("valid")
        verdict = None if row is None else judge(row)
        if verdict is not None:
            _log.info("%s", verdict.sentence)

    def diverge(self, kept: Sequence[Kept]) -> NoReturn:
        """Keep the weights of the last checkpoint, and raise the DivergedError of the first to diverge."""
        found = first_broken(self.history.kept, self.fabric)
        if found is not None:
            step = self.step + found[1] + 1 - len(self.history.kept)
        elif self.step < self.options.steps:
            # The loss of the next step would have shown it: so told, the step does not depend on when a
            # checkpoint happens to be due.
            step = self.step + 1
            found = first_broken(kept, self.fabric) or self.module.broken_weight()
        else:
            step = self.step
            found = self.module.broken_weight() or first_broken(kept, self.fabric)
        what, _, value = found or ("loss", 0, math.nan)
        self.history.write()
        state = latest_checkpoint(self.run.path)
        last = None if state is None else state["step"]
        if state is not None:
            self.module.load_state_dict(state["module"])
            self.early_stopping.load_state_dict(state["early_stopping"])
            self._write_weights()
        self.run.write_json(DIVERGED, {"what": what, "step": step, "kept_step": last})
        became = "NaN" if math.isnan(value) else "infinite"
        where = "There is no checkpoint" if last is None else f"The checkpoint of step {last} is kept"
        told = f"Training diverged: {what} became {became} at step {step}. {where} in {self.run.path}"
        raise DivergedError(f"{told}. {REMEDY}.", what, step)

    def _write_weights(self) -> None:
        """Write the best weights, or those there are; after the last checkpoint, from which to resume."""
        if self.early_stopping.weights:
            self.module.load_state_dict(self.early_stopping.weights)
        self.run.write_weights(self.module.vae, self.module.objective)

    def _row(self, split: str, kept: Sequence[Kept]) -> Row:
        """Add the means of some losses to the history; raises DivergedError when one is not finite."""
        found = means(kept, self.fabric)
        if not all(value is None or math.isfinite(value) for value in found.values()):
            self.diverge(kept)
        # What was in force at the step that has been done.
        weights = {f"weight.{name}": each for name, each in self.module.objective.schedules.items()}
        done, steps = self.step - 1, self.options.steps
        moved = {name: each.value(done, steps) for name, each in (dict(self.rates) | weights).items()}
        return self.history.add(self.step, split, moved | found)


def parameter_groups(module: ModelWithLoss) -> tuple[list[tuple[str, Schedule]], list[Group]]:
    """Return the learning rates by column, and the groups of weights, each with its rate's number."""
    options = module.recipe.train
    rates = [("lr", as_schedule(options.lr))]
    groups: list[Group] = []
    for term in module.objective:
        for each in term.parameter_groups():
            own = {"betas": each.betas, "weight_decay": each.weight_decay}
            groups.append({"params": list(each.parameters), "rate": len(rates) if each.lr is not None else 0})
            groups[-1] |= {name: value for name, value in own.items() if value is not None}
            if each.lr is not None:
                rates.append((f"lr.{next(iter(term.columns))}", as_schedule(each.lr)))
    taken = {id(weight) for group in groups for weight in group["params"]}
    # First, all weights that no term trains in its own way; those of no layer, such as a codebook, apart.
    rest: dict[bool, list[nn.Parameter]] = {False: [], True: []}
    for name, weight in module.named_parameters():
        if weight.requires_grad and id(weight) not in taken:
            rest[weight.ndim > 1 and name.rpartition(".")[2] != "weight"].append(weight)
    groups[:0] = [{"params": every, "rate": 0, "loose": loose} for loose, every in rest.items() if every]
    return rates, [{"lr": rates[group["rate"]][1].value(0, options.steps), **group} for group in groups]


def judge(row: Row) -> Collapse | None:
    """Judge the latents that have a KL divergence; None without any."""
    kl = {name.removeprefix("kl."): nats for name, nats in row.items() if name.startswith("kl.")}
    return judge_collapse(kl, steps=row["step"]) if kl else None
