"""Losses kept for a row of the history: their means, and which diverged first."""

import math

import pytest
import torch
from lightning_fabric import Fabric

from distaff.losses import Column, Loss
from distaff.run import Run
from distaff.training._history import History, first_broken, keep, means

NAN, INF = math.nan, math.inf


FABRIC = Fabric(accelerator="cpu", devices=1)


def kept(*steps):
    """Return the losses of steps: each the total and its columns, where None in a list is masked out."""
    found = []
    for total, columns in steps:
        made, size = {}, 1
        for name, values in columns.items():
            if isinstance(values, float):
                made[name] = Column(torch.tensor(values))
                continue
            size = len(values)
            mask = torch.tensor([each is not None for each in values])
            numbers = torch.tensor([NAN if each is None else each for each in values])
            made[name] = Column(numbers, None if mask.all() else mask)
        terms = {name: torch.tensor(total) for name in list(columns)[:1]}
        found.append(keep(Loss(torch.tensor(total), made, terms), size))
    return found


def test_means_are_over_the_images_that_count():
    losses = kept(
        (1.0, {"kl": [1.0, 2.0, 3.0], "a": [None, None, None], "b": [1.0, None, None], "moment": 4.0}),
        (4.0, {"kl": [8.0], "a": [None], "b": [2.0], "moment": 8.0}),
    )
    found = means(losses, FABRIC)
    assert found == {"loss": 1.75, "kl": 3.5, "a": None, "b": 1.5, "moment": 5.0, "+kl": 1.75}
    assert first_broken(losses, FABRIC) is None
    assert means([], FABRIC) == {}
    assert first_broken([], FABRIC) is None


BROKEN = [(INF, {"a": [1.0], "b": [INF]}), (NAN, {"a": [NAN], "b": [NAN]})]


@pytest.mark.parametrize(
    ("steps", "first"),
    [
        ([(1.0, {"a": [1.0], "b": [1.0]}), *BROKEN], ("b", 1)),
        ([(NAN, {"a": [1.0], "b": [NAN]})], ("b", 0)),
        ([(NAN, {"a": [1.0], "b": [None]})], ("loss", 0)),
        ([(INF, {"a": [1.0], "b": INF})], ("b", 0)),
    ],
)
def test_the_first_to_diverge_is_named(steps, first):
    name, step, value = first_broken(kept(*steps), FABRIC)
    assert (name, step) == first
    assert not math.isfinite(value)


def test_a_history_goes_through_a_checkpoint(tmp_path):
    one, other = (History(Run(tmp_path / name)) for name in "ab")
    one.kept += kept((1.0, {"kl": [1.0, None]}), (2.0, {"kl": [3.0, 0.1]}))
    one.add(50, "train", {"loss": 2.5, "+kl": 1.5, "kl": 1.0})
    torch.save(one.state_dict(), tmp_path / "state")
    state = torch.load(tmp_path / "state", weights_only=True)
    other.load_state_dict(state)
    assert means(other.kept, FABRIC) == means(one.kept, FABRIC)
    assert other.contributions == {"kl": 1.5}
    assert other.seconds >= state["seconds"] > 0
    for each in (one, other):
        each.add(60, "valid", {"loss": 2.0, "kl.z0": 0.5})
        each.write()
    text = (tmp_path / "b" / "history.csv").read_text()
    assert text.splitlines()[0] == "step,seconds,split,loss,kl,kl.z0"
    assert text.splitlines()[2].endswith(",valid,2.0,,0.5")
