"""MNIST: 70,000 handwritten digits: http://yann.lecun.com/exdb/mnist/."""

from __future__ import annotations

from distaff.data import published
from distaff.data.dataset import Found
from distaff.data.digits import DIGIT
from distaff.data.options import DataOptions

MNIST = published.Published(
    name="mnist",
    raw="MNIST/raw",
    attribute=DIGIT,
    url="https://ossci-datasets.s3.amazonaws.com/mnist",
    sha256=(
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
    ),
)


def find(place: str | None, options: DataOptions) -> Found:  # noqa: ARG001 - every source has this signature
    """MNIST: 60,000 + 10,000 images uint8 [1, 28, 28], attribute `digit`, published test split.

    Raises:
        InputError: the files are missing or damaged.
    """
    return published.find(MNIST, place)
