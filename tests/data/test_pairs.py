"""Pairs of images agree where they must, stay among the training images, and follow from the generator."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distaff.data import Attribute, AttributeTable, PairOptions, PairSampler, load
from distaff.data._pairs import pair_sampler
from distaff.errors import InputError

SIZES = (3, 4, 2, 5)
NAMES = ("shape", "size", "side", "turn")
GRID = np.stack(np.unravel_index(np.arange(np.prod(SIZES)), SIZES), axis=1).astype(np.float32)
TRAIN = np.flatnonzero(np.random.default_rng(0).random(len(GRID)) < 0.85)


def changed(sampler, values, n=4000, seed=1):
    """How many attributes differ in n pairs [n], which [n, K], and the pairs themselves."""
    generator = np.random.default_rng(seed)
    rows = generator.choice(sampler.anchors, n)
    partners = sampler.partners(rows, generator)
    differs = values[rows] != values[partners]
    return differs.sum(axis=1), differs, rows, partners


@pytest.mark.parametrize("may_repeat", [True, False])
@pytest.mark.parametrize("k", [1, 2, 3])
def test_at_most_k_attributes_differ_and_partners_are_training_images(k, may_repeat):
    sampler = PairSampler(GRID, TRAIN, PairOptions(changed=k, may_repeat=may_repeat))
    count, differs, _, partners = changed(sampler, GRID)
    assert np.isin(partners, TRAIN).all()
    assert count.max() == k
    assert differs.any(axis=0).all()
    if not may_repeat:
        # The exact truth: an image has a partner unless the training images hold none in any direction.
        assert (count == k).mean() > 0.999


def test_named_attributes_change_alone():
    sampler = PairSampler(GRID, TRAIN, PairOptions(changed=("side", "shape"), may_repeat=False), NAMES)
    _, differs, rows, partners = changed(sampler, GRID)
    assert not differs[:, [1, 3]].any()
    alone = rows == partners
    assert differs[~alone][:, [0, 2]].all()
    # Only an image whose every such partner is missing from the training images is its own.
    train = {tuple(row) for row in GRID[TRAIN]}
    for row in GRID[np.unique(rows[alone])]:
        others = [(a, row[1], b, row[3]) for a in range(3) for b in range(2) if a != row[0] and b != row[2]]
        assert not train & set(others)


def test_a_partner_is_any_image_that_agrees_with_equal_chance():
    sampler = PairSampler(GRID, TRAIN, PairOptions(changed=("turn", "size")), NAMES)
    anchor = int(TRAIN[7])
    same = TRAIN[(GRID[TRAIN][:, [0, 2]] == GRID[anchor, [0, 2]]).all(axis=1)]
    drawn = sampler.partners(np.full(20_000, anchor), np.random.default_rng(0))
    rows, counts = np.unique(drawn, return_counts=True)
    assert rows.tolist() == same.tolist()
    even = 20_000 / len(same)
    assert ((counts - even) ** 2 / even).sum() < len(same) - 1 + 5 * np.sqrt(2 * (len(same) - 1))


@pytest.mark.parametrize(
    ("coin", "expected"), [(False, (1 / 3, 1 / 3, 1 / 3)), (True, (2 / 3, 1 / 6, 1 / 6))]
)
def test_uniform_draws_how_many_change_and_the_coin_favours_one(coin, expected):
    # On the whole grid every change is possible, so how many differ is how many were drawn.
    sampler = PairSampler(GRID, np.arange(len(GRID)), PairOptions(may_repeat=False, coin=coin))
    count, differs, _, _ = changed(sampler, GRID, n=20_000)
    shares = np.bincount(count, minlength=5)[1:4] / 20_000
    np.testing.assert_allclose(shares, expected, atol=0.015)
    np.testing.assert_allclose(differs[count == 1].mean(axis=0), 1 / 4, atol=0.02)


def test_a_value_that_is_drawn_anew_may_stay():
    sampler = PairSampler(GRID, np.arange(len(GRID)), PairOptions(changed=1))
    count, _, _, _ = changed(sampler, GRID, n=20_000)
    # One of four attributes is drawn anew, and stays with chance 1 / its size.
    np.testing.assert_allclose((count == 0).mean(), np.mean(1 / np.array(SIZES)), atol=0.015)


def test_pairs_follow_from_the_generator_alone():
    one, other = (PairSampler(GRID, TRAIN, PairOptions()) for _ in range(2))
    other.partners(TRAIN[:40], np.random.default_rng(9))
    first, same, different = (
        sampler.partners(TRAIN, np.random.default_rng(seed))
        for sampler, seed in ((one, 3), (other, 3), (one, 4))
    )
    np.testing.assert_array_equal(first, same)
    assert (first != different).any()


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_table_with_gaps_gives_pairs_that_agree(data):
    n, k = data.draw(st.integers(2, 40)), data.draw(st.integers(2, 6))
    generator = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = generator.integers(0, generator.integers(1, 5, k), (n, k)).astype(np.float32)
    values[generator.random((n, k)) < 0.05] = np.nan
    values[0] = 0
    rows = np.union1d([0], generator.choice(n, n // 2, replace=False))
    options = PairOptions(changed=data.draw(st.integers(1, k)), may_repeat=data.draw(st.booleans()))
    sampler = PairSampler(values, rows, options)
    assert not np.isnan(values[sampler.anchors]).any()
    assert set(sampler.anchors) == {row for row in rows if not np.isnan(values[row]).any()}
    partners = sampler.partners(sampler.anchors, generator)
    assert np.isin(partners, sampler.anchors).all()
    assert ((values[partners] != values[sampler.anchors]).sum(axis=1) <= options.changed).all()


def test_many_attributes_are_told_apart_where_their_product_is_too_large_for_a_number():
    generator = np.random.default_rng(0)
    few = generator.integers(0, 9, (40, 30)).astype(np.float32)
    values = np.repeat(few, 5, axis=0)
    values[:, 0] = np.tile(np.arange(5), 40)
    sampler = PairSampler(values, np.arange(200), PairOptions(changed=("a0",)), [f"a{i}" for i in range(30)])
    partners = sampler.partners(np.arange(200), generator)
    assert (values[partners, 1:] == values[:, 1:]).all()
    assert len(np.unique(partners)) > 100


def test_rows_without_all_their_labels_are_no_anchors_and_are_counted():
    values = GRID.copy()
    values[TRAIN[:6], [0, 1, 2, 3, 0, 1]] = np.nan
    attributes = tuple(
        Attribute(name=name, kind="ordinal", values=tuple(range(size)))
        for name, size in zip(NAMES, SIZES, strict=True)
    )
    sampler, notes = pair_sampler(AttributeTable(attributes, values), TRAIN, PairOptions())
    np.testing.assert_array_equal(sampler.anchors, TRAIN[6:])
    assert notes[0].startswith(f"6 of {len(TRAIN)} training images are in no pair")
    with pytest.raises(ValueError, match="no training image with all its labels"):
        sampler.partners(TRAIN[:1], np.random.default_rng(0))
    with pytest.raises(ValueError, match="no training image"):
        sampler.partners(np.array([len(GRID)]), np.random.default_rng(0))


def test_a_table_in_which_few_images_agree_is_said_to_be():
    values = np.random.default_rng(0).integers(0, 9, (60, 6)).astype(np.float32)
    attributes = tuple(Attribute(name=f"a{i}", kind="ordinal", values=tuple(range(9))) for i in range(6))
    _, (note,) = pair_sampler(AttributeTable(attributes, values), np.arange(60), PairOptions(changed=1))
    assert "of the pairs are an image with itself" in note


def test_sprites_have_pairs_within_seconds():
    dataset = load("sprites", count=60_000, pairs={"changed": ["orientation"], "may_repeat": False})
    rows = dataset.splits["train"][:500]
    partners = dataset.pairs.partners(rows, np.random.default_rng(0))
    values = dataset.attributes.values
    assert (values[partners][:, [0, 1, 3, 4]] == values[rows][:, [0, 1, 3, 4]]).all()
    assert np.isin(partners, dataset.splits["train"]).all()
    full = np.stack(np.unravel_index(np.arange(737_280), (3, 6, 40, 32, 32)), axis=1).astype(np.float32)
    sampler = PairSampler(full, np.flatnonzero(np.arange(737_280) % 7), PairOptions(changed=2))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        partners = sampler.partners(sampler.anchors[:1000], np.random.default_rng(1))
        times.append(time.perf_counter() - start)
    # Ten groupings the first time, none after that.
    assert times[0] < 10
    assert min(times[1:]) < 0.2
    assert ((full[partners] != full[sampler.anchors[:1000]]).sum(axis=1) <= 2).all()


AGE = Attribute(name="age", kind="continuous")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pairs": {"changed": 0}}, "data.pairs"),
        ({"pairs": {"changed": "some"}}, "data.pairs"),
        ({"pairs": {"changed": []}}, "names no attribute"),
        ({"pairs": {"changed": ["digit", "digit"]}}, "or one twice"),
        ({"pairs": {"changed": ["digit"], "coin": True}}, "coin"),
        ({"pairs": {"changed": ["digits"]}}, "the data has no attribute 'digits'; did you mean 'digit'"),
        ({"pairs": {"changed": 2}}, "changed is 2, but 1 attributes have classes; write at most 1"),
        ({"pairs": {}}, "uniform needs 2 attributes with classes, there is 1; write 1"),
        ({"pairs": {"change": 1}}, "did you mean 'changed'"),
    ],
)
def test_pairs_that_the_data_cannot_give_are_refused_in_a_line(settings, says):
    with pytest.raises(InputError, match=says) as caught:
        load("digits", **settings)
    assert "\n" not in str(caught.value)


def test_a_table_without_classes_is_refused():
    table = AttributeTable((AGE,), np.zeros((9, 1), np.float32))
    with pytest.raises(InputError, match="no attribute with classes"):
        pair_sampler(table, np.arange(9), PairOptions(changed=1))
    with pytest.raises(InputError, match="no training image has a label of every attribute"):
        PairSampler(np.full((9, 2), np.nan), np.arange(9), PairOptions())


def test_continuous_attributes_are_named_as_free():
    values = np.concatenate([GRID, np.random.default_rng(0).random((len(GRID), 1))], axis=1)
    attributes = tuple(Attribute(name=name, kind="ordinal", values=tuple(range(5))) for name in NAMES)
    _, notes = pair_sampler(AttributeTable((*attributes, AGE), np.float32(values)), TRAIN, PairOptions())
    assert notes[0] == "pairs may differ in the continuous attributes (age)"


def test_only_labels_that_training_may_see_make_pairs():
    dataset = load("digits", labelled=0.5, pairs={"changed": 1})
    assert not np.isnan(dataset.labels.values[dataset.pairs.anchors]).any()
    assert len(dataset.pairs.anchors) < 0.6 * len(dataset.splits["train"])
