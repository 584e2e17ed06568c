"""The swap test: set one attribute, decode, and let an independent reader say what changed."""

from __future__ import annotations

from typing import Any

import numpy as np

from distaff.data import Attribute, AttributeTable
from distaff.evaluation.encoding import PIECE, Floats, given
from distaff.evaluation.reader import Reader
from distaff.evaluation.right import folds, is_right, share, symmetry_note
from distaff.evaluation.subject import Subject
from distaff.model import Model

PICTURES = 2000
"""Pictures each attribute is swapped in."""
TRUSTED = 0.98
"""A reader that is right less often than this on real pictures earns a warning."""


def lacks_swap(subject: Subject) -> str | None:
    """Say why no attribute can be set in a code, or None when one can."""
    if not subject.model.network.latent.attribute_blocks:
        return "the model has no attribute latents to set"
    if not subject.set_by_code:
        return "the data have no labels of the attributes that the model sets"
    return None


def swap_test(subject: Subject) -> dict[str, Any]:
    """Return the smallest share, over pairs (set a, check b), of pictures where b is what it should be.

    b = a: the decoded picture shows the asked value; else: what the original picture truly has.
    """
    reader, attributes = subject.reader, subject.set_by_code
    rng = np.random.default_rng([subject.seed, 5])
    chosen = np.sort(rng.permutation(len(subject.test_rows))[:PICTURES])
    codes, true = subject.test.codes[chosen], subject.test.factors.rows(chosen)
    rows = np.arange(len(chosen))
    matrix: dict[str, dict[str, float]] = {}
    for attribute in attributes:
        subject.say(f"swap test: setting {attribute.name}")
        values = another(attribute, true.column(attribute.name), rng)
        asked = replaced(true, attribute.name, values)
        written = subject.model.write(codes, **{attribute.name: values})
        found = read_decoded(subject.model, reader, written, given(subject.model, asked, rows))
        matrix[attribute.name] = {
            each.name: share(is_right(each, found[each.name], asked.column(each.name), fold))
            for each in attributes
            for fold in [np.lcm(folds(each, true).astype(int), folds(each, asked).astype(int))]
        }
    shares = [list(row.values()) for row in matrix.values()]
    return {
        "value": float(np.nanmin(shares)),
        "mean": float(np.nanmean(shares)),
        "matrix": matrix,
        "pictures": len(chosen),
        **reader_details(subject),
        **_note(attributes),
    }


def another(attribute: Attribute, true: Floats, rng: np.random.Generator) -> Floats:
    """Return for each picture a value other than its own, drawn evenly: [n] -> [n]."""
    if not attribute.size:
        return rng.uniform(attribute.low, attribute.high, len(true)).astype(np.float32)
    drawn = rng.integers(attribute.size - 1, size=len(true)) if attribute.size > 1 else np.zeros(len(true))
    # Of the classes left when its own is taken out, those from its own on move up by one.
    return (drawn + (drawn >= true) * (attribute.size > 1)).astype(np.float32)


def replaced(table: AttributeTable, name: str, values: Floats) -> AttributeTable:
    """Return the table with one column replaced."""
    changed = table.values.copy()
    changed[:, table.names.index(name)] = values
    return AttributeTable(table.attributes, changed)


def reader_details(subject: Subject) -> dict[str, Any]:
    """Return how good the reader is on real test pictures, and a warning where it is not good enough."""
    rights = subject.reader_rights
    poor = [f"{name} {share:.1%}" for name, share in rights.items() if share < TRUSTED]
    warning = {
        "warning": f"the reader itself is right on fewer than {TRUSTED:.0%} of real test pictures: "
        f"{', '.join(poor)}; the test cannot show more than that"
    }
    return {"reader": rights} | (warning if poor else {})


def read_decoded(
    model: Model, reader: Reader, codes: Floats, known: dict[str, Floats] | None
) -> dict[str, Floats]:
    """Decode codes, under the condition `known` if the model has one, and read the pictures."""
    parts = []
    for start in range(0, len(codes), PIECE):
        rows = slice(start, start + PIECE)
        told = None if known is None else {name: values[rows] for name, values in known.items()}
        parts.append(reader.read(model.decode(codes[rows], attributes=told)))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _note(attributes: tuple[Attribute, ...]) -> dict[str, str]:
    note = symmetry_note(attributes)
    by = ", ".join(sorted({each.folds.by for each in attributes if each.folds is not None}))
    if note:
        note["note"] = (
            "circular attributes are right within one step, up to the rotational symmetry of the original "
            f"picture's true {by}; where {by} is itself set, up to the larger symmetry of the old and the new"
        )
    return note
