"""The metrics of a trained model, described as those of codes are, without importing what measures them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ModelMetric:
    """One metric of a run.

    Attributes:
        short: what the value says, in a few words.
        measures: what is done, and what a high value means.
        span: the range of values.
        better: which way is better; "none" where neither is.
        needs: what the model or the data must have.
        weaknesses: what fools it.
        paper: its address, where there is one.
    """

    short: str
    measures: str
    span: str
    better: Literal["higher", "lower", "none"]
    needs: str
    weaknesses: str
    paper: str = ""


_BOUND = "latents that are all drawn from a normal posterior"
_READER = "As good as the independent reader, whose accuracy on real pictures stands in the details."

MODEL_METRICS = {
    "elbo": ModelMetric(
        "evidence lower bound in nats per image; higher is better",
        "The bound on log p(x) that training raises where every weight is 1: -(reconstruction + KL), with "
        "one code drawn for each test picture.",
        "nats per image; at most 0 with bernoulli",
        "higher",
        _BOUND,
        "Not comparable between likelihoods or picture sizes. Blind to what the latents mean.",
        "https://arxiv.org/abs/1312.6114",
    ),
    "reconstruction": ModelMetric(
        "-log p(x | z) in nats per image; lower is better",
        "How well test pictures come back from one drawn code.",
        "nats per image",
        "lower",
        "any model",
        "Not comparable between likelihoods or picture sizes. A model that memorises does well.",
        "https://arxiv.org/abs/1312.6114",
    ),
    "kl": ModelMetric(
        "what the code says beyond its prior, in nats per image",
        "KL of the posterior to the prior, in all and by latent.",
        "0 upwards, nats per image",
        "none",
        "any model",
        "An upper bound on what the code tells of the picture: a code may pay for what tells nothing.",
        "https://arxiv.org/abs/1312.6114",
    ),
    "nll": ModelMetric(
        "importance-weighted upper bound of -log p(x), in nats per image; lower is better",
        "A tighter bound than the ELBO: 100 codes drawn for each of 1,000 test pictures.",
        "nats per image",
        "lower",
        _BOUND,
        "Not comparable between likelihoods or picture sizes. Loose where few draws carry the weight.",
        "https://arxiv.org/abs/1509.00519",
    ),
    "collapse": ModelMetric(
        "share of latents that carry less than 0.01 nats; 1: the decoder ignores the code",
        "The verdict on posterior collapse, none, some latents or all, with each latent's mean KL and the "
        "variance of its mean. It is the one that training gives. Some unused latents are normal.",
        "0 to 1",
        "none",
        "any model",
        "A latent may cost nats and tell nothing; where its mean hardly varies, a note says so.",
        "https://arxiv.org/abs/1511.06349",
    ),
    "strongest_latent": ModelMetric(
        "the largest |mean| of a latent over 1,000 pictures; the details name the latent and its range",
        "Which gaussian latent leans furthest from zero over 1,000 pictures, and its least and largest "
        "value. The figure 'strongest' draws that range.",
        "0 upwards",
        "none",
        "gaussian latents",
        "Leaning from zero is no sign of meaning: in a model that matches its prior every mean is near 0.",
    ),
    "linear_factor": ModelMetric(
        "R^2 of a linear map from the codes to each factor; mean over factors",
        "How linear the relation between true factors and codes is: least squares from all codes to "
        "numbers and ordered classes as they are, circles as cosine and sine, unordered classes one-hot.",
        "at most 1; about 0 for codes without meaning",
        "higher",
        "labels that vary",
        "Blind to relations that bend. Says nothing on whether one code holds one factor: see sap, dci, mig. "
        "linear_probe asks the same by classification, linearity on traversals.",
        "https://openreview.net/forum?id=Sy2fzU9gl",
    ),
    "attribute_accuracy": ModelMetric(
        "attributes read from the code right; mean over attributes",
        "How often the model itself reads the attributes of test pictures right.",
        "0 to 1",
        "higher",
        "attribute latents or a latent classifier, and labels",
        "Says nothing of what is drawn: see swap_test.",
    ),
    "swap_test": ModelMetric(
        "set one attribute: it changes, the others stay; the worst pair, 1 is best",
        "One attribute of a test picture's code is set to another value and the picture is drawn: does the "
        "independent reader see the new value, and the old values of all others?",
        "0 to 1",
        "higher",
        "attribute latents and labels",
        _READER,
    ),
    "drawn_iou": ModelMetric(
        "overlap of drawn sprites with true ones, for random settings; 1 is best",
        "Sprites are drawn from 1,000 random settings and laid over their true renderings.",
        "0 to 1",
        "higher",
        "sprites of 64 x 64, and a model that sets all five attributes",
        "Small sprites lose more by an error of one pixel.",
    ),
    "condition_fidelity": ModelMetric(
        "drawn pictures that show what was asked for; 1 is best",
        "1,000 pictures are drawn for attributes of real pictures: how often does the independent reader see "
        "what was asked? By attribute and by class.",
        "0 to 1",
        "higher",
        "an attribute that can be set, and labels",
        f"A model that draws one picture for each class scores 1: see diversity. {_READER}",
    ),
    "diversity": ModelMetric(
        "how much drawn pictures of a class differ, over how much real ones do; 1 is as real",
        "Mean distance between pixels of two pictures drawn of a class, over that of two real ones; the mean "
        "over classes. Details: the same in the reader's features, and among pictures drawn as asked.",
        "0 upwards; 1 is the variation of real pictures",
        "higher",
        "classes that can be set, and labels",
        "Noise and wrong classes pass for variation: read it beside condition_fidelity and the detail "
        "of_right_pictures. Blur lowers it.",
    ),
    "interpolation": ModelMetric(
        "drawn half way from a value to the next: one of the two is seen; 1 is best",
        "An ordered attribute is set to i + 1/2 and drawn: does the independent reader see i or i + 1, and "
        "everything else as set? The mean over attributes; beside it, the same at whole values.",
        "0 to 1",
        "higher",
        "attribute latents of an ordered attribute of three values or more, and labels",
        f"A model that jumps from i to i + 1 scores as well as one that moves between. {_READER}",
    ),
    "borders": ModelMetric(
        "path from class to class that shows one of the two and no third; 1 is best",
        "Straight paths between the mean codes of every two classes are drawn: the share that the "
        "independent reader sees as one of the two. Details: the same by the 10 nearest codes, how deep the "
        "density dips on the path in nats, and which classes share a border.",
        "0 to 1",
        "higher",
        "a normal posterior, no condition, and an attribute of 2 to 20 classes",
        "In two latents many paths must cross a third class: look at path_purity_of_neighbours. A model that "
        f"jumps from class to class has pure paths: look at void_depth. {_READER}",
    ),
}
"""In reading order; `distaff.evaluation.METRICS` measures them."""
