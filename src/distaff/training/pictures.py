"""Training seen as it goes: the same pictures, samples and one traversal at early steps and every so often.

Early steps lie closer together, since that is when a model changes most.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import lightning
import numpy as np
from lightning.pytorch.callbacks import Callback
from PIL import Image, ImageDraw, ImageFont

from distaff.data import Dataset
from distaff.files import atomic_write, remove_leftovers
from distaff.model import Model, tiled, to_bytes, to_gif
from distaff.model.pixels import Floats
from distaff.run import Run
from distaff.training.module import Trainee

EARLY = frozenset({0, 1, 3, 7, 10, 16, 30, 100, 300, 1000})
COLUMNS = 8
WIDTH = 560
"""Pixels that a frame aims at."""
CAPTION, LABELS, EDGE, GAP, MOST = 34, 120, 12, 6, 17
"""Pixels: above the rows, left of them, around everything, between rows; and the longest label's letters."""
REACH = 3.0
"""Standard deviations of the prior that a traversal spans to both sides."""
EACH, LAST = 400, 2500
"""Milliseconds that a frame of the GIF stands."""


class TrainingPictures(Callback):
    """Writes figures/training/step-*.png while a model trains, and figures/training.gif at the end.

    Nothing random of the training is touched: a run draws the same numbers with and without it.
    """

    def __init__(self, run: Run, dataset: Dataset, every: int) -> None:
        self.folder, self.every = run.path / "figures" / "training", every
        self.gif = run.path / "figures" / "training.gif"
        rows = dataset.splits["valid"] if len(dataset.splits["valid"]) else dataset.splits["train"]
        rows = rows[np.linspace(0, len(rows) - 1, min(COLUMNS, len(rows))).astype(np.int64)]
        self.images = dataset.images.take(rows)
        self.labels = dataset.labels.rows(rows)

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Draw the model before its first step."""
        remove_leftovers(self.folder)
        if trainer.global_step == 0:
            self._draw(pl_module)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule, *_: Any
    ) -> None:
        """Draw it at an early step, and every so many."""
        if trainer.global_step in EARLY or trainer.global_step % self.every == 0:
            self._draw(pl_module)

    def finish(self, trainee: Trainee) -> None:
        """Draw what became of it, and all that was drawn as a GIF."""
        self._draw(trainee)
        paths = sorted(self.folder.glob("step-*.png"))
        frames = [Image.open(io.BytesIO(path.read_bytes())) for path in paths]
        if len({frame.size for frame in frames}) == 1:
            atomic_write(self.gif, to_gif(frames, [EACH] * (len(frames) - 1) + [LAST]))

    def _draw(self, trainee: lightning.LightningModule) -> None:
        assert isinstance(trainee, Trainee)
        path = self._path(trainee.global_step)
        if path.is_file():
            return
        model = Model(trainee.recipe, trainee.attributes, trainee.model, trainee.objective, trainee.device)
        try:
            # A training that has broken is named by the history; its pictures are merely grey.
            with np.errstate(invalid="ignore", over="ignore"):
                content = frame(model, self.images, self._known(model), trainee.global_step)
            atomic_write(path, content)
        finally:
            trainee.train()

    def _path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}.png"

    def _known(self, model: Model) -> dict[str, Floats]:
        return {name: self.labels.column(name) for name in model.condition}


def frame(model: Model, images: np.ndarray[Any, Any], known: dict[str, Floats], step: int) -> bytes:
    """Return one PNG: pictures, their reconstructions, samples from the prior and one traversal, row by row.

    Args:
        model: the model as it stands.
        images: uint8 [k, c, h, w].
        known: the condition of the pictures, if the model has one: [k] each.
        step: written above.
    """
    count = len(images)
    codes = model.encode(images, attributes=known or None)
    codes_of_one, name = _traversal(model, codes)
    first = {name: np.repeat(values[:1], COLUMNS) for name, values in known.items()}
    given = np.moveaxis(images, 1, -1)
    rows = {
        "given": given[..., 0] if given.shape[-1] == 1 else given,
        "from its code": to_bytes(model.decode(codes, attributes=known or None)),
        "new": to_bytes(model.sample(count, seed=0)),
        f"{name} moved": to_bytes(model.decode(codes_of_one, attributes=first or None))[:count],
    }
    scale = max(1, round(WIDTH / (COLUMNS * (images.shape[3] + 2))))
    strips = {label: tiled(pictures, count, scale=scale) for label, pictures in rows.items()}
    high, wide = strips["given"].shape[:2]
    colour = strips["given"].ndim == 3 and strips["given"].shape[2] == 3
    size = (LABELS + wide + EDGE, CAPTION + len(strips) * (high + GAP) + EDGE)
    page = Image.new("RGB" if colour else "L", size, "white")
    draw = ImageDraw.Draw(page)
    draw.text(
        (EDGE, CAPTION / 2), f"step {step:,}", fill="black", font=ImageFont.load_default(15), anchor="lm"
    )
    for place, (label, strip) in enumerate(strips.items()):
        top = CAPTION + place * (high + GAP)
        # Of pictures that are neither grey nor colour, the first channel is shown.
        page.paste(Image.fromarray(strip if colour or strip.ndim == 2 else strip[..., 0]), (LABELS, top))
        middle = (LABELS - EDGE, top + high / 2)
        draw.text(middle, label[:MOST], fill="dimgray", font=ImageFont.load_default(12), anchor="rm")
    file = io.BytesIO()
    page.save(file, format="PNG")
    return file.getvalue()


def _traversal(model: Model, codes: Floats) -> tuple[Floats, str]:
    """Return the first code with one latent moved, [COLUMNS, D], and the latent's name.

    That is the normal latent that moves most over the pictures; without any, the first attribute.
    """
    moved = np.repeat(codes[:1], COLUMNS, axis=0)
    normal = [each.index for each in model.latents if each.kind == "gaussian"]
    if normal:
        strongest = normal[int(codes[:, normal].std(axis=0).argmax())]
        moved[:, strongest] = np.linspace(-REACH, REACH, COLUMNS)
        return moved, model.latents[strongest].label
    attribute = next(each for each in model.attributes if each.name in model.readable)
    low, high = (0, attribute.size - 1) if attribute.size else (attribute.low, attribute.high)
    values = np.linspace(low, high, COLUMNS, dtype=np.float32)
    return model.write(moved, **{attribute.name: values}), attribute.name
