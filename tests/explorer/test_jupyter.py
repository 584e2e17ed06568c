"""The widget in a real JupyterLab, driven by a real browser: it shows, and both sides stay in step."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import numpy as np
import pytest

from distaff.explorer import PAGE
from distaff.explorer._bundle import read_html, to_html

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
TOKEN = "a-token-of-this-test"
SHOW = "import distaff\nexplorer = distaff.explore({path!r})\nexplorer"
READ = "print(explorer.latents, explorer.selection)"
COUNT = "heard = []\nexplorer.observe(lambda change: heard.append(change['new']), names='latents')"
CELLS = [SHOW, READ, READ, "explorer.latents = [0.25, -0.5]", READ, "explorer.selection = 3", READ]
CELLS += [COUNT, "print(len(heard))", "print(explorer.to_html('page.html'))"]

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(plane_run, made, tmp_path):
    """JupyterLab on a notebook that shows the run, reads from the widget and writes to it."""
    (plane_run.path / PAGE).write_text(to_html(made))
    cells = [nbformat.v4.new_code_cell(cell.format(path=str(plane_run.path))) for cell in CELLS]
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=KERNEL), tmp_path / "try.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--ServerApp.port={port}"]
    command += [f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={tmp_path}"]
    command += ["--LabApp.extension_manager=readonly", "--LabApp.news_url=None"]
    folders = {
        name: str(tmp_path / name) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")
    }
    with subprocess.Popen(command, env=os.environ | folders, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/api?token={TOKEN}", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address, tmp_path
        process.terminate()


def wait_for_kernel(page, address):
    """Until JupyterLab is connected with the notebook's kernel, which it calls idle before it is there."""
    for _ in range(600):
        with urllib.request.urlopen(f"{address}/api/sessions?token={TOKEN}", timeout=30) as answer:
            kernels = [session["kernel"] for session in json.load(answer)]
        if any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels):
            return
        page.wait_for_timeout(200)
    pytest.fail("JupyterLab has no kernel")


def run_cell(page, number):
    """Run a cell; JupyterLab drops one that it is given before its kernel listens, though it says idle."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    from playwright.sync_api import TimeoutError as NotYet

    begun = cell.locator(".jp-InputPrompt").filter(has_text=re.compile(r"\[(\*|\d+)\]"))
    for _ in range(30):
        cell.locator(".cm-content").click()
        page.keyboard.press("Shift+Enter")
        try:
            begun.wait_for(timeout=2_000)
        except NotYet:
            continue
        return
    pytest.fail(f"JupyterLab does not run cell {number}")


def output(page, number):
    found = page.locator(".jp-Notebook .jp-CodeCell").nth(number).locator(".jp-OutputArea-output pre")
    found.wait_for()
    return found.inner_text().strip()


def read(page, number):
    """Run a cell that prints the latents and the selection, once the page has sent what changed."""
    page.wait_for_timeout(1000)
    run_cell(page, number)
    latents, _, selection = output(page, number).rpartition(" ")
    return json.loads(latents), int(selection)


def test_the_widget_shows_and_both_sides_stay_in_step(lab, made, browser):
    from playwright.sync_api import expect

    codes = np.frombuffer(made.blocks["0/codes"], dtype=np.float16).reshape(-1, 2)
    page = browser.new_page(viewport={"width": 1440, "height": 1200})
    page.set_default_timeout(30_000)
    # What JupyterLab asks for where a machine is slow is answered as it offers.
    asked = page.locator("dialog.jp-Dialog")
    page.add_locator_handler(asked, lambda: asked.locator(".jp-mod-accept").click())
    address, folder = lab
    page.goto(f"{address}/lab/tree/try.ipynb?token={TOKEN}&reset")
    page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
    # A cell that is run before that makes JupyterLab ask which kernel it is to be.
    wait_for_kernel(page, address)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").first.wait_for()
    run_cell(page, 0)
    slider = page.locator(".jp-OutputArea-output").get_by_role("slider").first
    slider.wait_for(timeout=120_000)
    (before, _), _ = read(page, 1)
    slider.focus()
    page.keyboard.press("ArrowRight")
    (after, _), _ = read(page, 2)
    assert after > before
    shown = slider.input_value()
    run_cell(page, 3)
    expect(slider).not_to_have_value(shown, timeout=120_000)
    assert read(page, 4)[0] == pytest.approx([0.25, -0.5])
    run_cell(page, 5)
    latents, selection = read(page, 6)
    assert latents == pytest.approx(codes[3].tolist(), abs=1e-3)
    assert selection == 3
    run_cell(page, 7)
    slider.focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    # Python hears of a drag, but not of each of its steps.
    page.wait_for_timeout(1000)
    run_cell(page, 8)
    assert 1 <= int(output(page, 8)) < 40
    run_cell(page, 9)
    assert output(page, 9) == "page.html"
    assert read_html(folder / "page.html").blocks == made.blocks
    page.close()
