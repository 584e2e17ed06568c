"""The README and docs/: code runs and is typed, commands parse, tables are complete, links lead somewhere."""

import doctest
import importlib
import inspect
import io
import pkgutil
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
import yaml

import distaff
from distaff.cli._entry import app
from distaff.data import SOURCES, DataOptions
from distaff.parts import FAMILIES, is_foreign
from distaff.recipe import Recipe, TrainOptions
from distaff.recipes import shipped
from distaff.study import Study

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
EXECUTED = [ROOT / "docs" / "start.md", *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
"""Pages that are each one program, which `make docs` runs."""
EXAMPLE = ROOT / "tests" / "plugin" / "distaff_example"
EXAMPLES = {path.read_text(encoding="utf-8"): path for path in EXAMPLE.glob("*.py")}
NAMESPACES = ("data", "likelihoods", "metrics", "optimizers", "recipe", "recipes", "schedules", "training")
"""Packages whose every public function has an example; those of trained runs would train one for each."""
MODULES = [
    each.name
    for each in pkgutil.walk_packages(distaff.__path__, "distaff.")
    if not each.name.endswith("__main__")
]


def blocks(language, pages=PAGES):
    """All code blocks of a language, each under its page's name."""
    found = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        texts = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        found += [pytest.param(text, id=f"{page.stem}-{i}") for i, text in enumerate(texts, start=1)]
    return found


def programs():
    """The Python blocks that are no file of the example package, which runs as a package of its own."""
    pages = [page for page in PAGES if page not in EXECUTED]
    return [each for each in blocks("python", pages) if each.values[0] not in EXAMPLES]


def tutorials():
    """The Python blocks of each executed page, as the one program that they are."""
    for page in EXECUTED:
        code = "\n".join(each.values[0] for each in blocks("python", [page]))
        yield pytest.param(code, id=f"executed-{page.stem}")


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))


@pytest.mark.usefixtures("operators_once")
@pytest.mark.parametrize("code", programs())
def test_python_runs(code):
    exec(compile(code, "block", "exec"), {"__name__": "__main__"})


@pytest.mark.slow
def test_python_is_typed_as_it_is_documented(tmp_path):
    """Every block passes mypy --strict, and so does the example package; minutes where nothing is cached."""
    files = []
    for each in (*programs(), *tutorials()):
        files.append(tmp_path / f"{re.sub('[^a-z0-9]', '_', each.id.lower())}.py")
        files[-1].write_text(each.values[0])
    words = ["--strict", "--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *words, *files, EXAMPLE],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_run(name):
    """An example may use what its module has, what its package offers, and np, torch and nn."""
    module = importlib.import_module(name)
    package = importlib.import_module(name.rpartition(".")[0])
    offered = {each: getattr(package, each) for each in getattr(package, "__all__", ())}
    names = {"np": np, "torch": torch, "nn": torch.nn, **offered, **vars(module)}
    said = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    for each in doctest.DocTestFinder().find(module, name, globs=names):
        runner.run(each, out=said.write)
    assert runner.failures == 0, said.getvalue()


@pytest.mark.parametrize("name", ["distaff", *(f"distaff.{each}" for each in NAMESPACES)])
def test_public_functions_have_examples(name):
    package = importlib.import_module(name)
    found = {each: getattr(package, each) for each in package.__all__}
    functions = {each: thing for each, thing in found.items() if inspect.isfunction(inspect.unwrap(thing))}
    assert not [each for each, thing in functions.items() if ">>>" not in (thing.__doc__ or "")]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_recipes_are_recipes(text):
    raw = yaml.safe_load(text)
    if "over" in raw:
        assert Study.model_validate(raw).plan()
    else:
        assert Recipe.model_validate(raw).about


@pytest.mark.parametrize("text", blocks("sh"))
def test_commands_parse(text, monkeypatch):
    monkeypatch.setattr("distaff.parts.import_parts", lambda module: None)
    group = typer.main.get_command(app)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in text.replace("\\\n", "").splitlines():
        words = shlex.split(line.partition(" | ")[0], comments=True)
        if words[:1] == ["distaff"]:
            with group.make_context("distaff", words[1:]) as context:
                _, command, rest = group.resolve_command(context, words[1:])
                command.make_context(words[1], rest, parent=context)
        elif words[:1] == ["make"]:
            assert words[1] in targets


TASK = re.compile(r"^\| \[(.*?)\]\(#(.*?)\) \| (\d+) \| \[.*?\]\((.*?)\) \|$", re.MULTILINE)
SECTION = re.compile(r"^## (.*?)\n(.*?)(?=^## |\Z)", re.DOTALL | re.MULTILINE)


def test_what_people_come_for_takes_ten_lines():
    """Each task of the table has a section of as many lines as the table says, which define what they use."""
    text = EXECUTED[0].read_text(encoding="utf-8")
    sections = {heading.lower().replace(" ", "-"): body for heading, body in SECTION.findall(text)}
    tasks = TASK.findall(text)
    assert len(tasks) == len(sections) == 12
    for task, anchor, said, _ in tasks:
        codes = re.findall(r"^```(sh|python)\n(.*?)^```", sections[anchor], re.DOTALL | re.MULTILINE)
        lines = [line for _, code in codes for line in code.splitlines() if line.strip()]
        assert 1 <= len(lines) == int(said) <= 10, task
        for language, code in codes:
            if language == "python":
                words = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821", "-"]
                done = subprocess.run(words, input=code, capture_output=True, text=True, check=False)
                assert done.returncode == 0, done.stdout


def test_the_site_has_every_page_once():
    def places(entries):
        for entry in entries:
            for value in entry.values() if isinstance(entry, dict) else [entry]:
                yield from places(value) if isinstance(value, list) else [value]

    site = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    shown = list(places(site["nav"]))
    made = runpy.run_path(str(ROOT / "docs" / "build.py"), run_name="build")
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in (ROOT / "docs").rglob("*.md")]
    api = ["api/index.md", *(f"api/{name.removeprefix('distaff.')}.md" for name in made["API"])]
    assert sorted(shown) == sorted([*pages, *made["ROOT_PAGES"].values(), *api])


def test_links_lead_somewhere():
    for page in PAGES:
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
        for target, anchor in re.findall(r"\]\(([^)#]*)(?:#([^)]+))?\)", text):
            if "://" in target:
                continue
            linked = (page.parent / target) if target else page
            assert linked.exists(), f"{page.name}: {target}"
            if anchor:
                assert anchor in headings(linked), f"{page.name}: {target}#{anchor}"


def headings(page):
    """The anchors of a page's headings, as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


def test_contributing_shows_the_example_package():
    """What stands under 'Add a latent', ... is a file that tests/plugin trains with."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for part in ("latent", "prior", "term", "metric", "source"):
        assert (EXAMPLE / f"{part}.py").read_text(encoding="utf-8") in shown, part


def test_every_part_is_documented():
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    for name, family in FAMILIES.items():
        for tag, part in family.items():
            if name != "source" and not is_foreign(part.__module__):
                assert f"`{tag}`" in text, f"{name} {tag}"
    for field in (*Recipe.model_fields, *TrainOptions.model_fields):
        assert field == "about" or f"`{field}`" in text, field
    for name in shipped():
        assert f"`{name}`" in text, name


def test_the_table_of_methods_is_made_of_what_every_recipe_says():
    made = runpy.run_path(str(ROOT / "docs" / "generate.py"))
    assert made["METHODS"].read_text(encoding="utf-8") == made["methods_page"](), (
        "run python docs/generate.py"
    )
    for name, text in shipped().items():
        if not name.startswith(("original/", "demo")):
            assert made["headers"](text).keys() == {"Needs", "Reaches", "Traps"}, name


def test_every_source_and_option_is_documented():
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    for name, source in SOURCES.items():
        if source.path is None and not is_foreign(source.__module__):
            assert f"`{name}`" in text, name
    for name in DataOptions.model_fields:
        assert f"`{name}`" in text, name


def test_the_files_that_contributing_names_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z]+/)*_?[a-z]+(?:/|\.py))`", text)) - {"docs/"}
    assert len(named) > 20
    for name in named:
        assert (ROOT / "src" / "distaff" / name).exists(), name
