"""How fast the explorer's page answers, and how its server bears many clients, on runs trained here."""

import shutil
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

import distaff
from distaff.analysis import _choice
from distaff.explorer import Bundle, make_bundle, serve
from distaff.explorer._bundle import to_html

CLIENTS, SECONDS = 200, 30.0
STEPS, TRIES, FRAMES = 50, 50, 240
POINTS = 100_000
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]

OPENED = """
new MutationObserver(() => {
  const root = document.getElementById("distaff");
  if (root && !root.hasAttribute("aria-busy") && !window.opened) window.opened = performance.now();
}).observe(document, {subtree: true, childList: true, attributes: true});
"""
"""Notes when the first image is there and every control works."""

CHANGES = """async (tries) => {
  const canvas = document.querySelector("canvas[aria-label^='The image decoded']");
  const {state, run, edit} = distaff;
  const block = run.attributeBlocks[0];
  const found = [];
  const content = () => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.join();
  for (let i = 0; i < tries; i++) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const before = content();
    const started = performance.now();
    edit({code: run.write(state.values.code, {[block.attribute]: i % 3})});
    for (let frames = 1; frames < 100; frames++) {
      await new Promise(requestAnimationFrame);
      if (content() === before) continue;
      found.push([frames, performance.now() - started]);
      break;
    }
  }
  return found;
}"""

DECODES = """async (tries) => {
  const code = distaff.state.values.code;
  const found = [];
  for (let i = 0; i < tries; i++) found.push((await distaff.run.decode([code], null)).milliseconds);
  return found;
}"""

GRID = """async () => {
  const tasks = [];
  new PerformanceObserver((list) => tasks.push(...list.getEntries().map((each) => each.duration)))
    .observe({type: "longtask"});
  const started = performance.now();
  distaff.go("traversals");
  const grid = () => document.querySelector("[role=grid]");
  while (!grid()?.dataset.done) await new Promise(requestAnimationFrame);
  const took = performance.now() - started;
  await new Promise((resolve) => setTimeout(resolve, 500));
  const rows = [...grid().querySelectorAll("[role=row]")];
  return [took, Math.max(0, ...tasks), rows.length, rows.at(-1).querySelectorAll("canvas").length];
}"""

MOVES = """async (frames) => {
  const surface = document.querySelector("[role=application]");
  const box = surface.getBoundingClientRect();
  const event = (kind, x, y, more) => surface.dispatchEvent(
    new (kind === "wheel" ? WheelEvent : PointerEvent)(kind, {
      bubbles: true, cancelable: true, pointerId: 1, clientX: box.x + x, clientY: box.y + y, ...more}));
  surface.setPointerCapture = () => {};
  const gaps = [], draws = [];
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < frames; i++) {
    if (i === 0) event("pointerdown", 300, 200);
    if (i < frames / 2) event("pointermove", 300 + 100 * Math.sin(i / 9), 200 + 60 * Math.cos(i / 7));
    if (i === Math.floor(frames / 2)) event("pointerup", 300, 200);
    if (i > frames / 2) event("wheel", 300, 200, {deltaY: i % 80 < 40 ? -40 : 40});
    const now = await new Promise(requestAnimationFrame);
    gaps.push(now - last);
    last = now;
    draws.push(Number(surface.parentElement.dataset.milliseconds));
  }
  return [gaps, draws];
}"""


def small_bundle(folder: Path, recipe: str, data: str, **settings: Any) -> Bundle:
    run = distaff.train(
        recipe, data=data, steps=STEPS, settings=settings, out=folder / recipe, progress=False
    )
    return make_bundle([run])


def open_page(browser: Any, bundle: Bundle, folder: Path, fragment: str = "") -> Any:
    file = folder / "page.html"
    file.write_text(to_html(bundle), encoding="utf-8")
    page = browser.new_page(viewport={"width": 1440, "height": 900}, offline=True)
    page.add_init_script(OPENED)
    page.goto(file.as_uri() + fragment)
    page.locator("#distaff:not([aria-busy])").wait_for()
    page.wait_for_timeout(1000)
    return page


def pages(folder: Path) -> Table:
    from playwright.sync_api import sync_playwright

    table = Table("what", "wanted", "median", "95%", title="The explorer's page, offline, without a GPU")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        demo = small_bundle(folder, "demo", "sprites", **{"data.count": 6000})
        opened = []
        for _ in range(5):
            page = open_page(browser, demo, folder)
            opened.append(page.evaluate("window.opened"))
            changes = np.array(page.evaluate(CHANGES, TRIES))
            decodes = page.evaluate(DECODES, TRIES)
            page.close()
        size = (folder / "page.html").stat().st_size / 1e6
        add(table, f"interactive, a page of {size:.1f} MB", "1,500 ms", opened, "ms")
        add(table, "an attribute to its image, 64 x 64", "2 frames", changes[:, 0], "frames")
        add(table, "", "", changes[:, 1], "ms")
        add(table, "decoding one image, 64 x 64", "10 ms", decodes, "ms")
        latents = {"data.count": 6000, "network": "conv", "latent.gaussian.size": 10}
        # With so small a weight no latent is unused.
        plain = small_bundle(folder, "vae", "sprites", **latents, **{"loss.kl.weight": 0.001})
        grids = []
        for _ in range(5):
            page = open_page(browser, plain, folder, "#view=metrics")
            grids.append(page.evaluate(GRID))
            page.close()
        took, longest, rows, columns = (list(each) for each in zip(*grids, strict=True))
        add(table, f"a grid of {rows[0]} x {columns[0]} images", "1,000 ms", took, "ms")
        add(table, "the longest that it blocks the page", "50 ms", longest, "ms")
        _choice.MEASURED = POINTS
        many = {"data.count": int(POINTS * 1.3), "data.test": 0.8, "data.valid": 0.05, "network": "mlp"}
        wide = small_bundle(folder, "beta-vae", "sprites", **many, **{"latent.gaussian.size": 2})
        assert wide.manifest["runs"][0]["points"]["count"] == POINTS
        page = open_page(browser, wide, folder, "#view=map")
        gaps, draws = page.evaluate(MOVES, FRAMES)
        add(table, f"a frame while {POINTS:,} points move", "16.7 ms", gaps, "ms")
        add(table, "of which drawing", "", draws, "ms")
        browser.close()
    return table


def add(table: Table, what: str, wanted: str, values: Any, unit: str) -> None:
    median, slow = np.percentile(np.asarray(values, dtype=float), (50, 95))
    table.add_row(what, wanted, f"{median:,.1f} {unit}", f"{slow:,.1f} {unit}")


def client(port: int, paths: list[str], end: float, times: list[float], errors: list[str]) -> None:
    """Ask for one path after the other over one connection until the end."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    turn = 0
    while time.perf_counter() < end:
        start = time.perf_counter()
        try:
            connection.request("GET", paths[turn % len(paths)], headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                errors.append(str(answer.status))
        except OSError as error:
            errors.append(repr(error))
            connection.close()
        times.append(time.perf_counter() - start)
        turn += 1
    connection.close()


def server(folder: Path) -> Table:
    bundle = small_bundle(folder, "conditional-vae", "digits", network="mlp")
    found: list[str] = []
    threading.Thread(target=serve, args=(bundle,), kwargs={"ready": found.append}, daemon=True).start()
    while not found:
        time.sleep(0.01)
    port = int(found[0].split(":")[2].strip("/"))
    paths = ["/", "/manifest.json", *(f"/blocks/{name}" for name in bundle.blocks)]
    times: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + SECONDS
    clients = [
        threading.Thread(target=client, args=(port, paths, end, times, errors)) for _ in range(CLIENTS)
    ]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    table = Table("clients", "seconds", "answers", "errors", "median", "99%", title="The explorer's server")
    median, slow = np.percentile(times, (50, 99)) * 1000
    row = (CLIENTS, f"{SECONDS:.0f}", f"{len(times):,}", len(errors), f"{median:.0f} ms", f"{slow:.0f} ms")
    table.add_row(*map(str, row))
    return table


def main() -> None:
    console = Console()
    with TemporaryDirectory() as folder:
        if shutil.which("chromium"):
            console.print(pages(Path(folder)))
        else:
            console.print("No chromium to open the page with; 'apt-get install chromium' gets it.")
        console.print(server(Path(folder)))


if __name__ == "__main__":
    main()
