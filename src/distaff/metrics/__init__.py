"""Measures of representations: pure functions of arrays, each `f(codes, factors, ...) -> Score`."""

from distaff.metrics.active_units import active_units
from distaff.metrics.beta_vae import beta_vae_score
from distaff.metrics.catalogue import Description, catalogue, describe
from distaff.metrics.correlation import total_correlation, wasserstein_correlation
from distaff.metrics.dci import dci
from distaff.metrics.dcimig import dcimig
from distaff.metrics.downstream import downstream
from distaff.metrics.elbo_split import elbo_split
from distaff.metrics.explicitness import explicitness
from distaff.metrics.factor_vae import factor_vae_score
from distaff.metrics.fairness import fairness
from distaff.metrics.flatness import flatness
from distaff.metrics.infomec import infoc, infoe, infom, infomec
from distaff.metrics.information import Information, information
from distaff.metrics.irs import irs
from distaff.metrics.iwae import iwae_bound
from distaff.metrics.jemmig import jemmig
from distaff.metrics.knn_accuracy import knn_accuracy
from distaff.metrics.linear_probe import linear_probe
from distaff.metrics.linearity import linearity
from distaff.metrics.mcc import mcc
from distaff.metrics.mig import mig, mig_sup
from distaff.metrics.modularity import modularity
from distaff.metrics.mutual_information import code_mutual_information, mutual_information
from distaff.metrics.posterior_jemmig import posterior_jemmig
from distaff.metrics.posterior_mig import posterior_mig
from distaff.metrics.reduced_downstream import reduced_downstream
from distaff.metrics.sampler import FactorSampler
from distaff.metrics.sap import sap
from distaff.metrics.score import Score
from distaff.metrics.sepin import sepin
from distaff.metrics.strong_downstream import strong_downstream
from distaff.metrics.udr import gaussian_kl, udr
from distaff.metrics.z_max_variance import z_max_variance
from distaff.metrics.z_min_variance import z_min_variance

__all__ = [
    "Description",
    "FactorSampler",
    "Information",
    "Score",
    "active_units",
    "beta_vae_score",
    "catalogue",
    "code_mutual_information",
    "dci",
    "dcimig",
    "describe",
    "downstream",
    "elbo_split",
    "explicitness",
    "factor_vae_score",
    "fairness",
    "flatness",
    "gaussian_kl",
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
    "mcc",
    "mig",
    "mig_sup",
    "modularity",
    "mutual_information",
    "posterior_jemmig",
    "posterior_mig",
    "reduced_downstream",
    "sap",
    "sepin",
    "strong_downstream",
    "total_correlation",
    "udr",
    "wasserstein_correlation",
    "z_max_variance",
    "z_min_variance",
]
