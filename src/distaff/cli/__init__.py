"""The command line: one file for each command, words and progress only."""

from distaff.cli.entry import main

__all__ = ["main"]
