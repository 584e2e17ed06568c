"""https://arxiv.org/abs/1811.12359: metrics that need no factors, a grid, or posteriors."""

from __future__ import annotations

from distaff.metrics.catalogue import Description

_UNUSED = "not used"
_GRID = "a complete grid has none"

OTHERS: tuple[Description, ...] = (
    Description(
        "total_correlation",
        "How dependent the codes are on each other, as if they were jointly Gaussian, in nats.",
        "0 upwards",
        "0 for independent codes",
        "lower",
        "https://arxiv.org/abs/1811.12359",
        "Blind to dependence that is not linear. Low values do not make codes meaningful.",
        needs=("codes",),
        continuous=_UNUSED,
        missing=_UNUSED,
    ),
    Description(
        "wasserstein_correlation",
        "How far the codes' covariance is from that of independent codes.",
        "0 upwards",
        "0 for independent codes",
        "lower",
        "https://arxiv.org/abs/1811.12359",
        "Grows with the variance of the codes unless normalised. Blind to dependence that is not linear.",
        needs=("codes",),
        continuous=_UNUSED,
        missing=_UNUSED,
    ),
    Description(
        "code_mutual_information",
        "Mean mutual information between two codes, in nats.",
        "0 upwards",
        "about (bins - 1)^2 / (2 points)",
        "lower",
        "https://arxiv.org/abs/1811.12359",
        "Pairs only; biased upwards by small samples; diluted by collapsed codes.",
        needs=("codes",),
        continuous=_UNUSED,
        missing=_UNUSED,
        least_codes=2,
    ),
    Description(
        "active_units",
        "How many codes the encoder uses at all.",
        "0 to the number of codes",
        "none",
        "none",
        "https://arxiv.org/abs/1509.00519",
        "A count against a fixed threshold on the variance; says nothing of meaning.",
        needs=("codes",),
        continuous=_UNUSED,
        missing=_UNUSED,
    ),
    Description(
        "udr",
        "Unsupervised ranking: models that agree on their codes, one to one, are taken for disentangled.",
        "0 to 1 with rank correlation; lasso weights can exceed 1 a little",
        "near 0",
        "higher",
        "https://arxiv.org/abs/1905.12614",
        "Needs several models trained alike. Models that agree on the wrong axes rank high.",
        needs=("models",),
        continuous=_UNUSED,
        missing=_UNUSED,
    ),
    Description(
        "posterior_mig",
        "MIG from the exact posteriors instead of binned means, with the axis alignment metric AAM in its"
        " details. The paper's own estimator.",
        "0 to 1",
        "about 0",
        "higher",
        "https://arxiv.org/abs/1802.04942",
        "Needs every combination of factors once. Another quantity than the binned MIG: do not compare them.",
        needs=("codes", "classes", "logvar", "grid"),
        missing=_GRID,
        least_codes=2,
    ),
    Description(
        "posterior_jemmig",
        "JEMMIG (with RMIG and informativeness in its details) from the posteriors, not their means, so "
        "noise in the codes counts.",
        "0 to 1 in practice",
        "0.5 and above",
        "lower",
        "https://arxiv.org/abs/1908.09961",
        "Depends on the number and range of the bins by definition, and estimator='sampling' is another "
        "quantity again. Lower is better here, higher in jemmig.",
        needs=("codes", "classes", "logvar"),
        missing="refused: drop those points first",
        least_codes=2,
    ),
    Description(
        "sepin",
        "What each code tells of its image that no other code tells (WSEPIN), weighted by what it tells at "
        "all, in nats. High when codes are informative and independent.",
        "0 upwards",
        "0 for codes without information",
        "higher",
        "https://arxiv.org/abs/1908.09961",
        "Needs no factors, so says nothing of meaning: independent noise about the image scores high. "
        "Sampled; what is told of the image cannot exceed the log of the number of points.",
        needs=("codes", "logvar"),
        continuous=_UNUSED,
        missing=_UNUSED,
    ),
    Description(
        "flatness",
        "Does a factor, moved from its first to its last value, move the codes along an even straight line?",
        "0 to 1",
        "low, less for factors with more values",
        "higher",
        "https://arxiv.org/abs/2202.13341",
        "Circular factors score low by nature. Needs ordered values.",
        needs=("codes", "classes", "grid"),
        missing=_GRID,
    ),
    Description(
        "linearity",
        "How much of a factor's movement lies along one line of the code space (and, in its details, "
        "along one axis).",
        "0 to 1",
        "low, less for factors with more values",
        "higher",
        "https://arxiv.org/abs/2202.13341",
        "Factors with two values are always linear. Circular factors score low by nature.",
        needs=("codes", "classes", "grid"),
        missing=_GRID,
    ),
    Description(
        "elbo_split",
        "The KL of the ELBO in three parts: what codes know of the image, how dependent they are (the "
        "headline), how far each is from its prior; nats per image.",
        "0 upwards",
        "none",
        "lower",
        "https://arxiv.org/abs/1802.04942",
        "Sampled; information cannot exceed the log of the number of points. Tiny negative values are "
        "sampling error.",
        needs=("codes", "logvar"),
        continuous=_UNUSED,
        missing=_UNUSED,
    ),
    Description(
        "iwae_bound",
        "How probable the model finds the images: a lower bound on log p(x) that rises with the number of"
        " samples; nats per image.",
        "unbounded",
        "none",
        "higher",
        "https://arxiv.org/abs/1509.00519",
        "Compare only with the same number of samples and the same likelihood.",
        needs=("log_weights",),
        continuous=_UNUSED,
        missing=_UNUSED,
    ),
)
