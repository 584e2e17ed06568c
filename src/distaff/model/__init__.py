"""A trained model as people use it, and how it is built from a recipe."""

from distaff.model.bound import BoundTerms, bound_terms, has_bound, kl_by_dimension, log_weights
from distaff.model.build import build, condition_code, domains, resolve
from distaff.model.collapse import Collapse, judge_collapse
from distaff.model.mixing import End, Way, walk
from distaff.model.model import Known, Latent, Model
from distaff.model.pixels import read_pictures, show_pictures
from distaff.model.tiles import tiled, to_bytes, to_gif

__all__ = [
    "BoundTerms",
    "Collapse",
    "End",
    "Known",
    "Latent",
    "Model",
    "Way",
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
    "tiled",
    "to_bytes",
    "to_gif",
    "walk",
]
