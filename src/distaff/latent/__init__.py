"""Latent blocks: what z is made of."""

from distaff.latent.argmax import Argmax, ArgmaxNorm
from distaff.latent.block import AttributeBlock, Block, Domain, Penalty, State
from distaff.latent.gaussian import Gaussian
from distaff.latent.l2 import L2
from distaff.latent.sampled import Sampled
from distaff.latent.softmax import Softmax
from distaff.latent.space import LatentSpace, LatentSpec

__all__ = [
    "L2",
    "Argmax",
    "ArgmaxNorm",
    "AttributeBlock",
    "Block",
    "Domain",
    "Gaussian",
    "LatentSpace",
    "LatentSpec",
    "Penalty",
    "Sampled",
    "Softmax",
    "State",
]
