"""Measures of representations: pure functions of arrays, each `f(codes, factors, ...) -> Score`.

`score` runs those that fit the data; `METRICS` holds all by name, those of other packages included; `metric`
registers one more.
"""

from distaff.metrics._borders import (
    EMPTY,
    Grid,
    Strongest,
    border_lengths,
    class_pairs,
    class_paths,
    grid_over,
    mean_distance,
    path_purity,
    planar_bound,
    relative_spread,
    shares_border,
    strongest,
    void_depth,
)
from distaff.metrics._dci import dci
from distaff.metrics._downstream import downstream, reduced_downstream
from distaff.metrics._infomec import infoc, infoe, infom, infomec
from distaff.metrics._information import (
    Information,
    code_mutual_information,
    information,
    modularity,
    mutual_information,
)
from distaff.metrics._inputs import Factor, Inputs
from distaff.metrics._interventions import beta_vae_score, fairness, strong_downstream
from distaff.metrics._linear_models import sap
from distaff.metrics._matrices import mcc, model_centrality, udr
from distaff.metrics._mig import dcimig, jemmig, mig, mig_sup
from distaff.metrics._posterior_jemmig import posterior_jemmig
from distaff.metrics._posteriors import iwae_bound, posterior_mig, sepin
from distaff.metrics._probes import explicitness, knn_accuracy, linear_probe, nearest_rows, pipe
from distaff.metrics._registry import METRICS, NEEDS, Metric, Score, metric
from distaff.metrics._run import Results, run, score
from distaff.metrics._sampler import FactorSampler
from distaff.metrics._traversals import flatness, irs, linearity, orthogonality
from distaff.metrics._unsupervised import (
    active_units,
    elbo_split,
    gaussian_kl,
    log_aggregate,
    total_correlation,
    wasserstein_correlation,
)
from distaff.metrics._variance_votes import factor_vae_score, z_max_variance, z_min_variance

__all__ = [
    "EMPTY",
    "METRICS",
    "NEEDS",
    "Factor",
    "FactorSampler",
    "Grid",
    "Information",
    "Inputs",
    "Metric",
    "Results",
    "Score",
    "Strongest",
    "active_units",
    "beta_vae_score",
    "border_lengths",
    "class_pairs",
    "class_paths",
    "code_mutual_information",
    "dci",
    "dcimig",
    "downstream",
    "elbo_split",
    "explicitness",
    "factor_vae_score",
    "fairness",
    "flatness",
    "gaussian_kl",
    "grid_over",
    "infoc",
    "infoe",
    "infom",
    "infomec",
    "information",
    "irs",
    "iwae_bound",
    "jemmig",
    "knn_accuracy",
    "linear_probe",
    "linearity",
    "log_aggregate",
    "mcc",
    "mean_distance",
    "metric",
    "mig",
    "mig_sup",
    "model_centrality",
    "modularity",
    "mutual_information",
    "nearest_rows",
    "orthogonality",
    "path_purity",
    "pipe",
    "planar_bound",
    "posterior_jemmig",
    "posterior_mig",
    "reduced_downstream",
    "relative_spread",
    "run",
    "sap",
    "score",
    "sepin",
    "shares_border",
    "strong_downstream",
    "strongest",
    "total_correlation",
    "udr",
    "void_depth",
    "wasserstein_correlation",
    "z_max_variance",
    "z_min_variance",
]
