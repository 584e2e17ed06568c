"""Maps of codes, the planes behind them, and the votes of neighbours over their places."""

from __future__ import annotations

import numpy as np
import pytest

from distaff.analysis import (
    FAR,
    Neighbours,
    confidence,
    grid_points,
    principal_map,
    tile_images,
    tsne_map,
)
from distaff.analysis._maps import pair_map, umap_map
from distaff.errors import InputError
from distaff.metrics import nearest_rows


def cloud(n=300, size=5):
    rng = np.random.default_rng(0)
    return (rng.standard_normal((n, size)) * np.array([5.0, 3.0, 1.0, 0.1, 0.0])[:size]).astype(np.float32)


def test_principal_components_are_where_codes_vary_most_and_invert_exactly():
    codes = cloud()
    found = principal_map(codes)
    assert abs(found.plane.axes[0, 0]) > 0.99
    assert abs(found.plane.axes[1, 1]) > 0.99
    assert (found.plane.axes[np.arange(2), np.abs(found.plane.axes).argmax(axis=1)] > 0).all()
    assert found.variance == pytest.approx((25 / 35, 9 / 35), abs=0.06)
    back = found.plane.codes(found.points)
    np.testing.assert_allclose((back - codes.mean(0)) @ found.plane.axes.T, found.points, atol=1e-3)
    np.testing.assert_array_equal(principal_map(codes).points, found.points)


def test_a_pair_of_latents_is_its_own_plane_with_the_rest_at_the_median():
    codes = cloud()
    found = pair_map(codes, (1, 3))
    np.testing.assert_array_equal(found.points, codes[:, [1, 3]])
    back = found.plane.codes(found.points)
    np.testing.assert_allclose(back[:, [1, 3]], codes[:, [1, 3]])
    np.testing.assert_allclose(back[:, 0], np.median(codes[:, 0]))


@pytest.mark.parametrize("project", [principal_map, tsne_map, umap_map])
def test_codes_that_do_not_vary_have_no_map(project):
    with pytest.raises(InputError, match="vary"):
        project(np.ones((50, 4), np.float32))
    with pytest.raises(InputError, match="10 images"):
        project(cloud(5))


def test_tsne_keeps_clusters_together_and_is_the_same_each_time():
    rng = np.random.default_rng(1)
    codes = np.concatenate([rng.standard_normal((60, 4)), rng.standard_normal((60, 4)) + 20])
    found = tsne_map(codes.astype(np.float32)).points
    near = nearest_rows(found.astype(float), found.astype(float), 5)
    assert ((near < 60) == (np.arange(120) < 60)[:, None]).all()
    np.testing.assert_array_equal(tsne_map(codes.astype(np.float32)).points, found)


def test_an_analysis_maps_the_two_latents_that_carry_most(digits_analysis):
    analysis = digits_analysis("vae")
    order = sorted(analysis.latents, key=lambda each: -each.kl)[:2]
    assert set(analysis.map("pair").columns) == {each.index for each in order}
    assert analysis.map("pca") is analysis.map("pca")
    with pytest.raises(InputError, match="single latent"):
        digits_analysis("vae", **{"latent.gaussian.size": 1}).map("pair")


def test_the_nearest_codes_vote_and_the_unlabelled_do_not():
    codes = np.array([[0.0], [0.2], [0.4], [5.0], [5.1], [0.3]])
    labels = np.array([0, 0, 1, 1, 1, np.nan])
    found = Neighbours(codes, labels, 2, neighbours=3)
    np.testing.assert_allclose(found.shares(np.array([[0.1], [5.0]])), [[2 / 3, 1 / 3], [0, 1]])
    assert found.read(np.array([[0.1], [5.0]])).tolist() == [0, 1]
    with pytest.raises(InputError, match="vote"):
        Neighbours(codes, np.full(6, np.nan), 2)


def test_a_place_far_from_all_codes_has_no_confidence():
    codes = cloud(500, 2)
    labels = (codes[:, 0] > 0).astype(float)
    found = Neighbours(codes, labels, 2)
    shares, distance = found.vote(np.array([[1.0, 0.0], [500.0, 0.0]]))
    assert distance[0] < FAR < 2 * FAR < distance[1]
    np.testing.assert_allclose(shares[1], [0, 1])
    assert confidence(shares, distance)[1] == 0
    assert confidence(shares, distance)[0] == shares[0].max()
    assert np.median(found.vote(codes)[1]) == pytest.approx(1)


def test_a_grid_covers_its_box_row_by_row():
    points = grid_points((-1.0, 1.0), (0.0, 4.0), 4)
    assert points.shape == (16, 2)
    np.testing.assert_allclose(points[:4, 0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(points[:4, 1], 0.5)
    assert points[-1].tolist() == [0.75, 3.5]


def test_tiles_lie_in_rows_with_white_between_them():
    images = np.arange(3, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 2), np.uint8)
    sheet = tile_images(images, 2, gap=1, scale=2)
    assert sheet.shape == (9, 9)
    assert (sheet[:4, :4] == 0).all()
    assert (sheet[:4, 5:] == 1).all()
    assert (sheet[5:, :4] == 2).all()
    assert (sheet[4] == 255).all()
    assert (sheet[5:, 5:] == 255).all()
