"""The results of a study: a row for each run, what they allow to be said, and both as files to read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from distaff.face import as_frame
from distaff.metrics import METRICS
from distaff.study._plan import DATA, SEED, Entry, Study
from distaff.study._statistics import (
    Interval,
    chosen,
    median,
    median_interval,
    rank_correlation,
    rank_tests,
    rankings,
    variance_shares,
)

if TYPE_CHECKING:
    from distaff.study._worker import Outcome

FIXED = ("run", "status", "reason", "seconds")
"""Columns that every table of results has."""
OVERVIEW = "All settings"
EXAMPLES = "The best and the median run"
FAILED = frozenset({"failed", "diverged"})


@dataclass(frozen=True)
class Cell:
    """The runs that differ in nothing but their seed.

    Attributes:
        places: the level on each axis.
        values: of the finished runs.
        failed: how many failed or diverged.
        median: failures count as the worst; None without a run.
        interval: of the median; None without two runs.
    """

    places: tuple[str, ...]
    values: tuple[float, ...]
    failed: int
    median: float | None
    interval: Interval | None


class Example(NamedTuple):
    """A row to look at: the best or the median of all runs of the same images, by one metric."""

    which: str
    metric: str
    data: str
    row: Mapping[str, Any]


@dataclass(frozen=True, repr=False)
class Results:
    """What a study has found so far.

    Attributes:
        study: what was run.
        axes: what is varied, the seed left out, those of the images first.
        rows: a mapping for each run, in the order of the plan: `run`, each axis and varied field,
            `status`, `reason`, `seconds` of training and a column for each metric. What is not known is None.
        metrics: the columns of metrics.
        selectors: the columns of scores that choose without labels.
        left_out: why metrics have no value, each reason with how many runs it is of.
        others: run folders beside that are not of this study.
    """

    study: Study
    axes: tuple[str, ...]
    rows: tuple[Mapping[str, Any], ...]
    metrics: tuple[str, ...]
    selectors: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    _cells: dict[str, list[Cell]] = field(default_factory=dict, init=False, compare=False)

    @classmethod
    def of(
        cls,
        study: Study,
        entries: Sequence[Entry],
        outcomes: Mapping[str, Outcome],
        folders: Mapping[str, Path],
        scores: Mapping[str, Mapping[str, float]] | None = None,
    ) -> Results:
        """Put together what was planned and what came of it."""
        axes = list(dict.fromkeys(axis for entry in entries for axis in entry.levels if axis != SEED))
        axes.sort(key=lambda axis: axis != DATA)
        fields = dict.fromkeys(path for entry in entries for path in entry.settings)
        extra = [path for path in fields if path not in {*axes, "train.seed", "data.source"}]
        measured = dict.fromkeys(name for each in outcomes.values() for name in each.metrics)
        asked = [name for name in study.metrics or () if name != "all"]
        metrics = tuple(dict.fromkeys([*asked, *sorted(measured)]))
        scores = scores or {}
        selectors = tuple(dict.fromkeys(name for each in scores.values() for name in each))
        seeded = any(SEED in entry.levels for entry in entries)
        left, rows = Counter[str](), []
        for entry in entries:
            outcome = outcomes.get(entry.digest)
            folder = folders.get(entry.digest)
            row: dict[str, Any] = {"run": folder.name if folder else entry.name}
            row |= {axis: entry.levels.get(axis) for axis in axes}
            row |= {path: _cell_text(entry.settings.get(path)) for path in extra}
            row |= {SEED: entry.recipe["train"]["seed"]} if seeded else {}
            row |= {
                "status": outcome.status if outcome else "waiting",
                "reason": outcome.reason if outcome else "",
                "seconds": outcome.seconds if outcome else None,
            }
            row |= {name: outcome.metrics.get(name) if outcome else None for name in metrics}
            row |= {name: scores.get(entry.digest, {}).get(name) for name in selectors}
            rows.append(row)
            left.update(f"{name}: {why}" for name, why in (outcome.left_out if outcome else {}).items())
        known = {entry.digest for entry in entries}
        others = len(folders.keys() - known)
        return cls(study, tuple(axes), tuple(rows), metrics, selectors, dict(left), others)

    def __repr__(self) -> str:
        lines = [f"{len(self.rows):,} runs: {self.tally}"]
        for metric in self.metrics:
            lines += [
                f"{metric}: {', '.join(cell.places) or 'all'}: {number(cell.median)} {span(cell.interval)}"
                f" ({len(cell.values)} runs{f', {cell.failed} failed' if cell.failed else ''})"
                for cell in self.cells(metric)
            ]
        return "\n".join(lines)

    @property
    def tally(self) -> str:
        """How many runs there are of each status."""
        counts = Counter(row["status"] for row in self.rows)
        return ", ".join(f"{count:,} {status}" for status, count in counts.most_common())

    def table(self) -> Any:
        """Return the rows as a pandas DataFrame where pandas is installed, else as a dict of columns."""
        columns = list(self.rows[0]) if self.rows else list(FIXED)
        return as_frame({column: [row[column] for row in self.rows] for column in columns})

    def cells(self, metric: str) -> list[Cell]:
        """Return the median of a metric for every combination of the axes, over its seeds.

        Failed runs count as the worst where the metric has a better side; where it has none, they are told
        beside.
        """
        if metric in self._cells:
            return self._cells[metric]
        groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
        for row in self.rows:
            groups.setdefault(tuple(row[axis] or "" for axis in self.axes), []).append(row)
        found = self._cells.setdefault(metric, [])
        for places, rows in groups.items():
            values = tuple(row[metric] for row in rows if row[metric] is not None)
            failed = sum(row["status"] in FAILED for row in rows)
            ranked = self._ranked(rows, metric)
            middle = median(ranked) if ranked else None
            interval = median_interval(ranked) if len(ranked) > 1 else None
            found.append(Cell(places, values, failed, middle, interval))
        return found

    @staticmethod
    def _valued(rows: Sequence[Mapping[str, Any]], metric: str) -> list[tuple[Mapping[str, Any], float]]:
        """Return the rows with a value; a failed one has the worst, where the metric has a better side."""
        better = _better(metric)
        worst = {"higher": -math.inf, "lower": math.inf}.get(better)
        found = []
        for row in rows:
            value = row[metric]
            if value is None and row["status"] in FAILED:
                value = worst
            if value is not None:
                found.append((row, value))
        return found

    def _ranked(self, rows: Sequence[Mapping[str, Any]], metric: str) -> list[float]:
        return [value for _, value in self._valued(rows, metric)]

    def by_data(self) -> dict[str, list[Mapping[str, Any]]]:
        """Return the rows by their images; one group where they do not vary."""
        found: dict[str, list[Mapping[str, Any]]] = {}
        for row in self.rows:
            found.setdefault(str(row.get(DATA, "")), []).append(row)
        return found

    def examples(self) -> list[Example]:
        """Return the best and the median run of each images, by the first metric that has a better side."""
        found: list[Example] = []
        metric = next((name for name in self.metrics if _better(name) != "neither"), None)
        if metric is None:
            return found
        for data, rows in self.by_data().items():
            valued = [row for row in rows if row["status"] == "finished" and row[metric] is not None]
            valued.sort(key=lambda row: row[metric], reverse=_better(metric) == "higher")
            if valued:
                best, middle = valued[0], valued[len(valued) // 2]
                found += [Example("best", metric, data, best), Example("median", metric, data, middle)]
        return found

    def sections(self) -> Iterator[Section]:
        """Yield the tables of the report."""
        yield from self._overview()
        yield from self._examples()
        yield from self._medians()
        yield from self._comparisons()
        yield from self._over_images()
        yield from self._shares()
        yield from self._agreement()
        yield from self._transfer()
        yield from self._selection()

    def _overview(self) -> Iterator[Section]:
        """The medians of all metrics side by side: what is better is darker."""
        if len(self.metrics) < 2 or not self.axes:
            return
        columns = [self.cells(metric) for metric in self.metrics]
        if len(columns[0]) < 2:
            return
        heat = [
            _heat([cell.median for cell in cells], _better(metric))
            for metric, cells in zip(self.metrics, columns, strict=True)
        ]
        rows = [
            (*cells[0].places, *(number(cell.median) for cell in cells))
            for cells in zip(*columns, strict=True)
        ]
        note = "Medians over the seeds, the better of each column the darker; failed runs count as the worst."
        blank = [None] * len(self.axes)
        shades = [[*blank, *each] for each in zip(*heat, strict=True)]
        yield Section(OVERVIEW, note, (*self.axes, *self.metrics), rows, shades)

    def _examples(self) -> Iterator[Section]:
        found, rows = self.examples(), []
        for which, metric, _, row in found:
            places = (str(row[axis] or "") for axis in self.axes)
            rows.append((which, row["run"], *places, number(row[metric])))
        if found:
            metric = found[0].metric
            yield Section(
                EXAMPLES, f"Of all finished runs, by {metric}.", ("", "run", *self.axes, metric), rows
            )

    def _medians(self) -> Iterator[Section]:
        head = (*self.axes, "runs", "failed", "median", "interval", "quarter", "three quarters", "mean", "SD")
        for metric in self.metrics:
            rows = []
            for cell in self.cells(metric):
                quarters = np.quantile(cell.values, [0.25, 0.75]) if cell.values else (None, None)
                mean = float(np.mean(cell.values)) if cell.values else None
                deviation = float(np.std(cell.values, ddof=1)) if len(cell.values) > 1 else None
                numbers = [number(each) for each in (*quarters, mean, deviation)]
                words = [str(len(cell.values)), str(cell.failed), number(cell.median), span(cell.interval)]
                rows.append((*cell.places, *words, *numbers))
            better = _better(metric)
            note = (
                "Medians over the seeds; failed runs count as the worst."
                if better != "neither"
                else (
                    "Medians over the seeds that finished; no side is better, so failures are only counted."
                )
            )
            yield Section(
                f"{metric}",
                note + ("" if better == "neither" else f" {better.title()} is better."),
                head,
                rows,
            )

    def _comparisons(self) -> Iterator[Section]:
        """Compare the levels of the first axis, each by its best setting."""
        axes = [axis for axis in self.axes if axis != DATA]
        if not axes:
            return
        for metric in self.metrics:
            better = _better(metric)
            if better == "neither":
                continue
            rows = []
            for data, members in self.by_data().items():
                samples = self._best(members, metric, axes, larger=better == "higher")
                names = list(combinations(samples, 2))
                tests = rank_tests([(samples[one], samples[two]) for one, two in names])
                for (one, two), test in zip(names, tests, strict=True):
                    if not (samples[one] and samples[two]):
                        continue
                    least = number(test.smallest)
                    verdict = (
                        f"too few runs: p cannot be below {least}" if test.p is None else f"p = {test.p:.2g}"
                    )
                    chance = f"{test.probability:.2f} ({test.low:.2f} to {test.high:.2f})"
                    rows.append((*([data] if DATA in self.axes else []), one, two, chance, verdict))
            if rows:
                head = (*([DATA] if DATA in self.axes else []), "of", "and", "P(first is larger)", "verdict")
                note = (
                    "Mann-Whitney, two-sided, corrected by Holm's method. Of each the setting with the best "
                    "median, which was chosen on the same runs and so is a little too good."
                    if len(axes) > 1
                    else "Mann-Whitney, two-sided, corrected by Holm's method."
                )
                yield Section(f"{metric}: {axes[0]} by {axes[0]}", note, head, rows)

    def _over_images(self) -> Iterator[Section]:
        """Rank the levels of the first axis over all images, each by its best setting there (Friedman)."""
        axes = [axis for axis in self.axes if axis != DATA]
        metrics = [metric for metric in self.metrics if _better(metric) != "neither"]
        groups, tables, told = self.by_data(), [], []
        if not axes or len(groups) < 2:
            return
        for metric in metrics:
            larger = _better(metric) == "higher"
            best = [self._best(rows, metric, axes, larger=larger) for rows in groups.values()]
            names = list(best[0])
            whole = [each for each in best if list(each) == names and all(each.values())]
            if len(names) > 2 and whole:
                sign = 1 if larger else -1
                tables.append(np.array([[sign * median(each[name]) for name in names] for each in whole]))
                told.append((metric, names))
        rows = []
        for (metric, names), table, ranking in zip(told, tables, rankings(tables), strict=True):
            ranks = ", ".join(f"{name} {rank:.2f}" for name, rank in zip(names, ranking.ranks, strict=True))
            least = f"too few images: p cannot be below {number(ranking.smallest)}"
            verdict = least if ranking.p is None else f"p = {ranking.p:.2g}"
            rows.append((metric, str(len(table)), ranks, f"{ranking.difference:.2f}", verdict))
        if rows:
            note = (
                "Friedman's test over the medians of the best settings, corrected by Holm's method; mean "
                "ranks, of which 1 is the best, differ at 5% from the critical difference on (Nemenyi)."
            )
            head = ("metric", "images", "mean ranks", "critical difference", "verdict")
            yield Section(f"{axes[0].capitalize()} over all images", note, head, rows)

    def _selection(self) -> Iterator[Section]:
        """What it costs to choose a run without labels, within a setting and among all."""
        rows = []
        places = [axis for axis in self.axes if axis != DATA]
        for metric in self.metrics:
            better = _better(metric)
            if better == "neither":
                continue
            sign = 1.0 if better == "higher" else -1.0
            for selector in self.selectors:
                settings: dict[tuple[str, ...], tuple[list[float], list[float]]] = {}
                images: dict[tuple[str, ...], tuple[list[float], list[float]]] = {}
                for row in self.rows:
                    if row[metric] is None or row[selector] is None:
                        continue
                    data = (row.get(DATA) or "",)
                    for group, key in (
                        (settings, (*data, *(row[axis] or "" for axis in places))),
                        (images, data),
                    ):
                        scores, values = group.setdefault(key, ([], []))
                        scores.append(row[selector])
                        values.append(sign * row[metric])
                for among, groups in (("the seeds of a setting", settings), ("all runs", images)):
                    found = chosen(list(groups.values()))
                    if found is not None and (among != "all runs" or len(settings) > len(images)):
                        numbers = (f"{found.above:.0%}", number(found.regret), number(found.chance))
                        rows.append((metric, selector, among, str(found.groups), *numbers))
        if rows:
            head = (
                "metric",
                "chosen by",
                "among",
                "groups",
                "above the median",
                "regret",
                "regret of chance",
            )
            note = (
                "UDR and ModelCentrality choose the run that agrees most with the other seeds of its "
                "setting. Regret: by how much the best run of a group is better, in the mean."
            )
            yield Section("Choosing without labels", note, head, rows)

    def _best(
        self, rows: Sequence[Mapping[str, Any]], metric: str, axes: Sequence[str], *, larger: bool
    ) -> dict[str, list[float]]:
        """Return, for each level of the first axis, the ranked values of its best setting."""
        groups: dict[str, dict[tuple[str, ...], list[Mapping[str, Any]]]] = {}
        for row in rows:
            rest = tuple(row[axis] or "" for axis in axes[1:])
            groups.setdefault(row[axes[0]] or "", {}).setdefault(rest, []).append(row)
        best: dict[str, list[float]] = {}
        for level, settings in groups.items():
            samples = [each for each in (self._ranked(rows, metric) for rows in settings.values()) if each]
            chosen = (max if larger else min)(samples, key=median, default=[])
            best[level] = chosen
        return best

    def _shares(self) -> Iterator[Section]:
        axes = [axis for axis in self.axes if axis != DATA]
        rows = []
        for metric in self.metrics:
            for data, members in self.by_data().items():
                valued = self._valued(members, metric)
                ended, values = [row for row, _ in valued], [value for _, value in valued]
                cells = {tuple(row[axis] or "" for axis in axes) for row in ended}
                if len(ended) <= len(cells) or len(cells) < 2:
                    continue
                shares = variance_shares(values, {axis: [row[axis] or "" for row in ended] for axis in axes})
                label = (data,) if DATA in self.axes else ()
                rows.append((metric, *label, str(len(ended)), *(f"{share:.0%}" for share in shares.values())))
        if rows:
            head = ("metric", *([DATA] if DATA in self.axes else []), "runs", *axes, "seed")
            note = (
                "Share of the variance of ranks, by each axis within those before it; the rest is the seed's."
            )
            yield Section("What the variance is of", note, head, rows)

    def _agreement(self) -> Iterator[Section]:
        names = (*self.metrics, *self.selectors)
        if len(names) < 2:
            return
        for data, members in self.by_data().items():
            done = [row for row in members if row["status"] == "finished"]
            if len(done) < 3:
                continue
            columns = {
                name: np.array(
                    [math.nan if row[name] is None else row[name] for row in done], dtype=np.float64
                )
                for name in names
            }
            shades = [[rank_correlation(columns[one], columns[two]) for two in names] for one in names]
            rows = [(one, *map(number, row)) for one, row in zip(names, shades, strict=True)]
            title = "Agreement of metrics" + (f" on {data}" if data else "")
            note = f"Spearman's correlation over {len(done):,} finished runs."
            yield Section(title, note, ("", *names), rows, [[None, *row] for row in shades])

    def _transfer(self) -> Iterator[Section]:
        groups = list(self.by_data())
        if len(groups) < 2 or len(self.axes) < 2:
            return
        rows = []
        for metric in self.metrics:
            medians: dict[str, dict[tuple[str, ...], float]] = {}
            place = self.axes.index(DATA)
            for cell in self.cells(metric):
                if cell.median is not None:
                    rest = cell.places[:place] + cell.places[place + 1 :]
                    medians.setdefault(cell.places[place], {})[rest] = cell.median
            for one, two in combinations(medians, 2):
                both = sorted(medians[one].keys() & medians[two].keys())
                values = (np.array([medians[each][cell] for cell in both]) for each in (one, two))
                rows.append((metric, one, two, str(len(both)), number(rank_correlation(*values))))
        if rows:
            note = (
                "Spearman's correlation of the medians of settings: is what is good on one good on another?"
            )
            yield Section(
                "Transfer between images", note, ("metric", "from", "to", "settings", "correlation"), rows
            )


@dataclass(frozen=True)
class Section:
    """A table of the report."""

    title: str
    note: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    shades: Sequence[Sequence[float | None]] = ()
    """From -1 to 1 for each cell, of a heat map."""


def _better(metric: str) -> str:
    return METRICS[metric].better if metric in METRICS else "neither"


def _heat(values: Sequence[float | None], better: str) -> list[float | None]:
    """Return values between 0 and 1, the best 1; failures 0; None where no side is better."""
    sign = {"higher": 1.0, "lower": -1.0}.get(better)
    known = [each for each in values if each is not None and math.isfinite(each)]
    if sign is None or not known or max(known) == min(known):
        return [None] * len(values)
    low, high = sorted((sign * min(known), sign * max(known)))
    return [
        None if each is None else (sign * each - low) / (high - low) if math.isfinite(each) else 0.0
        for each in values
    ]


def _cell_text(value: Any) -> Any:
    return str(value) if isinstance(value, (dict, list)) else value


def number(value: float | None) -> str:
    """Write a value for reading; an infinite median is that of runs that failed."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "failed"
    return f"{value:.2f}" if abs(value) >= 10 else f"{value:.3f}"


def span(interval: Interval | None) -> str:
    if interval is None:
        return ""
    return f"{number(interval.low)} to {number(interval.high)} ({interval.coverage:.1%})"
