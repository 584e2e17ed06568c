"""What one look at a model with idle latents says."""

import json

import pytest

from distaff.explorer.blocks import Bundle
from distaff.explorer.document import to_html


@pytest.fixture
def idle(request, visits, tmp_path):
    """Visit the page of a run, told that all latents but the attributes' are idle."""

    def opened(name):
        bundle = request.getfixturevalue(name).bundle
        manifest = json.loads(json.dumps(bundle.manifest))
        for latent in manifest["runs"][0]["latents"]:
            latent["active"] = latent["attribute"] is not None
        file = tmp_path / "idle.html"
        file.write_text(to_html(Bundle(manifest, bundle.blocks)), encoding="utf-8")
        return visits(file)

    return opened


def test_a_model_that_ignores_its_code_is_said_to_have_collapsed(idle):
    with idle("plain") as visited:
        assert "Collapsed: the model ignores its code" in visited.page.locator(".verdict").inner_text()
        visited.page.get_by_role("button", name="See how the training went").click()
        assert visited.page.get_by_role("tab", name="Numbers").get_attribute("aria-selected") == "true"


def test_idle_style_beside_attributes_is_no_fault(idle):
    with idle("sprites") as visited:
        assert visited.page.locator(".verdict").count() == 0
        assert "style idle" in visited.page.locator(".facts").inner_text()
        visited.page.get_by_role("button", name="Walk from one picture to another").click()
        assert visited.page.get_by_role("tab", name="Mix").get_attribute("aria-selected") == "true"
