"""The notebook's page without a notebook: what the widget's script does with a model that the test plays."""

import base64
import json

import numpy as np
import pytest
from visiting import LIVE, Visit, pixels

from distaff.explorer._bundle import asset, pack

MODEL = """([script, manifest, blocks, ort]) => {
  const bytes = (text) => new DataView(Uint8Array.from(atob(text), (each) => each.charCodeAt(0)).buffer);
  const listeners = {};
  const values = {manifest, ort: bytes(ort), latents: [], selection: -1, run: 0, height: "700px",
    blocks: Object.fromEntries(Object.entries(blocks).map(([name, text]) => [name, bytes(text)]))};
  window.saves = [];
  window.model = {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    save_changes: () => saves.push([performance.now(), [...values.latents], values.selection]),
    on: (name, run) => (listeners[name] ??= []).push(run),
    off: (name, run) => { listeners[name] = (listeners[name] ?? []).filter((each) => each !== run); },
  };
  window.tell = (name, value) => {
    values[name] = value;
    (listeners[`change:${name}`] ?? []).forEach((run) => run());
  };
  const address = URL.createObjectURL(new Blob([script], {type: "text/javascript"}));
  return import(address).then((module) => {
    const element = document.createElement("div");
    document.body.append(element);
    // A notebook shows what becomes of it; the test looks at the page.
    module.default.render({model, el: element}).catch(() => {});
  });
}"""


@pytest.fixture
def notebook(browser, tmp_path):
    """notebook(bundle): the widget in a blank page; `visited.page` has `saves` and `tell`."""
    context = browser.new_context(viewport={"width": 1000, "height": 800}, offline=True)
    (tmp_path / "blank.html").write_text("<!doctype html><title>a notebook</title><body></body>")

    def show(bundle):
        visited = Visit(context.new_page(), (tmp_path / "blank.html").as_uri())
        blocks = {name: base64.b64encode(pack(content)).decode() for name, content in bundle.blocks.items()}
        given = [asset("widget.js").decode(), json.dumps(bundle.manifest), blocks]
        visited.page.evaluate(MODEL, [*given, base64.b64encode(asset("ort.wasm.gz")).decode()])
        return visited

    yield show
    context.close()


def test_both_sides_hear_of_each_other_and_python_not_too_often(notebook, classes):
    visited = notebook(classes.bundle)
    page = visited.page
    slider = page.get_by_role("slider", name=classes.model.latents[0].label, exact=True)
    slider.wait_for()
    page.wait_for_timeout(400)
    page.evaluate("saves.length = 0")
    slider.focus()
    for _ in range(60):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(400)
    saves = page.evaluate("saves")
    # The last value comes, and no two within a tenth of a second, give or take what a timer may be early.
    assert saves[-1][1][0] == pytest.approx(float(slider.input_value()), abs=1e-4)
    gaps = np.diff([when for when, *_ in saves])
    assert len(saves) < 60
    assert (gaps > 90).all()
    page.evaluate("tell('latents', [0.25, -0.5])")
    page.wait_for_timeout(300)
    assert float(slider.input_value()) == pytest.approx(0.25, abs=0.02)
    drawn = pixels(page.get_by_role("img", name=LIVE))
    expected = classes.model.decode(np.array([[0.25, -0.5]], dtype=np.float32))[0] * 255
    np.testing.assert_allclose(drawn[..., 0], expected, atol=1)
    page.evaluate("tell('selection', 3)")
    page.wait_for_timeout(300)
    codes = np.frombuffer(classes.bundle.blocks["0/codes"], np.float16).reshape(-1, 2)
    assert float(slider.input_value()) == pytest.approx(codes[3, 0], abs=0.02)
    assert visited.said == []
    assert visited.others == []


def test_its_style_and_keys_stay_inside(notebook, classes):
    visited = notebook(classes.bundle)
    page = visited.page
    page.get_by_role("tab", name="Interpolation").wait_for()
    page.evaluate("window.keys = 0; document.addEventListener('keydown', () => keys++)")
    page.get_by_role("tab", name="Map").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("a")
    assert page.evaluate("keys") == 0
    assert page.evaluate("document.querySelectorAll('style').length") == 0
    assert page.evaluate("location.hash") == ""


@pytest.mark.parametrize("name", ["0/codes", "0/decoder"])
def test_a_changed_part_is_refused_with_a_sentence(notebook, bundle, name):
    content = bytearray(bundle.blocks[name])
    content[len(content) // 2] ^= 1
    bundle.blocks[name] = bytes(content)
    visited = notebook(bundle)
    alert = visited.page.get_by_role("alert").filter(has_text="was changed or damaged")
    alert.wait_for()
    assert visited.page.get_by_role("slider").count() == 0
