import numpy as np
import pytest
from figure_runs import material_of, texts, write_run

from distaff.errors import InputError
from distaff.evaluation import reader_training
from distaff.figures import FIGURES, beta_sweep, mix
from distaff.figures.beta_sweep import weight_in_words
from distaff.figures.manifold import SIDE, manifold, no_plane
from distaff.figures.mixes import class_end, mixes
from distaff.figures.mixing import Reading
from distaff.figures.regions import regions, votes
from distaff.figures.variation import variation
from distaff.model import End, walk
from distaff.model.mixing import spherical, straight
from distaff.schedule import Constant, Linear


def test_the_manifold_is_the_decoder_over_the_priors_quantiles(plane_run, vae):
    material = material_of(plane_run)
    pictures = [image.get_array() for image in manifold(material).axes[0].images]
    assert len(pictures) == SIDE**2
    corner = material.model.decode(np.array([[-2.326348, 2.326348]]))[0]
    scale = pictures[0].shape[0] // 8
    np.testing.assert_allclose(pictures[0][::scale, ::scale], corner, atol=1e-5)
    assert "10 gaussian latents" in no_plane(material_of(vae))


def test_regions_are_what_the_classifier_and_the_neighbours_say(plane_run):
    material = material_of(plane_run)
    attribute = material.trained.factors.get("digit")
    codes = material.trained.codes
    shares = votes(material, attribute, codes[:20])
    assert shares.shape == (20, 10)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    labels = material.trained.factors.column("digit")[:20].astype(int)
    assert (shares[np.arange(20), labels] >= 0.1).all(), "a training code is among its own neighbours"
    figure = regions(material)
    titles = [axes.get_title("left") for axes in figure.axes]
    assert titles == ["read by the model's own classifier", "the 10 nearest training codes"]


@pytest.mark.parametrize("name", ["regions", "mixes", "variation", "manifold"])
def test_figures_of_classes_fit_or_say_why_not(name, vae, conditional, plane_run):
    fits = {
        "regions": {plane_run.path},
        "mixes": {vae.path, conditional.path, plane_run.path},
        "variation": {conditional.path},
        "manifold": {plane_run.path},
    }
    for run in (vae, conditional, plane_run):
        reason = FIGURES[name].needs(run, run.dataset())
        assert (reason is None) == (run.path in fits[name]), (run, reason)


def test_variation_keeps_the_class_of_a_row(conditional):
    material = material_of(conditional)
    rows = variation(material).axes[0].images
    assert len(rows) == 10 * 11


def test_mixes_say_what_is_read_on_the_way_unless_the_class_is_told(plane_run, vae, conditional):
    for run, told in ((plane_run, "the model reads"), (vae, "nearest training codes"), (conditional, None)):
        material = material_of(run)
        figure = mixes(material)
        said = texts(figure)
        assert len(figure.axes[0].images) == 10 * 11
        assert len([text for text in said if text.isdigit()]) == (10 * 11 if told else 0)
        assert told is None or any(told in text for text in said)
    material = material_of(plane_run)
    digit = material.trained.factors.get("digit")
    ends = [class_end(material, digit, value) for value in (0.0, 1.0)]
    codes = walk(plane_run.model, *ends).codes
    said = [text for text in texts(mixes(material)) if text.isdigit()]
    assert said[:11] == [str(int(each)) for each in plane_run.model.read(codes)["digit"]]


def test_a_class_begins_at_the_mean_of_its_codes(plane_run):
    material = material_of(plane_run)
    attribute = material.trained.factors.get("digit")
    codes, labels = material.trained.codes, material.trained.factors.column("digit")
    end = class_end(material, attribute, 3.0)
    np.testing.assert_allclose(end.code, codes[labels == 3].mean(axis=0), rtol=1e-5)


def test_an_arc_keeps_its_distance_from_the_middle():
    first, last = np.array([2, 0], np.float32), np.array([0, 2], np.float32)
    shares = np.linspace(0, 1, 5, dtype=np.float32)
    np.testing.assert_allclose(np.linalg.norm(spherical(first, last, shares), axis=1), 2, rtol=1e-5)
    assert np.linalg.norm(straight(first, last, shares)[2]) == pytest.approx(2**0.5)
    np.testing.assert_allclose(spherical(first, 2 * first, shares), straight(first, 2 * first, shares))


def test_a_way_mixes_the_condition(conditional):
    model = conditional.model
    code = np.zeros(10, np.float32)
    ends = [End(code, {"digit": np.array([value], np.float32)}) for value in (0, 8)]
    way = walk(model, *ends, steps=3)
    for place, value in ((0, 0), (2, 8)):
        expected = model.decode(code[None], attributes={"digit": np.array([value], np.float32)})
        np.testing.assert_allclose(way.pictures[place], expected[0], atol=1e-5)
    assert not np.allclose(way.pictures[1], way.pictures[0])


def test_a_mix_is_read_step_by_step(plane_run, monkeypatch, tmp_path):
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path))
    monkeypatch.setattr(reader_training, "SMALL", 2000)
    found = mix(plane_run, "digit=0", "digit=8", steps=5)
    assert found.attribute.name == "digit"
    own, (seen, right) = found.by_model(), found.by_reader()
    for reading in (own, seen):
        assert len(reading.classes) == len(reading.surety) == len(found.way.pictures) == 5
        assert sum(share for _, share in reading.crossed()) == pytest.approx(1)
    assert own.classes == tuple(
        str(digit) for digit in plane_run.model.read(found.way.codes)["digit"].astype(int)
    )
    assert 0 <= right <= 1
    with pytest.raises(InputError, match="no attribute 'digt' with classes; did you mean 'digit'"):
        mix(plane_run, "digt=0", "digit=8")
    with pytest.raises(InputError, match="both ends count"):
        mix(plane_run, "digit=0", "digit=8", steps=1)


def test_a_reading_says_what_it_crosses_in_order():
    assert Reading(("0", "0", "6", "0"), None).crossed() == [("0", 0.5), ("6", 0.25), ("0", 0.25)]


def test_a_model_that_reads_nothing_says_nothing(vae):
    assert mix(vae, "digit=0", "digit=8", steps=2).by_model() is None


def test_runs_are_compared_row_by_row(vae, tmp_path):
    heavy = write_run(tmp_path / "heavy", "vae", **{"loss.kl.weight": 100})
    figure = beta_sweep([vae, heavy])
    said = " ".join(texts(figure))
    assert "beta 1" in said
    assert "beta 100" in said
    assert said.count("reconstruction") >= 2
    with pytest.raises(InputError, match="two or more runs, not 1"):
        beta_sweep([vae])


def test_a_weight_is_said_as_people_say_it():
    assert weight_in_words(Constant(4.0)) == "4"
    assert weight_in_words(Linear(100, 1, until="40%")) == "linear, 100 to 1 by 40%"
