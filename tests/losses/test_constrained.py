import pytest
import torch
from small_model import loss_of, make_batch, make_model

from distaff.latents import Gaussian
from distaff.losses import GECO, KL, ControlledKL


def train(terms, steps, lr=3e-3):
    model, objective, batch = make_model([Gaussian(4)]), None, make_batch(32)
    adam, seen = None, []
    for step in range(steps):
        loss, objective, _ = loss_of(terms, model, batch, step=step, steps=steps, objective=objective)
        if adam is None:
            adam = torch.optim.Adam([*model.parameters()], lr=lr)
        adam.zero_grad()
        loss.total.backward()
        adam.step()
        seen.append({name: column.mean().item() for name, column in loss.columns.items()})
    return seen, objective


def test_the_multiplier_grows_while_the_reconstruction_is_over_its_target_and_falls_under_it():
    over, _ = train([GECO(target=0.0), KL()], 30)
    under, _ = train([GECO(target=1000.0), KL()], 30)
    assert over[-1]["geco.lambda"] > over[0]["geco.lambda"] == 1
    assert under[-1]["geco.lambda"] < 1


def test_geco_stands_in_the_place_of_the_reconstruction_and_is_still_in_evaluation():
    model = make_model([Gaussian(4)])
    _, objective, _ = loss_of([GECO(target=10), KL()], model)
    assert list(objective.columns) == ["reconstruction", "geco.lambda", "kl"]
    objective.eval()
    before = {name: each.clone() for name, each in objective.state_dict().items()}
    loss_of([], model, objective=objective)
    assert all(torch.equal(before[name], each) for name, each in objective.state_dict().items())


def test_the_kl_comes_to_its_target():
    seen, objective = train([ControlledKL(target=3.0, integral=0.01, proportional=0.1)], 900)
    last = [each["kl"] for each in seen[-100:]]
    assert sum(last) / len(last) == pytest.approx(3.0, rel=0.25)
    assert "integral" in "".join(objective.state_dict())
