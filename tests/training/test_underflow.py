"""What Adam keeps of gradients that have ended."""

import torch

import distaff
from distaff.training.checkpoint import read
from distaff.training.underflow import EVERY, forget_ended

TINY = torch.finfo(torch.float32).tiny


def denormal(values):
    return ((values != 0) & (values.abs() < TINY)).sum().item()


def after_the_gradient_ended(steps, *, forget):
    """Return Adam's averages when one of two weights has had no gradient for so many steps."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.Adam([weight], fused=True)
    for step in range(steps):
        weight.grad = torch.tensor([1.0 if step < 10 else 0.0, 1.0])
        if forget and step % EVERY == 0:
            forget_ended(optimizer)
        optimizer.step()
    return weight.detach(), optimizer.state[weight]


def test_an_average_of_nothing_becomes_nothing_and_not_a_denormal():
    weight, state = after_the_gradient_ended(1200, forget=True)
    assert denormal(state["exp_avg"]) == 0
    assert state["exp_avg"][0] == 0
    others, kept = after_the_gradient_ended(1200, forget=False)
    assert denormal(kept["exp_avg"]) == 1
    assert torch.equal(weight, others)
    assert torch.equal(state["exp_avg"][1], kept["exp_avg"][1])
    assert torch.equal(state["exp_avg_sq"], kept["exp_avg_sq"])


def test_what_is_no_number_stays_so():
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = torch.optim.Adam([weight], fused=True)
    weight.grad = torch.tensor([float("nan")])
    optimizer.step()
    forget_ended(optimizer)
    assert optimizer.state[weight]["exp_avg"].isnan().all()


def test_a_training_with_dead_units_keeps_no_denormals(tmp_path):
    # So large a rate kills most units at once.
    settings = {"network": "mlp", "train.lr": {"steps": {"at": {0: 0.3, 20: 1e-4}}}, "train.batch": 16}
    run = distaff.train("vae", data="digits", settings=settings, steps=1150, out=tmp_path / "run")
    states = read(run.path / "checkpoint.ckpt")["optimizer_states"][0]["state"].values()
    assert sum((state["exp_avg"] == 0).sum().item() for state in states) > 1000
    assert sum(denormal(state["exp_avg"]) for state in states) == 0
