"""Images drawn while a model trains: they change nothing, and every kind of model has them."""

import numpy as np
import pytest
from PIL import Image
from training_made import digest

import distaff

SMALL = {"data.count": 60, "network": {"mlp": {"hidden": [16]}}, "train.batch": 16}


def test_images_change_nothing_and_leave_a_gif(tmp_path):
    none, rare, often = (
        distaff.train(
            "vae",
            data="digits",
            steps=12,
            settings=SMALL | {"train.images_every": every},
            out=tmp_path / str(every),
            progress=False,
        )
        for every in (None, 1000, 2)
    )
    assert digest(none) == digest(rare) == digest(often)
    assert not (none.path / "figures").exists()
    folder = often.path / "figures" / "training"
    steps = [int(path.stem.removeprefix("step-")) for path in sorted(folder.iterdir())]
    assert steps == [0, 1, 2, 3, 4, 6, 7, 8, 10, 12]
    with Image.open(often.path / "figures" / "training.gif") as film:
        # Frames that do not differ are joined.
        assert 2 <= film.n_frames <= len(steps)


@pytest.mark.parametrize("recipe", ["conditional-vae", "supervised", "original/supervised", "qlae"])
def test_every_kind_of_model_is_drawn(tmp_path, recipe):
    run = distaff.train(
        recipe,
        data="digits",
        steps=2,
        settings=SMALL | {"network": "conv", "sampler": None},
        out=tmp_path / "run",
        progress=False,
    )
    with Image.open(run.path / "figures" / "training" / "step-00000002.png") as frame:
        pixels = np.asarray(frame)
    assert pixels.std() > 10
