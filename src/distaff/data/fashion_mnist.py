"""Fashion-MNIST: 70,000 pictures of clothes: https://github.com/zalandoresearch/fashion-mnist."""

from __future__ import annotations

from pathlib import Path

from distaff.data import published
from distaff.data.attributes import Attribute
from distaff.data.dataset import Found
from distaff.data.options import DataOptions

GARMENT = Attribute(
    name="garment",
    kind="categorical",
    values=(
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
)
FASHION_MNIST = published.Published(
    name="fashion-mnist",
    raw="FashionMNIST/raw",
    attribute=GARMENT,
    url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
    sha256=(
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
    # Where Debian's package dataset-fashion-mnist puts it.
    places=(Path("/usr/share/datasets/fashion-mnist"),),
)


def find(place: str | None, options: DataOptions) -> Found:  # noqa: ARG001 - every source has this signature
    """Fashion-MNIST: 60,000 + 10,000 images uint8 [1, 28, 28], attribute `garment`, published test split.

    Raises:
        InputError: the files are missing or damaged.
    """
    return published.find(FASHION_MNIST, place)
