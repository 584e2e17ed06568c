"""A trained model as people use it, and how it is built from a recipe."""

from distaff.model.bound import BoundTerms, bound_terms, has_bound, kl_by_dimension, log_weights
from distaff.model.build import build, condition_code, domains, resolve
from distaff.model.collapse import Collapse, judge_collapse
from distaff.model.model import Known, Latent, Model
from distaff.model.pixels import read_pictures, show_pictures

__all__ = [
    "BoundTerms",
    "Collapse",
    "Known",
    "Latent",
    "Model",
    "bound_terms",
    "build",
    "condition_code",
    "domains",
    "has_bound",
    "judge_collapse",
    "kl_by_dimension",
    "log_weights",
    "read_pictures",
    "resolve",
    "show_pictures",
]
