"""Networks: encoder and decoder bodies for pictures of any size of at least 8 x 8 and any channel count."""

from typing import Annotated

from distaff.network.body import EncoderBody, ImageShape, Width, fully_connected, initialise
from distaff.network.conv import Conv
from distaff.network.folded import Folded
from distaff.network.keras import Keras
from distaff.network.mlp import Mlp
from distaff.network.pair import Pair
from distaff.network.resnet import Resnet
from distaff.spec import one_of

Network = Annotated[
    Mlp | Conv | Folded | Keras | Resnet | Pair, one_of(Mlp, Conv, Folded, Keras, Resnet, Pair)
]

__all__ = [
    "Conv",
    "EncoderBody",
    "Folded",
    "ImageShape",
    "Keras",
    "Mlp",
    "Network",
    "Pair",
    "Resnet",
    "Width",
    "fully_connected",
    "initialise",
]
