"""From run folders to the bundle that every host shows, and what is written of it: a page, or two graphs."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from distaff._version import __version__
from distaff.analysis import Analysis
from distaff.errors import InputError
from distaff.explorer._bundle import SCHEMA, Blocks, Bundle, asset, join, pack, read_html, to_html
from distaff.explorer._describe import (
    describe_attributes,
    describe_blocks,
    describe_classifier,
    describe_condition,
    describe_history,
    describe_importance,
    describe_latents,
    describe_metrics,
    describe_snapshots,
    read_evaluation,
    without_place,
)
from distaff.explorer._graphs import condition_width, decoder_graph, encoder_graph
from distaff.explorer._points import (
    Support,
    describe_ends,
    describe_map,
    describe_points,
    describe_regions,
    maps_of,
)
from distaff.files import atomic_write
from distaff.recipe import to_yaml
from distaff.run import Run

PAGE = "explorer.html"
"""The page in a run's folder, which training and 'distaff export' write."""
MOST_RUNS = 4
"""Runs that one page compares."""
SHOWN = ("distaff", "python", "packages", "platform", "threads", "cuda")
"""What a page says of the machine; the training's notes, for one, may name folders."""


def prepare(runs: Sequence[Run], progress: Callable[[str], None] | None = None) -> Bundle:
    """Return the bundle of one run, or of up to four to compare, computing only what is not there yet.

    What `explorer.html` in a run's folder holds is taken from there, where it is of the same weights.

    Raises:
        InputError: no run or too many, a run without usable weights, or data that cannot be read.

    >>> prepare([])
    Traceback (most recent call last):
    distaff.errors.InputError: explorer: 0 runs; a page shows 1 to 4
    """
    _check_count(runs)
    return join([_with_numbers(_kept(run) or make_bundle([run], progress), run) for run in runs])


def make_bundle(runs: Sequence[Run], progress: Callable[[str], None] | None = None) -> Bundle:
    """Return the bundle of one run, or of up to four to compare, computed anew.

    Args:
        runs: trained runs whose data can be loaded.
        progress: told in a few words what is being done.

    Raises:
        InputError: no run or too many, a run without usable weights, or data that cannot be read.

    >>> make_bundle([])
    Traceback (most recent call last):
    distaff.errors.InputError: explorer: 0 runs; a page shows 1 to 4
    """
    _check_count(runs)
    return join([_bundle(run, progress or (lambda _: None)) for run in runs])


def _check_count(runs: Sequence[Run]) -> None:
    if not 1 <= len(runs) <= MOST_RUNS:
        raise InputError(f"explorer: {len(runs)} runs; a page shows 1 to {MOST_RUNS}")


def _bundle(run: Run, progress: Callable[[str], None]) -> Bundle:
    name = _name(run)
    progress(f"{name}: loading data and model")
    analysis = Analysis(run, run.dataset(), progress=lambda text: progress(f"{name}: {text}"))
    model, blocks = analysis.model, Blocks()
    channels, height, width = model.image_shape
    maps = maps_of(analysis)
    recipe = run.recipe.changed({"data.source": without_place(run.recipe.data.source)})
    entry: dict[str, Any] = {
        "name": name,
        "about": run.recipe.about,
        "recipe": to_yaml(recipe),
        "provenance": _provenance(run),
        "image": {"height": height, "width": width, "channels": channels, "crop": run.recipe.data.crop},
        "likelihood": run.recipe.likelihood.tag,
        "collapse": {"verdict": analysis.collapse.verdict, "sentence": analysis.collapse.sentence},
        "latents": describe_latents(analysis),
        "blocks_of_z": describe_blocks(model, blocks),
        "attributes": describe_attributes(model),
        "condition": list(model.condition),
        "condition_width": condition_width(model),
        "condition_blocks": describe_condition(model),
        "classifier": describe_classifier(model, blocks),
        "points": describe_points(analysis, blocks),
        "training": Support(analysis).describe(blocks),
        "class_ends": describe_ends(analysis, blocks),
        "maps": [describe_map(analysis, each, blocks) for each in maps],
        "regions": describe_regions(analysis, maps, blocks),
        "importance": describe_importance(analysis, blocks),
        "history": describe_history(run, blocks),
        "snapshots": describe_snapshots(run, blocks),
    }
    progress(f"{name}: exporting encoder and decoder")
    condition = ["condition"] if model.condition else []
    entry["models"] = {
        "encoder": blocks.add_bytes("encoder", encoder_graph(model, shown=analysis.codes)),
        "decoder": blocks.add_bytes("decoder", decoder_graph(model, shown=analysis.codes)),
        "encoder_inputs": ["image", *condition],
        "decoder_inputs": ["code", *condition],
    }
    entry["size"] = sum(len(pack(content)) for content in blocks.content.values())
    manifest = {"schema": SCHEMA, "app": "distaff", "version": __version__, "runs": [entry]}
    return _with_numbers(Bundle(manifest, blocks.content), run)


def _with_numbers(bundle: Bundle, run: Run) -> Bundle:
    """Return the bundle of one run with the name and the evaluation that the run has now."""
    [entry] = bundle.manifest["runs"]
    entry["name"] = _name(run)
    entry["evaluation"] = read_evaluation(run, entry["provenance"]["weights_sha256"])
    bundle.manifest["metrics"] = describe_metrics([entry["evaluation"]])
    return bundle


def _kept(run: Run) -> Bundle | None:
    """Return the bundle in the run's folder if this version made it of these weights."""
    digest = _weights_sha256(run)
    if not (run.path / PAGE).is_file():
        return None
    try:
        bundle = read_html(run.path / PAGE)
        [entry] = bundle.manifest["runs"]
        made_of = (bundle.manifest["version"], entry["provenance"]["weights_sha256"])
    except (InputError, KeyError, TypeError, ValueError):
        return None
    return bundle if made_of == (__version__, digest) else None


def _name(run: Run) -> str:
    return run.path.resolve().name


def _weights_sha256(run: Run) -> str:
    if not run.is_trained:
        raise InputError(f"{run.path}: no trained weights yet; continue the training (resume=True, --resume)")
    return hashlib.sha256((run.path / "model.safetensors").read_bytes()).hexdigest()


def _provenance(run: Run) -> dict[str, Any]:
    """Return what made the run: versions, machine, seed."""
    try:
        environment = run.read_json("environment.json")
    except InputError:
        environment = {}
    return {key: environment[key] for key in SHOWN if key in environment} | {
        "seed": run.recipe.train.seed,
        "steps": run.recipe.train.steps,
        "data": without_place(run.recipe.data.source),
        "weights_sha256": _weights_sha256(run),
    }


def kept_page(run: Run) -> tuple[Path, Bundle] | None:
    """Return the page in a run's folder and its bundle with the present numbers; None if not of the run."""
    bundle = _kept(run)
    return None if bundle is None else (run.path / PAGE, _with_numbers(bundle, run))


LARGE, TOO_LARGE = 15_000_000, 40_000_000
"""Bytes from which on a page is too large for many mailboxes, and for most browsers to open at once."""
_log = logging.getLogger("distaff")


def export(
    runs: Sequence[Run | str | os.PathLike[str]],
    path: str | os.PathLike[str],
    *,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> list[Path]:
    """Write the page of one run, or of up to four to compare, or the networks of one.

    FILE.html is the page. For FILE.onnx, the networks go to FILE.encoder.onnx and FILE.decoder.onnx.

    Args:
        runs: trained runs, or their folders.
        path: the file; its ending says what is written.
        force: write a page of 40 MB or more, too.
        progress: told in a few words what is being done.

    Returns:
        The files that were written.

    Raises:
        InputError: another ending, runs that cannot be shown, a page of 40 MB or more.
        WriteError: the system refused to write.

    >>> export([], "page.pdf")
    Traceback (most recent call last):
    distaff.errors.InputError: page.pdf: export writes .html or .onnx
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in {".html", ".onnx"}:
        raise InputError(f"{file}: export writes .html or .onnx")
    opened = [each if isinstance(each, Run) else Run.open(each) for each in runs]
    if kind == ".html":
        write_html(make_bundle(opened, progress), file, force=force)
        return [file]
    if len(opened) != 1:
        raise InputError(f"{file}: ONNX graphs are of one run, not of {len(opened)}")
    return write_onnx(opened[0], file)


def update_page(run: Run) -> Path | None:
    """Write the run's present evaluation into `explorer.html` in its folder, and return its path.

    Nothing is computed. Returns None where there is no page of the run's weights.

    Raises:
        WriteError: the system refused to write.
    """
    kept = kept_page(run)
    if kept is None:
        return None
    path, bundle = kept
    atomic_write(path, to_html(bundle).encode())
    return path


def write_html(bundle: Bundle, path: Path, *, force: bool = False) -> None:
    """Write a bundle as one HTML file, if it is not too large; say in the log what the page holds."""
    content = to_html(bundle).encode()
    if len(content) >= TOO_LARGE and not force:
        raise InputError(
            f"{path}: the page would be {megabytes(len(content))}, {largest(bundle)}; pages of "
            f"{megabytes(TOO_LARGE)} and more are only written with force=True (--force)"
        )
    atomic_write(path, content)
    _log.info("%s: %s, %s", path, megabytes(len(content)), holds(bundle))
    if len(content) >= LARGE:
        _log.warning(
            "%s: %s is more than many mailboxes take; %s", path, megabytes(len(content)), largest(bundle)
        )


def write_onnx(run: Run, path: Path) -> list[Path]:
    """Write NAME.encoder.onnx and NAME.decoder.onnx beside where NAME.onnx would be; return both paths."""
    encoder, decoder = (path.with_name(f"{path.stem}.{part}.onnx") for part in ("encoder", "decoder"))
    graphs = {encoder: encoder_graph(run.model), decoder: decoder_graph(run.model)}
    for file, content in graphs.items():
        atomic_write(file, content)
    return list(graphs)


def largest(bundle: Bundle) -> str:
    """Say what takes the most of a page."""
    sizes = {name.partition("/")[2]: 0 for name in bundle.blocks}
    for name, content in bundle.blocks.items():
        sizes[name.partition("/")[2]] += len(pack(content)) * 4 // 3
    sizes["the program that runs the model"] = len(asset("ort.wasm.gz")) * 4 // 3
    name = max(sizes, key=lambda each: sizes[each])
    return f"{megabytes(sizes[name])} of it for {name}"


def megabytes(size: int) -> str:
    """Say a size in millions of bytes.

    >>> megabytes(11_700_000), megabytes(4_900_000)
    ('12 MB', '4.9 MB')
    """
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def holds(bundle: Bundle) -> str:
    """Say how many images a page shows, naming what was left out for its size."""
    parts = []
    for run in bundle.manifest["runs"]:
        shown, small = run["points"], run["points"]["thumbnails"]["count"]
        part = f"{shown['count']:,} of {shown['total']:,} {shown['split']} images"
        if small < shown["count"]:
            part += f", {small:,} of them with a thumbnail"
        parts.append(part)
    return "; ".join(parts)
