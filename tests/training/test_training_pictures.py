import numpy as np
import pytest
import safetensors.numpy
from PIL import Image

import distaff

SMALL = {"data.count": 60, "network": {"mlp": {"hidden": [16]}}, "train.batch": 16}


def weights(run):
    return safetensors.numpy.load_file(run.path / "model.safetensors")


def test_pictures_change_nothing_and_leave_a_film(tmp_path):
    rare, often = (
        distaff.train(
            "vae",
            data="digits",
            steps=12,
            settings=SMALL | {"train.pictures_every": every},
            out=tmp_path / str(every),
            progress=False,
        )
        for every in (1000, 2)
    )
    assert all(np.array_equal(weights(rare)[name], each) for name, each in weights(often).items())
    folder = often.path / "figures" / "training"
    steps = [int(path.stem.removeprefix("step-")) for path in sorted(folder.iterdir())]
    assert steps == [0, 1, 2, 3, 4, 6, 7, 8, 10, 12]
    with Image.open(often.path / "figures" / "training.gif") as film:
        # Frames that do not differ are joined.
        assert 2 <= film.n_frames <= len(steps)


@pytest.mark.parametrize("recipe", ["conditional-vae", "supervised", "class-separated"])
def test_every_kind_of_model_is_drawn(tmp_path, recipe):
    run = distaff.train(
        recipe, data="digits", steps=2, settings={"data.count": 60}, out=tmp_path / "run", progress=False
    )
    with Image.open(run.path / "figures" / "training" / "step-00000002.png") as frame:
        pixels = np.asarray(frame)
    assert pixels.std() > 10
