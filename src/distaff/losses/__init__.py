"""Losses: the terms that a recipe's loss is made of, one file each."""

from distaff.losses._aggregate import MMD, ClassMeans, Marginal, Moments
from distaff.losses._bound import Bound
from distaff.losses._kl import GECO, KL, ControlledKL, KLTerm
from distaff.losses._labels import Classify, ClassifyTerm, Paths, Regions, Supervise
from distaff.losses._objective import (
    Column,
    Context,
    Loss,
    Objective,
    ParameterGroup,
    Reconstruction,
    Step,
    Term,
    TermModule,
    Values,
)
from distaff.losses._quantise import Hessian, Quantise
from distaff.losses._tc import TC, Discriminator, Kernel, Minibatch, TCEstimator

__all__ = [
    "GECO",
    "KL",
    "MMD",
    "TC",
    "Bound",
    "ClassMeans",
    "Classify",
    "ClassifyTerm",
    "Column",
    "Context",
    "ControlledKL",
    "Discriminator",
    "Hessian",
    "KLTerm",
    "Kernel",
    "Loss",
    "Marginal",
    "Minibatch",
    "Moments",
    "Objective",
    "ParameterGroup",
    "Paths",
    "Quantise",
    "Reconstruction",
    "Regions",
    "Step",
    "Supervise",
    "TCEstimator",
    "Term",
    "TermModule",
    "Values",
]
