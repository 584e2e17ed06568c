"""Images and their attributes, from anywhere, as one kind of dataset."""

from distaff.attributes import Attribute, AttributeTable, Folds, Kind
from distaff.data import sprites
from distaff.data._cache import cache_folder, telling
from distaff.data._celeba import CelebA
from distaff.data._columns import Labels, as_texts, read_columns
from distaff.data._dataset import Dataset, find, load, name_of
from distaff.data._folder import Folder, TableFile
from distaff.data._given import Data, as_array
from distaff.data._hub import HUB, Hub, fetch, reaching
from distaff.data._identity import Comparison, Fingerprint, compare, digest, fingerprint
from distaff.data._image_files import changes, decode_opened, read_images
from distaff.data._images import (
    ArrayImages,
    BinaryImages,
    Images,
    PackedImages,
    ResizedImages,
    SubsetImages,
    draw_binary,
)
from distaff.data._listing import list_images
from distaff.data._mnist import Digits, FashionMnist, Mnist
from distaff.data._npz import Hdf5, Npy, Npz
from distaff.data._pairs import PairSampler, Successors
from distaff.data._source import (
    ARRAYS,
    SOURCES,
    DataOptions,
    Found,
    LeftOut,
    Opened,
    PairOptions,
    Source,
    Split,
    find_source,
    named_source,
)
from distaff.data._tables import Sheet, read_sheet

__all__ = [
    "ARRAYS",
    "HUB",
    "SOURCES",
    "ArrayImages",
    "Attribute",
    "AttributeTable",
    "BinaryImages",
    "CelebA",
    "Comparison",
    "Data",
    "DataOptions",
    "Dataset",
    "Digits",
    "FashionMnist",
    "Fingerprint",
    "Folder",
    "Folds",
    "Found",
    "Hdf5",
    "Hub",
    "Images",
    "Kind",
    "Labels",
    "LeftOut",
    "Mnist",
    "Npy",
    "Npz",
    "Opened",
    "PackedImages",
    "PairOptions",
    "PairSampler",
    "ResizedImages",
    "Sheet",
    "Source",
    "Split",
    "SubsetImages",
    "Successors",
    "TableFile",
    "as_array",
    "as_texts",
    "cache_folder",
    "changes",
    "compare",
    "decode_opened",
    "digest",
    "draw_binary",
    "fetch",
    "find",
    "find_source",
    "fingerprint",
    "list_images",
    "load",
    "name_of",
    "named_source",
    "reaching",
    "read_columns",
    "read_images",
    "read_sheet",
    "sprites",
    "telling",
]
