"""Studies: many runs of one recipe with some of its fields varied, and what they allow to be said."""

from distaff.study._plan import Entry, Study, Variant, load_study, read_study, recipe_digest, shipped_studies
from distaff.study._report import Cell, Results
from distaff.study._statistics import (
    Choice,
    Interval,
    Ranking,
    RankTest,
    chosen,
    median_interval,
    order_interval,
    rank_correlation,
    rank_tests,
    rankings,
    superiority,
    variance_shares,
)
from distaff.study._work import Estimate, Progress, estimate, report, run_study
from distaff.study._worker import Outcome

__all__ = [
    "Cell",
    "Choice",
    "Entry",
    "Estimate",
    "Interval",
    "Outcome",
    "Progress",
    "RankTest",
    "Ranking",
    "Results",
    "Study",
    "Variant",
    "chosen",
    "estimate",
    "load_study",
    "median_interval",
    "order_interval",
    "rank_correlation",
    "rank_tests",
    "rankings",
    "read_study",
    "recipe_digest",
    "report",
    "run_study",
    "shipped_studies",
    "superiority",
    "variance_shares",
]
