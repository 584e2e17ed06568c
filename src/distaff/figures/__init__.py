"""Pictures of a run: what the model makes, what its latents do, and how training went."""

from distaff.figures.material import Material
from distaff.figures.registry import FIGURES, Entry, make, to_png

__all__ = ["FIGURES", "Entry", "Material", "make", "to_png"]
