"""Tables of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.table import Table

from distaff.cli.meanings import COUNTS, meaning, number

COLUMNS = {
    "read": ("attribute_accuracy", "accuracy"),
    "within one step": ("attribute_accuracy", "within_one"),
    "R2": ("attribute_accuracy", "r2"),
    "mean error": ("attribute_accuracy", "mean_absolute_error"),
    "10-NN": ("knn_accuracy", "accuracy"),
    "linear": ("linear_probe", "accuracy"),
    "linear R2": ("linear_probe", "r2"),
}
"""Columns of the table by attribute: which detail of which metric."""


def metrics_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return name, value and meaning of each metric."""
    table = Table("metric", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("value", justify="right")
    table.add_column("what it says")
    for name, details in metrics.items():
        table.add_row(name, number(details["value"], whole=name in COUNTS), meaning(name))
    return table


def attributes_table(metrics: Mapping[str, Mapping[str, Any]]) -> Table | None:
    """Return what is known of each attribute on unseen pictures; None when nothing is."""
    found = {
        column: {
            attribute: verdict[part]
            for attribute, verdict in metrics.get(name, {}).get("per_attribute", {}).items()
            if part in verdict
        }
        for column, (name, part) in COLUMNS.items()
    }
    columns = [column for column, values in found.items() if values]
    if not columns:
        return None
    table = Table("attribute", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right")
    for attribute in dict.fromkeys(name for column in columns for name in found[column]):
        values = (found[column].get(attribute) for column in columns)
        table.add_row(attribute, *("" if value is None else number(value) for value in values))
    return table


def remarks(metrics: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the verdicts, notes and warnings of metrics, each said once with the metrics that carry it."""
    said: dict[str, list[str]] = {}
    for name, details in metrics.items():
        for kind in ("sentence", "note", "warning"):
            if kind in details:
                said.setdefault(str(details[kind]), []).append(name)
    return [f"{', '.join(names)}: {text}" for text, names in said.items()]
