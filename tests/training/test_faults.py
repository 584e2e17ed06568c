"""Nothing lost: every fault for real at random moments; see studies/faults. A few are in test_resume.py."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

FAULTS = Path(__file__).parents[2] / "studies" / "faults"
MOUNTED = {"full", "readonly"}
KINDS = {"kill", "term", "int", "hup", "limit", "damage", "two", "watch", "diverged"} | MOUNTED
TRIALS, STRUCK = 8, 5
"""Trials of each fault, and how many of them must have come before the training was over."""


@pytest.fixture(scope="module")
def table():
    """The row of every fault, by its name; the runs that nothing befalls are the same for all."""
    command = [sys.executable, str(FAULTS), "--json", "--trials", str(TRIALS), "--seed", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1500, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {row["fault"] for row in rows} == KINDS, done.stderr
    return {row.pop("fault"): row for row in rows}


@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_fault_loses_anything_at_any_moment(table, name):
    row = table[name]
    if name in MOUNTED and "skipped" in row:
        pytest.skip(row["skipped"])
    assert row["bad"] == []
    assert row | {"struck": 0} == {
        "trials": TRIALS, "struck": 0, "lost": 0, "unreadable": 0, "exact": TRIALS, "bad": []
    }  # fmt: skip
    assert row["struck"] >= STRUCK
