"""`distaff.explore(run)`: the page in a notebook."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from distaff.errors import InputError
from distaff.run import Run

if TYPE_CHECKING:
    from distaff.explorer.widget import Explorer


def explore(*runs: str | os.PathLike[str] | Run, height: str = "760px") -> Explorer:
    """Return a widget that shows a run, or two to four to compare, in a notebook.

    Args:
        runs: run folders, or what `distaff.train` returned.
        height: of the widget, as CSS says it.

    Raises:
        InputError: anywidget is not installed, or a run that cannot be shown.
    """
    try:
        from distaff.explorer.widget import Explorer
    except ModuleNotFoundError as error:
        raise InputError(
            f"explore: the notebook widget needs {error.name}; install distaff[jupyter], or show the "
            "run with 'distaff explore RUN'"
        ) from None
    from distaff.explorer.prepare import prepare

    opened = [each if isinstance(each, Run) else Run.open(each) for each in runs]
    return Explorer(prepare(opened), height=height)
