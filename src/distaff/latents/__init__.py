"""Latents: what z is made of, with their posteriors, priors and rules."""

from distaff.latents import priors
from distaff.latents._attributes import L2, AttributeLatent, ClassBlock
from distaff.latents._class_codes import Argmax, ArgmaxNorm, Sampled, Softmax
from distaff.latents._continuous import Gaussian, Sphere, normal_head
from distaff.latents._discrete import Gumbel, Quantised, QuantisedLatent
from distaff.latents._posteriors import (
    Categorical,
    Coded,
    Normal,
    Posterior,
    log_normal,
    log_standard_normal,
    normal_kl,
    without_negligible,
)
from distaff.latents._rules import Batch, Detach, Rule, Share, TeacherForcing
from distaff.latents._sampler import CodeSampler, SamplerOptions, condition_code
from distaff.latents._space import (
    AttributeBlock,
    Block,
    ImageShape,
    Latent,
    LatentSpace,
    Posteriors,
    between_classes,
)

__all__ = [
    "L2",
    "Argmax",
    "ArgmaxNorm",
    "AttributeBlock",
    "AttributeLatent",
    "Batch",
    "Block",
    "Categorical",
    "ClassBlock",
    "CodeSampler",
    "Coded",
    "Detach",
    "Gaussian",
    "Gumbel",
    "ImageShape",
    "Latent",
    "LatentSpace",
    "Normal",
    "Posterior",
    "Posteriors",
    "Quantised",
    "QuantisedLatent",
    "Rule",
    "Sampled",
    "SamplerOptions",
    "Share",
    "Softmax",
    "Sphere",
    "TeacherForcing",
    "between_classes",
    "condition_code",
    "log_normal",
    "log_standard_normal",
    "normal_head",
    "normal_kl",
    "priors",
    "without_negligible",
]
