"""Training on Lightning: batches, callbacks, and the one function that runs a recipe."""

from distaff.training.train import train

__all__ = ["train"]
