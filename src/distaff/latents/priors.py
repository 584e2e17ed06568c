"""Priors p(z): what a latent's codes are compared with, and drawn from.

A `Prior` is the part that a recipe names, `{gaussian: {prior: {mixture: {components: 10}}}}`; it builds a
`PriorModule`, which may have weights. The KL divergence is exact where it is known for each dimension, else
it is estimated by the sampled code, log q(z | x) - log p(z), in one column for the whole latent.

mixture (https://arxiv.org/abs/1611.02648): p(z) = sum_k pi_k N(z; m_k, diag v_k), all learned. vamp
(https://arxiv.org/abs/1705.07120): p(z) = 1/K sum_k q(z | u_k), with images u_k in [0, 1] that are learned,
so that the encoder has a gradient through the prior, too. class: p(z | y) = N(m_y, s^2 I) with a mean of its
own for every class of an attribute (https://arxiv.org/abs/1511.05644 has such priors, in another form).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from distaff.attributes import Attribute, first_attribute
from distaff.errors import InputError, UnknownAttributeError
from distaff.latents._posteriors import (
    Categorical,
    Normal,
    Posterior,
    log_normal,
    log_standard_normal,
    normal_kl,
    without_negligible,
)
from distaff.latents._regions import Pair, check_planar, lay_out
from distaff.parts import Part

Encode = Callable[[Tensor], Posterior]
"""Encodes images [b, c, h, w] in [0, 1] into the posterior of the prior's own latent."""
Attributes = Mapping[str, Attribute]
"""The attributes of the data by name."""
Labels = Mapping[str, Tensor]
"""A float [b] for each attribute, NaN where the label is missing."""


Value = str | int | float
"""A label of an attribute with classes."""


class PriorModule(nn.Module, ABC):
    """p(z) of one latent of `size` numbers, in nats."""

    size: int
    per_dimension: bool = False
    """Whether `kl` has a column for each dimension, [b, d], or one for the whole latent, [b, 1]."""
    attribute: str | None = None
    """The attribute whose class a code tells by `class_logits`, if any."""
    most_nats: float = math.inf
    """The largest divergence that a posterior can have; classes have log K."""

    def kl(self, q: Posterior, z: Tensor, labels: Labels) -> Tensor:
        """Return KL(q(z | x) || p(z)) in nats: [b, d] exact, or [b, 1] by the codes z [draws, b, d].

        Raises:
            ValueError: the code is deterministic, so there is nothing to estimate the divergence by.
        """
        log_q = q.distribution.log_prob(z)
        if log_q is None:
            raise ValueError(f"{type(self).__name__} has no KL divergence for a deterministic code")
        return (log_q - self.log_prob(z, labels)).mean(0).unsqueeze(-1)

    @abstractmethod
    def log_prob(self, z: Tensor, labels: Labels | None = None) -> Tensor:
        """Return log p(z) in nats, summed over dimensions: [..., b, d] -> [..., b]."""

    @abstractmethod
    def sample(
        self, n: int, generator: torch.Generator | None, device: torch.device, labels: Labels | None = None
    ) -> Tensor:
        """Draw n codes: [n, d]."""

    def class_logits(self, z: Tensor) -> Tensor:
        """Return the log of p(y) p(z | y) for each class of `attribute`: [b, d] -> [b, classes]."""
        raise NotImplementedError

    def bind(self, encode: Encode, encoder: nn.Module) -> None:
        """Be told once how images are encoded, for priors that are made of posteriors."""

    def prepare(self, images: Tensor) -> None:
        """Start from training images [n, c, h, w], before the first step, for priors that need some."""


class Prior(Part):
    """The prior of a latent, as the recipe writes it."""

    family: ClassVar[str] = "prior"

    @abstractmethod
    def build(self, size: int, shape: tuple[int, int, int], attributes: Attributes) -> PriorModule:
        """Return the prior of `size` numbers for images of `shape` (channels, height, width).

        Raises:
            InputError: the data lack an attribute that the prior needs.
        """


class StandardModule(PriorModule):
    """N(0, I); the divergence of a normal posterior is exact for each dimension."""

    per_dimension = True

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def kl(self, q: Posterior, z: Tensor, labels: Labels) -> Tensor:
        """Return 0.5 (sigma^2 + mean^2 - 1 - log sigma^2) for each dimension: [b, d]."""
        normal = q.distribution
        if isinstance(normal, Normal):
            return normal_kl(normal.mean, normal.log_variance)
        return super().kl(q, z, labels)

    def log_prob(self, z: Tensor, labels: Labels | None = None) -> Tensor:
        """Return log N(z; 0, I): [..., b, d] -> [..., b]."""
        return log_standard_normal(z)

    def sample(
        self, n: int, generator: torch.Generator | None, device: torch.device, labels: Labels | None = None
    ) -> Tensor:
        """Draw from N(0, I): [n, d]."""
        return torch.randn(n, self.size, generator=generator, device=device)


class Standard(Prior):
    """The standard normal prior N(0, I) (https://arxiv.org/abs/1312.6114).

    >>> Standard().build(2, (1, 28, 28), {}).log_prob(torch.zeros(1, 2)).item()  # -log(2 pi)
    -1.8378770351409912
    """

    tag: ClassVar[str] = "standard"

    def build(self, size: int, shape: tuple[int, int, int], attributes: Attributes) -> PriorModule:
        """Return N(0, I)."""
        return StandardModule(size)


class ClassPrior(PriorModule):
    """Every class as likely, for codes that are written for a class.

    `write` turns class indices [n] into codes [n, d]. A normal head, as in the original supervised VAE, is
    compared with N(0, I).
    """

    def __init__(self, classes: int, size: int, head: str, write: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.classes, self.size, self._write = classes, size, write
        self.per_dimension = head == "normal"
        if head != "normal":
            self.most_nats = math.log(classes)

    def kl(self, q: Posterior, z: Tensor, labels: Labels) -> Tensor:
        """Return KL(q(class | x) || uniform) [b, 1], or that of a normal head for each number [b, k]."""
        head = q.distribution
        if isinstance(head, Normal):
            return normal_kl(head.mean, head.log_variance)
        assert isinstance(head, Categorical)
        log_q = head.logits.log_softmax(1)
        entropy = -(log_q.exp() * log_q).sum(1, keepdim=True)
        return (math.log(self.classes) - entropy).clamp(min=0)

    def log_prob(self, z: Tensor, labels: Labels | None = None) -> Tensor:
        """Return log(1 / K) of a class, or log N(z; 0, I) where the head is normal: [..., d] -> [...]."""
        if self.per_dimension:
            return log_standard_normal(z)
        return torch.full(z.shape[:-1], -math.log(self.classes), device=z.device)

    def sample(
        self, n: int, generator: torch.Generator | None, device: torch.device, labels: Labels | None = None
    ) -> Tensor:
        """Draw codes of classes drawn uniformly: [n, d]."""
        return self._write(torch.randint(self.classes, (n,), generator=generator, device=device).float())


class MixtureModule(PriorModule):
    """A learned mixture of k normal components over `size` numbers."""

    def __init__(self, components: int, size: int, spread: float) -> None:
        super().__init__()
        self.size = size
        self.mean = nn.Parameter(spread * torch.randn(components, size))
        self.log_variance = nn.Parameter(torch.zeros(components, size))
        self.logits = nn.Parameter(torch.zeros(components))

    def component_log_prob(self, z: Tensor) -> Tensor:
        """Return log pi_k + log N(z; m_k, v_k) in nats: [..., d] -> [..., k]."""
        log_normals = log_normal(z.unsqueeze(-2), self.mean, self._bounded()).sum(-1)
        return self.logits.log_softmax(0) + log_normals

    def _bounded(self) -> Tensor:
        """Return log variances of at least that of 0.001; a gradient leads a component back from below."""
        found = self.log_variance
        return found + (found.clamp(min=-6.9) - found).detach()

    def log_prob(self, z: Tensor, labels: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return log p(z) in nats: [..., b, d] -> [..., b]."""
        return torch.logsumexp(without_negligible(self.component_log_prob(z), -1), dim=-1)

    def sample(
        self,
        n: int,
        generator: torch.Generator | None,
        device: torch.device,
        labels: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Draw n codes: [n, d]."""
        chosen = torch.multinomial(self.logits.softmax(0), n, replacement=True, generator=generator)
        noise = torch.randn(n, self.size, generator=generator, device=device)
        return self.mean[chosen] + torch.exp(0.5 * self._bounded()[chosen]) * noise


class Mixture(Prior):
    """A mixture of `components` normals, whose means start with a deviation of `spread`.

    >>> Mixture(5).build(2, (1, 28, 28), {}).component_log_prob(torch.zeros(3, 2)).shape
    torch.Size([3, 5])
    """

    tag: ClassVar[str] = "mixture"
    components: int = Field(default=10, ge=1, le=100_000)
    spread: float = Field(default=1.0, gt=0)

    def build(self, size: int, shape: tuple[int, int, int], attributes: Attributes) -> PriorModule:
        """Return the mixture."""
        return MixtureModule(self.components, size, self.spread)


class VampModule(PriorModule):
    """The equal mixture of the posteriors of `inputs` pseudo-inputs."""

    _encode: Encode
    _kept: Normal | None = None

    def __init__(self, part: Vamp, size: int, shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.size, self.start = size, part.start
        self.inputs = nn.Parameter(0.05 + 0.01 * torch.randn(part.inputs, *shape))

    def bind(self, encode: Encode, encoder: nn.Module) -> None:
        """Keep how images are encoded; raises InputError for a network with batch normalisation."""
        if any(isinstance(each, nn.modules.batchnorm._BatchNorm) for each in encoder.modules()):
            raise InputError(
                "latent.gaussian.prior.vamp: pseudo-inputs would move this network's batch normalisation; "
                "choose conv, mlp, keras or resnet"
            )
        self._encode = encode

    def prepare(self, images: Tensor) -> None:
        """Start from training images with a little noise, where the recipe says so."""
        if self.start == "data":
            with torch.no_grad():
                chosen = images[torch.arange(len(self.inputs)) % len(images)]
                noise = torch.randn(chosen.shape, generator=torch.Generator().manual_seed(0))
                self.inputs.copy_(chosen + 0.01 * noise.to(chosen))

    def train(self, mode: bool = True) -> Self:
        """Forget the posteriors of the pseudo-inputs: the weights may have changed since."""
        self._kept = None
        return super().train(mode)

    def _apply(self, *args: Any, **kwargs: Any) -> Self:
        # Moved to another device or precision.
        self._kept = None
        return super()._apply(*args, **kwargs)  # type: ignore[no-untyped-call,no-any-return]

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        # Given other weights, as the encoder is.
        self._kept = None
        super()._load_from_state_dict(*args, **kwargs)

    def components(self) -> Normal:
        """Return the posteriors of the pseudo-inputs, [K, d]; computed once where nothing learns."""
        if self._kept is not None:
            return self._kept
        found = self._encode(self.inputs.clamp(0, 1)).distribution
        assert isinstance(found, Normal)
        if not (self.training or torch.is_grad_enabled()):
            self._kept = found
        return found

    def log_prob(self, z: Tensor, labels: Mapping[str, Tensor] | None = None) -> Tensor:
        """Return log p(z) in nats: [..., b, d] -> [..., b]."""
        q = self.components()
        log_normals = log_normal(z.unsqueeze(-2), q.mean, q.log_variance).sum(-1)
        return torch.logsumexp(without_negligible(log_normals, -1), dim=-1) - math.log(len(self.inputs))

    def sample(
        self,
        n: int,
        generator: torch.Generator | None,
        device: torch.device,
        labels: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """Draw n codes, each of the posterior of a pseudo-input: [n, d]."""
        q = self.components()
        chosen = torch.randint(len(self.inputs), (n,), generator=generator, device=device)
        return Normal(q.mean[chosen], q.log_variance[chosen]).rsample(1, generator)[0]


class Vamp(Prior):
    """The posteriors of `inputs` learned images, which start as noise or as training images (data).

    >>> Vamp(50).inputs
    50
    """

    tag: ClassVar[str] = "vamp"
    inputs: int = Field(default=500, ge=1, le=100_000)
    start: Literal["noise", "data"] = Field(default="data", alias="from")

    def build(self, size: int, shape: tuple[int, int, int], attributes: Attributes) -> PriorModule:
        """Return the prior."""
        return VampModule(self, size, shape)


class ByClassModule(PriorModule):
    """N(m_y, spread^2 I) for an image of class y, and the equal mixture of all classes where y is unknown."""

    def __init__(self, part: ByClass, attribute: Attribute, size: int) -> None:
        super().__init__()
        self.size, self.attribute, self.log_variance = size, attribute.name, 2 * math.log(part.spread)
        self.between, self.means = 1 - part.spread**2, part.means
        if part.means == "simplex":
            self.register_buffer("mean", math.sqrt(self.between) * simplex(attribute.size, size))
        else:
            self.mean = nn.Parameter(torch.randn(attribute.size, size))

    def class_means(self) -> Tensor:
        """Return the mean of each class: [K, d]."""
        if self.means != "whitened":
            return self.mean
        return math.sqrt(self.between) * whitened(self.mean)

    def kl(self, q: Posterior, z: Tensor, labels: Labels) -> Tensor:
        """Return the divergence to the prior of a known class, exact, else to the mixture: [b, 1]."""
        by_sample = super().kl(q, z, {})
        values, normal = labels.get(self.attribute or ""), q.distribution
        if values is None or not isinstance(normal, Normal):
            return by_sample
        # 0.5 ((sigma^2 + (mu - m)^2) / s^2 - 1 - log(sigma^2 / s^2))
        scale = math.exp(-0.5 * self.log_variance)
        shifted = (normal.mean - self.class_means()[values.nan_to_num().long()]) * scale
        exact = normal_kl(shifted, normal.log_variance - self.log_variance).sum(1, keepdim=True)
        return torch.where(values.isnan().unsqueeze(1), by_sample, exact)

    def class_logits(self, z: Tensor) -> Tensor:
        """Return log 1/K + log N(z; m_y, spread^2 I): [..., d] -> [..., K]."""
        log_variance = torch.full_like(self.mean, self.log_variance)
        log_normals = log_normal(z.unsqueeze(-2), self.class_means(), log_variance).sum(-1)
        return log_normals - math.log(len(self.mean))

    def log_prob(self, z: Tensor, labels: Labels | None = None) -> Tensor:
        """Return log p(z | y) where the label is known, else log p(z): [..., b, d] -> [..., b]."""
        logits = self.class_logits(z)
        mixed = torch.logsumexp(logits, -1)
        values = (labels or {}).get(self.attribute or "")
        if values is None:
            return mixed
        known = values.nan_to_num().long().expand(mixed.shape).unsqueeze(-1)
        own = logits.gather(-1, known).squeeze(-1) + math.log(len(self.mean))
        return torch.where(values.isnan(), mixed, own)

    def sample(
        self, n: int, generator: torch.Generator | None, device: torch.device, labels: Labels | None = None
    ) -> Tensor:
        """Draw n codes of the classes given, and of any class where none is: [n, d]."""
        drawn = torch.randint(len(self.mean), (n,), generator=generator, device=device)
        values = (labels or {}).get(self.attribute or "")
        if values is not None:
            drawn = torch.where(values.isnan(), drawn, values.nan_to_num().long())
        noise = torch.randn(n, self.size, generator=generator, device=device)
        return self.class_means()[drawn] + math.exp(0.5 * self.log_variance) * noise


def whitened(means: Tensor) -> Tensor:
    """Return rows [K, d] shifted and mapped so that their mean is 0 and their covariance I; d < K.

    >>> found = whitened(torch.tensor([[0.0, 0.0], [4.0, 0.0], [0.0, 1.0]]))
    >>> (found.T @ found / 3).round(decimals=4).abs().tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    centred = means - means.mean(0)
    covariance = centred.T @ centred / len(means) + 1e-8 * torch.eye(means.shape[1], device=means.device)
    solved: Tensor = torch.linalg.solve_triangular(torch.linalg.cholesky(covariance), centred.T, upper=False)
    return solved.T


def simplex(count: int, size: int) -> Tensor:
    """Return the corners of a regular simplex, mean 0 and variance 1 along count - 1 of `size` dimensions.

    >>> [round(each, 3) for each in torch.cdist(simplex(3, 2), simplex(3, 2))[0].tolist()]  # sqrt(2 K)
    [0.0, 2.449, 2.449]
    """
    centred = torch.eye(count) - 1 / count
    basis = torch.linalg.qr(centred[:, : count - 1])[0]
    return torch.nn.functional.pad(math.sqrt(count) * basis, (0, size - count + 1))


Means = Literal["learned", "whitened", "simplex"]


class ByClass(Prior):
    """A normal of deviation `spread` around a mean of its own for every class of an attribute.

    `auto` is the data's first attribute with classes. Images without a label meet the mixture of all classes.
    `means` are learned as they are; learned and whitened, so that all classes together have mean 0 and
    covariance I, as N(0, I) has (fewer latents than classes); or the fixed corners of a simplex, each as far
    from every other (at least K - 1 latents). The last two need a spread below 1: the means have the variance
    1 - spread^2. The hyper-prior N(0, (1 - spread^2) I) of learned means is the term `class_means`.

    >>> digit = Attribute(name="digit", kind="categorical", values=tuple(range(10)))
    >>> ByClass().build(2, (1, 28, 28), {"digit": digit}).class_logits(torch.zeros(3, 2)).shape
    torch.Size([3, 10])
    """

    tag: ClassVar[str] = "class"
    attribute: str = "auto"
    spread: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    means: Means = "learned"

    def build(self, size: int, shape: tuple[int, int, int], attributes: Attributes) -> PriorModule:
        """Return the prior; raises InputError for no classes, or means that the latents have no room for."""
        where = "latent.gaussian.prior.class"
        attribute = _with_classes(self.attribute, attributes, where)
        if self.means != "learned" and self.spread >= 1:
            raise InputError(f"{where}: {self.means} means need a spread below 1, not {self.spread:g}")
        if self.means == "whitened" and size >= attribute.size:
            raise InputError(
                f"{where}: {attribute.size} means vary in {attribute.size - 1} dimensions at most, and there "
                f"are {size} latents; take fewer, or means: simplex"
            )
        if self.means == "simplex" and size < attribute.size - 1:
            raise InputError(
                f"{where}: a simplex of {attribute.size} classes needs {attribute.size - 1} latents, not "
                f"{size}; take more, or means: whitened"
            )
        return ByClassModule(self, attribute, size)


class RegionsModule(StandardModule):
    """N(0, I), divided among the classes of an attribute by a linear classifier of the code."""

    slopes: Tensor
    offsets: Tensor
    joined: Tensor

    def __init__(self, part: Regions, attribute: Attribute, size: int, pairs: Sequence[Pair]) -> None:
        super().__init__(size)
        self.attribute, self.pairs, self.sharpness = attribute.name, tuple(pairs), part.sharpness
        self.register_buffer("slopes", torch.zeros(attribute.size, size))
        self.register_buffer("offsets", torch.zeros(attribute.size))
        self.register_buffer("joined", torch.zeros(attribute.size, attribute.size, dtype=torch.bool))

    def class_logits(self, z: Tensor) -> Tensor:
        """Return the logits of p(y | z): [..., d] -> [..., K]; all 0 before the regions are laid out."""
        return z @ self.slopes.T + self.offsets

    @torch.no_grad()
    def divide(self, means: Tensor, shares: Tensor) -> tuple[Pair, ...]:
        """Lay the regions out near the classes' mean codes [K, d]; return pairs that are not as asked.

        `joined` [K, K] is then true where a straight path between two regions leads through no third.
        """
        found = lay_out(means.float().cpu(), shares.float().cpu(), self.pairs, self.sharpness)
        self.slopes.copy_(found.slopes)
        self.offsets.copy_(found.offsets)
        self.joined.zero_()
        for one, two in found.joined:
            self.joined[one, two] = self.joined[two, one] = True
        return tuple(pair for pair in self.pairs if not self.joined[pair])


class Regions(Prior):
    """N(0, I) with a convex region for each class, whose borders are laid out in training (term `regions`).

    p(z | y) = N(z; 0, I) p(y | z) / p(y): the classes together are N(0, I) exactly, so an image without a
    label has the divergence of a plain VAE, and that to its class is KL - E log p(y | z) + log p(y).
    `pairs` of labels must share a border and a straight path, in a plane as many as it can hold; beyond two
    latents all pairs do.

    >>> digit = Attribute(name="digit", kind="categorical", values=tuple(range(10)))
    >>> Regions(pairs=((0, 8), (3, 5))).build(2, (1, 28, 28), {"digit": digit}).pairs
    ((0, 8), (3, 5))
    """

    tag: ClassVar[str] = "regions"
    attribute: str = "auto"
    pairs: tuple[tuple[Value, Value], ...] = ()
    sharpness: float = Field(default=8.0, gt=0, allow_inf_nan=False)

    def build(self, size: int, shape: tuple[int, int, int], attributes: Attributes) -> PriorModule:
        """Return the prior; raises InputError for no classes, unknown labels, or borders no plane holds."""
        where = "latent.gaussian.prior.regions"
        attribute = _with_classes(self.attribute, attributes, where)
        pairs: list[Pair] = []
        for given in self.pairs:
            one, two = (int(each) for each in attribute.encode(list(given)))
            if one == two:
                raise InputError(f"{where}.pairs: {given[0]!r} cannot share a border with itself")
            pairs.append((one, two))
        if size == 1:
            raise InputError(f"{where}: regions need two latents or more")
        if size == 2:
            check_planar(pairs, [str(each) for each in attribute.values], f"{where}.pairs")
        return RegionsModule(self, attribute, size, pairs)


def _with_classes(name: str, attributes: Attributes, where: str) -> Attribute:
    """The attribute called `name`; raises InputError for one that is not there or has no classes."""
    name = first_attribute(attributes, where) if name == "auto" else name
    if name not in attributes:
        raise UnknownAttributeError(where, name, attributes)
    if not attributes[name].size:
        raise InputError(f"{where}: {name} is {attributes[name].kind}; a mean for each class needs classes")
    return attributes[name]
