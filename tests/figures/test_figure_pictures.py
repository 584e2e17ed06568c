"""Figures of pictures: what they show is what the model makes."""

from dataclasses import replace

import numpy as np
import pytest
from figure_runs import material_of, scale_up, texts, write_run

from distaff.data import Attribute
from distaff.figures.activity import activity
from distaff.figures.material import values_to_show
from distaff.figures.reconstructions import COLUMNS, PAIRS, reconstructions
from distaff.figures.samples import samples
from distaff.figures.sheet import scale_of
from distaff.figures.sweeps import sweeps, swept
from distaff.figures.traversals import LATENTS, SIDE, base_row, path, traversals


def drawn(figure):
    return [np.asarray(image.get_array()) for image in figure.axes[0].images]


def same(image, picture):
    return np.allclose(image, scale_up(np.clip(picture, 0, 1), scale_of(*picture.shape[:2])), atol=1e-5)


def test_reconstructions_stand_below_their_pictures(vae):
    material = material_of(vae)
    images = drawn(reconstructions(material))
    count = min(COLUMNS * PAIRS, len(material.images))
    assert len(images) == 2 * count
    made = vae.model.reconstruct(material.images[:count])
    for index in (0, 5, COLUMNS + 1):
        row, column = divmod(index, COLUMNS)
        start = 2 * row * COLUMNS
        assert same(images[start + column], material.images[index, 0] / 255)
        assert same(images[start + COLUMNS + column], made[index])


def test_conditional_reconstructions_use_the_labels(conditional):
    material = material_of(conditional)
    images = drawn(reconstructions(material))
    known = {"digit": material.table.column("digit")[:12]}
    assert same(images[COLUMNS], conditional.model.reconstruct(material.images[:12], attributes=known)[0])
    assert not same(images[COLUMNS], conditional.model.reconstruct(material.images[:12])[0])


def test_samples_without_classes_come_from_the_prior(vae):
    images = drawn(samples(material_of(vae)))
    wanted = vae.model.sample(len(images), seed=0)
    assert all(same(image, picture) for image, picture in zip(images, wanted, strict=True))


@pytest.mark.parametrize("name", ["conditional", "plane_run"])
def test_samples_by_class_have_a_row_for_each(name, request):
    run = request.getfixturevalue(name)
    figure = samples(material_of(run))
    images = drawn(figure)
    assert len(images) == 10 * 12
    seed = 0 if name == "conditional" else 3
    assert same(images[3 * 12], run.model.sample(12, seed=seed, digit=3)[0])
    assert [text for text in texts(figure) if text.isdigit()] == [str(digit) for digit in range(10)]
    assert any("by digit" in text for text in texts(figure))


def test_traversal_centre_is_the_picture_s_own_code(vae):
    material = material_of(vae)
    images = drawn(traversals(material))
    width = 2 * SIDE + 1
    assert len(images) == LATENTS * width
    code = material.codes[base_row(material)]
    own = vae.model.decode(code[None])[0]
    assert all(same(images[row * width + SIDE], own) for row in range(LATENTS))


def test_traversals_move_one_latent_over_its_range_most_active_first(vae):
    material = material_of(vae)
    found = activity(material)
    assert (np.diff(found.nats[found.order]) <= 0).all()
    figure = traversals(material)
    images, first = drawn(figure), found.order[0]
    code = material.codes[base_row(material)].copy()
    for at, value in ((0, found.low[first]), (2 * SIDE, found.high[first])):
        code[found.columns[first]] = value
        assert same(images[at], vae.model.decode(code[None])[0])
    labels = [text.split(" ")[0] for text in texts(figure) if text.startswith("z")]
    assert labels == [found.labels[position] for position in found.order]


def test_traversals_of_many_latents_show_the_most_active(tmp_path):
    run = write_run(tmp_path, "vae", **{"latent.gaussian.size": 14})
    figure = traversals(material_of(run))
    assert len(drawn(figure)) == LATENTS * (2 * SIDE + 1)
    assert any("10 most active of 14" in text for text in texts(figure))


def test_idle_latents_are_left_out_unless_all_are(vae):
    material = material_of(vae)
    terms = material.posterior
    kl = terms.kl.copy()
    kl[:, [2, 4]] = 0
    material.posterior = replace(terms, kl=kl)
    figure = traversals(material)
    assert len(drawn(figure)) == 8 * (2 * SIDE + 1)
    assert any("2 idle left out" in text for text in texts(figure))
    material.posterior = replace(terms, kl=np.zeros_like(kl))
    figure = traversals(material)
    assert len(drawn(figure)) == 3 * (2 * SIDE + 1)
    assert any("all 10 idle" in text for text in texts(figure))


def test_conditional_traversals_keep_the_picture_s_label(conditional):
    material = material_of(conditional)
    base = base_row(material)
    known = {"digit": material.table.column("digit")[[base]]}
    own = conditional.model.decode(material.codes[[base]], attributes=known)[0]
    assert same(drawn(traversals(material))[SIDE], own)


def test_path_has_its_centre_in_the_middle_even_beyond_the_range():
    values = path(-1, 0.5, 2)
    assert values[0] == -1
    assert values[SIDE] == np.float32(0.5)
    assert values[-1] == 2
    assert (np.diff(path(-1, 3, 2)) >= 0).all()


def test_sweeps_set_one_attribute_and_frame_the_value_read(colours):
    figure = sweeps(colours)
    model = colours.model
    images = drawn(figure)
    # Two base pictures for each attribute, each row led by the picture itself.
    widths = [1 + 2, 1 + 4, 1 + 8, 1 + 9]
    assert len(images) == 2 * sum(widths)
    assert same(images[0], colours.images[0].transpose(1, 2, 0) / 255)
    for value in range(2):
        edited = model.decode(model.write(colours.codes[[0]], side=np.array([value], np.float32)))[0]
        assert same(images[1 + value], edited)
    shown = texts(figure)
    assert {"side", "size", "angle", "weight", "left", "right", "picture"} <= set(shown)
    assert len(figure.axes[0].collections[1].get_paths()) == 8


def test_sweeps_of_a_condition_change_the_label_only(conditional):
    material = material_of(conditional)
    digit = material.model.attributes[0]
    made = swept(material, 2, digit, [0.0, 7.0])
    wanted = material.model.decode(material.codes[[2, 2]], attributes={"digit": np.array([0, 7], np.float32)})
    np.testing.assert_allclose(made, wanted, atol=1e-6)
    assert any("its label says" in text for text in texts(sweeps(material)))


def test_long_attributes_are_subsampled():
    orientation = Attribute(name="orientation", kind="circular", values=tuple(range(40)), period=39)
    shown = values_to_show(orientation, 12)
    assert len(shown) == 12
    assert shown[0] == 0
    # A full turn is the first picture again.
    assert shown[-1] < 38
    position = Attribute(name="pos_x", kind="ordinal", values=tuple(range(32)))
    assert values_to_show(position, 12)[::11] == [0, 31]
    few = Attribute(name="few", kind="categorical", values=("a", "b"))
    assert values_to_show(few, 12) == [0, 1]
    number = Attribute(name="x", kind="continuous", low=-1, high=3)
    assert values_to_show(number, 12)[::8] == [-1, 3]


def test_typical_picture_is_not_at_the_edge_of_what_it_says(colours):
    read = colours.model.read(colours.codes)
    steps = [np.abs(read[name] - np.median(read[name])) / read[name].std() for name in ("size", "weight")]
    distances = np.square(steps).sum(axis=0)
    assert distances[base_row(colours)] <= np.sort(distances)[max(1, len(distances) // 10) - 1] + 1e-3
