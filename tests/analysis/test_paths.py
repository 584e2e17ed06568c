"""Paths between codes, and what is decoded along them."""

from __future__ import annotations

import numpy as np
import pytest

from distaff.errors import InputError
from distaff.model import PATHS, End, interpolate, spherical, straight

SHARES = np.linspace(0, 1, 7, dtype=np.float32)


def test_an_arc_keeps_the_length_and_the_angle_of_each_step():
    first, last = np.array([2.0, 0, 0]), np.array([0, 0, 2.0])
    codes = spherical(first, last, SHARES)
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 2, rtol=1e-5)
    steps = (codes[:-1] * codes[1:]).sum(axis=1) / 4
    np.testing.assert_allclose(np.arccos(steps), np.pi / 12, rtol=1e-4)
    np.testing.assert_allclose(codes[[0, -1]], [first, last], atol=1e-6)


def test_codes_without_an_arc_are_joined_straight():
    first = np.array([1.0, 2, 0])
    for last in (2 * first, -first, np.zeros(3)):
        np.testing.assert_allclose(spherical(first, last, SHARES), straight(first, last, SHARES), atol=1e-6)
    assert set(PATHS) == {"straight", "spherical"}


def test_only_gaussian_latents_bend(digits_analysis):
    analysis = digits_analysis("supervised")
    first, last = (End(analysis.codes[place]) for place in (0, 1))
    plain = interpolate(analysis.model, first, last)
    bent = interpolate(analysis.model, first, last, path="spherical")
    assert plain.images.shape == (11, 8, 8)
    np.testing.assert_allclose(plain.images, analysis.model.decode(plain.codes), atol=1e-5)
    np.testing.assert_allclose(plain.codes[[0, -1]], [first.code, last.code], atol=1e-6)
    np.testing.assert_array_equal(plain.codes[:, :10], bent.codes[:, :10])
    assert not np.allclose(plain.codes[:, 10:], bent.codes[:, 10:])


def test_a_condition_is_mixed_along_the_path(digits_analysis):
    analysis = digits_analysis("conditional-vae")
    digit = analysis.class_attribute
    first, last = analysis.class_end(digit, 1.0), analysis.class_end(digit, 7.0)
    found = interpolate(analysis.model, first, last, steps=5)
    for place, end in ((0, first), (-1, last)):
        alone = analysis.model.decode(end.code[None], indices=end.condition)[0]
        np.testing.assert_allclose(found.images[place], alone, atol=1e-5)
    assert not np.allclose(found.images[0], found.images[-1])


def test_wrong_paths_are_named(digits_analysis):
    model = digits_analysis("vae").model
    end = End(np.zeros(10, np.float32))
    with pytest.raises(InputError, match="2 or more"):
        interpolate(model, end, end, steps=1)
    with pytest.raises(InputError, match="did you mean 'spherical'"):
        interpolate(model, end, end, path="sperical")
