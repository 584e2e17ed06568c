"""The images that the page shows, and their maps in the plane.

Codes, labels, predictions and thumbnails of images, where the training data lie, and which class lies where
on a map.
"""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.analysis import NEIGHBOURS, Analysis, Map, Neighbours, confidence, grid_points, has_umap
from distaff.data import ArrayImages, ResizedImages
from distaff.errors import InputError
from distaff.explorer._bundle import Blocks
from distaff.model import Floats

LARGEST = 64
"""Pixels of a thumbnail's longer side at most."""
SMALLEST = 28
"""Pixels to which thumbnails shrink before there are fewer of them."""
ATLAS = 4096
"""Pixels of the atlas's sides at most, which every browser can hold."""
BYTES = 3_500_000
"""Size of the atlas at most."""
HALF = 65504
"""The largest number that float16 holds."""
OFFERED = 200
"""Classes at most that the page offers as an end."""
MOST_TRAINING = 4000
"""Training codes at most that say where data lie."""
USUAL = 99
"""Per cent of unseen images that are no farther from the training codes than 1."""
GRID = 256
"""Cells of a grid of regions along each side."""
MARGIN = 0.05
"""Share of the points' extent that a grid reaches beyond them on either side."""
COLOURED = 20
"""Classes at most that are told apart by colour."""
MOST_GRIDS = 12


def as_half(codes: Floats) -> Floats:
    """Return codes as the page holds them, rounded to float16: float32 [n, D]."""
    return np.clip(codes, -HALF, HALF).astype(np.float16).astype(np.float32)


def describe_points(analysis: Analysis, blocks: Blocks) -> dict[str, Any]:
    """Return the images that the page shows.

    `total`: how many the split has. `typical`: the row that the page begins with and figures traverse, and
    its exact code, since the codes of all are rounded to float16.
    """
    model, codes, base = analysis.model, as_half(analysis.codes), analysis.typical
    place = {each.name: number for number, each in enumerate(model.attributes)}
    labelled = [name for name in place if name in analysis.table.names]
    return {
        "count": len(codes),
        "total": len(analysis.dataset.splits[analysis.split]),
        "split": analysis.split_name,
        "typical": {"row": base, "code": [float(each) for each in analysis.codes[base]]},
        "codes": blocks.add("codes", codes.astype(np.float16)),
        "attributes": {
            name: blocks.add(f"attributes/{place[name]}", analysis.table.column(name)) for name in labelled
        },
        "predicted": {
            name: blocks.add(f"predicted/{place[name]}", values.astype(np.float32))
            for name, values in model.read(codes).items()
        },
        "confidence": {
            name: blocks.add(f"confidence/{place[name]}", to_byte(chances.max(axis=1)))
            for name, chances in model.read_probabilities(codes).items()
        },
        "thumbnails": thumbnails(analysis.images(analysis.rows), blocks),
    }


def thumbnails(images: npt.NDArray[np.uint8], blocks: Blocks) -> dict[str, Any]:
    """Return where the thumbnails of the first images are; their bytes bound their number and size.

    Args:
        images: uint8 [n, c, h, w].
        blocks: where the WebP is kept.
    """
    images = _plain(images)
    longer = max(images.shape[2:])
    side = min(longer, LARGEST, ATLAS // math.ceil(math.sqrt(len(images))))
    content, count, shape = _draw(images, side, len(images))
    if len(content) > BYTES and side > SMALLEST:
        content, count, shape = _draw(images, SMALLEST, len(images))
    while len(content) > BYTES and count > 1:
        content, count, shape = _draw(images, shape[0], max(1, int(0.95 * count * BYTES / len(content))))
    side, height, width, columns = shape
    return {
        "block": blocks.add_bytes("thumbnails", content),
        "side": side,
        "width": width,
        "height": height,
        "columns": columns,
        "count": count,
    }


def _plain(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return images of one or three channels: of any other number, the mean of the channels."""
    if images.shape[1] in {1, 3}:
        return images
    grey: npt.NDArray[np.uint8] = np.rint(images.mean(axis=1, keepdims=True)).astype(np.uint8)
    return grey


def _draw(
    images: npt.NDArray[np.uint8], side: int, count: int
) -> tuple[bytes, int, tuple[int, int, int, int]]:
    """Return the WebP, how many images it holds, and the (side, height, width, columns) of its cells."""
    from PIL import Image

    channels, height, width = images.shape[1:]
    scale = side / max(height, width)
    if scale < 1:
        height, width = max(1, round(height * scale)), max(1, round(width * scale))
    small: Any = ArrayImages(images[:count])
    if scale < 1:
        small = ResizedImages(small, (channels, height, width))
    cells = small.take(slice(0, count))
    columns = max(1, min(count, ATLAS // width, math.ceil(math.sqrt(count * height / width))))
    rows = math.ceil(count / columns)
    atlas = np.zeros((rows * columns, channels, height, width), dtype=np.uint8)
    atlas[:count] = cells
    sheet = atlas.reshape(rows, columns, channels, height, width).transpose(0, 3, 1, 4, 2)
    sheet = sheet.reshape(rows * height, columns * width, channels)
    file = io.BytesIO()
    Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet).save(file, format="WEBP", lossless=True)
    return file.getvalue(), count, (max(height, width), height, width, columns)


def describe_ends(analysis: Analysis, blocks: Blocks) -> dict[str, Any]:
    """Return where interpolations from class to class begin and end: the codes that `distaff mix` takes.

    `codes`: the code [K, D] of each class by attribute, NaN where no training image shows it; `first`: the
    attribute to begin with.
    """
    chosen = analysis.class_attribute
    names = {each.name: number for number, each in enumerate(analysis.model.attributes)}
    found: dict[str, Any] = {}
    for attribute in analysis.train_table.attributes:
        if attribute.name not in names or not 1 < attribute.size <= OFFERED:
            continue
        codes = np.full((attribute.size, analysis.model.code_size), np.nan, dtype=np.float32)
        for index in range(attribute.size):
            try:
                codes[index] = analysis.class_end(attribute, float(index)).code
            except InputError:
                continue
        found[attribute.name] = blocks.add(f"ends/{names[attribute.name]}", codes)
    return {"first": chosen.name if chosen is not None and chosen.name in found else None, "codes": found}


class Support:
    """Where the codes of training images lie, in the latents that are in use and stand for no attribute.

    A combination of attributes that no image has is what a model with named attributes is for, so these do
    not count. A distance of 1 is the largest that 99% of unseen images have from their nearest training code,
    each latent measured in its spread.
    """

    def __init__(self, analysis: Analysis) -> None:
        uses = [each for each in analysis.latents if each.attribute is None and each.used]
        drawn = analysis.encoded.drawn[analysis.held_out]
        spread = drawn.std(axis=0)
        self.columns = [each.index for each in uses if spread[each.index] > 0]
        self.scale: Floats = (1 / spread[self.columns]).astype(np.float32)
        self.codes = as_half(analysis.train_codes[:MOST_TRAINING, self.columns])
        self.unit = 1.0
        if self.columns:
            usual = float(np.percentile(self.distance(drawn), USUAL))
            self.unit = max(usual, 1e-12)

    def distance(self, codes: Floats) -> npt.NDArray[np.float64]:
        """Return how far codes [n, D] are from the nearest training code: [n], 0 without such latents."""
        if not self.columns:
            return np.zeros(len(codes))
        from sklearn.neighbors import NearestNeighbors

        index = NearestNeighbors(n_neighbors=1).fit(self.codes * self.scale)
        nearest, _ = index.kneighbors(codes[:, self.columns] * self.scale)
        distances: npt.NDArray[np.float64] = nearest[:, 0].astype(np.float64) / self.unit
        return distances

    def describe(self, blocks: Blocks) -> dict[str, Any]:
        """Return the training codes [m, c] of the latents `columns` [c], their `scale` [c], and the `unit`.

        The distance of a code is the smallest |(code[columns] - training code) * scale| / unit.
        """
        return {
            "columns": self.columns,
            "scale": [float(each) for each in self.scale],
            "unit": self.unit,
            "codes": blocks.add("training", self.codes.astype(np.float16)),
        }


def to_byte(chances: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.uint8]:
    """Return chances from 0 to 1 as uint8 from 0 to 255."""
    whole: npt.NDArray[np.uint8] = np.rint(np.clip(chances, 0, 1) * 255).astype(np.uint8)
    return whole


def maps_of(analysis: Analysis) -> list[Map]:
    """Return the maps that suit the code: its own plane if it has two numbers, else projections too."""
    kinds = ["pair"] if analysis.model.code_size <= 2 else ["pair", "pca", "tsne"]
    if has_umap() and "pca" in kinds:
        kinds.append("umap")
    found = []
    for kind in kinds:
        try:
            found.append(analysis.map(kind))  # type: ignore[arg-type]
        except InputError:
            # Too few images or latents: there is nothing of this kind to show.
            continue
    return found


def describe_map(analysis: Analysis, found: Map, blocks: Blocks) -> dict[str, Any]:
    """Return a map: its points [count, 2], and how its places lead back to codes, if they do."""
    entry: dict[str, Any] = {
        "name": map_name(analysis, found),
        "kind": found.kind,
        "count": len(found.points),
        "points": blocks.add(f"maps/{found.kind}", found.points.astype(np.float32)),
        "exact": found.plane is not None,
        "inverse": None,
    }
    if found.plane is not None and found.columns is not None:
        rest = found.plane.origin.copy()
        columns = list(found.columns)
        rest[columns] = np.median(analysis.codes[:, columns], axis=0)
        entry["inverse"] = {"pair": columns, "rest": rest.tolist()}
    elif found.plane is not None:
        entry["inverse"] = {"mean": found.plane.origin.tolist(), "components": found.plane.axes.tolist()}
    return entry if found.variance is None else entry | {"variance": list(found.variance)}


def map_name(analysis: Analysis, found: Map) -> str:
    """Return what a map is called."""
    if found.columns is not None:
        return " and ".join(analysis.latents[column].label for column in found.columns)
    return {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}[found.kind]


def describe_regions(analysis: Analysis, maps: list[Map], blocks: Blocks) -> list[dict[str, Any]]:
    """Return a grid for each map and each attribute of few classes, the latent classifier's first.

    The classifier reads the codes of a plane. Elsewhere the ten nearest labelled points vote, and their
    confidence fades to 0 away from all points. Cells go from low to high x within a row, and rows from low to
    high y.
    """
    model = analysis.model
    attributes = [each for each in model.attributes if 2 <= each.size <= COLOURED]
    attributes.sort(key=lambda each: each.name not in model.classifiers)
    wanted = [(attribute, each) for attribute in attributes for each in maps]
    found: list[dict[str, Any]] = []
    for attribute, each in wanted:
        x, y = (_extent(column) for column in each.points.T)
        places = grid_points(x, y, GRID)
        if each.plane is not None and attribute.name in model.classifiers:
            reader = "classifier"
            chances = model.read_probabilities(each.plane.codes(places))[attribute.name]
            labels, sure = chances.argmax(axis=1), chances.max(axis=1)
        else:
            reader = f"{NEIGHBOURS}-NN"
            if attribute.name not in analysis.table.names:
                continue
            column = analysis.table.column(attribute.name)[: len(each.points)]
            if np.isfinite(column).sum() < NEIGHBOURS:
                continue
            shares, distance = Neighbours(each.points, column, attribute.size).vote(places)
            labels, sure = shares.argmax(axis=1), confidence(shares, distance)
        if len(found) == MOST_GRIDS:
            break
        place = f"regions/{len(found)}"
        found.append(
            {
                "map": map_name(analysis, each),
                "attribute": attribute.name,
                "reader": reader,
                "x": list(x),
                "y": list(y),
                "width": GRID,
                "height": GRID,
                "labels": blocks.add(f"{place}/labels", labels.astype(np.uint8).reshape(GRID, GRID)),
                "confidence": blocks.add(f"{place}/confidence", to_byte(sure).reshape(GRID, GRID)),
            }
        )
    return found


def _extent(column: Any) -> tuple[float, float]:
    low, high = float(column.min()), float(column.max())
    margin = MARGIN * (high - low) or 1.0
    return low - margin, high + margin
