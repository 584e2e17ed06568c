"""Losses: the terms that a recipe's loss is made of, one file each."""

from distaff.losses._aggregate import MMD, ClassMeans, Marginal, Moments
from distaff.losses._bound import Bound, Enumerate
from distaff.losses._kl import GECO, KL, ControlledKL, KLTerm
from distaff.losses._labels import Classify, ClassifyTerm, Confuse, Responsible, Supervise
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
from distaff.losses._regions import Paths, Regions
from distaff.losses._single import Align, Hessian, Order, Quantise
from distaff.losses._tc import TC, Discriminator, Kernel, Minibatch, TCEstimator

__all__ = [
    "GECO",
    "KL",
    "MMD",
    "TC",
    "Align",
    "Bound",
    "ClassMeans",
    "Classify",
    "ClassifyTerm",
    "Column",
    "Confuse",
    "Context",
    "ControlledKL",
    "Discriminator",
    "Enumerate",
    "Hessian",
    "KLTerm",
    "Kernel",
    "Loss",
    "Marginal",
    "Minibatch",
    "Moments",
    "Objective",
    "Order",
    "ParameterGroup",
    "Paths",
    "Quantise",
    "Reconstruction",
    "Regions",
    "Responsible",
    "Step",
    "Supervise",
    "TCEstimator",
    "Term",
    "TermModule",
    "Values",
]
