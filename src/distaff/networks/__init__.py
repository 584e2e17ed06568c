"""Networks: encoder and decoder bodies for images of any size of at least 8 x 8 and any channel count."""

from distaff.networks._body import EncoderBody, ImageShape, Network, Width, fully_connected, initialise
from distaff.networks._fast import compile_in_training, prefers_bfloat16
from distaff.networks._general import Conv, Folded, Mlp, Pair, Resnet
from distaff.networks._published import Fc, Keras, Locatello, Style

__all__ = [
    "Conv",
    "EncoderBody",
    "Fc",
    "Folded",
    "ImageShape",
    "Keras",
    "Locatello",
    "Mlp",
    "Network",
    "Pair",
    "Resnet",
    "Style",
    "Width",
    "compile_in_training",
    "fully_connected",
    "initialise",
    "prefers_bfloat16",
]
