"""Every metric by name, registered by a decorator, and the score it returns.

A metric is a function that returns a `Score`, or one number; its name is the metric's name in Python, in
`--metrics` and in JSON. What it says about itself stands in its docstring, of which `distaff metrics`, the
docs and the page's glossary are made; a field that does not apply is left out::

    '''One sentence of at most 110 characters: what a value says, for lists and tables.

    Further paragraphs: the formula, its invariances, the choices.

    Interpretation:
        Range: 0 to 1.
        Chance: what codes without any meaning score.
        Better: higher | lower | neither.
        Weaknesses: what fools it.
        Continuous factors: what it does with them.
        Missing labels: what it does with them.
        Paper: https://...
    '''

A runner (`distaff.metrics.run`) passes inputs by the names of the function's parameters. A metric whose needs
(the keys of `NEEDS`) are not met is left out with the reason, and so is one that raises `InputError`: that is
how a metric refuses data for which it is undefined or trivial. Listing imports every metric, so torch,
scikit-learn and scipy are imported inside functions only.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from distaff.errors import InputError, nearest
from distaff.parts import Provider, Registry, is_foreign, provider

Better = Literal["higher", "lower", "neither"]
Cost = Literal["cheap", "seconds", "minutes"]
F = TypeVar("F", bound=Callable[..., Any])
NEEDS: dict[str, str] = {
    "codes": "codes",
    "classes": "factors with countable values",
    "numbers": "factors that are numbers",
    "grid": "every combination of the factors exactly once",
    "logvar": "the log variances of the posteriors",
    "models": "the codes of several models on the same points",
    "log_weights": "importance weights",
    "model": "a trained model",
    "jacobians": "the derivatives of a decoder by its latents",
    "reconstructions": "reconstructed images, and images of independent codes",
    "images": "images",
    "labels": "labels that vary",
    "bound": "latents that all have a density, and so a bound on log p(x)",
    "normal_posterior": "latents that all have a normal posterior",
    "gaussian_latents": "gaussian latents",
    "attribute_latents": "attribute latents",
    "settable_attribute": "an attribute that can be set",
    "reference_classifier": "a reference classifier",
    "sprites": "sprites of 64 x 64, and a model that sets all five attributes",
}
"""What a metric can need, each with the words that say so. Those from `model` on only a trained model has."""
_FIELDS = ("Range", "Chance", "Better", "Weaknesses", "Continuous factors", "Missing labels", "Paper")


@cache
def _versions() -> Mapping[str, str]:
    return MappingProxyType({name: version(name) for name in ("distaff", "numpy", "scipy", "scikit-learn")})


@dataclass(frozen=True, repr=False)
class Score:
    """The result of one metric.

    Attributes:
        value: the headline number; what ``float(score)`` gives. A whole number where things are counted.
        details: every intermediate matrix and part, by name. Matrices are numpy arrays, [codes, factors]
            unless the metric says otherwise.
        settings: every option the number depends on, by the name of the keyword that sets it.
        versions: of distaff, numpy, scipy and scikit-learn at the time.

    >>> score = Score(0.5, {"per_factor": np.array([0.25, 0.75])})
    >>> float(score), score.as_dict()
    (0.5, {'value': 0.5, 'per_factor': [0.25, 0.75]})
    >>> score
    Score(0.5; details: per_factor)
    """

    value: float
    details: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=_versions)

    def __post_init__(self) -> None:
        if isinstance(self.settings.get("seed"), np.random.RandomState):
            object.__setattr__(self, "settings", {**self.settings, "seed": "RandomState"})

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        details = f"; details: {', '.join(self.details)}" if self.details else ""
        return f"Score({self.value:.6g}{details})"

    def as_dict(self) -> dict[str, Any]:
        """The score as plain Python, ready for JSON: ``{"value": ..., **details}`` with arrays as lists."""
        return {"value": self.value, **{name: _plain(part) for name, part in self.details.items()}}


def _plain(part: Any) -> Any:
    """Turn arrays and numpy scalars, at any depth, into lists and Python numbers."""
    if isinstance(part, np.ndarray):
        return part.tolist()
    if isinstance(part, np.generic):
        return part.item()
    if isinstance(part, Mapping):
        return {str(name): _plain(inner) for name, inner in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(inner) for inner in part]
    return part


class _Said:
    """What the docstring says in a field of `Interpretation`; empty where it is left out."""

    def __init__(self, field: str) -> None:
        self.field = field

    def __get__(self, metric: Metric, owner: type) -> str:
        return metric._fields.get(self.field, "")


@dataclass(frozen=True)
class Metric:
    """A registered metric: the decorator's facts, and what its docstring says.

    Attributes:
        name: of the function, in `--metrics` and in JSON.
        function: the metric itself.
        needs: the inputs it cannot do without, keys of `NEEDS`.
        default: whether it runs when no metric is named.
        cost: on 10,000 points: ``"cheap"`` is below a second, then ``"seconds"``, then ``"minutes"``.
        parts: details that are numbers of their own and are shown with the value, which may be one of them.
        least_codes: fewest codes for which it is defined and not trivial.
        least_factors: fewest factors, likewise; 0 where it needs none.
        span: the range of values; from the docstring like all that follow, empty where it does not say.
        chance: what codes without any meaning score.
        weaknesses: what fools it.
        continuous: what it does with continuous factors.
        missing: what it does with missing labels.
        paper: the address of the paper that defines it.
    """

    name: str
    function: Callable[..., Any]
    needs: tuple[str, ...]
    default: bool
    cost: Cost
    parts: tuple[str, ...]
    least_codes: int
    least_factors: int
    span = _Said("Range")
    chance = _Said("Chance")
    weaknesses = _Said("Weaknesses")
    continuous = _Said("Continuous factors")
    missing = _Said("Missing labels")
    paper = _Said("Paper")

    @property
    def provider(self) -> Provider:
        """The module and the package that define it."""
        return provider(self.function.__module__)

    @property
    def is_foreign(self) -> bool:
        """Whether another package, or the user's own module, defines it."""
        return is_foreign(self.function.__module__)

    @property
    def of_model(self) -> bool:
        """Whether it needs what only a trained model has."""
        return any(list(NEEDS).index(need) >= list(NEEDS).index("model") for need in self.needs)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of the function's parameters."""
        return tuple(inspect.signature(self.function).parameters)

    @cached_property
    def summary(self) -> str:
        """What a value says, in one sentence."""
        return self._paragraphs[0]

    @cached_property
    def about(self) -> tuple[str, ...]:
        """The paragraphs after the summary: formula, invariances, choices."""
        return tuple(self._paragraphs[1:])

    @property
    def better(self) -> Better:
        """Which way is better; ``"neither"`` too where the docstring does not say."""
        word = self._fields.get("Better", "neither")
        if word not in get_args(Better):
            raise InputError(f"metric {self.name}: 'Better:' is higher, lower or neither, not {word!r}")
        return word  # type: ignore[return-value]

    @cached_property
    def _paragraphs(self) -> list[str]:
        text = inspect.getdoc(self.function) or self.name
        prose = re.split(r"^(?:[A-Z][a-z]+:|>>> .*)$", text, maxsplit=1, flags=re.MULTILINE)[0]
        return [" ".join(paragraph.split()) for paragraph in prose.strip().split("\n\n")] or [self.name]

    @cached_property
    def _fields(self) -> dict[str, str]:
        text = inspect.getdoc(self.function) or ""
        section = re.search(r"^Interpretation:\n((?:(?: +.*)?\n?)*)", text, flags=re.MULTILINE)
        body = section.group(1) if section else ""
        found = re.split(rf"^\s*({'|'.join(_FIELDS)}): ", body, flags=re.MULTILINE)[1:]
        return {
            name: " ".join(said.split()).rstrip(".") if name != "Weaknesses" else " ".join(said.split())
            for name, said in zip(found[::2], found[1::2], strict=True)
        }


METRICS: Registry[Metric] = Registry("metric")
"""Every metric by name, those of other packages included, in the order in which they were defined."""


def metric(
    *,
    needs: Sequence[str] = ("codes", "classes"),
    default: bool = True,
    cost: Cost = "cheap",
    parts: Sequence[str] = (),
    least_codes: int = 1,
    least_factors: int | None = None,
) -> Callable[[F], F]:
    """Register a function as a metric under its own name; the function stays as it is.

    Args:
        needs: keys of `NEEDS`.
        default: whether it runs when no metric is named.
        cost: on 10,000 points: ``"cheap"`` (below a second), ``"seconds"`` or ``"minutes"``.
        parts: details that are shown with the value.
        least_codes: fewest codes for which it is defined and not trivial.
        least_factors: fewest factors; if None, 1 where factors are needed and 0 elsewhere.

    Raises:
        InputError: an unknown need or cost, or the name belongs to another function.

    >>> from distaff.metrics import METRICS, metric
    >>> @metric(needs=("codes",), default=False)
    ... def widest_code(codes) -> float:
    ...     '''The largest range of any code.
    ...
    ...     Interpretation:
    ...         Range: 0 upwards.
    ...         Better: neither.
    ...     '''
    ...     return float((codes.max(axis=0) - codes.min(axis=0)).max())
    >>> METRICS["widest_code"].summary, METRICS["widest_code"].span
    ('The largest range of any code.', '0 upwards')
    """
    for need in needs:
        if need not in NEEDS:
            raise InputError(f"a metric cannot need {need!r}; {nearest(need, NEEDS)}")
    if cost not in get_args(Cost):
        raise InputError(f"cost is one of {', '.join(get_args(Cost))}, not {cost!r}")
    if least_factors is None:
        least_factors = 1 if {"classes", "numbers"} & set(needs) else 0

    def register(function: F) -> F:
        entry = Metric(
            function.__name__, function, tuple(needs), default, cost, tuple(parts), least_codes, least_factors
        )
        METRICS.add(entry.name, entry)
        return function

    return register
