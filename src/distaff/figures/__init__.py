"""Pictures of a run: what the model makes, what its latents do, and how training went."""

from distaff.figures.beta_sweep import beta_sweep
from distaff.figures.material import Material
from distaff.figures.mixing import Mix, mix
from distaff.figures.registry import FIGURES, Entry, make, to_png

__all__ = ["FIGURES", "Entry", "Material", "Mix", "beta_sweep", "make", "mix", "to_png"]
