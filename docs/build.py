"""Builds the site: runs the tutorials, gathers the pages, and hands them to Zensical with warnings as errors.

Run `make docs`. The pages go to build/pages, the site to build/site. A tutorial whose text and whose distaff
are those of the last build is not run again.
"""

from __future__ import annotations

import base64
import hashlib
import inspect
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import distaff

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
BUILD = ROOT / "build"
BIN = Path(sys.executable).parent
PAGES = BUILD / "pages"
SITE = BUILD / "site"
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files beside docs/ that are pages of the site."""
API = {
    "distaff": "what a newcomer types first",
    "distaff.data": "images, labels and splits",
    "distaff.latents": "what z is made of, and rules",
    "distaff.latents.priors": "priors",
    "distaff.losses": "terms of the loss",
    "distaff.networks": "encoders and decoders",
    "distaff.likelihoods": "likelihoods",
    "distaff.schedules": "how weights move",
    "distaff.optimizers": "optimisers",
    "distaff.metrics": "metrics of codes and factors",
    "distaff.evaluation": "metrics of a trained model",
    "distaff.figures": "figures",
    "distaff.analysis": "images and the passes over them",
    "distaff.explorer": "the page",
    "distaff.study": "many runs",
    "distaff.estimator": "scikit-learn's transformer and classifier",
    "distaff.hub": "push and pull",
    "distaff.training": "the loop",
    "distaff.parts": "parts of your own",
}
NOT_RUN = "# not run here"
GALLERY = {
    "map": ("class-map/runs/map/explorer.html", "class-map/runs/map/figures/regions.png"),
    "photos": ("folder/runs/photos/explorer.html", "folder/runs/photos/figures/attributes.png"),
    "both": ("start/both.html", "start/comparison.png"),
}
"""The live pages that the tutorials make, each with an image of it."""
PLAIN = """import os
for name in ("FORCE_COLOR", "CLICOLOR_FORCE"):
    os.environ.pop(name, None)
"""
"""Runs first in a kernel, which asks its children for colours and moving lines that no page can show."""
BLOCK = re.compile(r"^```(python|sh)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
REPORT = re.compile(r"%%sh\ncat \S+\.md")
"""A block that shows a page of Markdown, which becomes part of its own page."""
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s#]*)(#[^)]*)?\)")
FENCED = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)


def main() -> None:
    """Build the site, or end with 1."""
    started = time.monotonic()
    shutil.rmtree(PAGES, ignore_errors=True)
    for page in sorted(DOCS.rglob("*.md")):
        copy(page, PAGES / page.relative_to(DOCS))
    for name, target in ROOT_PAGES.items():
        copy(ROOT / name, PAGES / target)
    for folder in ("images", "assets"):
        shutil.copytree(DOCS / folder, PAGES / folder)
    os.environ.update(OMP_NUM_THREADS="1", COLUMNS="100", PATH=f"{BIN}{os.pathsep}{os.environ['PATH']}")
    executed = [PAGES / "start.md", *sorted((PAGES / "tutorials").glob("*.md"))]
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(execute, executed):
            pass
    gallery()
    api()
    shutil.rmtree(SITE, ignore_errors=True)
    done = subprocess.run([BIN / "zensical", "build", "--clean", "--strict"], cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(1)
    print(f"build/site is complete after {time.monotonic() - started:.0f} s")


def copy(page: Path, target: Path) -> None:
    """Copy a page; its links lead to the site's pages, and a file that is none of them is named in words."""

    def link(match: re.Match[str]) -> str:
        image, text, path, anchor = match[1], match[2], match[3], match[4] or ""
        if not path or "://" in path or path.startswith("mailto:"):
            return match[0]
        linked = (page.parent / path).resolve()
        if linked.parent == ROOT and linked.name in ROOT_PAGES:
            place = PAGES / ROOT_PAGES[linked.name]
        elif linked.is_relative_to(DOCS):
            place = PAGES / linked.relative_to(DOCS)
        else:
            named = f"`{linked.relative_to(ROOT)}`"
            return named if text.strip("`") in path else f"{text} ({named})"
        return f"{image}[{text}]({os.path.relpath(place, target.parent)}{anchor})"

    parts = FENCED.split(page.read_text(encoding="utf-8"))
    parts[::2] = [LINK.sub(link, part) for part in parts[::2]]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("".join(parts), encoding="utf-8")


def execute(page: Path) -> None:
    """Run a tutorial's blocks in order, one program; what they print and show goes into the page."""
    import nbformat

    text = page.read_text(encoding="utf-8")
    notebook = run(page.stem, text)
    nbformat.write(notebook, page.with_suffix(".ipynb"))
    parts = [f"[This page as a notebook]({page.stem}.ipynb){{ download }}\n\n"]
    images = 0
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source + "\n\n")
            continue
        language = "sh" if cell.source.startswith("%%sh\n") else "python"
        parts.append(f"```{language}\n{cell.source.removeprefix('%%sh').strip()}\n```\n\n")
        said = COLOURS.sub("", "".join(_text(output) for output in cell.outputs)).strip()
        lines = "\n".join(line.rstrip() for line in said.splitlines())
        if REPORT.fullmatch(cell.source):
            parts.append(HEADING.sub(r"**\1**", lines) + "\n\n")
        elif lines:
            parts.append(f"``` {{ .text .output }}\n{lines}\n```\n\n")
        for output in cell.outputs:
            if image := output.get("data", {}).get("image/png"):
                images += 1
                place = page.with_name(f"{page.stem}-{images}.png")
                place.write_bytes(base64.b64decode(image))
                parts.append(f"![What this block shows]({place.name}){{ .output }}\n\n")
    heading, rest = parts[1].split("\n", 1)
    page.write_text("".join([heading, "\n\n", parts[0], rest, *parts[2:]]), encoding="utf-8")


def _text(output: Any) -> str:
    """What an output says in words; progress, which goes to stderr, is for those who wait."""
    data = output.get("data", {})
    shown = "" if "image/png" in data else data.get("text/plain", "")
    return str(output.get("text", shown)) if output.get("name") != "stderr" else ""


def run(name: str, text: str) -> Any:
    """Return the notebook of a tutorial, executed in a folder of its own, or that of the last build."""
    import nbformat
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    digest = hashlib.sha256(text.encode())
    for file in sorted((ROOT / "src").rglob("*")):
        if file.suffix in {".py", ".yaml", ".html"}:
            digest.update(file.read_bytes())
    folder = BUILD / "tutorials" / name
    kept = folder.with_suffix(".ipynb")
    if kept.exists():
        notebook = nbformat.read(kept, as_version=4)
        if notebook.metadata.get("digest") == digest.hexdigest():
            return notebook
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    cells = []
    for place, part in enumerate(BLOCK.split(text)):
        if place % 3 == 0 and part.strip():
            cells.append(new_markdown_cell(part.strip(), id=f"{name}-{place}"))
        elif place % 3 == 1:
            language = part
        elif place % 3 == 2:
            source = part.strip() if language == "python" else f"%%sh\n{part.strip()}"
            tags = ["skip-execution"] if NOT_RUN in part else []
            cells.append(new_code_cell(source, id=f"{name}-{place}", metadata={"tags": tags}))
    notebook = new_notebook(cells=[new_code_cell(PLAIN), *cells])
    started = time.monotonic()
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    print(f"tutorials/{name}: {time.monotonic() - started:.0f} s", flush=True)
    del notebook.cells[0]
    notebook.metadata["digest"] = digest.hexdigest()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    nbformat.write(notebook, kept)
    return notebook


def gallery() -> None:
    """Bring the pages that the tutorials made."""
    target = PAGES / "gallery"
    target.mkdir()
    page = PAGES / "gallery.md"
    text = page.read_text(encoding="utf-8")
    for name, (live, image) in GALLERY.items():
        shutil.copy(BUILD / "tutorials" / live, target / f"{name}.html")
        shutil.copy(BUILD / "tutorials" / image, target / f"{name}.png")
        size = (target / f"{name}.html").stat().st_size / 1e6
        link = f"[Open the page](gallery/{name}.html) ({size:.1f} MB)"
        shown = f"{link}\n\n[![The page's run](gallery/{name}.png)](gallery/{name}.html)"
        text = text.replace(f"<!-- {name} -->", shown)
    page.write_text(text, encoding="utf-8")


def api() -> None:
    """A page for each namespace, made of its docstrings."""
    rows = []
    for name, about in API.items():
        place = PAGES / "api" / f"{name.removeprefix('distaff.')}.md"
        place.parent.mkdir(exist_ok=True)
        named = [each for each in distaff.__all__ if not inspect.ismodule(getattr(distaff, each))]
        options = f"    options: {{members: [{', '.join(named)}]}}\n" if name == "distaff" else ""
        place.write_text(f"# `{name}`\n\n::: {name}\n{options}", encoding="utf-8")
        rows.append(f"| [`{name}`]({place.name}) | {about} |")
    table = "\n".join(["| namespace | what is there |", "|---|---|", *rows])
    (PAGES / "api" / "index.md").write_text(
        f"# API reference\n\nMade of the docstrings; every example in them runs as a test.\n\n{table}\n",
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
