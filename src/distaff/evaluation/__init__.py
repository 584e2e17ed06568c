"""The metrics of a trained run, and the runner that measures them and writes evaluation.json.

Importing this package registers its metrics in `distaff.metrics.METRICS`; torch is loaded when one runs.
"""

from distaff.evaluation._between import interpolation
from distaff.evaluation._bound import elbo, kl, nll, nll_5000, nll_annealed, reconstruction
from distaff.evaluation._evaluate import evaluate, file_name
from distaff.evaluation._generated import condition_fidelity, diversity, drawn_iou, read_each_other
from distaff.evaluation._inputs import RunInputs
from distaff.evaluation._latents import attribute_accuracy, collapse, linear_factor, strongest_latent
from distaff.evaluation._swap import borders, swap_test

__all__ = [
    "RunInputs",
    "attribute_accuracy",
    "borders",
    "collapse",
    "condition_fidelity",
    "diversity",
    "drawn_iou",
    "elbo",
    "evaluate",
    "file_name",
    "interpolation",
    "kl",
    "linear_factor",
    "nll",
    "nll_5000",
    "nll_annealed",
    "read_each_other",
    "reconstruction",
    "strongest_latent",
    "swap_test",
]
