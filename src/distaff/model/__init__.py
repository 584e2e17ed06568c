"""A trained model as people use it."""

from distaff.model._inputs import Floats, Indices, fit_sampler, read_images, show_images
from distaff.model._model import Labels, LatentInfo, Model
from distaff.model._paths import PATHS, End, Interpolation, PathName, interpolate, spherical, straight

__all__ = [
    "PATHS",
    "End",
    "Floats",
    "Indices",
    "Interpolation",
    "Labels",
    "LatentInfo",
    "Model",
    "PathName",
    "fit_sampler",
    "interpolate",
    "read_images",
    "show_images",
    "spherical",
    "straight",
]
