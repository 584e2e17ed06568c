"""The explorer: one page that shows what a model learned, as a file, from this machine, or in a notebook."""

from distaff.explorer.blocks import Bundle
from distaff.explorer.notebook import explore

__all__ = ["Bundle", "explore"]
