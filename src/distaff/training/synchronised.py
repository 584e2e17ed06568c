"""Batch normalisation over a batch that several processes share, on any device.

PyTorch's own synchronised layer is for GPUs only; this one computes the same anywhere.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from distaff.share import WHOLE, Share


class SharedBatchNorm2d(nn.BatchNorm2d):
    """`nn.BatchNorm2d` whose mean and variance are those of all processes' pictures."""

    share: Share = WHOLE

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - the name that it replaces
        """Return normalised pictures of the same shape: [b, c, h, w]."""
        if not self.training:
            return super().forward(input)
        pixels = input.to(torch.promote_types(input.dtype, torch.float32))
        mean = self.share.mean(pixels.mean((0, 2, 3)))
        centred = pixels - mean[:, None, None]
        variance = self.share.mean(centred.square().mean((0, 2, 3)))
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.num_batches_tracked += 1
            count = self.share.of * pixels.numel() / pixels.shape[1]
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(variance.detach() * count / (count - 1), self.momentum)
        scaled = centred * (self.weight * (variance + self.eps).rsqrt())[:, None, None]
        return (scaled + self.bias[:, None, None]).to(input.dtype)


def synchronise(module: nn.Module, share: Share) -> None:
    """Put a layer over all processes in the place of every batch normalisation; the weights stay."""
    for parent in module.modules():
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                shared = SharedBatchNorm2d(child.num_features, child.eps, child.momentum).to(child.weight)
                shared.share = share
                shared.load_state_dict(child.state_dict())
                shared.train(child.training)
                setattr(parent, name, shared)
