import numpy as np
import pytest

from distaff.data import ArrayImages, AttributeTable, DataOptions, load
from distaff.data.dataset import Found, Opened, assemble
from distaff.data.digits import DIGIT
from distaff.errors import InputError


def found(n=100, parts=None):
    values = (np.arange(n) % 10).astype(np.float32)[:, None]
    pixels = np.broadcast_to(np.arange(n, dtype=np.uint8)[:, None, None, None], (n, 1, 4, 6))

    def open_rows(rows):
        return Opened(ArrayImages(pixels[rows]), rows)

    return Found("made", AttributeTable((DIGIT,), values), open_rows, parts)


def options(**settings):
    return DataOptions(source="made", **settings)


def assert_sound(dataset):
    n = len(dataset.images)
    assert dataset.images.shape[0] == len(dataset.attributes) == len(dataset.labels) == n
    assert sorted(np.concatenate(list(dataset.splits.values())).tolist()) == list(range(n))
    for rows in dataset.splits.values():
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()


def test_splits_are_drawn_by_the_seed():
    one, same, other = (assemble(found(), options(seed=seed)) for seed in (1, 1, 2))
    assert_sound(one)
    assert [len(one.splits[name]) for name in ("train", "valid", "test")] == [85, 5, 10]
    for name, rows in one.splits.items():
        np.testing.assert_array_equal(rows, same.splits[name])
        assert rows.tolist() != other.splits[name].tolist()


@pytest.mark.parametrize(
    ("parts", "sizes"),
    [
        ({"train": range(60), "test": range(60, 100)}, (55, 5, 40)),
        ({"train": range(60), "valid": range(60, 70), "test": range(70, 100)}, (60, 10, 30)),
        ({"train": range(90), "valid": range(90, 100)}, (80, 10, 10)),
    ],
)
def test_published_splits_are_kept(parts, sizes):
    rows = {name: np.array(part) for name, part in parts.items()}
    dataset = assemble(found(parts=rows), options())
    assert_sound(dataset)
    assert tuple(len(dataset.splits[name]) for name in ("train", "valid", "test")) == sizes
    np.testing.assert_array_equal(
        dataset.splits.get("test" if "test" in parts else "valid"), list(parts.values())[-1]
    )


def test_count_draws_from_every_part():
    parts = {"train": np.arange(80), "test": np.arange(80, 100)}
    dataset = assemble(found(parts=parts), options(count=50))
    assert_sound(dataset)
    taken = dataset.images.take(slice(None))[:, 0, 0, 0]
    assert len(np.unique(taken)) == 50
    assert len(dataset.splits["test"]) == 10
    assert (taken[dataset.splits["test"]] >= 80).all()
    np.testing.assert_array_equal(dataset.attributes.column("digit"), taken % 10)


def test_labels_are_hidden_from_training_alone():
    dataset = assemble(found(), options(labelled=0.2))
    known = ~np.isnan(dataset.labels.column("digit"))
    seen = np.concatenate([dataset.splits["train"], dataset.splits["valid"]])
    assert known[seen].sum() == 18
    assert known[dataset.splits["test"]].all()
    assert not np.isnan(dataset.attributes.values).any()


def test_pictures_are_cropped_even_when_their_size_stays():
    dataset = assemble(found(), options(crop=2, image_size=(4, 6), channels=3))
    assert dataset.images.shape == (100, 3, 4, 6)
    assert assemble(found(), options(crop=2)).images.shape == (100, 1, 2, 2)
    assert assemble(found(), options(image_size=8)).images.shape == (100, 1, 8, 8)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"count": 101}, "count is 101, but made has 100 pictures"),
        ({"attributes": ("digits",)}, "did you mean 'digit'"),
        ({"crop": 5}, "crop is 5"),
        ({"count": 3, "test": 0.5, "valid": 0.4}, "too few"),
    ],
)
def test_settings_that_do_not_fit_the_data(settings, says):
    with pytest.raises(InputError, match=says):
        assemble(found(), options(**settings))


def test_two_pictures_are_too_few():
    with pytest.raises(InputError, match="2 pictures are too few"):
        assemble(found(2), options())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"labelled": 0}, "data.labelled: Input should be greater than 0"),
        ({"labelled": 1.1}, "data.labelled: Input should be less than or equal to 1"),
        ({"valid": 0.5, "test": 0.5}, "valid 0.5 and test 0.5 leave none to train on"),
        ({"channels": 2}, "data.channels"),
        ({"image_size": 0}, "data.image_size"),
        ({"image_sise": 32}, "no setting 'image_sise': did you mean 'image_size'"),
    ],
)
def test_load_says_which_setting_is_wrong(settings, says):
    with pytest.raises(InputError, match=says) as caught:
        load("digits", **settings)
    assert "\n" not in str(caught.value)


def test_load_replaces_settings():
    dataset = load(DataOptions(source="digits", count=50, seed=3), count=40, test=0)
    assert len(dataset.images) == 40
    assert len(dataset.splits["test"]) == 0
