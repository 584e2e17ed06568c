"""What many seeds allow to be said, and no more.

Medians with intervals by the number of runs, rank tests only where they can tell something, shares of
variance, and rank correlations. A run that failed counts as the worst: it is given as an infinity. UDR
(https://arxiv.org/abs/1905.12614) and ModelCentrality (https://arxiv.org/abs/1906.06034) choose among runs
that differ in nothing but their seed; selection.json keeps them, and a group that changed is computed anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import comb
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import stats

from distaff.analysis import Analysis
from distaff.errors import InputError
from distaff.evaluation import read_each_other
from distaff.files import atomic_write
from distaff.metrics import model_centrality, udr
from distaff.recipe import parse
from distaff.run import Run
from distaff.study import _plan
from distaff.study._plan import Entry
from distaff.study._worker import Outcome, dataset_of, few_threads, run_folders

Floats = npt.NDArray[np.float64]
RESAMPLES, SEED = 10_000, 0
COVERAGE, LEVEL = 0.95, 0.05
FEW = 10
"""Runs below which an interval is one of order statistics."""


@dataclass(frozen=True)
class Interval:
    """An interval of a median, and how likely it holds the true one.

    Attributes:
        low: its lower end.
        high: its upper end.
        coverage: of intervals made in this way; exact for order statistics.
        how: `order` (from one value to another) or `bootstrap`.
    """

    low: float
    high: float
    coverage: float
    how: str


def median(values: Sequence[float] | Floats) -> float:
    """Return the median [n] -> number; infinities count as they stand.

    >>> median([1.0, 2.0, 9.0]), median([float("-inf"), 1.0, 2.0])
    (2.0, 1.0)
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    low, high = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return float(low) if low == high else float((low + high) / 2)


def order_interval(n: int) -> tuple[int, int, float]:
    """Return the order statistics (from 1) nearest to the median whose interval covers 95%, and its coverage.

    For five values or fewer, which reach no 95%, that is the range.

    >>> [(low, high, round(coverage, 4)) for low, high, coverage in map(order_interval, (5, 6, 10, 20, 50))]
    [(1, 5, 0.9375), (1, 6, 0.9688), (2, 9, 0.9785), (6, 15, 0.9586), (18, 33, 0.9672)]
    """
    cover = [1 - 2 * float(stats.binom.cdf(k - 1, n, 0.5)) for k in range(1, n // 2 + 1)] or [0.0]
    k = max((k for k, each in enumerate(cover, start=1) if each >= COVERAGE), default=1)
    return k, n + 1 - k, cover[k - 1]


@cache
def _middles(n: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the ranks of the two middle values of every resample of n values, the same for all values."""
    drawn = np.random.default_rng(SEED).integers(0, n, (RESAMPLES, n))
    middle = np.partition(drawn, ((n - 1) // 2, n // 2), axis=1)
    return middle[:, (n - 1) // 2], middle[:, n // 2]


def median_interval(values: Sequence[float] | Floats) -> Interval:
    """Return the 95% interval of the median of values [n].

    From ten values on, that of 10,000 resamples of the values by percentile, with seed 0; below, the range of
    order statistics, whose coverage is smaller where there are fewer than six.

    >>> median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    Interval(low=1.0, high=5.0, coverage=0.9375, how='order')
    """
    ordered = np.sort(np.asarray(values, dtype=np.float64))
    n = len(ordered)
    if n < FEW:
        low, high, coverage = order_interval(n)
        return Interval(float(ordered[low - 1]), float(ordered[high - 1]), coverage, "order")
    below, above = (ordered[ranks] for ranks in _middles(n))
    with np.errstate(invalid="ignore"):
        medians = np.sort(np.where(below == above, below, (below + above) / 2))
    edge = int(RESAMPLES * (1 - COVERAGE) / 2)
    return Interval(float(medians[edge]), float(medians[-edge - 1]), COVERAGE, "bootstrap")


@dataclass(frozen=True)
class RankTest:
    """Whether runs of one kind rank above those of another (Mann-Whitney, two-sided).

    Attributes:
        p: after Holm's correction for all tests of the family; None where these numbers of runs cannot reach
            5% whatever their values are.
        smallest: the smallest p that they can reach, corrected.
        probability: that a run of the first has the larger value than one of the second; ties count half.
        low: of the 95% bootstrap interval of the probability.
        high: of it.
    """

    p: float | None
    smallest: float
    probability: float
    low: float
    high: float


def rank_tests(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[RankTest]:
    """Compare pairs of samples, corrected for their number by Holm's method.

    A test that could not reach 5% with so few runs, were it the first of all, is refused.

    >>> test, = rank_tests([([1, 2, 3], [4, 5, 6])])
    >>> test.p, test.smallest
    (None, 0.1)
    """
    smallest = [2 / comb(len(a) + len(b), len(a)) if a and b else 1.0 for a, b in pairs]
    able = [k for k, each in enumerate(smallest) if each * len(pairs) <= LEVEL]
    found = {k: float(stats.mannwhitneyu(*pairs[k], alternative="two-sided").pvalue) for k in able}
    adjusted = holm(found, len(pairs))
    return [
        RankTest(adjusted.get(k), min(1.0, smallest[k] * len(pairs)), *superiority(a, b))
        for k, (a, b) in enumerate(pairs)
    ]


@cache
def _weights(n: int, side: int) -> Floats:
    """Return how often each of n values is in each resample [1000, n], as a share."""
    drawn = np.random.default_rng([SEED, side]).multinomial(n, np.full(n, 1 / n), size=1000)
    return drawn / n


def superiority(first: Sequence[float], second: Sequence[float]) -> tuple[float, float, float]:
    """Return the probability that a value of the first is the larger, with its 95% bootstrap interval.

    >>> superiority([4.0, 5.0, 6.0], [1.0, 2.0, 3.0])
    (1.0, 1.0, 1.0)
    """
    a, b = np.asarray(first, dtype=np.float64)[:, None], np.asarray(second, dtype=np.float64)[None]
    if not (a.size and b.size):
        return float("nan"), float("nan"), float("nan")
    wins = (a > b) + 0.5 * (a == b)
    one, two = _weights(wins.shape[0], 0), _weights(wins.shape[1], 1)
    drawn = np.einsum("rn,rn->r", one @ wins, two)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(wins.mean()), float(low), float(high)


def variance_shares(
    values: Sequence[float] | Floats, levels: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """Return the share of the variance of ranks by each factor within those before, and what is left.

    Args:
        values: [n].
        levels: the level of every value on each factor, in the order in which they are nested.

    Returns:
        shares that add up to 1, the last one called `seed`; NaN where all values are the same.

    >>> variance_shares([1.0, 2.0, 3.0, 4.0], {"method": ["a", "a", "b", "b"]})
    {'method': 0.8, 'seed': 0.2}
    """
    ranks = stats.rankdata(np.asarray(values, dtype=np.float64))
    total = float(((ranks - ranks.mean()) ** 2).sum())
    keys, before, shares = [""] * len(ranks), 0.0, dict[str, float]()
    for name, column in levels.items():
        keys = [f"{key}\0{level}" for key, level in zip(keys, column, strict=True)]
        _, group = np.unique(keys, return_inverse=True)
        counts = np.bincount(group)
        means = np.bincount(group, ranks) / counts
        between = float((counts * (means - ranks.mean()) ** 2).sum())
        shares[name] = round((between - before) / total, 12) if total else float("nan")
        before = between
    shares["seed"] = round((total - before) / total, 12) if total else float("nan")
    return shares


def rank_correlation(first: Floats, second: Floats) -> float:
    """Return Spearman's correlation of values [n] and [n], of the pairs without NaN; NaN below three pairs.

    >>> rank_correlation(np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 9.0]))
    1.0
    """
    both = ~(np.isnan(first) | np.isnan(second))
    if both.sum() < 3:
        return float("nan")
    one, two = stats.rankdata(first[both]), stats.rankdata(second[both])
    if one.std() == 0 or two.std() == 0:
        return float("nan")
    return round(float(np.corrcoef(one, two)[0, 1]), 12)


@dataclass(frozen=True)
class Ranking:
    """Whether treatments rank alike over blocks, such as methods over sets of images (Friedman and Nemenyi).

    Attributes:
        p: of Friedman's test after Holm's correction for all tests of the family; None where so few blocks
            cannot reach 5% whatever their values are.
        smallest: the smallest p that they can reach, corrected.
        ranks: the mean rank of each treatment; 1 has the largest values.
        difference: by which two mean ranks differ at the level of 5% (Nemenyi).
    """

    p: float | None
    smallest: float
    ranks: tuple[float, ...]
    difference: float


def rankings(tables: Sequence[Floats]) -> list[Ranking]:
    """Compare the treatments of each table [blocks, treatments], corrected for their number by Holm's method.

    Three treatments or more; the p of Friedman's test is that of chi squared.

    >>> ranking, = rankings([np.array([[3.0, 2, 1], [6, 5, 4], [9, 8, 7], [3, 2, 1]])])
    >>> ranking.ranks, round(ranking.p, 3)
    ((1.0, 2.0, 3.0), 0.018)
    """
    shapes = [table.shape for table in tables]
    # All blocks alike give blocks (treatments - 1), the largest statistic.
    smallest = [float(stats.chi2.sf(n * (k - 1), k - 1)) * len(tables) for n, k in shapes]
    ranks = [stats.rankdata(-table, axis=1) for table in tables]
    found = {
        k: _friedman(ranks[k]) for k, least in enumerate(smallest) if least <= LEVEL and shapes[k][1] > 2
    }
    adjusted = holm(found, len(tables))
    return [
        Ranking(
            adjusted.get(number),
            min(1.0, smallest[number]),
            tuple(float(each) for each in ranks[number].mean(axis=0)),
            float(stats.studentized_range.isf(LEVEL, k, np.inf)) * float(np.sqrt(k * (k + 1) / (12 * n))),
        )
        for number, (n, k) in enumerate(shapes)
    ]


def _friedman(ranks: Floats) -> float:
    """Return p for ranks [blocks, treatments], corrected for ties."""
    n, k = ranks.shape
    between = n * float(((ranks.mean(axis=0) - (k + 1) / 2) ** 2).sum())
    within = float(((ranks - (k + 1) / 2) ** 2).sum()) / (n * (k - 1))
    return float(stats.chi2.sf(between / within, k - 1)) if within else 1.0


def holm(found: Mapping[int, float], tests: int) -> dict[int, float]:
    """Return p corrected for the number of tests, of which those that were not made count too.

    >>> holm({0: 0.01, 1: 0.04}, 2)
    {0: 0.02, 1: 0.04}
    """
    adjusted, highest = dict[int, float](), 0.0
    for place, k in enumerate(sorted(found, key=lambda each: found[each])):
        highest = max(highest, min(1.0, found[k] * (tests - place)))
        adjusted[k] = highest
    return adjusted


@dataclass(frozen=True)
class Choice:
    """What it costs to choose a run by a score that needs no labels.

    Attributes:
        above: share of groups in which the chosen run is better than the group's median, ties counting half.
        regret: by how much the best of a group is better than the chosen one, in the mean.
        chance: the same for a run chosen at random.
        groups: of two runs or more.
    """

    above: float
    regret: float
    chance: float
    groups: int


def chosen(groups: Sequence[tuple[Sequence[float], Sequence[float]]]) -> Choice | None:
    """Choose the run of the highest score in each group: (scores [n], values [n], of which higher is better).

    >>> chosen([([0.1, 0.9], [0.3, 0.2]), ([0.5, 0.1], [0.4, 0.1])])
    Choice(above=0.5, regret=0.05, chance=0.1, groups=2)
    """
    above, regrets, chance = list[float](), list[float](), list[float]()
    for scores, values in groups:
        if len(scores) < 2:
            continue
        picked, best, middle = values[int(np.argmax(scores))], max(values), median(values)
        above.append(0.5 if picked == middle else float(picked > middle))
        regrets.append(best - picked)
        chance.append(best - float(np.mean(values)))
    if not above:
        return None
    share, regret, random = (round(float(np.mean(each)), 12) for each in (above, regrets, chance))
    return Choice(share, regret, random, len(above))


SELECTION = "selection.json"
IMAGES, VOTES, OF_A_VOTE = 1000, 200, 16
"""Images whose codes are compared; groups of images that each model makes, and images of each."""
Scores = Mapping[str, float]


def label_free_scores(
    out: Path, entries: Sequence[Entry], outcomes: Mapping[str, Outcome], threads: int
) -> dict[str, Scores]:
    """Return the scores of every finished run, by its hash; none where fewer than two are alike."""
    folders = run_folders(out)
    groups: dict[tuple[str, ...], list[Entry]] = {}
    for entry in entries:
        outcome = outcomes.get(entry.digest)
        if outcome is not None and outcome.status == "finished" and entry.digest in folders:
            place = tuple(f"{axis}={label}" for axis, label in entry.levels.items() if axis != _plan.SEED)
            groups.setdefault(place, []).append(entry)
    known = _read(out / SELECTION)
    found: dict[str, dict[str, Scores]] = {}
    for members in groups.values():
        name = " ".join(sorted(entry.digest for entry in members))
        if len(members) > 1:
            found[name] = known.get(name) or _scores(members, folders, threads)
            # What was computed is kept, whatever comes next.
            if name not in known:
                atomic_write(out / SELECTION, json.dumps({**known, **found}, indent=1).encode())
    return {digest: scores for group in found.values() for digest, scores in group.items()}


def _read(path: Path) -> dict[str, dict[str, Scores]]:
    try:
        raw = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return raw if isinstance(raw, dict) else {}


def _scores(members: Sequence[Entry], folders: Mapping[str, Path], threads: int) -> dict[str, Scores]:
    """Score the runs of one group; a score that does not fit these models is left out."""
    dataset = dataset_of(parse(members[0].recipe, where=members[0].name))
    digests = [entry.digest for entry in members]
    found: dict[str, dict[str, float]] = {digest: {} for digest in digests}
    with few_threads(threads):
        analyses = [Analysis(Run(folders[digest], dataset), dataset) for digest in digests]
        codes = [analysis.codes[:IMAGES] for analysis in analyses]
        for name in ("udr", "model_centrality"):
            try:
                if name == "udr":
                    score = udr(codes, [list(each.kl.values()) for each in analyses], similarity="spearman")
                else:
                    models = [analysis.model for analysis in analyses]
                    score = model_centrality(*read_each_other(models, votes=VOTES, images=OF_A_VOTE))
            except InputError:
                continue
            for digest, value in zip(digests, score.details["model_scores"], strict=True):
                found[digest][name] = float(value)
    return dict(found)
