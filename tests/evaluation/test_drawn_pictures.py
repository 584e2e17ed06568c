from __future__ import annotations

import numpy as np
import pytest

from distaff.data import load
from distaff.data.sprites import FACTORS, render
from distaff.evaluation.drawn import condition_fidelity, drawn_iou, lacks_condition, lacks_sprites
from distaff.evaluation.reader import Reader
from distaff.evaluation.subject import Subject
from distaff.model import Model, build, resolve
from distaff.recipe import load_recipe


def model_of(recipe, **settings):
    wanted = load_recipe(recipe).changed(settings)
    dataset = load(wanted.data)
    attributes, shape = dataset.attributes.attributes, dataset.images.shape[1:]
    wanted = resolve(wanted, attributes)
    return Subject(Model(wanted, attributes, *build(wanted, attributes, shape)), dataset)


def test_a_renderer_has_a_perfect_iou_and_half_a_sprite_half():
    subject = model_of("supervised", **{"data.source": "sprites", "data.count": 40})
    assert lacks_sprites(subject) is None

    def sample(n, *, seed, **wanted):
        factors = np.stack([wanted[factor.name] for factor in FACTORS], axis=1)
        return render(factors).astype(np.float32) / 255

    subject.model.sample = sample
    assert drawn_iou(subject)["value"] == 1
    subject.model.sample = lambda n, **given: np.ones((n, 64, 64), np.float32)
    assert drawn_iou(subject)["value"] == pytest.approx(0.05, abs=0.03)


def test_other_pictures_have_no_true_rendering(toy):
    assert "sprites" in lacks_sprites(toy)
    assert lacks_condition(model_of("vae", **{"data.source": "digits", "data.count": 40})) == (
        "no attribute of this model can be set"
    )


def test_condition_fidelity_counts_what_the_reader_sees():
    subject = model_of("conditional-vae", **{"data.source": "digits", "data.count": 100})

    class Oracle(Reader):
        def __init__(self, wrong):
            object.__setattr__(self, "attributes", subject.table.attributes)
            object.__setattr__(self, "wrong", wrong)

        def read(self, images):
            return {"digit": np.where(images[:, 0, 0] == self.wrong, 9, images[:, 0, 0]).astype(np.float32)}

    subject.model.sample = lambda n, *, seed, digit: np.broadcast_to(digit[:, None, None], (n, 8, 8))
    subject.__dict__["reader_rights"] = {"digit": 1.0}
    subject.__dict__["reader"] = Oracle(wrong=-1)
    assert condition_fidelity(subject)["value"] == 1
    lowest = subject.test.factors.column("digit").min()
    subject.__dict__["reader"] = Oracle(wrong=lowest)
    found = condition_fidelity(subject)
    assert 0 < found["value"] < 1
    by_digit = found["per_class"]["digit"]
    assert {digit for digit, share in by_digit.items() if share < 1} == {f"{lowest:.0f}"}
