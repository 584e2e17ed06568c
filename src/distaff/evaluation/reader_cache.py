"""Readers kept between evaluations: one file each, named by what the reader was taught."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from distaff.data import AttributeTable, Dataset
from distaff.data.cache import folder
from distaff.errors import InputError
from distaff.evaluation.encoding import draw
from distaff.evaluation.reader import Reader, ReaderNetwork
from distaff.evaluation.reader_training import BUDGET, train_reader
from distaff.files import atomic_write

VERSION = 1
"""Raised when a reader of the same data would come out otherwise."""
SAMPLED = 256
"""Pictures that stand for all of them in the name."""


def reader_of(
    dataset: Dataset,
    table: AttributeTable,
    *,
    budget: int = BUDGET,
    seed: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> Reader:
    """Return the reader of a dataset's attributes `table`: kept from before, or trained now and kept.

    A cache that cannot be written costs the next evaluation time and this one nothing.
    """
    path = folder() / f"reader-{_name(dataset, table, [budget, seed])}.safetensors"
    kept = _load(path, dataset, table)
    if kept is not None:
        return kept
    reader = train_reader(
        dataset.images,
        table,
        dataset.splits["train"],
        budget=budget,
        seed=seed,
        progress=progress,
    )
    about = {
        "data": dataset.name,
        "attributes": [each.model_dump(mode="json") for each in table.attributes],
        "binary": reader.binary,
    }
    content = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in reader.network.state_dict().items()},
        {"reader": json.dumps(about)},
    )
    try:
        atomic_write(path, content)
    except InputError as error:
        progress(f"the independent reader is not kept: {error}")
    return reader


def _load(path: Path, dataset: Dataset, table: AttributeTable) -> Reader | None:
    """Return the kept reader; None when there is none, or the file is not what was written."""
    shape = (dataset.images.shape[1], dataset.images.shape[2], dataset.images.shape[3])
    network = ReaderNetwork(shape, table.attributes)
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {})["reader"])
            network.load_state_dict({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        binary = bool(about["binary"])
    except (OSError, SafetensorError, RuntimeError, ValueError, KeyError, TypeError):
        return None
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        return None
    return Reader(table.attributes, shape, binary, network)


def _name(dataset: Dataset, table: AttributeTable, settings: list[int]) -> str:
    """Return a digest of what the reader depends on: labels, a sample of the pictures, settings."""
    digest = hashlib.sha256()
    settings = [VERSION, *settings, *dataset.images.shape]
    attributes = [each.model_dump(mode="json") for each in table.attributes]
    digest.update(json.dumps([settings, attributes], sort_keys=True).encode())
    digest.update(np.ascontiguousarray(dataset.splits["train"]).tobytes())
    digest.update(np.ascontiguousarray(table.values).tobytes())
    digest.update(dataset.images.take(draw(dataset.splits["train"], SAMPLED, 0)).tobytes())
    return digest.hexdigest()[:32]
