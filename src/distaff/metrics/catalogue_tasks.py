"""https://arxiv.org/abs/1811.12359: descriptions of the tasks learnt from codes, and of batch variances."""

from __future__ import annotations

from distaff.metrics.catalogue import Description

_ANY_MISSING = "points with any missing factor are left out"
_BINNED = "refused, or binned with factor_bins"

TASKS: tuple[Description, ...] = (
    Description(
        "downstream",
        "How often each factor is predicted right on new points, learnt from 10, 100, 1,000 and 10,000 "
        "labelled ones: are the codes a good start when labels are few?",
        "0 to 1",
        "share of the most frequent class",
        "higher",
        "https://arxiv.org/abs/1811.12359",
        "Says that a factor can be read off, not that one code holds it. With few points the draw matters: "
        "average over seeds. Slow for many classes.",
    ),
    Description(
        "reduced_downstream",
        "The most important code of each factor is deleted: how much more does that factor suffer than the "
        "others? High when each factor sits in one code that holds nothing else.",
        "-1 to 1",
        "about 0",
        "higher",
        "https://arxiv.org/abs/1811.12359",
        "A factor copied into a second code survives and scores 0. Slow: trees are grown for every factor, "
        "once per deleted code.",
        least_codes=2,
        least_factors=2,
    ),
    Description(
        "strong_downstream",
        "The share of accuracy lost when a factor is learnt while another one is frozen, and tested on its "
        "other values: does what was learnt carry over?",
        "about 0 to 1",
        "about 0: nothing learnt, nothing lost",
        "lower",
        "https://arxiv.org/abs/1811.12359",
        "A ratio, so useless codes lose nothing: read it beside the plain accuracy in its details. Which "
        "values are frozen is drawn, and matters: average over seeds. Slow.",
        missing=_ANY_MISSING,
        least_factors=2,
    ),
    Description(
        "fairness",
        "Unfairness: how far predictions of one factor shift when only another, sensitive one is changed.",
        "0 to 1",
        "near 0 if the predictor guesses one class, more if it guesses at random",
        "lower",
        "https://arxiv.org/abs/1905.13662",
        "Few points per value leave some unfairness by chance unless all combinations of factors are "
        "there. Perfect predictions are fair by this measure however entangled the codes.",
        missing=_ANY_MISSING,
        least_factors=2,
    ),
    Description(
        "z_min_variance",
        "FactorVAE's question on a table of points: one factor is held fixed, does the code that varies "
        "least give away which? Chance is taken off.",
        "0 to 1, a little below 0 by chance",
        "0, and some tenths for few points",
        "higher",
        "https://arxiv.org/abs/1802.05983",
        "Looks at one code per factor only. Training and test batches come from the same points, so with "
        "few points per value noise is learnt by heart and scores above 0.",
        continuous=_BINNED,
        missing=_ANY_MISSING,
        least_factors=2,
    ),
    Description(
        "z_max_variance",
        "All factors but one are held fixed: does the code that varies most give away which one varies? "
        "Chance is taken off.",
        "0 to 1, a little below 0 by chance",
        "0, and some tenths for few points",
        "higher",
        "https://arxiv.org/abs/1902.01568",
        "Needs points that agree in all factors but one: with many factors they are rare, and noise is "
        "learnt by heart. Looks at one code per factor only.",
        continuous=_BINNED,
        missing=_ANY_MISSING,
        least_factors=2,
    ),
)
