"""Where a run is trained: device, precision and processes, and compiled networks.

With `train.devices` above 1 a run is trained by plain data parallelism (DDP): every process takes a batch of
`train.batch` images of its own and draws its own random numbers, and the gradients are averaged. A term
that is no mean over images (a capacity, free bits, an estimate of q(z) within the batch) is computed of the
batch of each process, as is batch normalisation. A run of two processes is therefore another run than one
with twice the batch, and is resumed with as many processes as it began with. In the first process `train`
returns; the others end there.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy
from lightning_fabric.utilities.exceptions import MisconfigurationException
from lightning_fabric.utilities.rank_zero import rank_zero_only
from torch import distributed

from distaff.errors import DistaffError, InputError
from distaff.networks import prefers_bfloat16
from distaff.recipe import TrainOptions

_log = logging.getLogger("distaff")


def is_writer() -> bool:
    """Tell whether this process is the one of its run that writes files and messages."""
    return not getattr(rank_zero_only, "rank", 0)


def make_fabric(options: TrainOptions, device: str | None) -> Fabric:
    """Return Lightning's Fabric for a device and processes; raises InputError where there are none such."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    try:
        chosen = torch.device(device or next(kind for kind in there if there[kind]))
        if not there[chosen.type] or (chosen.index or 0) >= max(torch.cuda.device_count(), 1):
            raise RuntimeError(chosen)
    except (RuntimeError, KeyError):
        known = ", ".join(kind for kind in there if there[kind])
        raise InputError(f"device: there is no device {device!r}; this machine has {known}") from None
    if options.precision == "bf16" and chosen.type == "mps":
        raise InputError("train.precision: bf16 is not supported on mps; write auto or 32")
    low = options.precision == "bf16" or (options.precision == "auto" and prefers_bfloat16(chosen.type))
    devices, nodes = 1 if options.devices == "auto" else options.devices, options.nodes
    if distributed.is_available() and distributed.is_torchelastic_launched():
        here, everywhere = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
        if options.devices not in {"auto", here} or nodes not in {1, everywhere // here}:
            told = f"torchrun started {here} of {everywhere} processes here"
            raise InputError(f"train.devices, train.nodes: {told}; leave both unset under torchrun")
        devices, nodes = here, everywhere // here
    # What Lightning says of hardware and precision stands in the first line of a training.
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    # A term may leave weights unused at a step; what processes agree on lies on the processor.
    backend = "cpu:gloo,cuda:nccl" if chosen.type == "cuda" else "gloo"
    several = DDPStrategy(find_unused_parameters=True, process_group_backend=backend)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Fabric(
                accelerator=chosen.type,
                devices=devices if chosen.index is None or chosen.type == "cpu" else [chosen.index],
                num_nodes=nodes,
                strategy=several if devices * nodes > 1 else "auto",
                precision="bf16-mixed" if low else "32-true",
            )
    except MisconfigurationException as error:
        raise InputError(f"train.devices: {str(error).splitlines()[0]}") from None


@contextmanager
def ending_together(fabric: Fabric) -> Iterator[None]:
    """Run what the processes of a run do together; the others end with it, and when one fails, all do."""
    first, several = fabric.global_rank == 0, fabric.world_size > 1
    try:
        yield
        if several:
            fabric.barrier()
    except Exception as error:
        if not several:
            raise
        lost = isinstance(error, RuntimeError) and ("onnection" in str(error) or "gloo" in str(error))
        if first and lost:
            raise DistaffError("another process ended; continue (resume=True, --resume)") from error
        if first:
            raise
        if not lost:
            said = str(error) if isinstance(error, DistaffError) else f"{type(error).__name__}: {error}"
            _log.error("distaff: process %d: %s", fabric.global_rank, " ".join(said.split()))
        raise SystemExit(1) from error
    except (KeyboardInterrupt, SystemExit):
        if first:
            raise
    if not first:
        raise SystemExit(0)


def agree(fabric: Fabric, step: int, stop: int, *, save: bool) -> tuple[int, bool]:
    """Return the wishes of any process to stop (the number of a signal) and to save.

    Several processes agree every ten steps, so that all act after the same one.
    """
    if fabric.world_size == 1:
        return stop, save
    if step % 10:
        return 0, False
    wishes = torch.tensor([stop, int(save)])
    distributed.all_reduce(wishes, distributed.ReduceOp.MAX)
    return int(wishes[0]), bool(wishes[1])
