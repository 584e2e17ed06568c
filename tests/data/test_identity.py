"""Splits follow from what an image is, and a run's fingerprint tells what came, went or moved since."""

import shutil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from distaff.data import DataOptions, Fingerprint, compare, digest, fingerprint, load
from distaff.data._identity import apart, count_different, digest_images, draw_splits, luck, straddlers
from distaff.data._images import ArrayImages
from distaff.errors import InputError

N = 120
PIXELS = np.random.default_rng(0).integers(0, 2, (N + 30, 12, 12), dtype=np.uint8) * np.uint8(255)


def content(dataset):
    """The images of each split, by their bytes."""
    pixels = dataset.images.take(slice(None))
    return {name: {pixels[row].tobytes() for row in rows} for name, rows in dataset.splits.items()}


def as_folder(root, pixels, labels, order):
    for index in order:
        place = root / f"class {labels[index]}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels[index]).save(place / f"{index}.png")
    return str(root)


def as_table(root, pixels, labels, order):
    root.mkdir(parents=True)
    lines = ["file_name,label"]
    for index in order:
        Image.fromarray(pixels[index]).save(root / f"{index}.png")
        lines.append(f"{index}.png,{labels[index]}")
    (root / "metadata.csv").write_text("\n".join(lines))
    return str(root)


def as_npz(root, pixels, labels, order):
    root.mkdir(parents=True)
    np.savez(root / "set.npz", x=pixels[order], label=labels[order])
    return str(root / "set.npz")


@pytest.mark.parametrize("write", [as_folder, as_table, as_npz])
@pytest.mark.parametrize("change", ["add", "remove", "rename", "shuffle", "copy", "add many"])
def test_no_image_that_was_trained_on_is_ever_a_test_image(tmp_path, write, change):
    labels = np.arange(len(PIXELS)) % 3
    order = np.arange(N)
    before = load(write(tmp_path / "before", PIXELS, labels, order))
    pixels, marks = PIXELS, labels
    if change == "add":
        order = np.append(order, N)
    elif change == "add many":
        order = np.concatenate([np.arange(N, N + 30), order])
    elif change == "remove":
        order = np.delete(order, [5, 17, 60])
    elif change == "rename":
        pixels, marks, order = PIXELS[::-1], labels[::-1], len(PIXELS) - 1 - order
    elif change == "shuffle":
        order = np.random.default_rng(1).permutation(order)
    else:
        pixels, marks = np.concatenate([PIXELS, PIXELS[:7]]), np.concatenate([labels, labels[:7]])
        order = np.concatenate([order, len(PIXELS) + np.arange(7)])
    now = load(write(tmp_path / "now", pixels, marks, order))
    then, after = content(before), content(now)
    assert not after["test"] & (then["train"] | then["valid"])
    assert not after["train"] & (then["test"] | then["valid"])
    found = compare(fingerprint(before), fingerprint(now))
    assert len(found.came) == {"add": 1, "add many": 30}.get(change, 0)
    assert len(found.went) == {"remove": 3}.get(change, 0)
    assert len(found.moved) == len(found.relabelled) == 0
    trained = then["train"] | then["valid"]
    taken = now.images.take(slice(None))
    assert found.seen.tolist() == [image.tobytes() in trained for image in taken]
    if change == "copy":
        assert "7 of 127 images are copies of another; copies are in one split" in now.notes
        assert sum(map(len, after.values())) == N
        assert str(found) == "7 more copies of images that are there"
    assert not found.same or change in {"rename", "shuffle"}


def test_an_image_has_one_digest_whatever_holds_it(tmp_path):
    labels = np.arange(len(PIXELS)) % 3
    loaded = [
        load(write(tmp_path / write.__name__, PIXELS, labels, np.arange(N)))
        for write in (as_folder, as_table, as_npz)
    ]
    assert len({frozenset(dataset.digests.tolist()) for dataset in loaded}) == 1
    assert {len(content(dataset)["test"]) for dataset in loaded} == {len(content(loaded[0])["test"])}
    resized = load(str(tmp_path / "as_table"), image_size=6)
    np.testing.assert_array_equal(resized.digests, loaded[1].digests)
    few = load(str(tmp_path / "as_npz" / "set.npz"), count=30)
    assert set(few.digests) < set(loaded[2].digests)
    by_digest = dict(zip(loaded[2].digests, fingerprint(loaded[2]).splits, strict=True))
    assert [by_digest[each] for each in few.digests] == fingerprint(few).splits.tolist()


def test_copies_stay_together(tmp_path):
    pixels = np.repeat(PIXELS[:40], 5, axis=0)
    np.savez(tmp_path / "set.npz", x=pixels)
    for seed in range(5):
        parts = content(load(str(tmp_path / "set.npz"), seed=seed))
        assert not parts["train"] & parts["test"]
        assert not parts["train"] & parts["valid"]
        assert not parts["valid"] & parts["test"]


def test_a_set_of_few_images_again_and_again_is_split_copy_by_copy_and_that_is_said(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.repeat(PIXELS[:3], 50, axis=0))
    dataset = load(str(tmp_path / "set.npz"))
    assert dataset.notes == ("the 150 images are copies of 3; copies are in every split",)
    assert 100 < len(dataset.splits["train"]) < 145


def test_an_image_in_two_published_parts_is_left_out_of_the_one_for_training(tmp_path):
    for part, start, end in (("train", 0, 30), ("test", 25, 40)):
        as_folder(tmp_path / "set" / part, PIXELS, np.arange(200) % 2, np.arange(start, end))
    dataset = load(str(tmp_path / "set"))
    (left,) = dataset.left_out
    assert (left.kind, left.count) == ("image", 5)
    assert all(name.startswith("train/") for name in left.names)
    assert len(dataset.splits["test"]) == 15
    parts = content(dataset)
    assert not parts["test"] & (parts["train"] | parts["valid"])
    assert dataset.published == {"train", "test"}


def test_straddlers_are_kept_in_test_before_valid_before_train():
    digests = np.uint64([1, 2, 3, 1, 2, 4, 1, 5])
    parts = {"train": np.array([0, 1, 2]), "valid": np.array([3, 4, 5]), "test": np.array([6, 7])}
    assert straddlers(digests, parts).tolist() == [0, 1, 3]
    assert straddlers(digests, {}).tolist() == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 300), st.floats(0, 0.45), st.floats(0, 0.45))
def test_membership_does_not_depend_on_the_other_images(seed, n, valid, test):
    options = DataOptions(source="x", seed=seed, valid=valid, test=test)
    digests = np.random.default_rng(seed).integers(0, 2**64, n, dtype=np.uint64)
    try:
        whole = draw_splits(digests, None, options)
    except InputError:
        return
    assert sorted(np.concatenate(list(whole.values())).tolist()) == list(range(n))
    kept = np.flatnonzero(np.random.default_rng(seed + 1).random(n) < 0.8)
    place = luck(digests, seed, 2)
    expected = {
        "test": digests[place < test],
        "valid": digests[(place >= test) & (place < test + valid)],
    }
    if not all(np.isin(wanted, digests[kept]).any() for wanted in expected.values()):
        return  # An empty split borrows an image.
    if (place[kept] < test + valid).all():
        with pytest.raises(InputError, match="leave none to train on"):
            draw_splits(digests[kept], None, options)
        return
    part = draw_splits(digests[kept], None, options)
    for name, wanted in expected.items():
        assert set(digests[whole[name]]) == set(wanted)
        assert set(digests[kept][part[name]]) == set(wanted) & set(digests[kept])


def test_luck_is_even_and_of_its_own_for_each_seed_and_use():
    digests = np.arange(100_000, dtype=np.uint64)
    one = luck(digests, 0, 2)
    assert (one >= 0).all()
    assert (one < 1).all()
    np.testing.assert_allclose(np.histogram(one, 10, (0, 1))[0], 10_000, rtol=0.06)
    for other in (luck(digests, 1, 2), luck(digests, 0, 3), one[::-1]):
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.02


def test_digests_tell_images_apart_by_content_and_shape():
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 5), dtype=np.uint8)
    digests = digest_images(ArrayImages(images))
    assert digests.dtype == np.uint64
    assert digests.tolist() == [digest(image) for image in images]
    assert len(set(digests.tolist())) == count_different(digests) == 50
    assert count_different(digests[[3, 3, 5, 3]]) == 2
    assert count_different(digests[:0]) == 0
    assert digest(images[0]) != digest(images[0].reshape(3, 5, 4))
    # What is written down stays what it is.
    assert digest(np.arange(12, dtype=np.uint8).reshape(1, 3, 4)) == 15406338010956624797


def test_copies_can_be_told_apart_by_their_number():
    digests = np.uint64([7, 5, 7, 7, 5, 9])
    told = apart(digests)
    assert len(set(told.tolist())) == 6
    assert set(digests.tolist()) <= set(told.tolist())
    order = np.array([3, 4, 5, 0, 2, 1])
    assert sorted(apart(digests[order])) == sorted(told)


def make(digests, splits, labels=None, names=None):
    labels = np.zeros(len(digests)) if labels is None else labels
    return Fingerprint(np.uint64(digests), np.uint8(splits), np.uint64(labels), names)


def test_a_comparison_says_what_came_went_moved_and_was_relabelled():
    before = make([1, 2, 3, 4], [0, 0, 1, 2], [5, 6, 7, 8], ("a", "b", "c", "d"))
    now = make([9, 1, 3, 4], [0, 2, 1, 2], [5, 5, 0, 8], ("i", "a", "c", "d"))
    found = compare(before, now)
    assert (found.came.tolist(), found.went.tolist(), found.moved.tolist()) == ([0], [1], [1])
    assert found.relabelled.tolist() == [2]
    assert found.seen.tolist() == [False, True, True, False]
    assert not found.same
    assert str(found) == (
        "1 image came (i), 1 image went (b), 1 image moved to another split (a), 1 image changed labels (c)"
    )
    assert str(compare(before, before)) == ""
    assert compare(before, before).same
    other = make([2, 1, 3, 4], [0, 0, 1, 2], [6, 5, 7, 8])
    assert str(compare(before, other)) == "the images are in another order"
    many = make(range(1, 11), [0] * 10)
    assert str(compare(make([1], [0]), many)) == "9 images came"


def test_a_fingerprint_survives_a_file(tmp_path):
    for names in (None, ("a.png", "ünicode/b\nc.png", "\udcff.png")):
        one = make([1, 2**64 - 1, 3], [0, 1, 2], [4, 5, 6], names)
        np.savez(tmp_path / "print.npz", **one.to_arrays())
        with np.load(tmp_path / "print.npz", allow_pickle=False) as file:
            again = Fingerprint.from_arrays(dict(file))
        assert compare(one, again).same
        assert again.names == names


@pytest.mark.parametrize(
    "damage",
    [
        lambda arrays: arrays.pop("splits"),
        lambda arrays: arrays.update(digests=arrays["digests"].astype(np.int64)),
        lambda arrays: arrays.update(labels=arrays["labels"][:1]),
        lambda arrays: arrays.update(names=np.frombuffer(b"a", np.uint8)),
        lambda arrays: arrays.update(names=np.frombuffer(b"\xff\0\xfe\0", np.uint16)),
    ],
)
def test_a_damaged_fingerprint_is_refused(damage):
    arrays = make([1, 2], [0, 1], names=("a", "b")).to_arrays()
    damage(arrays)
    with pytest.raises(InputError, match="fingerprint of the images is damaged"):
        Fingerprint.from_arrays(arrays)


def test_labels_are_part_of_a_fingerprint(tmp_path):
    labels = np.arange(N) % 3
    np.savez(tmp_path / "one.npz", x=PIXELS[:N], label=labels)
    np.savez(tmp_path / "two.npz", x=PIXELS[:N], label=np.where(np.arange(N) == 4, 2, labels))
    one, two = (fingerprint(load(str(tmp_path / f"{name}.npz"))) for name in ("one", "two"))
    found = compare(one, two)
    assert found.relabelled.tolist() == [4]
    assert len(found.came) == len(found.moved) == 0


def test_a_folder_that_is_moved_is_the_same(tmp_path):
    as_folder(tmp_path / "here", PIXELS, np.arange(200) % 2, np.arange(30))
    before = fingerprint(load(str(tmp_path / "here")))
    shutil.move(tmp_path / "here", tmp_path / "there")
    assert compare(before, fingerprint(load(str(tmp_path / "there")))).same


def test_sprites_are_known_by_their_factors():
    dataset = load("sprites", count=3000)
    again = load("sprites", count=3000, seed=0, image_size=32)
    assert compare(fingerprint(dataset), fingerprint(again)).same
    few = load("sprites", count=2000)
    both = np.isin(few.digests, dataset.digests)
    assert both.any()
    splits = dict(zip(dataset.digests, fingerprint(dataset).splits, strict=True))
    found = fingerprint(few).splits[both]
    assert [splits[each] for each in few.digests[both]] == found.tolist()
