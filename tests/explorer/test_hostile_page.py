"""The page in a browser, offline: hostile names are only text, and a changed page says so and stops."""

import base64
import re

import pytest

from distaff.explorer.blocks import pack
from distaff.explorer.document import to_html

MARKUP = "</script><img src=x onerror='window.hacked=1'><svg onload=window.hacked=1>\"&amp;\u202eabc"


@pytest.fixture
def visit(browser, tmp_path):
    """visit(text): open a page as a file, offline; return it with its console and its requests."""
    context = browser.new_context(offline=True)

    def run(text):
        file = tmp_path / "page.html"
        file.write_text(text, encoding="utf-8")
        page = context.new_page()
        page.set_default_timeout(60_000)
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        return page, said, asked

    yield run
    context.close()


def name_all(manifest, text):
    """Put a text in place of every name that people choose."""
    for run in manifest["runs"]:
        run["name"] = run["about"] = run["recipe"] = text
        (attribute,) = run["attributes"]
        attribute["name"], attribute["values"] = text, [f"{text}{i}" for i in range(10)]
        for latent in run["latents"]:
            latent["label"] = text
        for region in run["regions"]:
            region["attribute"], region["map"] = text, text
        run["maps"][0]["name"] = run["classifier"]["attribute"] = text
        run["importance"]["codes x attributes"]["attributes"] = [text]
        for part in (run["points"]["attributes"], run["points"]["predicted"], run["points"]["confidence"]):
            part[text] = part.pop("digit")
        ends = run["class_ends"]
        ends["first"], ends["codes"][text] = text, ends["codes"].pop("digit")


@pytest.mark.parametrize("text", [MARKUP, "__proto__", "x" * 10_000], ids=["markup", "prototype", "long"])
def test_hostile_names_are_only_text(bundle, visit, text):
    name_all(bundle.manifest, text)
    page, said, asked = visit(to_html(bundle))
    page.locator("#distaff[aria-busy=true]").wait_for(state="detached")
    page.wait_for_timeout(500)
    assert page.evaluate("window.hacked") is None
    assert said == []
    assert [url for url in asked if not url.startswith(("blob:", "data:"))] == asked[:1]
    assert page.locator("[role=alert]:visible").count() == 0
    assert text[:20] in page.locator("body").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("name", ["0/decoder", "0/codes"])
def test_a_changed_page_says_so(bundle, visit, name):
    content = bytearray(bundle.blocks[name])
    content[len(content) // 2] ^= 1
    whole, other = (base64.b64encode(pack(each)).decode() for each in (bundle.blocks[name], bytes(content)))
    page, _, _ = visit(to_html(bundle).replace(whole, other))
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert re.search("changed|damaged", alert.inner_text())
