"""The latent furthest from zero, drawn over its own range with all others at zero."""

import numpy as np
from figure_runs import material_of, scale_up, texts

from distaff.figures.sheet import scale_of
from distaff.figures.strongest import SHOWN, strongest, zero_means_nothing


def test_the_latent_with_the_largest_mean_goes_from_its_least_to_its_largest_value(vae):
    material = material_of(vae)
    material.codes = material.codes.copy()
    material.codes[:, 4] = np.linspace(-7, -2, len(material.codes))
    figure = strongest(material)
    images = [np.asarray(image.get_array()) for image in figure.axes[0].images]
    assert len(images) == SHOWN
    for image, value in zip((images[0], images[-1]), (-7, -2), strict=True):
        code = np.zeros((1, 10), dtype=np.float32)
        code[0, 4] = value
        picture = vae.model.decode(code)[0]
        assert np.allclose(image, scale_up(picture, scale_of(*picture.shape)), atol=1e-5)
    assert any("z4" in text for text in texts(figure))
    assert {"−7.0", "−2.0", "mean −4.5"} <= set(texts(figure))


def test_a_code_of_zeros_must_be_a_code(vae, colours):
    assert zero_means_nothing(material_of(vae)) is None
    assert "attribute latents" in zero_means_nothing(colours)
