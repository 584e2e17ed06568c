"""Measures of representations: pure functions of arrays, each `f(codes, factors, ...) -> Score`."""

from distaff.metrics.score import Score

__all__ = ["Score"]
