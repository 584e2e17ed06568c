"""The run folder as training sees it: its checkpoints, where it lies, and whether it may be continued.

A checkpoint is the whole state of a run in one file; the one before it stays in another.
"""

from __future__ import annotations

import io
import logging
import zipfile
from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import torch

from distaff.data import Dataset, compare, fingerprint
from distaff.errors import InputError, WriteError
from distaff.files import atomic_write, remove_leftovers
from distaff.recipe import Recipe
from distaff.run import CHECKPOINT, DIVERGED, PREVIOUS, Run
from distaff.schedules import Schedule, as_schedule
from distaff.vae import VAE

_log = logging.getLogger("distaff")
REMEDY = "Lower train.lr or set train.gradient_clip, then start a new run"


def write_checkpoint(folder: Path, state: dict[str, Any]) -> None:
    """Write the last checkpoint; the one that was the last becomes the previous one."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    atomic_write(folder / CHECKPOINT, buffer.getvalue(), before=folder / PREVIOUS)


def latest_checkpoint(folder: Path) -> dict[str, Any] | None:
    """Return the state to continue from, None where nothing has been saved.

    That is the last checkpoint, or the one before it if the last is damaged. Raises InputError if both are.
    """
    problems: list[str] = []
    for path in (each for each in (folder / CHECKPOINT, folder / PREVIOUS) if each.exists()):
        try:
            state = read_checkpoint(path)
        except InputError as error:
            problems.append(str(error))
            continue
        if problems:
            # Out of the way: it would otherwise push the good one out when the next is written.
            path.replace(folder / CHECKPOINT)
            _log.warning("%s; continuing from the one before it, of step %d", problems[0], state["step"])
        return state
    if problems:
        raise InputError(f"{' and '.join(problems)}; the run cannot be resumed: remove them to start again")
    return None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Return what a checkpoint holds, unpickling nothing but tensors and plain values.

    torch itself reads flipped bits without a word, so the checksums in the file are compared first.
    """
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            record = archive.testzip()
        if record is None:
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            return state
        reason = f"the checksum of {record} is wrong"
    except MemoryError:
        raise
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except Exception as error:  # noqa: BLE001 - whatever a reader makes of wrong bytes
        reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise InputError(f"{path}: damaged ({reason})")


class MuteRun(Run):
    """The run folder as a process sees that does not write."""

    def write(self, name: str, content: bytes) -> None:
        """Write nothing."""


def is_begun(folder: Path) -> bool:
    """Tell whether a folder holds a run, or what is left of one."""
    return any((folder / name).exists() for name in ("recipe.yaml", CHECKPOINT, PREVIOUS))


def refuse_begun(folder: Path) -> None:
    """Raise InputError when a folder holds a run."""
    if is_begun(folder):
        told = "already holds a run; continue it (resume=True, --resume), or choose another (out, --out)"
        raise InputError(f"{folder}: {told}")


def new_folder(name: str) -> Path:
    """Make and return the first free folder; making it at once keeps two runs from sharing it."""
    for number in count(1):
        folder = Path("runs") / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise WriteError(f"{folder}: cannot be made: {error.strerror}; choose one (out, --out)") from None
        break
    return folder


def open_folder(
    run: Run, recipe: Recipe, dataset: Dataset, vae: VAE, schedules: Mapping[str, Schedule], *, resume: bool
) -> list[str]:
    """Write what a run begins with; raises InputError if there is one that is not to be continued, or cannot.

    Returns:
        what a user should know of a run that is trained longer.
    """
    longer, begun = list[str](), is_begun(run.path)
    if not resume:
        refuse_begun(run.path)
    if begun:
        longer = _check_same(Run.open(run.path), recipe, {**schedules, "lr": as_schedule(recipe.train.lr)})
        _check_same_data(Run.open(run.path), dataset)
        if (run.path / DIVERGED).is_file():
            before = run.read_json(DIVERGED)
            told = f"training diverged at step {before.get('step')} ({before.get('what')}), and would again"
            raise InputError(f"{run.path}: {told}. {REMEDY}; to try again, delete {run.path / DIVERGED}")
    # Also of a process that was killed before there was anything to continue.
    remove_leftovers(run.path)
    if recipe.train.start is not None and not begun:
        Run.open(recipe.train.start).give_weights(vae)  # refused before anything is written
    if longer or not begun:
        shape, images = dataset.images.shape[1:], len(dataset.splits["train"])
        attributes = dataset.attributes.attributes
        run.write_setup(recipe, attributes, shape, images, fingerprint(dataset), dataset.white)
    return longer


def _check_same(run: Run, wanted: Recipe, schedules: Mapping[str, Schedule]) -> list[str]:
    """Refuse to continue a run under another recipe; return what changes when it only has more steps."""
    before, now = run.recipe.train.steps, wanted.train.steps
    for field, old, new in _differences(run.recipe.to_dict(), wanted.to_dict()):
        if field != "train.steps" or new < old:
            told = f"{run.path}: {field} was {old!r:.60} and is now {new!r:.60}"
            raise InputError(f"{told}; a run is continued as it was, or longer; else choose another out")
    if before == now:
        return []
    ends = {name: (each.last_change(before), each.last_change(now)) for name, each in schedules.items()}
    return [f"train.steps was {before:,} and is now {now:,}"] + [
        f"the schedule of {name} now ends at step {new:,}, not {old:,}"
        for name, (old, new) in ends.items()
        if old != new
    ]


def _check_same_data(run: Run, dataset: Dataset) -> None:
    """Refuse to continue a run on other data than it was begun on."""
    changed = ""
    if run.image_shape != dataset.images.shape[1:]:
        changed = f"the image size ({run.image_shape} before, {dataset.images.shape[1:]} now)"
    elif run.attributes != dataset.attributes.attributes:
        changed = "the attributes"
    elif run.fingerprint is not None:
        difference = compare(run.fingerprint, fingerprint(dataset))
        changed = "" if difference.same else f"the images: {difference}"
    if changed:
        told = f"{run.path}: the data changed since the run began, {changed}"
        raise InputError(f"{told}; restore them, or choose another folder (out, --out)")


def _differences(before: Any, now: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield every value that differs, with its dotted path."""
    if isinstance(before, Mapping) and isinstance(now, Mapping) and before.keys() == now.keys():
        for key in before:
            yield from _differences(before[key], now[key], f"{where}.{key}".lstrip("."))
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for index, (one, other) in enumerate(zip(before, now, strict=True)):
            yield from _differences(one, other, f"{where}.{index}")
    elif before != now:
        yield where, before, now
