"""Measures of decoders where the answer is known: linear decoders, models that agree, images that differ."""

from __future__ import annotations

import numpy as np
import pytest

from distaff.errors import InputError
from distaff.metrics import model_centrality, orthogonality, pipe

rng = np.random.default_rng(0)


def test_of_a_linear_decoder_it_is_the_cosines_of_its_columns() -> None:
    W = rng.standard_normal((50, 4))
    unit = W / np.linalg.norm(W, axis=0)
    expected = np.abs(unit.T @ unit)
    found = orthogonality(np.repeat(W[None], 5, axis=0))
    off = ~np.eye(4, dtype=bool)
    assert found.value == pytest.approx(expected[off].mean())
    assert found.details["cosines"][off] == pytest.approx(expected[off])
    # The scale and the sign of a latent change nothing but the share.
    scaled = orthogonality((W * [1, -5, 0.2, 3])[None])
    assert scaled.value == pytest.approx(found.value)
    assert 0 < found.details["diagonal_share"] < 1


def test_principal_components_are_orthogonal_and_their_rotation_is_not() -> None:
    basis = np.linalg.qr(rng.standard_normal((30, 3)))[0] * [3, 2, 1]
    assert orthogonality(basis[None]).value == pytest.approx(0, abs=1e-12)
    assert orthogonality(basis[None]).details["diagonal_share"] == pytest.approx(1)
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert orthogonality((basis @ turn)[None]).value > 0.1


def test_latents_that_do_not_move_the_image_are_left_out() -> None:
    J = np.zeros((2, 10, 3))
    J[:, :3, 0] = J[:, :3, 1] = 1
    found = orthogonality(J)
    assert found.value == pytest.approx(1)
    assert np.isnan(found.details["cosines"][2]).all()
    with pytest.raises(InputError, match="two latents move"):
        orthogonality(J[:, :, [0, 2]])
    with pytest.raises(InputError, match="codes, pixels, latents"):
        orthogonality(J[0])


def groups(votes: int = 200, images: int = 30, latents: int = 4) -> tuple[np.ndarray, np.ndarray]:
    fixed = np.arange(votes) % latents
    z = rng.standard_normal((votes, images, latents))
    z[np.arange(votes), :, fixed] = z[np.arange(votes), :1, fixed]
    return z, fixed


def test_models_that_agree_are_central_and_noise_is_not() -> None:
    draws = [groups() for _ in range(3)]
    order = [3, 1, 0, 2]
    read = [[z, 2 * z[:, :, order], rng.standard_normal(z.shape)] for z, _ in draws]
    found = model_centrality(read, [fixed for _, fixed in draws])
    one_way = found.details["one_way"]
    assert one_way[0, 1] == one_way[1, 0] == 1
    assert one_way[0, 2] < 0.45
    assert found.details["best"] in {0, 1}
    assert found.details["model_scores"][2] < found.value - 0.2
    assert np.array_equal(found.details["similarity"], found.details["similarity"].T)


def test_a_model_that_reads_noise_agrees_by_chance() -> None:
    z, fixed = groups(votes=8000, images=5)
    found = model_centrality([[z, rng.standard_normal(z.shape)]] * 2, [fixed, fixed])
    assert found.details["one_way"][0] == pytest.approx([1, 1 / 4], abs=0.03)


def test_an_unused_code_wins_no_vote_of_a_model_that_agrees() -> None:
    z, fixed = groups()
    with_noise = np.concatenate([z, 0.01 * rng.standard_normal((200, 30, 1))], axis=2)
    assert model_centrality([[z, with_noise]] * 2, [fixed, fixed]).details["one_way"][0, 1] == 1


def test_models_and_votes_must_fit() -> None:
    z, fixed = groups(votes=8)
    with pytest.raises(InputError, match="at least two"):
        model_centrality([[z]], [fixed])
    with pytest.raises(InputError, match="a row and a column"):
        model_centrality([[z], [z]], [fixed, fixed])
    with pytest.raises(InputError, match="of 7 votes"):
        model_centrality([[z, z]] * 2, [fixed[:7], fixed[:7]])


def test_images_of_one_kind_cannot_be_told_apart_and_others_can() -> None:
    images = rng.random((400, 1, 8, 8))
    same = pipe(images[:200], images[200:], steps=60)
    assert same.value == pytest.approx(1, abs=0.35)
    other = images[200:].copy()
    other[:, :, :4] *= 0.2
    different = pipe(images[:200], other, steps=60)
    assert different.value < 0.1
    assert different.value == pytest.approx(2 * (1 - different.details["accuracy"]))
    assert pipe(images[:200], other, steps=60).value == different.value
    with pytest.raises(InputError, match="20 images of each"):
        pipe(images[:10], images[10:20])
