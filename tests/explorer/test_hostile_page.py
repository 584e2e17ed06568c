"""Hostile names are only text, in a file and from the server; a changed bundle says so and stops."""

import re
import threading
from contextlib import contextmanager

import numpy as np
import pytest
from small_runs import write_run
from visiting import Visit

from distaff.attributes import Attribute, AttributeTable
from distaff.data import ArrayImages, Dataset
from distaff.explorer import PAGE, make_bundle, prepare
from distaff.explorer._bundle import pack, to_html
from distaff.explorer._hosts import Site, listen
from distaff.explorer._text import AVOIDED, pack_text
from distaff.run import Run

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
    whole, other = (pack_text(pack(each)) for each in (bundle.blocks[name], bytes(content)))
    page, _, _ = visit(to_html(bundle).replace(whole, other))
    alert = page.get_by_role("alert")
    alert.wait_for()
    assert re.search("changed|damaged", alert.inner_text())


def test_a_browser_keeps_every_character(bundle, visit):
    """All pairs of groups that share a character, among them those that are controls and marks."""
    content = np.random.default_rng(0).integers(0, 256, 200_000, dtype=np.uint8).tobytes()
    text = pack_text(content)
    assert len({each for each in text if ord(each) > 127}) == len(AVOIDED) * 128
    mark = f'<script type="application/octet-stream" data-block="all">{text}</script></body>'
    visited, _, _ = visit(to_html(bundle).replace("</body>", mark))
    found = visited.evaluate("document.querySelector('[data-block=all]').textContent")
    assert found == text


NAMES = (MARKUP, "__proto__", "constructor", "\u202e\u2066fdp\u200f", "x" * 10_000, "${1+1}{{1+1}}' OR 1=1--")


def hostile_dataset():
    """Pictures whose attributes, and the values of these, have every kind of name."""
    rng = np.random.default_rng(0)
    kinds = tuple(
        Attribute(name=name, kind="categorical", values=tuple(f"{name}{i}" for i in range(3)))
        for name in NAMES
    )
    values = rng.integers(0, 3, (60, len(kinds))).astype(np.float32)
    table, rows = AttributeTable(kinds, values), np.arange(60)
    images = ArrayImages(rng.integers(0, 256, (60, 1, 8, 8), dtype=np.uint8))
    return Dataset(
        MARKUP, images, table, table, {"train": rows[:20], "valid": rows[20:30], "test": rows[30:]}
    )


@pytest.fixture(scope="module")
def poisoned(tmp_path_factory):
    """The bundle of a run of such data, in a folder called the same."""
    dataset = hostile_dataset()
    folder = tmp_path_factory.mktemp("hostile") / MARKUP.replace("/", "\u2215")
    settings = {"about": f"{MARKUP} {'x' * 3000}", "network": {"mlp": {"hidden": [16]}}}
    run = write_run(folder, "supervised", dataset, **settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "dataset", lambda _: dataset)
        return make_bundle([run])


def walk_about(visited):
    """Open every view, by day and by night, and use what the names are in."""
    page = visited.page
    for _ in range(2):
        for tab in page.get_by_role("tab").all():
            tab.click()
            page.wait_for_timeout(250)
            visited.settle()
            assert page.evaluate("window.hacked") is None
            assert page.get_by_role("alert").filter(visible=True).count() == 0
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
                tab.inner_text()
            )
        page.get_by_role("button", name=re.compile("(Dark|Light) page")).click()
    page.get_by_role("tab", name="Map").click()
    colours = page.get_by_role("combobox", name="Colour by")
    for number, name in enumerate(NAMES):
        colours.select_option(index=number)
        visited.settle()
        assert visited.state("s.colour") == name
        assert visited.page.evaluate("window.hacked") is None


@pytest.mark.parametrize("width", [1440, pytest.param(360, marks=pytest.mark.slow)])
def test_a_run_of_hostile_names_is_a_page_like_any_other(visits, poisoned, tmp_path, width):
    file = tmp_path / "page.html"
    file.write_text(to_html(poisoned), encoding="utf-8")
    with visits(file, viewport={"width": width, "height": 800}) as visited:
        walk_about(visited)
        for name in NAMES:
            heading = visited.page.get_by_role("radiogroup", name=name[:50]).or_(
                visited.page.get_by_role("combobox", name=name[:50])
            )
            assert heading.count() >= 1, name[:50]


@contextmanager
def hosted(bundle):
    """Serve a bundle from a thread of this process; give its address."""
    import uvicorn

    opened = listen(None)
    config = uvicorn.Config(Site(bundle), log_level="warning", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
    thread.start()
    yield f"http://127.0.0.1:{opened.getsockname()[1]}/"
    server.should_exit = True
    thread.join()
    opened.close()


@pytest.mark.slow
def test_the_server_shows_hostile_names_as_text_and_asks_only_itself(browser, poisoned):
    with hosted(poisoned) as address:
        context = browser.new_context()
        visited = Visit(context.new_page(), address).ready()
        walk_about(visited)
        assert visited.said == []
        assert {url.startswith((address, "blob:", "data:")) for url in visited.asked} == {True}
        context.close()


@pytest.mark.parametrize("name", ["0/decoder", "0/codes"])
def test_a_changed_block_from_the_server_is_refused(browser, bundle, name):
    content = bytearray(bundle.blocks[name])
    content[len(content) // 2] ^= 1
    bundle.blocks[name] = bytes(content)
    with hosted(bundle) as address:
        page = browser.new_page()
        page.goto(address)
        page.get_by_role("alert").filter(has_text="changed or damaged").wait_for()
        assert page.get_by_role("slider").count() == 0
        page.close()


def test_a_changed_page_in_the_runs_folder_is_not_taken_up(copied, made, bundle):
    content = bytearray(bundle.blocks["0/codes"])
    content[0] ^= 1
    bundle.blocks["0/codes"] = bytes(content)
    (copied.path / PAGE).write_text(to_html(bundle))
    assert prepare([copied]).blocks["0/codes"] == made.blocks["0/codes"]


def test_another_schema_is_refused_with_a_sentence(bundle, visit):
    bundle.manifest["schema"] = 2
    page, _, _ = visit(to_html(bundle))
    page.get_by_role("alert").filter(has_text="schema 2; this page reads schema 1").wait_for()
