"""The bundle of runs for a live host, taken from the page in a run's folder where that still holds."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from distaff._version import __version__
from distaff.errors import InputError
from distaff.explorer.blocks import Bundle
from distaff.explorer.document import read_html
from distaff.run import Run

PAGE = "explorer.html"
"""The page in a run's folder, which training and 'distaff export' write."""


def prepare(runs: Sequence[Run], progress: Callable[[str], None] | None = None) -> Bundle:
    """Return the bundle of one run, or of several to compare, computing only what is not there yet.

    Raises InputError as `make_bundle` does.
    """
    from distaff.explorer.bundle import check_count, join, make_bundle, refresh

    check_count(runs)
    return join([refresh(_kept(run) or make_bundle([run], progress), run) for run in runs])


def _kept(run: Run) -> Bundle | None:
    """Return the bundle in the run's folder if this version made it of these weights."""
    from distaff.explorer.bundle import weights_sha256

    digest = weights_sha256(run)
    if not (run.path / PAGE).is_file():
        return None
    try:
        bundle = read_html(run.path / PAGE)
        [entry] = bundle.manifest["runs"]
        made_of = (bundle.manifest["version"], entry["provenance"]["weights_sha256"])
    except (InputError, KeyError, TypeError, ValueError):
        return None
    return bundle if made_of == (__version__, digest) else None
