"""The README and every page of docs/: their code runs, their commands parse, their tables are complete."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
import typer
import yaml

from distaff.cli.app import app
from distaff.data import SOURCES, DataOptions
from distaff.latent import LatentSpec
from distaff.likelihood import LikelihoodSpec
from distaff.network import Network
from distaff.objective import LossSpec
from distaff.recipe import Recipe, TrainOptions
from distaff.schedule import SCHEDULES

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language):
    """All code blocks of a language, each under its page's name."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        texts = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        found += [pytest.param(text, id=f"{page.name}-{i}") for i, text in enumerate(texts, start=1)]
    return found


@pytest.mark.parametrize("code", blocks("python"))
def test_python_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISTAFF_CACHE", str(tmp_path / "cache"))
    exec(compile(code, "block", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("text", blocks("yaml"))
def test_recipes_are_recipes(text):
    assert Recipe.model_validate(yaml.safe_load(text)).about


@pytest.mark.parametrize("text", blocks("sh"))
def test_commands_parse(text):
    group = typer.main.get_command(app)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        if words[:1] == ["distaff"]:
            with group.make_context("distaff", words[1:]) as context:
                _, command, rest = group.resolve_command(context, words[1:])
                command.make_context(words[1], rest, parent=context)
        elif words[:1] == ["make"]:
            assert words[1] in targets


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def tags(union):
    """The words that choose a part of a recipe."""
    return [spec.tag for spec in get_args(get_args(union)[0])]


def test_every_part_is_documented():
    text = (ROOT / "docs" / "recipes.md").read_text(encoding="utf-8")
    unions = (LatentSpec, LossSpec, Network, LikelihoodSpec)
    for tag in (*(tag for union in unions for tag in tags(union)), *(each.tag for each in SCHEDULES)):
        assert f"`{tag}`" in text, tag
    for field in (*Recipe.model_fields, *TrainOptions.model_fields):
        assert field == "about" or f"`{field}`" in text, field


def test_every_source_and_option_is_documented():
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    for name in (*(name for name in SOURCES if name.islower()), *DataOptions.model_fields):
        assert f"`{name}`" in text, name
