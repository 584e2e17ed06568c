"""Images that are given in Python: arrays, tensors, mappings, torch datasets, data frames with paths.

They are read as a file of them would be: arrays and their labels as a .npz file, a data frame as a CSV file.
Nothing here needs torch or pandas: what is given is known by what it can do.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from distaff.data._arrays import CHUNK, IMAGES, Member, channels_first, scale_of, unflattened, white_of_array
from distaff.data._cache import tell
from distaff.data._columns import LABELS, Column, Labels, as_texts, read_columns
from distaff.data._folder import listed
from distaff.data._image_files import BROKEN, plain_pixels
from distaff.data._images import ArrayImages, Bytes, Rows
from distaff.data._listing import as_words, look_at_sheet, may_be_split, no_split, rows_of, split_of
from distaff.data._source import ARRAYS, DataOptions, Found, LeftOut, Opened
from distaff.data._tables import Finder, Sheet
from distaff.errors import InputError

Data = Any
"""What may be given as data: a source's name or path, or images in Python.

- images: an array or a tensor [n, h, w], [n, h, w, c] or [n, c, h, w], or a list of images
- `(images, labels)`: labels [n] are the attribute `label`; [n, k] are `label0` to `label(k - 1)`; a mapping,
  a data frame or a series names its own
- a mapping with the images under imgs, images, x or X, and labels [n] under their names
- a dataset as torch knows it, of images, `(image, label)` or mappings; an image may be one of Pillow's
- a data frame, or a mapping of columns, of which one names image files or holds images
- a list of paths of image files, also with labels: `(paths, labels)`
"""
KEYS = (*IMAGES, "image", "img", "pixel_values", "pixels")
"""What an image is called in a mapping of one."""
NESTED = "its cells are lists or arrays, not one label"
WHERE = Path("data")
"""How errors call what was given."""


@dataclass(frozen=True)
class Held(Member):
    """An array in memory, as if it were in a file."""

    values: npt.NDArray[Any]

    def chunks(self) -> Iterator[npt.NDArray[Any]]:
        """Yield the rows, some at a time."""
        step = max(1, CHUNK // max(1, self.nbytes // max(1, len(self.values))))
        for start in range(0, len(self.values), step):
            yield self.values[start : start + step]


class Given:
    """A source of images that are given in Python; see `Data` for what that may be.

    >>> images = np.zeros((6, 8, 8), np.uint8)
    >>> found = Given((images, list("abcabc"))).find(DataOptions(source="arrays"))
    >>> found.attributes.names, found.open(np.arange(6)).images.shape
    (('label',), (6, 1, 8, 8))
    """

    def __init__(self, data: Data) -> None:
        self.data = data

    def find(self, options: DataOptions) -> Found:
        """Read the labels; see `Source.find`.

        Raises:
            InputError: it is nothing that holds images, or images and labels do not fit one another.
        """
        data = self.data
        left: list[LeftOut] = []
        if _are_paths(data):
            data = {"file": data}
        elif isinstance(data, tuple) and len(data) == 2 and _are_paths(data[0]):
            data = {"file": data[0], **_labels(data[1], len(data[0]), left)}
        if _is_frame(data) or isinstance(data, Mapping):
            name = _images_in(data)
            if name is None:
                found = _of_table(data, options)
                return replace(found, left_out=(*left, *found.left_out))
            images = _array(data[name], name)
            others = {key: data[key] for key in _names(data) if key != name}
            columns = _columns(others, len(images), left)
        elif isinstance(data, tuple) and len(data) == 2:
            images = _array(data[0], "images")
            columns = _labels(data[1], len(images), left)
        elif _is_array(data):
            images, columns = _array(data, "images"), {}
        elif hasattr(data, "__getitem__") and hasattr(data, "__len__") and not isinstance(data, (str, bytes)):
            images, columns = _of_items(data, left)
        else:
            raise InputError(
                f"data: {type(data).__name__} holds no images that can be counted; give an array, (images, "
                "labels), a mapping, a dataset with a length, a data frame, or the name of a source"
            )
        named = as_words({name: each for name, each in columns.items() if may_be_split(name, each.dtype)})
        split = split_of(named)
        if split is not None:
            columns = {name: each for name, each in columns.items() if name != split[0]}
        found = _found(images, read_columns(columns, len(images), str(WHERE), options), left, options)
        if split is None:
            return replace(found, notes=(*no_split(named), *found.notes))
        return replace(found, parts=rows_of(split[1]), notes=(f"{split[0]!r} is the split", *found.notes))


def _found(images: npt.NDArray[Any], labels: Labels, left: Sequence[LeftOut], options: DataOptions) -> Found:
    member = Held(WHERE, "images", images.shape, images.dtype, 0, None, images)
    channels_first(member)

    def open_rows(rows: Rows) -> Opened:
        white = options.white if options.white is not None else white_of_array(member)
        pixels = scale_of(member, white).apply(images if len(rows) == len(images) else images[rows])
        notes = () if white in {1.0, 255.0} else (f"the pixel value {white:g} is taken as white",)
        plain = images.dtype == np.uint8 and white == 255
        return Opened(ArrayImages(_own(pixels)), rows, notes, white=None if plain else white)

    return Found(ARRAYS, labels.attributes, open_rows, notes=labels.notes, left_out=(*left, *labels.left_out))


def _own(pixels: Bytes) -> Bytes:
    """Return pixels that nobody else changes while a model trains."""
    return np.array(pixels, order="C")


def _is_frame(data: Any) -> bool:
    """Tell whether something is a data frame: columns by name, of pandas, polars or the like."""
    return hasattr(data, "columns") and hasattr(data, "__getitem__") and hasattr(data, "shape")


def _names(table: Any) -> list[Any]:
    """Return the names of columns; InputError if one is there twice, since each would be both."""
    names = list(table if isinstance(table, Mapping) else table.columns)
    texts = list(map(str, names))
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise InputError(f"data: two columns are called {twice!r}; give each its own name")
    return names


def _images_in(data: Any) -> str | None:
    """Return the column that holds images themselves; None if none does."""
    if isinstance(data, Mapping) and (name := next((name for name in IMAGES if name in data), None)):
        return name
    known = _names(data)
    for name in (each for each in ("image", "img", *IMAGES) if each in known):
        first = next(iter(data[name]), None) if hasattr(data[name], "__iter__") else None
        if hasattr(first, "getbands") or getattr(first, "ndim", 0) >= 2:
            return name
    return None


def _are_paths(data: Any) -> bool:
    """Tell whether something is a list of paths."""
    listed = isinstance(data, list) or (hasattr(data, "__array__") and getattr(data, "ndim", 0) == 1)
    return listed and len(data) > 0 and all(isinstance(each, (str, os.PathLike)) for each in data)


def _is_array(data: Any) -> bool:
    if isinstance(data, (list, tuple)):
        # A list of numbers in lists, and not of images, each of which may be an array.
        first = data
        while isinstance(first, (list, tuple)) and first:
            first = first[0]
        return isinstance(first, (int, float)) or not data
    return hasattr(data, "__array__")


def as_array(data: Any) -> npt.NDArray[Any]:
    """Return an array or a tensor, wherever it lies and whatever belongs to it, as a numpy array.

    Raises:
        InputError: it is no array of numbers, such as lists of different lengths.

    >>> as_array([[1, 2], [3, 4]]).shape
    (2, 2)
    """
    if hasattr(data, "detach"):
        data = data.detach().cpu()
        # numpy has no bfloat16.
        data = data.float() if "bfloat16" in str(getattr(data, "dtype", "")) else data
    try:
        return np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"not an array of one shape: {str(error).splitlines()[0]:.120}") from None


def _array(data: Any, name: str) -> npt.NDArray[Any]:
    if isinstance(data, np.ma.MaskedArray) and np.ma.getmaskarray(data).any():
        raise InputError(f"data: {name} have masked pixels; fill them, as with {name}.filled(0)")
    if getattr(getattr(data, "dtype", None), "kind", None) == "O":
        data = list(data)  # Such as a column of a data frame.
    if not _is_array(data) and hasattr(data, "__getitem__") and hasattr(data, "__len__"):
        return _stack([_pixels(each, place) for place, each in enumerate(data)])
    try:
        array = as_array(data)
    except InputError as error:
        raise InputError(f"data: {name} are {error}") from None
    if array.dtype.kind not in "biuf" or array.ndim < 3:
        raise InputError(
            f"data: {name} are {array.dtype} {list(array.shape)}; they must be numbers [n, h, w], "
            f"[n, h, w, c] or [n, c, h, w]{unflattened(array.shape)}"
        )
    return array


def _labels(labels: Any, n: int, left: list[LeftOut]) -> dict[str, Column]:
    """Return the columns that the second of `(images, labels)` holds."""
    if isinstance(labels, Mapping) or _is_frame(labels):
        return _columns(labels, n, left)
    name = getattr(labels, "name", None)
    name = name if isinstance(name, str) and name else "label"
    array = _column(labels)
    if array is None:
        left.append(LeftOut.of("array", [name], NESTED))
        return {}
    if array.ndim == 2 and array.shape[1] > 1:
        return _columns({f"{name}{k}": column for k, column in enumerate(array.T)}, n, left)
    return _columns({name: array}, n, left)


def _columns(given: Any, n: int, left: list[LeftOut]) -> dict[str, Column]:
    """Return the columns of one label an image; the others are named in `left`."""
    columns: dict[str, Column] = {}
    for key in _names(given):
        name, column = str(key), _column(given[key])
        if column is None:
            left.append(LeftOut.of("array", [name], NESTED))
        elif column.shape in ((n,), (n, 1)):
            columns[name] = column.reshape(-1)
        elif column.ndim == 1 or name.lower() in LABELS:
            one_hot = "; of one-hot labels take argmax(1)" * (column.ndim == 2 and len(column) == n)
            raise InputError(
                f"data: {name} is {list(column.shape)} for {n} images; give one label for each{one_hot}"
            )
        else:
            reason = f"it is {list(column.shape)}, not one label for each of {n} images"
            left.append(LeftOut.of("array", [name], reason))
    return columns


def _column(values: Any) -> npt.NDArray[Any] | None:
    """Return labels as numbers or texts; objects become the texts that a CSV file would hold.

    None if a cell holds several labels, or none that has a text.
    """
    if isinstance(values, np.ma.MaskedArray):
        values = np.array(values.tolist(), dtype=object)
    if isinstance(values, (list, tuple)) and all(isinstance(each, (int, float)) for each in values):
        numbers = np.asarray(values)
        if numbers.dtype != object:
            return numbers
    if isinstance(values, (list, tuple)):
        try:
            rows = np.asarray(values) if all(isinstance(each, (list, tuple)) for each in values) else None
        except ValueError:
            rows = None  # Of different lengths.
        if rows is not None and rows.ndim > 1 and rows.dtype.kind in "biuf":
            return rows
        values = np.array([*values, None], dtype=object)[:-1]
    array = as_array(values)
    if array.dtype.kind in "biufUS":
        return array
    if any(map(_is_nested, array.reshape(-1))):
        return None
    texts = [_cell(each) for each in array.reshape(-1)]
    return as_texts(texts).reshape(array.shape)


def _is_nested(value: Any) -> bool:
    """Tell whether a cell holds several values: a list, a mapping, or an array of more than one."""
    shape = getattr(value, "shape", None)
    return isinstance(value, (list, tuple, dict, set)) or (shape is not None and math.prod(shape) != 1)


def _cell(value: Any) -> str:
    """Return what a table would hold: nothing for None, NaN and pandas' own words for them."""
    if hasattr(value, "item") and getattr(value, "shape", None) is not None:
        value = value.item()
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise InputError("data: labels hold bytes that are no UTF-8; give texts") from None
    # The last is NaN.
    missing = value is None or str(value) in {"<NA>", "NaT"} or bool(value != value)  # noqa: PLR0124
    return "" if missing else str(value)


def _of_items(data: Any, left: list[LeftOut]) -> tuple[npt.NDArray[Any], dict[str, Column]]:
    """Read a dataset item by item: its images, and the columns of its labels."""
    images: list[npt.NDArray[Any]] = []
    columns: dict[str, list[Any]] = {}
    n = len(data)
    for place in range(n):
        if place % 100 == 0:
            tell(f"reading images: {place / max(n, 1):.0%}")
        image, labels = _parts(data[place], place)
        images.append(_pixels(image, place))
        for name, label in labels.items():
            columns.setdefault(name, [None] * n)[place] = label
    return _stack(images), _columns(columns, n, left)


def _parts(item: Any, place: int) -> tuple[Any, dict[str, Any]]:
    """Return the image of an item, and its labels by name."""
    if isinstance(item, Mapping):
        key = next((name for name in KEYS if name in item), None)
        if key is None:
            raise InputError(f"data: item {place} has no image; call it {' or '.join(KEYS[:2])}")
        return item[key], {str(name): each for name, each in item.items() if name != key}
    if not isinstance(item, (tuple, list)):
        return item, {}
    image, *rest = item
    labels: dict[str, Any] = {}
    for number, each in enumerate(rest):
        name = "label" if number == 0 else f"label_{number + 1}"
        if isinstance(each, Mapping):
            labels |= {str(key): value for key, value in each.items()}
        elif (values := as_array(each)).size == 1 and values.dtype != object:
            labels[name] = values.reshape(-1)[0]
        elif values.ndim == 1 and values.dtype.kind in "biufU":
            labels |= {f"{name}{k}": value for k, value in enumerate(values)}
        else:
            labels[name] = each
    return image, labels


def _pixels(image: Any, place: int) -> npt.NDArray[Any]:
    """Return one image as an array: [h, w], [h, w, c] or [c, h, w]."""
    try:
        array = plain_pixels(image) if hasattr(image, "getbands") else as_array(image)
    except InputError as error:
        raise InputError(f"data: image {place} is {error}") from None
    except BROKEN as error:
        raise InputError(f"data: image {place} cannot be read ({error})") from None
    if array.dtype.kind not in "biuf" or array.ndim not in {2, 3}:
        raise InputError(
            f"data: image {place} is {array.dtype} {list(array.shape)}; it must be numbers [h, w], [h, w, c] "
            "or [c, h, w]"
        )
    return array


def _stack(images: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    """Return images in one array; grey ones among colour become colour."""
    if not images:
        raise InputError("data: there is no image in it")
    if len({image.ndim for image in images}) > 1:
        images = [np.repeat(each[..., None], 3, axis=2) if each.ndim == 2 else each for each in images]
    first = images[0]
    for place, each in enumerate(images):
        if each.shape != first.shape:
            raise InputError(
                f"data: image {place} is {list(each.shape)} and image 0 is {list(first.shape)}; resize them "
                "to one size, or give the path of a folder of them with data.image_size"
            )
    return np.stack(images)


def _of_table(table: Any, options: DataOptions) -> Found:
    """Return the source of a data frame, or of columns, that name image files."""
    given = {
        str(name): list(table[name]) if hasattr(table[name], "__len__") else [] for name in _names(table)
    }
    lengths = {len(column) for column in given.values()}
    nested = [name for name, column in given.items() if any(map(_is_nested, column))]
    texts = any(isinstance(each, (str, os.PathLike)) for column in given.values() for each in column[:1])
    if len(lengths) != 1 or (nested and not texts):
        raise InputError(
            f"data: no images under {' or '.join(IMAGES)}, and {', '.join(given) or 'nothing'} is no "
            "table of files with as many cells in every column"
        )
    columns = {name: [_cell(each) for each in column] for name, column in given.items() if name not in nested}
    root = _common_folder(columns)
    rows = [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]
    sheet = Sheet(WHERE, list(columns), list(enumerate(rows)))
    found = listed(look_at_sheet(sheet, Finder(root, []), options.skip_bad), options)
    left = (LeftOut.of("column", nested, NESTED),) if nested else ()
    return replace(found, name=ARRAYS, left_out=(*left, *found.left_out))


def _common_folder(columns: dict[str, list[str]]) -> Path:
    """Return the folder that holds all files of a column, whose paths become absolute; else this one."""
    for name, cells in columns.items():
        filled = [cell for cell in cells if cell]
        if filled and all(Path(cell).is_absolute() or Path(cell).is_file() for cell in filled):
            columns[name] = [cell and os.path.abspath(cell) for cell in cells]  # noqa: PTH100 - links stay
            return Path(os.path.commonpath([Path(cell).parent for cell in columns[name] if cell]))
    return Path()
