"""Training on Lightning: batches, callbacks, and the functions that run a recipe."""

from distaff.training.devices import is_writer
from distaff.training.replicas import ReplicaError, train_replicas
from distaff.training.train import train, wanted_recipe

__all__ = ["ReplicaError", "is_writer", "train", "train_replicas", "wanted_recipe"]
