"""What is wrong with a part is said in one line, when the recipe is made and not after the training."""

from typing import ClassVar

import pytest
from pydantic import Field

from distaff.cli import main
from distaff.errors import DivergedError, InputError
from distaff.latents import Gaussian
from distaff.losses import Column, Term, TermModule, Values
from distaff.recipe import Recipe, load_recipe
from distaff.training import train

SMALL = {"data.count": 60, "network": "mlp", "train.batch": 16}


def test_a_subclass_without_a_tag_is_refused():
    class Wide(Gaussian):
        width: int = 3

    with pytest.raises(InputError, match=r"latent\.0: Wide .*give class Wide a tag of its own") as refused:
        Recipe(latent=[Wide(4)])
    assert "\n" not in str(refused.value)


def test_a_field_that_cannot_be_written_is_refused():
    class Odd(Gaussian):
        tag: ClassVar[str] = "odd"
        shape: complex = 1j

        def model_dump(self, **options):
            return {"odd": {"shape": "?"}}

    with pytest.raises(InputError) as refused:
        Recipe(latent=[Odd(4)])
    assert "\n" not in str(refused.value)
    assert "written" in str(refused.value)


def test_a_field_that_changes_when_it_is_written_is_refused():
    class Secret(Gaussian):
        tag: ClassVar[str] = "secret"
        key: int = Field(default=0, exclude=True)

    assert Recipe(latent=[Secret(4)]).latent[0].key == 0
    with pytest.raises(InputError, match="latent: is not the same after it is written and read back"):
        Recipe(latent=[Secret(4, key=7)])


def test_an_unknown_tag_is_answered_with_the_nearest(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("data: digits\nloss: [smoth]\n")
    with pytest.raises(InputError, match="there is no loss term 'smoth'") as refused:
        load_recipe(path)
    assert "\n" not in str(refused.value)


class Broken(TermModule):
    columns: ClassVar = {"broken": "NaN from step 3 on"}
    schedules: ClassVar = {}

    def forward(self, step):
        value = step.z.sum() * (float("nan") if step.number >= 3 else 0.0)
        return Values(value, {"broken": Column(value)})


def test_a_term_that_returns_nan_ends_in_one_line(tmp_path, monkeypatch, capsys):
    class Break(Term):
        tag: ClassVar[str] = "broken"

        def build(self, context):
            return Broken()

    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))
    recipe = Recipe(data="digits", loss=[Break()]).changed(SMALL)
    with pytest.raises(DivergedError) as diverged:
        train(recipe, steps=6, out=tmp_path / "python")
    assert diverged.value.what == "broken"
    assert "\n" not in str(diverged.value)
    (tmp_path / "mine.yaml").write_text("data: digits\nloss: [broken]\n")
    words = [word for key, value in SMALL.items() for word in ("--set", f"{key}={value}")]
    run = str(tmp_path / "run")
    capsys.readouterr()
    assert main(["train", str(tmp_path / "mine.yaml"), *words, "--steps", "6", "--out", run]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("distaff: ")
    assert "broken" in last
