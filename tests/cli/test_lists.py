"""`distaff recipes`, `data` and `metrics`: what there is, described."""

import pytest
import yaml

from distaff.cli.model_metrics import MODEL_METRICS
from distaff.data import SOURCES
from distaff.evaluation import METRICS
from distaff.metrics import catalogue
from distaff.recipe import Recipe, from_yaml, shipped


def test_recipes_are_listed_with_what_they_are(does):
    text = does("recipes")
    column = 2 + max(map(len, shipped()))
    for name, content in shipped().items():
        about = yaml.safe_load(content)["about"]
        assert f"{name:<{column}}{about.split()[0]}" in text


def test_a_shown_recipe_can_be_read_again(does):
    for name in shipped():
        assert isinstance(from_yaml(does("recipes", name), where=name), Recipe)


def test_data_lists_every_source(does):
    text = does("data")
    assert all(f"\n{name}\n" in f"\n{text}" for name in SOURCES)
    assert does("data", "mnist").startswith("mnist\n  handwritten digits\n")


def test_metrics_lists_every_metric(does):
    text = does("metrics")
    assert all(f"\n{entry.name} " in f"\n{text}" for entry in catalogue())
    assert all(f"\n{name} " in f"\n{text}" for name in METRICS)


@pytest.mark.parametrize("name", MODEL_METRICS)
def test_a_metric_of_a_model_is_described_in_full(does, name):
    entry, text = MODEL_METRICS[name], " ".join(does("metrics", name).split())
    assert name in METRICS
    for part in (entry.measures, entry.span, entry.needs, entry.weaknesses, entry.paper):
        assert part in text


@pytest.mark.parametrize("entry", catalogue(), ids=lambda entry: entry.name)
def test_a_metric_is_described_in_full(does, entry):
    text = " ".join(does("metrics", entry.name).split())
    for part in (entry.measures, entry.span, entry.weaknesses, entry.paper):
        assert part in text


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [
        (("recipes", "beta-vea"), "'beta-vae'"),
        (("data", "minst"), "'mnist'"),
        (("metrics", "migg"), "'mig'"),
        (("metrics", "border"), "'borders'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(fails, arguments, nearest):
    assert f"did you mean {nearest}" in fails(*arguments)
