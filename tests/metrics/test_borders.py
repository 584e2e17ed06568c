"""Paths, voids, regions and spread of clouds whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import KNeighborsClassifier

from distaff.errors import InputError
from distaff.metrics import (
    EMPTY,
    border_lengths,
    class_pairs,
    class_paths,
    grid_over,
    log_aggregate,
    mean_distance,
    path_purity,
    planar_bound,
    relative_spread,
    shares_border,
    void_depth,
)

SEEDS = st.integers(0, 2**32 - 1)


def discs(centres, radius=1.0, count=1500):
    """Points spread evenly over discs, and the number of the disc each is in."""
    rng = np.random.default_rng(0)
    turn, far = rng.uniform(0, 2 * np.pi, (2, len(centres), count)) * [[[1]], [[1 / (2 * np.pi)]]]
    points = radius * np.sqrt(far)[..., None] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    points += np.array(centres, dtype=float)[:, None]
    return points.reshape(-1, 2), np.repeat(np.arange(len(centres)), count)


def nearest_class(codes, labels, points):
    """The class that most of the ten nearest codes have."""
    return KNeighborsClassifier(10).fit(codes, labels).predict(points)


def densities(points, codes, deviation=0.15):
    return log_aggregate(points, codes, np.full(codes.shape, 2 * np.log(deviation)))


def mapped(codes, labels):
    """Which discs share a border on the map, by the rule of the evaluation."""
    noise = 0.15 * np.random.default_rng(1).standard_normal(codes.shape)
    grid = grid_over(codes + noise, 100)
    cells = nearest_class(codes, labels, grid.points)
    cells[densities(grid.points, codes) < np.quantile(densities(codes + noise, codes), 0.05)] = EMPTY
    return shares_border(cells.reshape(100, 100), grid.cell, labels.max() + 1)[0]


def paths_of(codes, labels):
    paths, pairs = class_paths(codes, labels)
    shape, points = paths.shape[:2], paths.reshape(-1, codes.shape[1])
    seen = nearest_class(codes, labels, points).reshape(shape)
    return path_purity(seen, pairs), void_depth(densities(points, codes).reshape(shape)), pairs


TOUCHING = [(0, 0), (1.9, 0), (0.95, 1.645)]


def test_three_touching_discs_share_every_border_and_no_void():
    codes, labels = discs(TOUCHING)
    purity, depth, _ = paths_of(codes, labels)
    assert (purity == 1).all()
    assert (depth < 0.7).all()
    assert (mapped(codes, labels) == ~np.eye(3, dtype=bool)).all()


def test_discs_far_apart_share_no_border_and_have_a_deep_void():
    codes, labels = discs([(0, 0), (6, 0)])
    purity, depth, _ = paths_of(codes, labels)
    assert purity == 1
    assert depth > 20
    assert not mapped(codes, labels).any()


def test_a_third_disc_in_between_makes_the_path_impure_and_no_border():
    codes, labels = discs([(0, 0), (1.9, 0), (3.8, 0)])
    purity, _, pairs = paths_of(codes, labels)
    assert pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert purity[0] == purity[2] == 1
    assert purity[1] == pytest.approx(0.5, abs=0.06)
    touching = mapped(codes, labels)
    assert touching[0, 1]
    assert touching[1, 2]
    assert not touching[0, 2]


def test_the_void_between_two_normal_clouds_is_known():
    mean, deviation = np.array([[-3.0, 0], [3.0, 0]]), 1.0
    path = np.linspace(mean[0], mean[1], 21)
    depth = void_depth(log_aggregate(path, mean, np.zeros((2, 2)))[None])
    ends = np.log(0.5 * (1 + np.exp(-18 / deviation**2)))
    assert depth == pytest.approx(ends + 4.5, abs=1e-12)


def test_a_density_that_only_rises_has_no_void():
    assert void_depth(np.array([[0.0, 1, 2], [1, -1, 0], [3, 2, 2]])).tolist() == [0, 1, 0]


@settings(max_examples=25, deadline=None)
@given(SEEDS, st.integers(2, 6))
def test_turning_shifting_and_scaling_the_code_leaves_void_and_purity(seed, size):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(4), 30)
    codes = rng.standard_normal((4, size))[labels] * 2 + rng.standard_normal((120, size))
    turn, _ = np.linalg.qr(rng.standard_normal((size, size)))
    scale = rng.uniform(0.1, 10)
    found = []
    for table, deviation in ((codes, 0.5), (scale * codes @ turn + 3, 0.5 * scale)):
        paths, pairs = class_paths(table, labels)
        points = paths.reshape(-1, size)
        density = densities(points, table, deviation).reshape(paths.shape[:2])
        seen = nearest_class(table, labels, points).reshape(paths.shape[:2])
        found.append((void_depth(density), path_purity(seen, pairs)))
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6, atol=1e-6)
    # A vote may turn at a tie of distances.
    np.testing.assert_allclose(found[0][1], found[1][1], atol=0.05)


def test_the_aggregate_density_integrates_to_one_and_holds_far_away():
    rng = np.random.default_rng(0)
    mean, logvar = rng.standard_normal((50, 2)), rng.uniform(-3, 0, (50, 2))
    axis = np.linspace(-8, 8, 400)
    points = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    total = np.exp(log_aggregate(points, mean, logvar, cells=100_000)).sum() * (axis[1] - axis[0]) ** 2
    assert total == pytest.approx(1, abs=1e-3)
    assert np.isfinite(log_aggregate(np.full((1, 2), 1e4), mean, logvar)).all()


def test_border_lengths_of_a_map_by_hand():
    cells = np.array([[0, 0, 1], [0, EMPTY, 1], [2, 2, 1]])
    lengths = border_lengths(cells, np.array([2.0, 3.0]), 3)
    # 0 and 1 share one upright side (2), 0 and 2 one flat side (3), 1 and 2 one upright side (2).
    assert lengths.tolist() == [[0, 2, 3], [2, 0, 2], [3, 2, 0]]


def test_the_planar_bound_is_that_of_planar_graphs():
    assert [planar_bound(size) for size in (2, 3, 4, 10)] == [1, 3, 6, 24]
    assert all(planar_bound(size) <= len(class_pairs(size)) for size in range(2, 12))


def test_relative_spread_knows_its_ends():
    rng = np.random.default_rng(0)
    real = rng.standard_normal((200, 5))
    assert mean_distance([[0, 0], [3, 4]]) == 5
    assert relative_spread(np.ones((10, 5)), real) == 0
    assert relative_spread(real, real) == 1
    assert relative_spread(real / 2, real) == pytest.approx(0.5)
    assert relative_spread(rng.standard_normal((200, 5)), real) == pytest.approx(1, abs=0.1)
    assert np.isnan(relative_spread(real, np.zeros((5, 5))))


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_diversity_sees_distances_only(seed):
    rng = np.random.default_rng(seed)
    drawn, real = rng.standard_normal((20, 4)), 3 * rng.standard_normal((30, 4))
    turn, _ = np.linalg.qr(rng.standard_normal((4, 4)))
    moved = relative_spread(7 * drawn @ turn + 1, 7 * real @ turn - 2)
    assert moved == pytest.approx(relative_spread(drawn, real), rel=1e-9)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: class_paths(np.zeros((3, 2)), [0, 2, 2]), "class 1 has no code"),
        (lambda: class_paths(np.zeros((3, 2)), [0, 1]), "disagree"),
        (lambda: class_paths(np.zeros((3, 2)), [0, 1, 1], points=1), "2 or more"),
        (lambda: relative_spread(np.zeros((3, 2)), np.zeros((3, 4))), "disagree"),
        (lambda: mean_distance(np.zeros((1, 2))), "two points"),
    ],
)
def test_bad_input_is_one_line(call, said):
    with pytest.raises(InputError, match=said):
        call()
