"""https://arxiv.org/abs/1811.12359: descriptions of the metrics that compare codes with factors."""

from __future__ import annotations

from distaff.metrics.catalogue import Description

_BINNED = "refused, or binned with factor_bins"

FACTORS: tuple[Description, ...] = (
    Description(
        "mig",
        "Mutual information gap: for each factor, how much more one code knows about it than any other "
        "code does. High when every factor has exactly one code.",
        "0 to 1",
        "about 0",
        "higher",
        "https://arxiv.org/abs/1802.04942",
        "Two codes that share a factor score 0 even if nothing else is in them. One code that mixes two "
        "factors is not punished. Depends on the bins: a factor with more values than bins cannot reach "
        "1. Biased upwards by small samples and many classes.",
        continuous=_BINNED,
        least_codes=2,
    ),
    Description(
        "mig_sup",
        "MIG seen from the codes: for each code, how much more it knows about one factor than about any "
        "other. High when no code mixes factors.",
        "0 to 1",
        "about 0",
        "higher",
        "https://arxiv.org/abs/2002.10549",
        "A factor that no code holds is not noticed. Divided by the entropy of the binned code, so "
        "continuous codes cannot reach 1.",
        continuous=_BINNED,
        least_factors=2,
    ),
    Description(
        "sap",
        "Separated attribute predictability: how much better the best single code predicts a factor than "
        "the second best.",
        "0 to 1",
        "about 0",
        "higher",
        "https://arxiv.org/abs/1711.00848",
        "A line predicts from a code, so a factor with many classes scores low even when one code holds "
        "it. Values are small by nature; compare only on the same data.",
        continuous="R^2 of a line with continuous_factors",
        least_codes=2,
    ),
    Description(
        "dci",
        "Three in one, from how boosted trees use the codes: disentanglement (a code serves one factor, "
        "the headline), completeness (a factor is served by one code), informativeness (the factors can "
        "be predicted at all).",
        "0 to 1 each",
        "disentanglement and completeness near 0, informativeness the share of the largest class",
        "higher",
        "https://openreview.net/forum?id=By-7dz-AZ",
        "Slow. Importances depend on the model: boosted trees, lasso and forests give different numbers. "
        "Redundant codes lower completeness only.",
    ),
    Description(
        "modularity",
        "Whether each code knows about one factor only.",
        "0 to 1",
        "well above 0: noise leans to some factor by accident",
        "higher",
        "https://arxiv.org/abs/1802.05312",
        "Ratios of tiny informations look modular, so codes without meaning can score high. Says nothing "
        "about factors that no code holds: read it beside explicitness.",
        continuous=_BINNED,
        least_factors=2,
    ),
    Description(
        "explicitness",
        "How well a linear classifier on all codes tells the classes of each factor apart (area under the"
        " ROC curve).",
        "0.5 to 1",
        "0.5",
        "higher",
        "https://arxiv.org/abs/1802.05312",
        "Entangled codes score as high as disentangled ones. Numbers of 2018-19 came from another default"
        " solver and are some hundredths lower.",
    ),
    Description(
        "irs",
        "Interventional robustness: how little a code moves while its factor stays and everything else "
        "changes.",
        "at most 1",
        "about 0.2 to 0.4 with the 0.99 quantile",
        "higher",
        "https://arxiv.org/abs/1811.00007",
        "Measures spread by extremes, so outliers and the number of points per value matter. A code that "
        "copies a factor in part can still score 1.",
        continuous="binned into factor_bins",
    ),
    Description(
        "beta_vae_score",
        "Two batches share one factor: can a linear classifier tell which, from the mean difference of "
        "the codes?",
        "0 to 1",
        "1 / number of factors",
        "higher",
        "https://openreview.net/forum?id=Sy2fzU9gl",
        "Saturates: rotated and partly entangled codes reach 1. Good for failing models, useless among "
        "good ones.",
        missing="points with any missing factor are left out",
        least_factors=2,
    ),
    Description(
        "factor_vae_score",
        "One factor is held fixed: does the code that varies least give away which?",
        "0 to 1",
        "1 / number of factors",
        "higher",
        "https://arxiv.org/abs/1802.05983",
        "Looks at one code per factor only; sensitive to how collapsed codes are pruned (libraries "
        "differ: see threshold).",
        missing="points with any missing factor are left out",
    ),
    Description(
        "infomec",
        "Information-theoretic modularity (InfoM, the headline: a code informs on one factor), "
        "compactness (InfoC: a factor sits in one code) and explicitness (InfoE: factors are linearly "
        "readable).",
        "0 to 1 each",
        "InfoE near 0; InfoM and InfoC of noise can be high",
        "higher",
        "https://arxiv.org/abs/2305.18378",
        "InfoM and InfoC are ratios: when all information is near 0 they are noise, so read InfoE with "
        "them. InfoE of separable data depends on where the solver stops.",
    ),
    Description(
        "mcc",
        "Mean correlation coefficient: match codes to factors one to one; how strongly does each pair "
        "correlate?",
        "0 to 1",
        "near 0, growing with the number of codes and for few points",
        "higher",
        "https://arxiv.org/abs/1605.06336",
        "Linear (or monotone) relations only: a code that goes round with an angle scores 0. Extra codes "
        "cost nothing.",
        needs=("codes", "numbers"),
        continuous="as they are",
    ),
    Description(
        "jemmig",
        "MIG that also asks the best code of a factor to say nothing else.",
        "0 to 1",
        "0.1 to 0.2",
        "higher",
        "https://arxiv.org/abs/1908.09961",
        "Depends on the number of bins by definition. Published in both directions: direction='lower' is "
        "the authors'.",
        continuous=_BINNED,
        least_codes=2,
    ),
    Description(
        "dcimig",
        "One number for all three wishes: each code's lead at its best factor, each factor's best such lead.",
        "0 to 1",
        "about 0",
        "higher",
        "https://arxiv.org/abs/1910.05587",
        "Harsh: one shared factor removes a code's credit. Depends on the bins.",
        continuous=_BINNED,
        least_factors=2,
    ),
    Description(
        "mutual_information",
        "The table behind MIG: what each code knows about each factor. Headline: the best code's share of"
        " each factor's entropy, averaged.",
        "0 to 1",
        "about 0",
        "higher",
        "https://arxiv.org/abs/1811.12359",
        "Biased upwards by about (bins - 1)(classes - 1) / (2 points) nats. Says what is known, not how "
        "separately.",
        continuous=_BINNED,
    ),
    Description(
        "linear_probe",
        "How often a linear classifier on all codes gets each factor right on new points.",
        "0 to 1",
        "share of the most frequent class",
        "higher",
        "https://arxiv.org/abs/1610.01644",
        "Says that a factor is there, not that one code holds it.",
    ),
    Description(
        "knn_accuracy",
        "How often the nearest training points agree with a new point's factor.",
        "0 to 1",
        "share of the most frequent class",
        "higher",
        "https://arxiv.org/abs/1805.01978",
        "Distances are dominated by the widest codes; a factor in a narrow code is missed unless "
        "standardised.",
    ),
)
