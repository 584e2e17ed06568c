"""Record the page of a run with two latents as the README's moving picture.

Usage: python docs/record.py RUN OUT.gif. The code travels over the map from class to class, once over points
and once over decoded images. It needs chromium and the packages of the group `dev`.
"""

from __future__ import annotations

import io
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, ViewportSize, sync_playwright

from distaff.run import Run

VIEW: ViewportSize = {"width": 1180, "height": 800}
SHOWN = (885, 600)
STEPS = 7
"""Frames from one class to the next."""
DELAY = 110
"""Milliseconds that a frame is shown."""
COLOURS = 255


def places(run: Run) -> np.ndarray:
    """Return the median code of each class, in the order of their angle around the origin: [classes, 2]."""
    dataset = run.dataset()
    rows = dataset.splits["valid"]
    (attribute,) = dataset.attributes.attributes
    labels = dataset.attributes.values[rows, 0]
    codes = run.model.encode(dataset.images.take(rows))
    centres = np.stack([np.median(codes[labels == value], axis=0) for value in range(attribute.size)])
    return centres[np.argsort(np.arctan2(*centres.T))]


def visit(page: Page, centres: np.ndarray) -> list[Image.Image]:
    """Return the frames of a journey from class to class and back to the first."""
    frames = []
    around = np.concatenate([centres, centres[:1]])
    shares = (1 - np.cos(np.pi * np.arange(STEPS) / STEPS)) / 2
    for leg, (start, end) in enumerate(pairwise(around)):
        if leg == len(centres) // 2:
            page.get_by_role("radio", name="Decoded").check(force=True)
            page.wait_for_timeout(2_000)
        for share in shares:
            code = [float(each) for each in start + share * (end - start)]
            page.evaluate("code => distaff.show(Float32Array.from(code), {origin: 'map'})", code)
            page.wait_for_timeout(250)
            shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
            frames.append(shot.resize(SHOWN, Image.Resampling.LANCZOS))
    return frames


def main(folder: Path, target: Path) -> None:
    """Write the picture; one palette for all frames keeps what does not move the same to the pixel."""
    run = Run(folder)
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport=VIEW)
        page.goto((folder / "explorer.html").resolve().as_uri())
        page.locator("#distaff[data-ready]").wait_for()
        page.evaluate("scrollTo(0, document.querySelector('.plane').getBoundingClientRect().top - 125)")
        page.wait_for_timeout(1_000)
        frames = visit(page, places(run))
        browser.close()
    ends = np.concatenate([np.asarray(frames[0]), np.asarray(frames[-1])])
    palette = Image.fromarray(ends).quantize(COLOURS)
    first, *others = [each.quantize(palette=palette, dither=Image.Dither.NONE) for each in frames]
    first.save(target, save_all=True, append_images=others, duration=DELAY, loop=0, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
