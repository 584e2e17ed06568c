"""Training: one loop on Lightning Fabric, from a recipe to a run folder."""

from distaff.training._callbacks import Callback
from distaff.training._train import train

__all__ = ["Callback", "train"]
