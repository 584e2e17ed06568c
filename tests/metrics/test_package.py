"""The package as a whole: names, examples, and what every metric says of itself."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from distaff import metrics
from distaff.metrics import METRICS, Metric

MODULES = sorted(module.name for module in pkgutil.walk_packages(metrics.__path__, "distaff.metrics."))
OURS = [METRICS[name] for name in METRICS if name in metrics.__all__]
FUNCTIONS = [name for name in metrics.__all__ if inspect.isfunction(getattr(metrics, name))]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_an_example(name: str) -> None:
    assert ">>>" in (inspect.getdoc(getattr(metrics, name)) or "")


def test_modules_are_private_and_none_is_shadowed_by_a_function() -> None:
    for name in MODULES:
        package, _, module = name.rpartition(".")
        assert module.startswith("_"), name
        found = importlib.import_module(name)
        # A function of the module's name would hide the module from `import`.
        assert getattr(importlib.import_module(package), module) is found, name


def test_listing_loads_nothing_heavy() -> None:
    code = (
        "import sys, distaff.metrics as m; [m.METRICS[name].summary for name in m.METRICS]; "
        "print([name for name in ('torch', 'numba', 'scipy', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("entry", OURS, ids=lambda entry: entry.name)
def test_every_metric_says_what_it_is(entry: Metric) -> None:
    assert getattr(metrics, entry.name) is entry.function
    assert entry.summary.endswith(".")
    assert len(entry.summary) <= 110
    assert entry.span
    assert entry.better in ("higher", "lower", "neither")
    assert entry.weaknesses.endswith(".")
    assert entry.paper.startswith("https://")
    if {"classes", "numbers"} & set(entry.needs):
        assert entry.chance
        assert entry.continuous
        assert entry.missing
    if entry.cost == "minutes":
        assert not entry.default


def test_the_page_of_metrics_is_made_from_the_docstrings() -> None:
    made = runpy.run_path(str(Path(__file__).parents[2] / "docs" / "generate.py"))
    assert made["PAGE"].read_text(encoding="utf-8") == made["metrics_page"](), "run python docs/generate.py"
