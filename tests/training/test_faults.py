"""Nothing lost: every fault for real at random moments; see studies/faults."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FAULTS = Path(__file__).parents[2] / "studies" / "faults"
MOUNTED = {"full", "readonly"}
KINDS = {"kill", "term", "int", "hup", "limit", "damage", "two", "watch", "broken"} | MOUNTED


def table(trials, *, seed, only=()):
    """Return the row of every fault, by its name."""
    command = [sys.executable, str(FAULTS), "--json", "--trials", str(trials), "--seed", str(seed)]
    done = subprocess.run(
        [*command, "--only", ",".join(only)] if only else command,
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert rows, done.stderr
    return {row.pop("fault"): row for row in rows}


def check(rows, trials, struck):
    skipped = {name: row["skipped"] for name, row in rows.items() if "skipped" in row}
    for name, row in rows.items():
        if name not in skipped:
            assert row["bad"] == []
            assert row | {"struck": 0} == {
                "trials": trials, "struck": 0, "lost": 0, "unreadable": 0, "exact": trials, "bad": []
            }  # fmt: skip
            assert row["struck"] >= struck, name
    if skipped:
        assert set(skipped) <= MOUNTED
        pytest.skip(f"but for the others, which hold: {skipped}")


def test_no_fault_loses_anything():
    rows = table(2, seed=1)
    assert set(rows) == KINDS
    check(rows, 2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(KINDS))
def test_no_fault_loses_anything_at_many_moments(name):
    check(table(24, seed=2, only=[name]), 24, 16)
