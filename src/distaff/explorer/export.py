"""What is written of a run's explorer: the page, or the two graphs; how large a page may be."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from distaff.errors import InputError
from distaff.explorer.blocks import Bundle, pack
from distaff.explorer.bundle import make_bundle
from distaff.explorer.document import asset, to_html
from distaff.explorer.graphs import decoder_graph, encoder_graph
from distaff.files import atomic_write
from distaff.run import Run

LARGE, TOO_LARGE = 15_000_000, 40_000_000
"""Bytes from which on a page is too large for many mailboxes, and for most browsers to open at once."""


def export_html(
    runs: Sequence[Run], path: Path, *, force: bool = False, progress: Callable[[str], None] | None = None
) -> Bundle:
    """Write the page of one run, or of several to compare, as one HTML file; return its bundle.

    Warns from 15 MB on. Raises InputError from 40 MB on, unless `force`, and for runs that cannot be shown.
    """
    bundle = make_bundle(runs, progress)
    write_html(bundle, path, force=force)
    return bundle


def write_html(bundle: Bundle, path: Path, *, force: bool = False) -> None:
    """Write a bundle as one HTML file, if it is not too large."""
    content = to_html(bundle).encode()
    if len(content) >= TOO_LARGE and not force:
        raise InputError(
            f"{path}: the page would be {megabytes(len(content))}, {largest(bundle)}; pages of "
            f"{megabytes(TOO_LARGE)} and more are only written with --force"
        )
    if len(content) >= LARGE:
        warnings.warn(
            f"{path}: {megabytes(len(content))} are more than many mailboxes take; {largest(bundle)}",
            stacklevel=2,
        )
    atomic_write(path, content)


def export_onnx(run: Run, path: Path) -> tuple[Path, Path]:
    """Write NAME.encoder.onnx and NAME.decoder.onnx beside where NAME.onnx would be; return both paths."""
    model = run.model
    encoder, decoder = (path.with_suffix(f".{part}.onnx") for part in ("encoder", "decoder"))
    atomic_write(encoder, encoder_graph(model))
    atomic_write(decoder, decoder_graph(model))
    return encoder, decoder


def largest(bundle: Bundle) -> str:
    """Say what takes the most of a page."""
    sizes = {name.partition("/")[2]: 0 for name in bundle.blocks}
    for name, content in bundle.blocks.items():
        sizes[name.partition("/")[2]] += len(pack(content)) * 4 // 3
    sizes["the program that runs the model"] = len(asset("ort.wasm.gz")) * 4 // 3
    name = max(sizes, key=lambda each: sizes[each])
    return f"{megabytes(sizes[name])} of it for {name}"


def megabytes(size: int) -> str:
    """Say a size in millions of bytes."""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def told(bundle: Bundle, path: Path) -> str:
    """Say in a line what a page holds, naming what was left out for its size."""
    parts = []
    for run in bundle.manifest["runs"]:
        shown, small = run["points"], run["points"]["thumbnails"]["count"]
        part = f"{shown['count']:,} of {shown['total']:,} {shown['split']} pictures"
        if small < shown["count"]:
            part += f", {small:,} of them with a thumbnail"
        parts.append(part)
    return f"{path}: {megabytes(path.stat().st_size)}, {'; '.join(parts)}"
