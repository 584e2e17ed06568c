"""Pictures and their attributes, from anywhere, as one kind of dataset."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from distaff.data.attributes import Attribute, AttributeTable, Folds, Kind
from distaff.data.dataset import ARRAYS, Dataset, Split, assemble
from distaff.data.images import ArrayImages, Images, PackedImages, SubsetImages
from distaff.data.options import DataOptions
from distaff.data.pictures import read_images
from distaff.data.progress import telling
from distaff.data.sources import SOURCES, Source, find
from distaff.errors import InputError, nearest

__all__ = [
    "ARRAYS",
    "SOURCES",
    "ArrayImages",
    "Attribute",
    "AttributeTable",
    "DataOptions",
    "Dataset",
    "Folds",
    "Images",
    "Kind",
    "PackedImages",
    "Source",
    "Split",
    "SubsetImages",
    "load",
    "read_images",
    "telling",
]


def load(options: DataOptions | str, **settings: Any) -> Dataset:
    """Load pictures with their attributes and splits.

    Args:
        options: a source ("mnist", "mnist:DIR", a path) or the whole options.
        settings: fields of DataOptions, such as `count=1000`; they replace those of `options`.

    Raises:
        InputError: what is wrong with the options or the data, in one line.
    """
    given = {"source": options} if isinstance(options, str) else options.model_dump(exclude_unset=True)
    unknown = sorted(set(settings) - set(DataOptions.model_fields))
    if unknown:
        raise InputError(
            f"data has no setting {unknown[0]!r}: {nearest(unknown[0], DataOptions.model_fields)}"
        )
    try:
        checked = DataOptions.model_validate({**given, **settings})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["data", *(str(part) for part in first["loc"])])
        raise InputError(f"{where}: {first['msg']}") from None
    return assemble(find(checked), checked)
