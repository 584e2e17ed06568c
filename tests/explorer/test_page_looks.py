"""Every view in both themes: nothing serious by axe, nothing wider than the screen, and a picture of it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
PICTURES = ROOT / "screenshots"
WIDTHS = {1440: 900, 1024: 768, 360: 740}
CHECK = """async () => (await axe.run({resultTypes: ["violations"]})).violations.map(
  ({id, impact, nodes}) => [id, impact, nodes.slice(0, 3).map((node) => node.html.slice(0, 200))])"""


@pytest.fixture(scope="module")
def axe():
    if not AXE.is_file():
        sentence = "no axe-core to judge the page with; 'npm ci' in frontend/ gets it"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)
    return AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def mine(tmp_path_factory):
    from picture_files import drawing
    from PIL import Image

    file = tmp_path_factory.mktemp("mine") / "mine.png"
    Image.fromarray(drawing(80, 60, 3, 1)).save(file)
    return file


def views(visited, mine):
    """Open one view after the other, as far along as a person would have come."""
    for tab in visited.page.get_by_role("tab").all():
        name = tab.inner_text()
        tab.click()
        if name == "Your picture":
            visited.page.get_by_label("Choose a picture").set_input_files(mine)
        visited.page.wait_for_timeout(500)
        visited.settle()
        yield name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["classes", "sprites", "told", "both"])
def test_axe_finds_nothing_serious(request, visits, axe, mine, name, theme):
    page = request.getfixturevalue(name)
    with visits(page.file, color_scheme=theme) as visited:
        visited.page.evaluate(axe)
        for view in views(visited, mine):
            found = visited.page.evaluate(CHECK)
            assert [each for each in found if each[1] in {"serious", "critical"}] == [], view


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", ["classes", "sprites", "told", "plain", "both"])
def test_every_view_fits_and_is_kept_to_look_at(request, visits, mine, name, theme, width):
    page = request.getfixturevalue(name)
    PICTURES.mkdir(exist_ok=True)
    with visits(page.file, color_scheme=theme, viewport={"width": width, "height": WIDTHS[width]}) as visited:
        for view in views(visited, mine):
            file = PICTURES / f"{name}-{view.lower().replace(' ', '-')}-{theme}-{width}.png"
            visited.page.screenshot(path=file, full_page=True)
            assert file.stat().st_size > 5000
            wide = visited.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, view
