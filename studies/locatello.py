"""The study `locatello-small` at a schedule of about an hour of two cores, beside the published one.

    python studies/locatello.py FOLDER [PAGES]

Six methods, three strengths and five seeds as shipped, with fewer steps at a higher rate. The first seed of
all settings comes first, so that a study that is stopped has fewer seeds, not fewer methods. DCI takes longer
than a training and is measured in the end, of the models that are there; so are the scores that choose
without labels. PAGES gets study-locatello.md, study-locatello-page.html and study-locatello.csv.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from distaff.study import Results, load_study, rank_correlation, report, variance_shares

SCHEDULE = {"train.steps": 300, "train.lr": 1e-3, "train.valid_every": 300, "train.images_every": 300}
ABOUT = "The study locatello-small on sprites with 300 steps at a rate of 0.001, where 5,000 are shipped."
SEEDS = 5
CODES = ("mig", "dci", "sap", "factor_vae_score")
"""Metrics of the published study that agree with one another on dSprites."""


def column(results: Results, name: str) -> np.ndarray:
    return np.array([np.nan if row[name] is None else row[name] for row in results.rows], dtype=float)


def findings(results: Results) -> Iterator[tuple[str, str]]:
    """Yield findings of the published study, and the same of this one."""
    method, setting = results.axes
    levels = {axis: [row[axis] for row in results.rows] for axis in (method, setting)}
    told = []
    for name in CODES:
        shares = variance_shares(np.nan_to_num(column(results, name)), levels)
        told.append(f"{name} {shares[method]:.0%} / {shares[setting]:.0%} / {shares['seed']:.0%}")
    claim = "Strength and seed matter more than the method: shares of method / strength / seed"
    yield claim, "; ".join(told)
    pairs = [(a, b) for i, a in enumerate(CODES) for b in CODES[i + 1 :]]
    agreed = [rank_correlation(column(results, a), column(results, b)) for a, b in pairs]
    span = f"{min(agreed):.2f} to {max(agreed):.2f}"
    yield "MIG, DCI, SAP and FactorVAE's score agree (rank correlations)", span
    modular = [rank_correlation(column(results, "modularity"), column(results, name)) for name in CODES]
    yield "Modularity agrees less with them", f"{min(modular):.2f} to {max(modular):.2f}"
    bound = [rank_correlation(column(results, "elbo"), column(results, name)) for name in CODES]
    yield "The ELBO does not choose: its correlation with them", f"{min(bound):.2f} to {max(bound):.2f}"
    cells = [cell for cell in results.cells("mig") if cell.interval is not None and cell.median is not None]
    best = max(cells, key=lambda cell: cell.median or 0)
    close = {cell.places[0] for cell in cells if cell.interval.high >= best.interval.low}
    of = len({cell.places[0] for cell in cells})
    yield (
        "No method is clearly the best: those whose interval of MIG meets the best one's",
        f"{len(close)} of {of}",
    )


def main() -> None:
    out = Path(sys.argv[1])
    shipped = load_study("locatello-small")
    every = tuple(shipped.metrics or ())
    for metrics in (tuple(name for name in every if name != "dci"), every):
        changes = {"about": ABOUT, "settings": SCHEDULE, "metrics": metrics}
        study = shipped.model_copy(update=changes)
        for seed in range(1, SEEDS + 1):
            results = study.run(out, jobs=2, part=(seed, SEEDS))
            print(f"seed {seed - 1}, {len(metrics)} metrics: {results.tally}", flush=True)
    results = report(study.model_copy(update={"select": True}), out)
    print("| published, on dSprites | here |\n|---|---|")
    for claim, found in findings(results):
        print(f"| {claim} | {found} |")
    if len(sys.argv) > 2:
        pages = Path(sys.argv[2])
        shutil.copy(out / "study.md", pages / "study-locatello.md")
        shutil.copy(out / "results.csv", pages / "study-locatello.csv")
        # The run folders are not published beside the page.
        page = re.sub(r'<a href="runs/[^"]*">([^<]*)</a>', r"\1", (out / "study.html").read_text())
        (pages / "study-locatello-page.html").write_text(page)


if __name__ == "__main__":
    main()
