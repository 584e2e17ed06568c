"""What a user is told: of columns that were left out, of foreign parts, and of how to go on after a stop."""

import contextlib
import itertools
import json
import shutil

import numpy as np
import pytest

import distaff
from distaff import InputError
from distaff.data import DataOptions, Found, Opened, Source
from distaff.data import load as load_data
from distaff.recipe import load_recipe
from distaff.run import Run, foreign_parts
from distaff.training._train import _resume

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (60, 8, 8), dtype=np.uint8)
TINY = {"network.mlp.hidden": [8], "train.batch": 16}
LABELS = {"age": [3] * 60, "note": [f"text {index}" for index in range(60)], "kind": ["a", "b"] * 30}


def train(recipe, labels, settings, out, **more):
    return distaff.train(
        recipe, data=(IMAGES, labels), settings=TINY | settings, steps=1, out=out, progress=False, **more
    )


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        ("conditional-vae", {"condition": "age"}),
        ("supervised", {"latent.0.softmax.attributes": ["age"]}),
        ("class-separated", {"loss.classify.attribute": "age"}),
        ("vae", {"latent.gaussian.prior": {"class": {"attribute": "age"}}}),
        ("ada-gvae", {"data.pairs": {"changed": ["age"]}}),
    ],
)
def test_a_column_that_was_left_out_is_not_said_to_be_absent(tmp_path, recipe, settings):
    with pytest.raises(
        InputError, match="'age' is no attribute, since its column was left out: every label is '3'"
    ):
        train(recipe, LABELS, settings, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("recipe", ["conditional-vae", "class-separated", "supervised"])
def test_data_whose_columns_were_all_left_out_do_not_have_none(tmp_path, recipe):
    left = {name: LABELS[name] for name in ("age", "note")}
    with pytest.raises(
        InputError, match="left out the column age: every label is '3'; left out the column note"
    ):
        train(recipe, left, {}, tmp_path / "run")


class Noise(Source):
    """A source of another package."""

    tag = "test-noise"
    about = attributes = size = origin = "noise"

    def find(self, options: DataOptions) -> Found:
        table = load_data("digits", count=60).attributes

        def read(rows):
            return Opened(load_data(IMAGES).images, rows)

        return Found(self.tag, table, read)


def test_a_foreign_source_is_recorded_and_missed_when_the_data_are_read(tmp_path):
    recipe = load_recipe("vae").changed({"data.source": "test-noise"})
    assert foreign_parts(recipe)[0] | {"module": "", "package": "", "version": ""} == {
        "family": "source", "tag": "test-noise", "module": "", "package": "", "version": "",
    }  # fmt: skip
    run = distaff.train(recipe, settings=TINY, steps=1, out=tmp_path / "run", progress=False)
    about = json.loads((run.path / "parts.json").read_text())
    assert [each["tag"] for each in about["parts"]] == ["test-noise"]
    gone = shutil.copytree(run.path, tmp_path / "gone")
    text = (gone / "parts.json").read_text()
    (gone / "parts.json").write_text(text.replace("test-noise", "test-silence"))
    opened = Run.open(gone)
    assert opened.model.code_size == 10  # weights need no data
    with pytest.raises(InputError, match=r"needs the source 'test-silence' of .*, which is not here"):
        opened.dataset()


def test_how_to_go_on_names_the_modules_that_a_run_needs(tmp_path):
    told = _resume(tmp_path / "a run", load_recipe("vae").changed({"data.source": "test-noise"}))
    assert told == (
        f"continue with: distaff train '{tmp_path}/a run/recipe.yaml' --out '{tmp_path}/a run' --resume "
        f"--import={Noise.__module__}"
    )
    assert "--import" not in _resume(tmp_path, load_recipe("vae"))
    assert "resume=True" in _resume(tmp_path, load_recipe("vae").changed({"data.source": "arrays"}))


def test_control_characters_in_names_never_reach_the_terminal(tmp_path, capsys):
    name = "a\x1b[31mb\u202e\x07"
    labels = {name: ["x\x1b[2J", "y"] * 30}
    run = distaff.train(
        "supervised", data=(IMAGES, labels), settings=TINY, steps=2, out=tmp_path / "run", progress=True
    )
    said = capsys.readouterr().err
    assert "\\x1b[31m" in said
    assert not {"\x1b[31mb", "\u202e", "\x07", "\x1b[2J"} & {
        each for each in ("\x1b[31mb", "\u202e", "\x07", "\x1b[2J") if each in said
    }
    assert run.model.readable == (name,)


def test_one_class_alone_is_measured(tmp_path):
    run = train("supervised", {"kind": ["a", "b"] * 30}, {}, tmp_path / "run")
    other = RNG.integers(0, 256, (20, 8, 8), dtype=np.uint8)
    found = run.evaluate(["attribute_accuracy"], data=(other, {"kind": ["a"] * 20}))
    right = (run.model.predict(other)["kind"] == "a").mean()
    verdict = found["metrics"]["attribute_accuracy"]["per_attribute"]["kind"]
    assert verdict["accuracy"] == pytest.approx(right, abs=0.35)  # of half of them
    assert found["settings"]["split"] == "unseen"
    assert found["settings"]["test_images"] == 20


def test_settings_are_named_and_never_echoed():
    recipe = load_recipe("vae")
    with pytest.raises(
        InputError, match=r"^settings \(train.stepz\): train: unknown field 'stepz'; did you mean 'steps'"
    ):
        recipe.changed({"train.stepz": 3})
    with pytest.raises(InputError) as caught:
        recipe.changed({"train.steps": np.zeros(5)})
    assert "array" not in str(caught.value)
    assert "0." not in str(caught.value)
    with pytest.raises(InputError, match=r"no part 'size'; did you mean latent.gaussian.size\?"):
        recipe.changed({"latent.size": 3})


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    for name in ("one", "two"):
        recipe = "vae" if name == "one" else "beta-vae"
        train(recipe, {}, {"latent.gaussian.size": 4} if name == "one" else {}, folder / name)
    return folder


def test_the_checkpoint_of_another_run_is_refused_in_a_line(two_runs, tmp_path):
    run = shutil.copytree(two_runs / "one", tmp_path / "run")
    shutil.copy(two_runs / "two" / "checkpoint.ckpt", run / "checkpoint.ckpt")
    with pytest.raises(InputError, match="the checkpoint is of another run"):
        distaff.train(run / "recipe.yaml", data=IMAGES, out=run, resume=True, progress=False)


@pytest.mark.parametrize("name", ["a\rb", "a\nb", "a\r\nb", 'a"b', "a,b"])
def test_a_name_with_line_ends_is_one_column_of_the_history(tmp_path, name):
    run = train("supervised", {name: ["x", "y"] * 30}, {}, tmp_path / "run")
    assert f"supervise.{name}" in Run.open(run.path).history()
    assert not run.figures("losses").failed


def test_a_damaged_header_of_an_array_is_refused_in_a_line(tmp_path):
    np.save(tmp_path / "set.npy", IMAGES)
    content = (tmp_path / "set.npy").read_bytes()
    refused = []
    for place, byte in itertools.product(range(10, 70, 3), (b"(", b"'", b"\\", b"[", b")", b"\x00")):
        (tmp_path / "set.npy").write_bytes(content[:place] + byte + content[place + 1 :])
        with contextlib.suppress(InputError) as _:
            load_data(str(tmp_path / "set.npy"))
            continue
        refused.append((place, byte))
    assert len(refused) > 60


def test_a_place_that_was_dark_on_its_own_scale_is_read_on_it():
    dim = np.linspace(0, 16, 30 * 64).reshape(30, 8, 8)
    dataset = load_data(dim)
    assert dataset.white == 16
    assert dataset.images.take(slice(None)).max() == 255
    assert "the pixel value 16 is taken as white" in dataset.notes
    bytes_ = load_data(dim.astype(np.uint8))
    assert bytes_.white is None
    assert any(note.startswith("the brightest pixel of the images is 16 of 255") for note in bytes_.notes)
