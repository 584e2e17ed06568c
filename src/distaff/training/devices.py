"""One run on several devices: a process for each, of which the first alone writes and speaks.

The processes are started by Lightning from the first one, or by torchrun. Every one computes its share of
every batch, so the run does not depend on how many there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy
from lightning.pytorch.utilities import rank_zero_only
from torch import distributed

from distaff.errors import EchoError, InputError
from distaff.recipe import TrainOptions
from distaff.run import Run
from distaff.share import Share
from distaff.training.module import Trainee
from distaff.training.synchronised import synchronise

FOLDER = "DISTAFF_RUN_FOLDER"
"""The environment variable that tells the processes that the first one starts where the run is."""
SAID = "distaff/said"
"""The key under which the processes keep what went wrong first."""


def is_writer() -> bool:
    """Tell whether this process is the one of its run that writes and speaks."""
    return not getattr(rank_zero_only, "rank", 0)


def from_torchrun() -> bool:
    """Tell whether torchrun started this process."""
    return distributed.is_available() and distributed.is_torchelastic_launched()


class MuteRun(Run):
    """The run folder as a process sees that does not write."""

    def write(self, name: str, content: bytes) -> None:
        """Write nothing."""


def trainer_options(options: TrainOptions) -> dict[str, Any]:
    """Return what Lightning's Trainer must be told of the devices.

    Raises InputError when a batch cannot be shared, or torchrun was asked for another number of processes.
    """
    devices = 1 if options.devices == "auto" else options.devices
    nodes = options.nodes
    if from_torchrun():
        here, there_are = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
        if (options.devices != "auto" and devices != here) or (nodes > 1 and nodes * here != there_are):
            raise InputError(
                f"train.devices is {options.devices} and train.nodes {nodes}, but torchrun started {here} of "
                f"{there_are} processes here; leave both unset under torchrun"
            )
        devices, nodes = here, there_are // here
    if options.batch % (devices * nodes):
        raise InputError(
            f"train.batch {options.batch} cannot be shared evenly by {devices * nodes} processes; "
            f"make it a multiple of {devices * nodes}"
        )
    if devices * nodes == 1:
        return {"devices": 1}
    # Statistics that change from step to step are the same everywhere already.
    strategy = DDPStrategy(broadcast_buffers=False)
    return {"devices": devices, "num_nodes": nodes, "strategy": strategy}


def agree_on(place: Callable[[], Path]) -> Path:
    """Return the run folder that the first process chose."""
    if is_writer():
        folder = place()
        os.environ[FOLDER] = str(folder.resolve())
    else:
        folder = Path(os.environ.get(FOLDER, "."))
    if distributed.is_available() and distributed.is_initialized():
        told = [folder.resolve()]
        distributed.broadcast_object_list(told)
        return folder if is_writer() else told[0]
    return folder


@contextmanager
def together() -> Iterator[None]:
    """Run a training of which this process may do a part: what goes wrong in any ends all, told by the first.

    Raises EchoError in the others.
    """
    if from_torchrun() and not distributed.is_initialized():
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group()
    try:
        yield
        if distributed.is_available() and distributed.is_initialized():
            distributed.barrier()
    except MisconfigurationException as error:
        raise InputError(f"train.devices: {str(error).splitlines()[0]}") from None
    except (Exception, KeyboardInterrupt) as error:
        if not (distributed.is_available() and distributed.is_initialized()):
            raise
        if is_writer():
            raise _first_cause(error) from error
        what = f"{error}" if isinstance(error, InputError) else f"unexpected {type(error).__name__}: {error}"
        _say(f"process {distributed.get_rank()}: {' '.join(what.split())}")
        raise EchoError(str(error)) from error
    finally:
        os.environ.pop(FOLDER, None)


def _store() -> Any:
    return distributed.distributed_c10d._get_default_store()


def _say(words: str) -> None:
    """Leave word of what went wrong for the first process, unless somebody has or it is gone."""
    try:
        store = _store()
        store.set_timeout(timedelta(seconds=5))
        if not store.check([SAID]):
            store.set(SAID, words)
    except RuntimeError:
        return


def _first_cause(error: BaseException) -> BaseException:
    """Return the error that began in another process, when this one only lost touch with it."""
    if isinstance(error, InputError) or not isinstance(error, RuntimeError):
        return error
    store = _store()
    if store.check([SAID]):
        return InputError(store.get(SAID).decode())
    if "onnection" in str(error) or "gloo" in str(error):
        return InputError(
            "another process of this run has ended without a word (killed, or out of memory); "
            "go on from the last checkpoint with --resume"
        )
    return error


class Together(Callback):
    """Gives the trainee its share, and lets all processes stop after the same step.

    It comes after every callback that may wish to stop: the wish is sent with the losses of the next step.
    """

    def __init__(self) -> None:
        self._wishes = False

    def setup(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, stage: str) -> None:
        """Tell the trainee its share, before it is wrapped for several devices."""
        assert isinstance(pl_module, Trainee)
        pl_module.share = Share(trainer.global_rank, trainer.world_size)
        if trainer.world_size > 1:
            synchronise(pl_module, pl_module.share)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Begin only if none wishes to stop."""
        assert isinstance(pl_module, Trainee)
        wish = torch.tensor([float(trainer.should_stop)], device=pl_module.device)
        trainer.should_stop = bool(pl_module.share.gather(wish).any())

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Put off a wish until all have heard of it."""
        assert isinstance(pl_module, Trainee)
        self._wishes = self._wishes or trainer.should_stop
        trainer.should_stop = pl_module.agree("stop", wished=self._wishes)
