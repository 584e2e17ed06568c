"""What the summary says of a model with unused latents."""

import json

import pytest

from distaff.explorer._bundle import Bundle, to_html


@pytest.fixture
def unused(request, visits, tmp_path):
    """Visit the page of a run whose latents are marked as unused, but for those of attributes."""

    def opened(name):
        bundle = request.getfixturevalue(name).bundle
        manifest = json.loads(json.dumps(bundle.manifest))
        for latent in manifest["runs"][0]["latents"]:
            latent["active"] = latent["attribute"] is not None
            latent["kl"] = 0.004 if latent["kl"] is not None else None
        file = tmp_path / "unused.html"
        file.write_text(to_html(Bundle(manifest, bundle.blocks)), encoding="utf-8")
        return visits(file)

    return opened


def test_a_model_that_does_not_use_its_code_has_collapsed(unused):
    with unused("plain") as visited:
        assert "Collapsed: the model does not use its code" in visited.page.locator(".verdict").inner_text()
        visited.page.get_by_role("button", name="See the training history").click()
        assert visited.page.get_by_role("tab", name="Metrics").get_attribute("aria-selected") == "true"


def test_unused_style_beside_attributes_is_no_fault(unused):
    with unused("sprites") as visited:
        assert visited.page.locator(".verdict").count() == 0
        assert "style latents unused" in visited.page.locator(".facts").inner_text()
        visited.page.get_by_role("button", name="Interpolate between two images").click()
        assert visited.page.get_by_role("tab", name="Interpolation").get_attribute("aria-selected") == "true"


def test_unused_latents_beside_attributes_are_shown_on_request(unused):
    with unused("sprites") as visited:
        visited.open("Traversals")
        rows = visited.page.get_by_role("grid").get_by_role("row")
        before = rows.count()
        box = visited.page.get_by_role("tabpanel").get_by_role("checkbox")
        for check, more in ((box.check, 8), (box.uncheck, 0)):
            check()
            visited.settle()
            assert rows.count() == before + more


def test_where_all_latents_are_unused_they_are_shown_and_no_box_offers_to(unused):
    with unused("plain") as visited:
        visited.open("Traversals")
        assert visited.page.get_by_role("grid").get_by_role("row").count() == 10
        assert visited.page.get_by_role("tabpanel").get_by_role("checkbox").count() == 0
        assert "All latents are unused" in visited.page.get_by_role("tabpanel").inner_text()


def test_a_bar_of_nothing_is_short(unused):
    with unused("plain") as visited:
        visited.open("Metrics")
        section = visited.page.get_by_role("heading", name="KL per latent").locator("xpath=..")
        bars = section.get_by_role("listitem").all()
        assert {each.locator(".bar-value").inner_text() for each in bars} == {"0.00"}
        for each in bars:
            full, part = (each.locator(name).bounding_box()["width"] for name in (".bar", ".bar span"))
            assert part < full / 10
