"""The numbers are those of the run, and a cell of the heat map opens the traversal of its latent."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def page(visits, plain):
    with visits(plain.file, "#view=numbers") as visited:
        yield visited


def test_every_measure_of_the_run_is_in_the_table(page, plain):
    metrics = plain.entry["evaluation"]["metrics"]
    rows = page.page.get_by_role("table").first.get_by_role("row").all()[1:]
    assert len(rows) == len(metrics)
    told = [row.inner_text().replace("−", "-") for row in rows]
    (shown,) = (text for text in told if text.startswith("Reconstruction"))
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
    charts = page.page.get_by_role("img", name="over the steps of training")
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
