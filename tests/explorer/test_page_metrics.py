"""The metrics are those of the run, and a cell of the heat map opens the traversal of its latent."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from visiting import pixels

from distaff.explorer._bundle import Blocks, Bundle, to_html


@pytest.fixture(scope="module")
def page(visits, plain):
    with visits(plain.file, "#view=metrics") as visited:
        yield visited


def test_every_metric_of_the_run_is_in_the_table(page, plain):
    metrics = plain.entry["evaluation"]["metrics"]
    rows = page.page.get_by_role("table").first.get_by_role("row").all()[1:]
    assert len(rows) == len(metrics)
    told = [row.inner_text().replace("−", "-") for row in rows]
    (shown,) = (text for text in told if text.startswith("Reconstruction error"))
    assert f"{metrics['reconstruction']['value']:.3g}" in shown
    assert "nats" in shown
    (shown,) = (text for text in told if text.startswith("Active units"))
    assert f"{metrics['active_units']['value']:g} of 10" in shown


def test_the_recipe_and_the_provenance_are_there(page, plain):
    recipe = page.page.get_by_text("latent:").filter(visible=True).first.inner_text()
    assert "penalty" in recipe or "kl" in recipe
    page.page.get_by_text("Provenance", exact=True).click()
    assert page.page.get_by_text(plain.entry["provenance"]["weights_sha256"]).is_visible()


def test_the_training_is_drawn(page):
    charts = page.page.get_by_role("img", name="over the training steps")
    assert charts.count() >= 1
    before = charts.first.inner_html()
    page.page.get_by_role("checkbox", name="logarithmic").check()
    assert charts.first.inner_html() != before


def test_a_cell_of_the_heat_map_opens_its_latents_traversal(page, plain):
    entry = plain.entry["importance"]["codes x attributes"]
    values = np.frombuffer(plain.bundle.blocks[entry["values"]["block"]], np.float32)
    strongest = int(values.argmax())
    label = plain.model.latents[strongest].label
    cell = page.page.get_by_role("button", name=f"{label} and digit: {values[strongest]:.2f}")
    cell.click()
    page.settle()
    assert page.page.get_by_role("tab", name="Traversals").get_attribute("aria-selected") == "true"
    assert page.state("s.latent") == strongest
    row = page.page.get_by_role("grid").get_by_role("row").filter(has_text=label).first
    assert row.is_visible()
    others = [
        each.evaluate("e => getComputedStyle(e).backgroundColor")
        for each in page.page.get_by_role("grid").get_by_role("row").all()
    ]
    # That row alone is marked.
    assert others.count(row.evaluate("e => getComputedStyle(e).backgroundColor")) == 1


def test_what_a_metric_says_of_itself_stands_beside_its_number(page, plain):
    page.open("Metrics")
    about = plain.bundle.manifest["metrics"]
    told = page.page.get_by_role("table").first.inner_text()
    for name in plain.entry["evaluation"]["metrics"]:
        assert about[name]["summary"] in told
    assert "KL" in told
    assert "Evidence bound" not in told


def test_the_images_of_a_training_are_leafed_through(visits, plain, tmp_path):
    manifest, blocks = json.loads(json.dumps(plain.bundle.manifest)), Blocks(7)
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    manifest["runs"][0]["snapshots"] = []
    for number, colour in enumerate(colours):
        file = io.BytesIO()
        Image.new("RGB", (40, 20), colour).save(file, format="WEBP", lossless=True)
        entry = {"step": 50 * (number + 1), "width": 40, "height": 20}
        entry["image"] = blocks.add_bytes(f"snapshots/{number}", file.getvalue())
        manifest["runs"][0]["snapshots"].append(entry)
    file = tmp_path / "snapshots.html"
    file.write_text(to_html(Bundle(manifest, plain.bundle.blocks | blocks.content)), encoding="utf-8")
    with visits(file, "#view=metrics") as visited:
        shown = visited.page.get_by_role("img", name="Images during training")
        steps = visited.page.get_by_role("slider", name="Training step", exact=True)
        for key, number in (("End", 2), ("Home", 0), ("ArrowRight", 1)):
            steps.press(key)
            assert steps.get_attribute("aria-valuetext") == str(50 * (number + 1))
            visited.page.locator(f".snapshot[data-step='{50 * (number + 1)}']").wait_for()
            np.testing.assert_allclose(pixels(shown)[10, 20], colours[number], atol=2)
