"""The command line: words and progress only."""

from distaff.cli._entry import main

__all__ = ["main"]
