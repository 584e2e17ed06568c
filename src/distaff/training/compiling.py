"""Networks that PyTorch compiles before the first step, for runs long enough to win that time back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import torch
from torch import Tensor, nn

from distaff.autoencoder import Autoencoder
from distaff.errors import InputError

COMPILERS = ("g++", "clang++")


def compile_networks(model: Autoencoder) -> None:
    """Have the encoder and the decoder compiled at the first step; their weights keep their names.

    Raises InputError where the processor trains and there is no C++ compiler, which PyTorch needs for it.
    """
    wanted = [os.environ["CXX"]] if "CXX" in os.environ else COMPILERS
    if not torch.cuda.is_available() and not any(shutil.which(each) for each in wanted):
        raise InputError(f"train.compile: needs a C++ compiler, and {' or '.join(wanted)} is not to be found")
    for network in (model.encoder, model.decoder):
        network.forward = _in_training(network, network.forward)


def _in_training(network: nn.Module, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Return a forward that is compiled for training alone: there every batch has the same size."""
    compiled = torch.compile(forward)

    def run(*inputs: Tensor | None) -> Tensor:
        learns = network.training and torch.is_grad_enabled()
        return (compiled if learns else forward)(*inputs)

    return run
