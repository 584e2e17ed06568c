"""Real digits in a plane of two latents: 10,000 points with borders, and what a click decodes is Python's."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
from charts import Chart
from visiting import assert_same

import distaff
from distaff.explorer import make_bundle
from distaff.explorer._bundle import to_html

PLACE = Path(os.environ.get("DISTAFF_SHARED", Path(__file__).parents[2] / ".." / "shared")) / "data" / "mnist"
BRIEF = {"latent.gaussian.size": 2, "network": "mlp"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    if not PLACE.is_dir():
        sentence = f"no MNIST at {PLACE}; put the four files of it there, or set DISTAFF_SHARED"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    folder = tmp_path_factory.mktemp("mnist") / "digits"
    data = f"mnist:{PLACE.resolve()}"
    run = distaff.train("class-separated", data=data, steps=500, settings=BRIEF, out=folder, progress=False)
    bundle = make_bundle([run])
    file = folder.with_suffix(".html")
    file.write_text(to_html(bundle), encoding="utf-8")
    return run, bundle, file


@pytest.fixture(scope="module")
def plane(visits, digits):
    with visits(digits[2]) as visited:
        yield visited


def test_ten_thousand_test_images_are_on_the_map(plane, digits):
    assert plane.page.get_by_text("10,000 of 10,000 test images shown").is_visible()
    assert plane.page.get_by_role("checkbox", name="Borders").is_checked()
    assert plane.page.evaluate("distaff.run.run.regions[0].reader") == "classifier"
    assert digits[2].stat().st_size < 15_000_000


def test_a_click_anywhere_decodes_there(plane, digits):
    run, bundle, _ = digits
    entry = bundle.manifest["runs"][0]["maps"][0]
    chart = Chart(plane, np.frombuffer(bundle.blocks[entry["points"]["block"]], np.float32).reshape(-1, 2))
    codes, images = [], []
    for x, y in chart.random_places(100):
        chart.click(x, y)
        np.testing.assert_allclose(plane.code, chart.to_map(x, y), atol=1.5 / chart.scale)
        codes.append(plane.code)
        images.append(plane.live)
    assert_same(np.stack(images), run.model.decode(np.stack(codes)))
    assert np.stack(images).astype(int).std(axis=0).max() > 60


def test_the_interpolation_from_0_to_8_plays(plane, digits):
    run = digits[0]
    page = plane.page
    plane.open("Interpolation")
    for letter, digit in (("A", "0"), ("B", "8")):
        page.get_by_role("combobox", name=f"{letter}, where the path").select_option(label=digit)
    plane.settle()
    ends = [np.array(plane.state(f"Array.from(s.{name}.code)"), dtype=np.float32) for name in ("from", "to")]
    assert run.model.read(np.stack(ends))["digit"].tolist() == [0, 8]
    told = page.get_by_text(re.compile("^Classes along the path: ")).inner_text()
    assert re.findall(r"\d", told)[0] == "0"
    assert re.findall(r"\d", told.partition(", predicted")[0])[-1] == "8"
    page.evaluate(
        "() => { window.seen = []; distaff.state.on(['t'], () => seen.push([distaff.state.values.t,"
        " ...distaff.state.values.code])); }"
    )
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play", exact=True).wait_for()
    seen = np.array(page.evaluate("seen"))
    shares = seen[:, :1]
    assert (np.diff(shares[:, 0]) >= 0).all()
    assert shares[-1, 0] == 1
    assert len(seen) > 20
    np.testing.assert_allclose(seen[:, 1:], ends[0] + shares * (ends[1] - ends[0]), atol=1e-4)
    assert_same(plane.live, run.model.decode(ends[1][None])[0])
