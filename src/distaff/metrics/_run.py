"""One runner: chooses the metrics that fit what is at hand, runs them, and says what is left out and why."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import ArrayLike

from distaff.errors import InputError
from distaff.metrics._inputs import Inputs
from distaff.metrics._registry import METRICS, Metric, Score

_COSTS = ("cheap", "seconds", "minutes")


@dataclass(frozen=True, repr=False)
class Results(Mapping[str, Score]):
    """What a runner found: a mapping from the names of metrics to their scores.

    Attributes:
        scores: by metric, in the order in which they were asked for, or by name.
        left_out: why other metrics were not measured.
        factors: the names of the factors that each metric took.
        factors_left_out: why factors are not used by any metric.
    """

    scores: Mapping[str, Score]
    left_out: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    factors_left_out: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Score:
        if name not in self.scores and name in self.left_out:
            raise InputError(f"{name} was left out: {self.left_out[name]}")
        return self.scores[name]

    def __contains__(self, name: object) -> bool:
        # A Mapping asks its items, which say why one is not there.
        return name in self.scores

    def __iter__(self) -> Iterator[str]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __repr__(self) -> str:
        lines = []
        for name, score in self.scores.items():
            parts = METRICS[name].parts if name in METRICS else ()
            shown = ", ".join(f"{part} {score.details[part]:.3f}" for part in parts if part in score.details)
            lines.append(f"{name:24} {score.value:8.3f}" + (f"  ({shown})" if shown else ""))
        lines += [f"left out: {name}: {reason}" for name, reason in self.left_out.items()]
        lines += [f"factor left out: {name}: {reason}" for name, reason in self.factors_left_out.items()]
        return "\n".join(lines)

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain Python, ready for JSON; `metrics` as in evaluation.json."""
        return {
            "metrics": {
                name: score.as_dict()
                | {"factors": list(self.factors.get(name, ())), "options": dict(score.settings)}
                for name, score in self.scores.items()
            },
            "left_out": dict(self.left_out),
            "factors_left_out": dict(self.factors_left_out),
        }


def run(
    inputs: Inputs,
    metrics: Sequence[str] | str | None = None,
    *,
    progress: Callable[[str], None] | None = None,
) -> Results:
    """Measure what fits the inputs.

    Args:
        inputs: tables, or whatever a subclass of `Inputs` offers.
        metrics: names; ``"all"`` for every metric that fits; if None, those that run by default.
        progress: told in a few words what is being done.

    Returns:
        The scores, and the reason for each metric and factor that is left out.

    Raises:
        InputError: there is no such metric.

    >>> factors = np.stack(np.meshgrid(range(4), range(4)), -1).reshape(-1, 2)
    >>> results = run(Inputs(factors + 0.0, factors), ["mig", "udr"])
    >>> round(results["mig"].value, 6), dict(results.left_out)
    (1.0, {'udr': 'it needs the codes of several models on the same points'})
    """
    entries = _chosen(inputs, metrics)
    scores: dict[str, Score] = {}
    left_out: dict[str, str] = {}
    for entry in sorted(entries, key=lambda each: _COSTS.index(each.cost)):
        reason = inputs.lacks(entry)
        if reason is None:
            try:
                scores[entry.name] = _measure(entry, inputs, progress or (lambda _: None))
            except InputError as error:
                reason = str(error)
            except Exception as error:
                if not entry.is_foreign:
                    raise
                # One metric of another package must not cost the results of all others.
                reason = f"{type(error).__name__} in {entry.provider}: {error}"
        if reason is not None:
            left_out[entry.name] = reason
    names = [entry.name for entry in entries]
    return Results(
        {name: scores[name] for name in names if name in scores},
        {name: left_out[name] for name in names if name in left_out},
        {entry.name: tuple(each.name for each in inputs.factors_of(entry)) for entry in entries},
        inputs.factors_left_out,
    )


def _chosen(inputs: Inputs, names: Sequence[str] | str | None) -> list[Metric]:
    """The metrics named, each once, or those by default, sorted by name."""
    if isinstance(names, str) and names != "all":
        names = [names]
    if names is None or "all" in names:
        found = [METRICS[name] for name in sorted(METRICS)]
        fitting = [entry for entry in found if inputs.of_model or not entry.of_model]
        return [entry for entry in fitting if entry.default or names is not None]
    return [METRICS[name] for name in dict.fromkeys(names)]


def _measure(entry: Metric, inputs: Inputs, say: Callable[[str], None]) -> Score:
    say(f"measuring {entry.name}")
    given = inputs.arguments(entry)
    if "progress" in entry.parameters:
        given["progress"] = lambda done, of: say(f"measuring {entry.name}: {done:,} of {of:,} steps")
    for name, parameter in inspect.signature(entry.function).parameters.items():
        variable = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        if name not in given and parameter.default is inspect.Parameter.empty and not variable:
            raise InputError(
                f"its parameter {name!r} is none of: {', '.join(sorted(inputs.offers))}, factors"
            )
    found = entry.function(**given)
    return found if isinstance(found, Score) else Score(float(found))


def score(
    codes: ArrayLike,
    factors: Any = None,
    metrics: Sequence[str] | str | None = None,
    *,
    test_codes: ArrayLike | None = None,
    test_factors: Any = None,
    logvar: ArrayLike | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> Results:
    """Measure a table of codes against a table of factors, from whatever model.

    Args:
        codes: [n, D], finite numbers.
        factors: [n, K], an array, a mapping from names to columns, or a data frame. Text and whole numbers
            are classes, numbers with fractions are continuous, and NaN, None and empty text are missing.
        metrics: names; ``"all"`` for every metric that fits; if None, those that run by default.
        test_codes: [m, D] for the metrics that fit a model; without it they split the points by `seed`.
        test_factors: [m, K], with `test_codes`.
        logvar: the log variances of the posteriors whose means are the codes [n, D], for the metrics that
            need them.
        seed: of the split and of what is sampled.
        progress: told in a few words what is being done.

    Returns:
        A mapping from names to scores, which also says what is left out and why; `as_dict` gives JSON.

    Raises:
        InputError: there is no such metric, or the tables cannot be read.

    >>> factors = {"shape": ["heart", "disc"] * 8, "size": [1, 1, 2, 2] * 4}
    >>> codes = np.array([[0.0, 1.0], [3.0, 1.0], [0.0, 2.0], [3.0, 2.0]] * 4)
    >>> score(codes, factors, ["mig", "active_units"])
    mig                         1.000
    active_units                2.000
    """
    inputs = Inputs(
        codes, factors, test_codes=test_codes, test_factors=test_factors, logvar=logvar, seed=seed
    )
    return run(inputs, metrics, progress=progress)
