"""The examples of docs/onnx.md, where torch cannot be imported, and in a browser."""

import base64
import functools
import http.server
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from visiting import PIXELS

import distaff

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "onnx.md").read_text(encoding="utf-8")
WEB = ROOT / "frontend" / "node_modules" / "onnxruntime-web" / "dist"
NEEDED = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
BEFORE, AFTER = re.search(
    r"^```python\n(.*?)^(# From here on.*?)^```", TEXT, re.DOTALL | re.MULTILINE
).groups()
CHECK = """
assert not {"torch.nn", "distaff.run", "lightning_fabric"} & sys.modules.keys()
np.savez("found.npz", images=images, codes=codes, again=again, new=new)
"""
BLOCK = "import sys\nsys.modules |= dict.fromkeys(['torch', 'distaff'])\n"
"""Makes each import of them an error."""


@pytest.fixture(scope="module")
def exported(tmp_path_factory, operators_once):
    """The folder in which the first half of the example was run."""
    folder = tmp_path_factory.mktemp("onnx")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        exec(compile(BEFORE, "onnx.md", "exec"), {})
    return folder


def test_the_example_runs_where_torch_cannot_be_imported(exported):
    code = BLOCK + AFTER + CHECK
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=exported, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    model = distaff.load(exported / "runs" / "digits")
    found = np.load(exported / "found.npz")
    np.testing.assert_allclose(found["codes"], model.encode(found["images"]), atol=1e-4)
    np.testing.assert_allclose(found["again"][:, 0], model.decode(found["codes"]), atol=1e-4)
    assert found["new"].shape == (16, 1, 8, 8)


class Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {".mjs": "text/javascript"}

    def log_message(self, *what):
        pass


@pytest.fixture
def site(exported):
    """The address of a folder with the page of the example, its model, and the runtime."""
    if not (WEB / NEEDED[0]).is_file():
        pytest.skip("no onnxruntime-web beside the page's source; 'npm ci' in frontend/ gets it")
    page = re.search(r"^```html\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)[1]
    (exported / "index.html").write_text(page)
    for name in NEEDED:
        shutil.copy(WEB / name, exported)
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(exported))
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_page_of_the_example_draws_what_the_model_decodes(exported, site, browser):
    model = distaff.load(exported / "runs" / "digits")
    page, said = browser.new_page(), []
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(site)
    page.wait_for_function("document.title.startsWith('0, 0, 0')")
    seen = [shown(page)]
    page.locator("input").nth(1).fill("2.5")
    page.wait_for_function("document.title.startsWith('0, 2.5, 0')")
    seen.append(shown(page))
    page.close()
    assert not said
    codes = np.zeros((2, 10), np.float32)
    codes[1, 1] = 2.5
    np.testing.assert_allclose(seen, model.decode(codes) * 255, atol=1)


def shown(page):
    """Return the grey levels of the canvas [h, w]."""
    height, width, text = page.locator("canvas").evaluate(PIXELS)
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)[..., 0].astype(float)
