"""distaff: variational autoencoders whose latents mean something."""

from distaff._version import __version__

__all__ = ["__version__"]
