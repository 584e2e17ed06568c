import numpy as np
import pytest

from distaff.data import ArrayImages, AttributeTable, DataOptions, load
from distaff.data._dataset import assemble
from distaff.data._mnist import DIGIT
from distaff.data._source import Found, Opened
from distaff.errors import InputError


def found(n=100, parts=None):
    values = (np.arange(n) % 10).astype(np.float32)[:, None]
    pixels = np.broadcast_to(np.arange(n)[:, None, None, None] % 256, (n, 1, 4, 6)).astype(np.uint8)
    pixels[:, 0, 0, 0] = np.arange(n) // 256

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


def sizes(dataset):
    return [len(dataset.splits[name]) for name in ("train", "valid", "test")]


def test_splits_are_drawn_by_the_seed():
    one, same, other = (assemble(found(2000), options(seed=seed)) for seed in (1, 1, 2))
    assert_sound(one)
    # Shares are chances: within four standard deviations of 100 and 200.
    assert abs(sizes(one)[1] - 100) < 40
    assert abs(sizes(one)[2] - 200) < 54
    for name, rows in one.splits.items():
        np.testing.assert_array_equal(rows, same.splits[name])
        assert rows.tolist() != other.splits[name].tolist()


@pytest.mark.parametrize(
    "parts",
    [
        {"train": range(600), "test": range(600, 1000)},
        {"train": range(600), "valid": range(600, 700), "test": range(700, 1000)},
        {"train": range(900), "valid": range(900, 1000)},
    ],
)
def test_published_splits_are_kept(parts):
    rows = {name: np.array(part) for name, part in parts.items()}
    dataset = assemble(found(1000, parts=rows), options())
    assert_sound(dataset)
    assert dataset.published == set(parts)
    for name in {"valid", "test"} & set(parts):
        np.testing.assert_array_equal(dataset.splits[name], rows[name])
    for name, share in (("valid", 0.05), ("test", 0.1)):
        if name not in parts:
            assert np.isin(dataset.splits[name], rows["train"]).all()
            assert abs(len(dataset.splits[name]) - share * len(rows["train"])) < 4 * (share * 900) ** 0.5


def test_every_split_that_is_asked_for_has_an_image():
    for seed in range(40):
        dataset = assemble(found(12), options(seed=seed, valid=0.01, test=0.01))
        assert_sound(dataset)
        assert min(sizes(dataset)) >= 1
    assert sizes(assemble(found(50), options(valid=0, test=0))) == [50, 0, 0]


def test_count_draws_from_every_part():
    parts = {"train": np.arange(80), "test": np.arange(80, 100)}
    dataset = assemble(found(parts=parts), options(count=50))
    assert_sound(dataset)
    taken = dataset.images.take(slice(None))[:, 0, -1, -1]
    assert len(np.unique(taken)) == 50
    assert len(dataset.splits["test"]) == 10
    assert (taken[dataset.splits["test"]] >= 80).all()
    np.testing.assert_array_equal(dataset.attributes.column("digit"), taken % 10)


def test_labels_are_hidden_from_training_alone():
    dataset = assemble(found(), options(labelled=0.2))
    known = ~np.isnan(dataset.labels.column("digit"))
    seen = np.concatenate([dataset.splits["train"], dataset.splits["valid"]])
    assert known[seen].sum() == round(0.2 * len(seen))
    assert known[dataset.splits["test"]].all()
    assert not np.isnan(dataset.attributes.values).any()


def test_images_are_cropped_even_when_their_size_stays():
    dataset = assemble(found(), options(crop=2, image_size=(4, 6), channels=3))
    assert dataset.images.shape == (100, 3, 4, 6)
    assert assemble(found(), options(crop=2)).images.shape == (100, 1, 2, 2)
    assert assemble(found(), options(image_size=8)).images.shape == (100, 1, 8, 8)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"count": 101}, "count is 101, but made has 100 images"),
        ({"attributes": ("digits",)}, "did you mean 'digit'"),
        ({"crop": 5}, "crop is 5"),
    ],
)
def test_settings_that_do_not_fit_the_data(settings, says):
    with pytest.raises(InputError, match=says):
        assemble(found(), options(**settings))


def test_two_images_are_too_few():
    with pytest.raises(InputError, match="2 images; it takes at least 3"):
        assemble(found(2), options())


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"labelled": 0}, "data.labelled: Input should be greater than 0"),
        ({"labelled": 1.1}, "data.labelled: Input should be less than or equal to 1"),
        ({"valid": 0.5, "test": 0.5}, "valid 0.5 and test 0.5 leave none to train on"),
        ({"channels": 2}, "data.channels"),
        ({"image_size": 0}, "data.image_size"),
        ({"image_sise": 32}, "no setting 'image_sise'; did you mean 'image_size'"),
    ],
)
def test_load_says_which_setting_is_wrong(settings, says):
    with pytest.raises(InputError, match=says) as caught:
        load("digits", **settings)
    assert "\n" not in str(caught.value)


def test_labels_kept_for_a_smaller_share_are_among_those_for_a_larger():
    few, many = (assemble(found(1000), options(labelled=share)) for share in (0.1, 0.4))
    few, many = (~np.isnan(dataset.labels.column("digit")) for dataset in (few, many))
    assert (many | ~few).all()
    assert few.sum() < many.sum()


def test_some_rows_are_a_dataset():
    whole = assemble(found(500), options(labelled=0.5))
    test = whole.only(whole.splits["test"])
    assert_sound(test)
    assert sizes(test) == [0, 0, len(test.images)]
    np.testing.assert_array_equal(test.images.take(slice(None)), whole.images.take(whole.splits["test"]))
    np.testing.assert_array_equal(test.attributes.values, whole.attributes.values[whole.splits["test"]])
    np.testing.assert_array_equal(test.digests, whole.digests[whole.splits["test"]])


def test_load_replaces_settings():
    dataset = load(DataOptions(source="digits", count=50, seed=3), count=40, test=0)
    assert len(dataset.images) == 40
    assert len(dataset.splits["test"]) == 0
