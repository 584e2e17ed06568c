"""A data source: stripes, drawn here, with their direction and their width as labels."""

from typing import ClassVar

import numpy as np
import numpy.typing as npt

from distaff.attributes import Attribute, AttributeTable
from distaff.data import ArrayImages, DataOptions, Found, Opened, Source


class Stripes(Source):
    """Black and white stripes of two directions and four widths, each at every place."""

    tag: ClassVar[str] = "stripes"
    about: ClassVar[str] = "black and white stripes"
    attributes: ClassVar[str] = "direction (2), width (4)"
    size: ClassVar[str] = "128 of 16 x 16, grey"
    origin: ClassVar[str] = "drawn here"
    has_place: ClassVar[bool] = False

    def find(self, options: DataOptions) -> Found:
        directions = Attribute(name="direction", kind="categorical", values=("across", "down"))
        widths = Attribute(name="width", kind="ordinal", values=(2, 3, 4, 5))
        rows = [(direction, width, at) for direction in (0, 1) for width in range(4) for at in range(16)]
        labels = AttributeTable((directions, widths), np.array(rows, np.float32)[:, :2])

        def open_rows(wanted: npt.NDArray[np.int64]) -> Opened:
            images = np.stack([_draw(*rows[row]) for row in wanted])
            return Opened(ArrayImages(images), wanted)

        return Found(self.tag, labels, open_rows)


def _draw(direction: int, width: int, at: int) -> npt.NDArray[np.uint8]:
    line = np.where((np.arange(16) + at) // (width + 2) % 2, 255, 0).astype(np.uint8)
    image = np.broadcast_to(line, (16, 16))
    return (image.T if direction else image)[None].copy()  # [c, h, w]
