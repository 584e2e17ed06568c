"""Visits of the page by a real browser, with all that the page says and asks for noted."""

import base64
import os
import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LIVE = "The image decoded from the current code"
SETTLED = """async () => {
  for (let calm = 0; calm < 4; ) {
    await new Promise(requestAnimationFrame);
    const busy = window.distaff?.engine?.open.size !== 0 || document.querySelector('[aria-busy="true"]');
    calm = busy ? 0 : calm + 1;
  }
}"""
"""Nothing was decoded or computed for some frames, so nothing is left to draw."""
PIXELS = """canvas => {
  const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let text = "";
  for (let i = 0; i < data.length; i += 8192) text += String.fromCharCode(...data.subarray(i, i + 8192));
  return [canvas.height, canvas.width, btoa(text)];
}"""


def need_chromium():
    """Skip a test where chromium is missing, except in CI, which must have it."""
    if CHROMIUM is None:
        sentence = "no chromium to drive the page with; 'apt-get install chromium' gets it"
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)


class Visit:
    """One page: `said` is its console and its errors, `asked` the addresses that it requested."""

    def __init__(self, page, address):
        self.page, self.address = page, address
        self.said, self.asked = [], []
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self.said.append(message.text))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(address)

    def ready(self):
        self.page.locator("#distaff[data-ready]").wait_for()
        self.settle()
        return self

    def settle(self):
        self.page.evaluate(SETTLED)

    def open(self, view):
        """Bring a view to the front."""
        self.page.get_by_role("tab", name=view, exact=True).click()
        self.settle()

    def state(self, expression):
        """Return a part of the page's state."""
        return self.page.evaluate(f"(() => {{ const s = distaff.state.values; return {expression}; }})()")

    @property
    def code(self):
        return np.array(self.state("Array.from(s.code)"), dtype=np.float32)

    @property
    def live(self):
        """The image that is decoded: uint8 [h, w, 3]."""
        self.settle()
        return pixels(self.page.get_by_role("img", name=LIVE))

    @property
    def others(self):
        """The requests beside the page itself and what it made itself."""
        return [url for url in self.asked[1:] if not url.startswith(("blob:", "data:"))]

    def check(self):
        """The page said nothing, and asked for nothing."""
        assert self.said == []
        assert self.asked[0].partition("#")[0] == self.address.partition("#")[0]
        assert self.others == []


@contextmanager
def visit(browser, file, fragment="", **options):
    """Open a page from file://, offline, and leave it only if its console is clean and it loaded nothing."""
    settings = {"viewport": {"width": 1440, "height": 900}, "offline": True, "accept_downloads": True}
    context = browser.new_context(**settings | options)
    try:
        visited = Visit(context.new_page(), Path(file).as_uri() + fragment).ready()
        yield visited
        visited.check()
    finally:
        context.close()


def pixels(canvas):
    """Return what a canvas shows: uint8 [h, w, 3]; all of it is opaque."""
    height, width, text = canvas.evaluate(PIXELS)
    rgba = np.frombuffer(base64.b64decode(text), dtype=np.uint8).reshape(height, width, 4)
    assert (rgba[..., 3] == 255).all()
    return rgba[..., :3]


def levels(images):
    """Return a model's images [..., h, w] or [..., h, w, 3] in [0, 1] as levels [..., h, w, 3] of 255."""
    found = np.asarray(images, dtype=np.float64) * 255
    return found if found.shape[-1] == 3 else np.repeat(found[..., None], 3, axis=-1)


def assert_same(shown, images):
    """Assert that what a page shows is within 1/255 of what Python decodes."""
    np.testing.assert_allclose(shown, levels(images), atol=1)
