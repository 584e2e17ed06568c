"""Every tensor of a step is on one device, and no step waits for it: without a GPU.

Where PyTorch is built without CUDA, a device that computes nothing stands for it. Under fake tensors a look
at a number (`.item()`, `bool()`, `nonzero`) is an error, as it would make a step wait for the device.
"""

import json
import subprocess
import sys

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from training_made import plain

from distaff.recipes import shipped
from distaff.training import train

STEPS = """
import json, sys
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils import backend_registration
from distaff.data import load
from distaff.latents import Batch
from distaff.recipe import load_recipe
from distaff.training._loop import parameter_groups
from distaff.training._batches import ModelWithLoss

DEVICE = "cuda" if torch.backends.cuda.is_built() else "fakegpu"
if DEVICE == "fakegpu":
    class Backend(backend_registration._DummyBackendModule):
        def get_amp_supported_dtype(self):
            return [torch.bfloat16]

    backend_registration._setup_privateuseone_for_python_backend("fakegpu", Backend())
    library = torch.library.Library("_", "IMPL")
    library.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
processor = torch.Generator
torch.Generator = lambda device=None: processor()


def move(module, mode):
    for each in module.modules():
        for name, weight in each._parameters.items():
            if weight is not None:
                moved = mode.from_tensor(weight.data).to(DEVICE)
                each._parameters[name] = torch.nn.Parameter(moved, weight.requires_grad)
        for name, buffer in each._buffers.items():
            each._buffers[name] = None if buffer is None else mode.from_tensor(buffer).to(DEVICE)


def step(name):
    dataset = load("digits", count=100)
    options = load_recipe(name).data.pairs
    pairs = {"data.pairs.changed": 1} if options and not options.same else {}
    recipe = load_recipe(name).changed({"network": "conv", **pairs})
    attributes = dataset.attributes.attributes
    recipe = recipe.resolved({each.name: each for each in attributes})
    vae, objective = recipe.build(attributes, (1, 8, 8), 50)
    with FakeTensorMode(allow_non_fake_inputs=True) as mode:
        module = ModelWithLoss(vae, objective, recipe, dataset)
        move(module, mode)
        module.train()
        images, labels = torch.zeros(16, 1, 8, 8, dtype=torch.uint8), torch.zeros(16, 1)
        with torch.autocast(DEVICE, torch.bfloat16):
            loss = module(images, labels, 0)
        found = [loss.total.device, *(each.values.device for each in loss.columns.values())]
        if name not in sys.argv[2:]:
            loss.total.backward()
            found += [each.grad.device for each in module.parameters() if each.grad is not None]
            _, groups = parameter_groups(module)
            recipe.train.optimizer.build(groups).step()
        module.eval()
        seen = {each.name: labels[:, 0].to(DEVICE) for each in attributes}
        condition = vae.condition_code(seen)
        z = vae.latents.mode(vae.encode(images.to(DEVICE).float(), condition))
        drawn = vae.latents.sample_prior(16, torch.Generator(), z.device, seen)
        found += [each.device for each in (z, drawn, vae.decode(z, condition), vae.decode(drawn, condition))]
    return sorted({each.type for each in found})

print(json.dumps({"device": DEVICE, "found": {name: step(name) for name in json.loads(sys.argv[1])}}))
"""
FORWARD_ONLY = ["spherical-vae"]
"""Their gradient needs an operator (of the gamma distribution) that PyTorch cannot run on fake tensors."""


def test_every_tensor_of_a_step_is_on_the_device_and_no_step_looks_at_a_number():
    command = [sys.executable, "-W", "ignore", "-c", STEPS, json.dumps(sorted(shipped())), *FORWARD_ONLY]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["found"] == {name: [told["device"]] for name in shipped()}


class NoLook(TorchDispatchMode):
    """Notes operators that wait for the device they run on."""

    WAITING = ("_local_scalar_dense", "nonzero", "equal", "is_nonzero", "masked_select", "_unique", "item")

    def __init__(self):
        super().__init__()
        self.seen, self.count = set(), 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += 1
        name = func.overloadpacket.__name__
        if name.startswith(self.WAITING):
            self.seen.add(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("clip", [None, 1.0])
def test_the_loop_waits_for_the_device_only_where_it_logs(tmp_path, clip):
    look = NoLook()

    class Watch:
        """Watches the steps in which nothing is drawn, logged or saved."""

        def on_step(self, run, step, loss):
            if step == 31:
                look.__enter__()
            elif step == 48:
                look.__exit__(None, None, None)

    settings = {"train.gradient_clip": clip}
    train(plain(), steps=60, settings=settings, out=tmp_path / "run", callbacks=[Watch()], progress=False)
    assert look.count > 17 * 50
    assert look.seen == set()
    with look:
        bool(torch.ones(()) > 0)
    assert look.seen == {"_local_scalar_dense"}
