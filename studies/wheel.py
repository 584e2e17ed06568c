"""A stranger's installation: the wheel in an empty environment, in a folder that is not this repository's.

Builds sdist and wheel, compares what they hold, installs the wheel into a new environment, runs the quick
demo and a training there, and opens their pages in a browser. Run it by `make wheel-check`.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
LATER = {"distaff/explorer/page/index.html", "distaff/explorer/page/ort.wasm.gz", "distaff/recipes/vae.yaml"}
"""What is no Python and must be in the wheel all the same."""
BROWSERS = ("chromium", "google-chrome")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="of the new environment")
    parser.add_argument("--steps", type=int, default=None, help="of the demo; its own if not given")
    parser.add_argument(
        "--newest", action="store_true", help="the newest versions, not those of constraints.txt"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="distaff-wheel-") as name:
        folder = Path(name)
        wheel = timed("build sdist and wheel", lambda: build(folder))
        environment = folder / "venv"
        pinned = [] if options.newest else ["--constraint", str(CONSTRAINTS)]
        timed("new environment", lambda: run(options.python, "-m", "venv", str(environment)))
        python = environment / "bin" / "python"
        timed("install", lambda: run(str(python), "-m", "pip", "install", "--quiet", *pinned, str(wheel)))
        home = folder / "home"
        home.mkdir()
        alone = {"HOME": str(home), "PATH": f"{environment / 'bin'}:/usr/bin:/bin", "MPLBACKEND": "Agg"}
        alone |= {key: os.environ[key] for key in ("OMP_NUM_THREADS", "LANG") if key in os.environ}

        def distaff(*words: str) -> None:
            run("distaff", *words, cwd=home, env=alone)

        where = "import distaff, sys; print(distaff.__file__, sys.version.split()[0])"
        told = run(str(python), "-c", where, cwd=home, env=alone).split()
        assert str(environment) in told[0], told
        demo = [] if options.steps is None else ["--steps", str(options.steps)]
        timed("distaff demo --quick", lambda: distaff("demo", "--quick", *demo))
        timed(
            "distaff train vae --data digits",
            lambda: distaff("train", "vae", "--data", "digits", "--steps", "50"),
        )
        for page in ("runs/demo-quick", "runs/vae"):
            timed(f"open {page}/explorer.html", lambda page=page: look(home / page / "explorer.html"))
        print(f"Python {told[1]}: all is well")


def build(folder: Path) -> Path:
    """Build the wheel by way of the sdist, and beside it from here; both must hold the same files."""
    tools = folder / "tools"
    run(
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--constraint",
        str(CONSTRAINTS),
        "--target",
        str(tools),
        "hatchling",
    )
    builder = os.environ | {"PYTHONPATH": str(tools)}
    run(sys.executable, "-m", "hatchling", "build", "-d", str(folder / "here"), cwd=ROOT, env=builder)
    sdist, direct = next((folder / "here").glob("*.tar.gz")), next((folder / "here").glob("*.whl"))
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir",
        str(folder / "dist"), str(sdist), env=builder)  # fmt: skip
    wheel = next((folder / "dist").glob("*.whl"))
    one, other = (set(zipfile.ZipFile(each).namelist()) for each in (wheel, direct))
    assert one == other, one ^ other
    assert one >= LATER, LATER - one
    sizes = (f"{each.name}: {each.stat().st_size / 1e6:.1f} MB" for each in (wheel, sdist))
    print(f"  {'; '.join(sizes)}; {len(one)} files in the wheel")
    return wheel


def look(page: Path) -> None:
    """Open a page in a browser, without a network, and wait until the model has drawn an image."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as start:
        program = next(filter(None, map(shutil.which, BROWSERS)))
        browser = start.chromium.launch(executable_path=program, args=["--no-sandbox"])
        tab = browser.new_context(offline=True).new_page()
        errors: list[str] = []
        tab.on("pageerror", lambda error: errors.append(str(error)))
        tab.goto(page.as_uri())
        tab.wait_for_selector("canvas", timeout=60_000)
        tab.wait_for_timeout(2000)
        assert not errors, errors
        size = f"{page.stat().st_size / 1e6:.1f} MB"
        print(f"  {page.parent.name}: {tab.title()!r}, {tab.locator('canvas').count()} canvases, {size}")
        browser.close()


def run(*words: str, check: bool = True, **options: object) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload]
    if check and done.returncode:
        raise SystemExit(
            f"{' '.join(words)}: exit {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
    return str(done.stdout)


def timed(what: str, work):  # type: ignore[no-untyped-def]
    start = time.monotonic()
    result = work()
    print(f"{time.monotonic() - start:6.1f} s  {what}", flush=True)
    return result


if __name__ == "__main__":
    main()
