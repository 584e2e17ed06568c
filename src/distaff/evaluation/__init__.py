"""Measures of a trained run: one pass over the pictures, many metrics, one evaluation.json."""

from distaff.evaluation.evaluate import evaluate
from distaff.evaluation.table import METRICS, Metric

__all__ = ["METRICS", "Metric", "evaluate"]
