"""The objective: one term a file, each reading what the model returned."""

from distaff.objective.classify import Classify, ClassifyTerm
from distaff.objective.kl import KL, KLTerm
from distaff.objective.objective import Loss, LossSpec, Objective
from distaff.objective.reconstruction import Reconstruction
from distaff.objective.supervise import Supervise
from distaff.objective.term import Batch, Term, first_attribute, mean_known

__all__ = [
    "KL",
    "Batch",
    "Classify",
    "ClassifyTerm",
    "KLTerm",
    "Loss",
    "LossSpec",
    "Objective",
    "Reconstruction",
    "Supervise",
    "Term",
    "first_attribute",
    "mean_known",
]
