"""The hub of https://huggingface.co: files of a repository, and data sets of images that are shared there.

What goes wrong between here and there becomes one line. Nothing of a repository is run or unpickled.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar, Literal

from distaff.data._cache import cache_folder, tell
from distaff.data._files import PARTS
from distaff.data._folder import Folder
from distaff.data._source import DataOptions, Found, LeftOut, Source
from distaff.errors import InputError
from distaff.files import atomic_write, put_in_place

HUB = "hf:"
SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"GIF8": ".gif", b"BM": ".bmp", b"RIFF": ".webp"}
"""How image files begin; others are TIFF."""
UNPACKED = 500
"""Rows of a table read at a time."""


@contextmanager
def reaching(repository: str, doing: str = "read") -> Iterator[ModuleType]:
    """Give the hub's client; what fails inside becomes one line about a repository.

    Args:
        repository: ORG/NAME.
        doing: read, or written.

    Raises:
        InputError: no client installed, no such repository, no access, no network.

    >>> with reaching("no name") as client:
    ...     client.HfApi().model_info("no name")
    Traceback (most recent call last):
    distaff.errors.InputError: hf:no name: a hub id is ORG/NAME, of letters, digits, '-', '_' and '.'
    """
    try:
        client = importlib.import_module("huggingface_hub")
        errors = importlib.import_module("huggingface_hub.errors")
    except ModuleNotFoundError:
        raise InputError(
            f"{HUB}{repository}: needs huggingface_hub; run: pip install 'distaff[hub]'"
        ) from None
    where = f"{HUB}{repository}"
    try:
        with _quiet(client):
            yield client
    except errors.HFValidationError:
        raise InputError(f"{where}: a hub id is ORG/NAME, of letters, digits, '-', '_' and '.'") from None
    except errors.GatedRepoError:
        raise InputError(
            f"{where}: is gated; ask for access on its page, then log in with 'hf auth login'"
        ) from None
    except errors.RepositoryNotFoundError:
        raise InputError(
            f"{where}: there is no such repository, or it is private; if it is yours, log in: 'hf auth login'"
        ) from None
    except errors.RevisionNotFoundError:
        raise InputError(f"{where}: has no such revision; leave @REVISION out for the newest") from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
        raise InputError(
            f"{where}: cannot be {doing}: the hub is not reached, and nothing is kept here"
        ) from None
    except errors.EntryNotFoundError as error:
        raise InputError(f"{where}: {_first_line(error)}") from None
    except errors.HfHubHTTPError as error:
        status = getattr(error.response, "status_code", None)
        if status in {401, 403}:
            raise InputError(
                f"{where}: may not be {doing} by you ({status}); log in as somebody who may: 'hf auth login'"
            ) from None
        raise InputError(f"{where}: cannot be {doing}: {_first_line(error)}") from None
    except Exception as error:
        if type(error).__module__.partition(".")[0] not in {"httpx", "httpx2", "httpcore2", "requests"}:
            raise
        raise InputError(
            f"{where}: cannot be {doing}: the hub is not reached ({_first_line(error)})"
        ) from None


def fetch(repository: str, patterns: Sequence[str], kind: Literal["model", "dataset"] = "model") -> Path:
    """Return a folder of the hub's cache with some files of a repository, ORG/NAME or ORG/NAME@REVISION.

    What was fetched before is not fetched again, and is found without a network, too.

    Raises:
        InputError: see `reaching`.

    >>> fetch("no name", ["*.json"])
    Traceback (most recent call last):
    distaff.errors.InputError: hf:no name: a hub id is ORG/NAME, of letters, digits, '-', '_' and '.'
    """
    name, _, revision = repository.partition("@")
    with reaching(repository) as client:
        tell(f"reading {HUB}{repository}")
        found = client.snapshot_download(
            name, repo_type=kind, revision=revision or None, allow_patterns=list(patterns)
        )
    return Path(found)


@contextmanager
def _quiet(client: ModuleType) -> Iterator[None]:
    """Keep the client's progress bars and retries from people: distaff tells what it does itself."""
    bars = importlib.import_module(f"{client.__name__}.utils")
    logs = bars.logging
    shown, verbosity = not bars.are_progress_bars_disabled(), logs.get_verbosity()
    bars.disable_progress_bars()
    logs.set_verbosity_error()
    try:
        yield
    finally:
        logs.set_verbosity(verbosity)
        if shown:
            bars.enable_progress_bars()


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class Hub(Source):
    """A data set of images on the hub, as parquet files or as a folder of images.

    It is fetched once; parquet files are unpacked into a folder of images beside the other kept arrays.
    """

    tag: ClassVar[str] = "hf"
    about: ClassVar[str] = "images that somebody shares on the hub; needs distaff[hub]"
    attributes: ClassVar[str] = "the columns of its table"
    size: ClassVar[str] = "any; fetched once"
    origin: ClassVar[str] = "hf:ORG/NAME, or hf:ORG/NAME@REVISION"

    def find(self, options: DataOptions) -> Found:
        """Fetch the files and list the images; see `Source.find`.

        Raises:
            InputError: no such data set, no network, or files without images.
        """
        if self.place is None:
            raise InputError("data 'hf': which? Write hf:ORG/NAME")
        where = f"{HUB}{self.place}"
        folder = fetch(self.place, ("*.parquet",), "dataset")
        tables = sorted(folder.rglob("*.parquet"), key=lambda path: (_part(path) != "train", path))
        left: list[LeftOut] = []
        if tables:
            folder, left = _unpacked(where, folder, tables)
        else:
            folder = fetch(self.place, ("**",), "dataset")
        found = Folder(place=str(folder)).find(options)
        return replace(found, name=where, left_out=(*left, *found.left_out))


def _unpacked(where: str, snapshot: Path, tables: Sequence[Path]) -> tuple[Path, list[LeftOut]]:
    """Return a folder of the images and labels of parquet files, made once for each revision."""
    name = f"{where.removeprefix(HUB).partition('@')[0].replace('/', '--')}-{snapshot.name[:12]}"
    folder, about = cache_folder() / "hub" / name, "left-out.json"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{name}."))
        try:
            left = _unpack(where, snapshot, tables, new / "images")
            atomic_write(new / about, json.dumps(left).encode())
            put_in_place(new, folder)
        finally:
            shutil.rmtree(new, ignore_errors=True)
    names = json.loads((folder / about).read_text(encoding="utf-8"))
    reason = "it holds no single label for each image"
    return folder / "images", [LeftOut.of("column", names, reason)] if names else []


def _unpack(where: str, snapshot: Path, tables: Sequence[Path], folder: Path) -> list[str]:
    """Write images, and metadata.csv with their labels; return the columns that are no labels."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ModuleNotFoundError:
        raise InputError(f"{where}: needs pyarrow; run: pip install 'distaff[hub]'") from None
    folder.mkdir(parents=True)
    rows: list[dict[str, str]] = []
    left: dict[str, None] = {}
    for table in tables:
        tell(f"unpacking {table.relative_to(snapshot)}")
        file = parquet.ParquetFile(table)
        image, classes, others = _columns(where, file.schema_arrow)
        left |= dict.fromkeys(others)
        split = _part(table)
        for batch in file.iter_batches(UNPACKED, columns=[image, *classes]):
            for row in batch.to_pylist():
                content = row[image]["bytes"] if isinstance(row[image], dict) else row[image]
                if content is None:
                    raise InputError(f"{where}: row {len(rows)} of {table.name} holds no image")
                path = folder / f"{len(rows):07}{_suffix(content)}"
                path.write_bytes(content)
                labels = {name: _label(row[name], names) for name, names in classes.items()}
                rows.append({"file_name": path.name} | ({"split": split} if split else {}) | labels)
    if not rows:
        raise InputError(f"{where}: its tables are empty")
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in rows for name in row)), restval="")
    writer.writeheader()
    writer.writerows(rows)
    atomic_write(folder / "metadata.csv", text.getvalue().encode())
    return list(left)


def _part(table: Path) -> str | None:
    """Return the split that a parquet file is of, by its name: train-00000-of-00002.parquet."""
    return PARTS.get(table.stem.partition("-")[0].lower())


def _columns(where: str, schema: Any) -> tuple[str, dict[str, Sequence[str]], list[str]]:
    """Return the column of images, the columns of labels with the names of their classes, and the others."""
    types = importlib.import_module("pyarrow.types")
    written = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = written.get("info", {}).get("features", {})
    images, classes, others = [], dict[str, Sequence[str]](), []
    for each in schema:
        struct = types.is_struct(each.type) and "bytes" in {inside.name for inside in each.type}
        if struct or types.is_binary(each.type) or types.is_large_binary(each.type):
            images.append(each.name)
        elif types.is_nested(each.type):
            others.append(each.name)
        else:
            classes[each.name] = features.get(each.name, {}).get("names") or ()
    if not images:
        raise InputError(f"{where}: no column of its tables holds images: {', '.join(schema.names)}")
    return images[0], classes, [*images[1:], *others]


def _label(value: Any, names: Sequence[str]) -> str:
    """Return a cell as a table of labels holds it; -1 is how a class is missing."""
    if value is None or (names and value == -1):
        return ""
    return str(names[value] if names else value)


def _suffix(content: bytes) -> str:
    return next((suffix for start, suffix in SUFFIXES.items() if content.startswith(start)), ".tif")
