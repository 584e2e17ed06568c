"""Several runs on one page."""

import numpy as np
import pytest
from figure_runs import texts
from small_runs import write_run

from distaff.errors import InputError
from distaff.figures import compare, to_bytes
from distaff.figures._compare import weight_in_words
from distaff.schedules import Constant, Linear


def test_runs_are_compared_row_by_row(vae, tmp_path):
    heavy = write_run(tmp_path / "heavy $x$", "vae", **{"loss.kl.weight": 100})
    page = compare([vae.run, heavy])
    figure = page.draw()
    said = " ".join(texts(figure))
    assert "Comparison of runs" in said
    assert "KL weight 1 " in said
    assert "KL weight 100" in said
    assert "heavy $x$" in said
    assert said.count("10 of 10 latents in use") == 2
    bars = [axes.patches for axes in figure.axes if len(axes.patches)]
    used = sorted((nats for nats in vae.kl.values() if nats >= 0.01), reverse=True)
    assert [bar.get_height() for bar in bars[0]] == used
    assert page.draw(6.5).get_size_inches()[0] == 6.5
    assert to_bytes(page, "pdf").startswith(b"%PDF")
    with pytest.raises(InputError, match="two or more runs, not 1"):
        compare([heavy])


def test_runs_without_a_kl_are_compared_too(quantised, vae):
    figure = compare([quantised.run, quantised.run]).draw()
    assert not any(len(axes.patches) for axes in figure.axes)
    assert sum(len(axes.images) for axes in figure.axes) == 2
    mixed = compare([quantised.run, vae.run]).draw()
    assert sum(bool(len(axes.patches)) for axes in mixed.axes) == 1
    strips = [axes.images[0].get_array() for axes in mixed.axes if axes.images]
    assert all(np.ptp(strip) > 0 for strip in strips)


def test_a_weight_is_said_as_people_say_it():
    assert weight_in_words(Constant(4.0)) == "4"
    assert weight_in_words(Linear(100, 1, until="40%")) == "linear, 100 to 1 by 40%"
