"""What remains when training breaks: the last good weights, and a sentence that says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from distaff.errors import InputError
from distaff.files import WriteError
from distaff.interrupt import Stop
from distaff.run import Run
from distaff.training.checkpoint import CheckpointFiles
from distaff.training.losses import REMEDY, BrokenError
from distaff.training.module import Trainee
from distaff.training.patience import Patience

NAME = "broken.json"


@contextmanager
def keeping_good_weights(
    run: Run, trainee: Trainee, patience: Patience, checkpoints: CheckpointFiles
) -> Iterator[None]:
    """Write the weights of the last checkpoint when the training breaks, and that it has broken.

    Only finite losses and weights are ever saved in a checkpoint. Raises the BrokenError with what was kept.
    """
    try:
        yield
    except BrokenError as error:
        kept: dict[str, int | None] = {"kept_step": None}
        told = "there is no checkpoint from before that"
        if checkpoints.latest is not None:
            checkpoint = checkpoints.load_checkpoint(checkpoints.latest)
            trainee.load_state_dict(checkpoint["state_dict"])
            patience.load_state_dict(checkpoint["callbacks"][patience.state_key])
            patience.keep_best(trainee)
            run.write_weights(trainee.model, trainee.objective)
            kept = {"kept_step": checkpoint["global_step"]}
            told = f"the last good state, of step {checkpoint['global_step']}, is kept and usable"
        run.write_json(NAME, {"what": error.what, "step": error.step, **kept})
        error.args = (f"{error} and begin another run (--out); in {run.path} {told}",)
        raise


def refuse_broken(run: Run) -> None:
    """Raise InputError when the training of a run has broken: the same steps would break again."""
    if (run.path / NAME).is_file():
        broken = run.read_json(NAME)
        raise InputError(
            f"{run.path}: {broken.get('what')} was no longer a finite number from step {broken.get('step')} "
            f"on, and the same settings would break again; {REMEDY} and begin another run (--out). "
            f"To try the same again, remove {run.path / NAME}"
        )


@contextmanager
def advising(run: Run, stop: Stop) -> Iterator[None]:
    """Add to the error of a write that was refused what is safe, and how to go on."""
    try:
        yield
    except WriteError as error:
        raise WriteError(
            f"{error}; what was saved before is whole. When it can be written again, go on with: "
            f"{stop.how_to_go_on(run.path)}"
        ) from error
