"""From run folders to the bundle that every host shows."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from distaff._version import __version__
from distaff.errors import InputError
from distaff.explorer import about
from distaff.explorer.blocks import SCHEMA, Blocks, Bundle, pack, references
from distaff.explorer.ends import class_ends
from distaff.explorer.graphs import decoder_graph, encoder_graph
from distaff.explorer.maps import maps
from distaff.explorer.numbers import evaluation, history, importance, without_place
from distaff.explorer.points import points
from distaff.explorer.regions import regions
from distaff.explorer.shown import Shown
from distaff.recipe import Recipe, to_yaml
from distaff.run import Run

MOST_RUNS = 4
"""Runs that one page compares."""


def make_bundle(runs: Sequence[Run], progress: Callable[[str], None] | None = None) -> Bundle:
    """Return the bundle of one run, or of two to four to compare.

    Args:
        runs: trained runs whose data can be loaded.
        progress: told in a few words what is being done.

    Raises:
        InputError: no run or too many, a run without usable weights, or data that cannot be read.
    """
    check_count(runs)
    say = progress or (lambda _: None)
    content: dict[str, bytes] = {}
    entries = []
    for index, run in enumerate(runs):
        blocks = Blocks(index)
        entries.append(_entry(Shown(run, run.dataset()), blocks, say))
        content |= blocks.content
    return Bundle({"schema": SCHEMA, "app": "distaff", "version": __version__, "runs": entries}, content)


def check_count(runs: Sequence[Run]) -> None:
    """Raise InputError when there are more runs than a page can compare, or none."""
    if not 1 <= len(runs) <= MOST_RUNS:
        raise InputError(f"explorer: {len(runs)} runs; a page shows 1 to {MOST_RUNS}")


def join(bundles: Sequence[Bundle]) -> Bundle:
    """Return one bundle of the runs of several, each block under its run's new place."""
    entries: list[dict[str, Any]] = []
    content: dict[str, bytes] = {}
    for bundle in bundles:
        for run in bundle.manifest["runs"]:
            index = len(entries)
            for reference in references(run):
                name = f"{index}/{reference['block'].partition('/')[2]}"
                content[name] = bundle.blocks[reference["block"]]
                reference["block"] = name
            entries.append(run)
    return Bundle({**bundles[0].manifest, "runs": entries}, content)


def weights_sha256(run: Run) -> str:
    """Return the sha256 of a run's weights; raises InputError when it has none."""
    if not run.is_trained:
        raise InputError(f"{run.path}: no trained weights yet; continue with 'distaff train --resume'")
    return hashlib.sha256((run.path / "model.safetensors").read_bytes()).hexdigest()


def _entry(shown: Shown, blocks: Blocks, say: Callable[[str], None]) -> dict[str, Any]:
    run, model = shown.run, shown.model
    name = run.path.resolve().name
    say(f"{name}: encoding {len(shown.rows):,} {shown.split} pictures")
    latents = about.latents(shown)
    entry: dict[str, Any] = {
        "name": name,
        "about": run.recipe.about,
        "recipe": to_yaml(_recipe_to_show(run.recipe)),
        "provenance": _provenance(run),
        "image": about.image(shown),
        "likelihood": run.recipe.likelihood.tag,
        "latents": latents,
        "blocks_of_z": about.blocks_of_z(model, blocks),
        "attributes": about.attributes(shown),
        "condition": list(model.condition),
        "condition_width": sum(each["stop"] - each["start"] for each in about.condition_blocks(model)),
        "condition_blocks": about.condition_blocks(model),
        "classifier": about.classifier(model, blocks),
        "points": points(shown, blocks),
        "class_ends": class_ends(shown, blocks),
        "evaluation": evaluation(run, weights_sha256(run)),
        "history": history(run, blocks),
        "importance": importance(shown, blocks),
    }
    say(f"{name}: drawing maps")
    drawn = maps(shown, latents)
    entry["maps"] = [each.entry(blocks) for each in drawn]
    entry["regions"] = regions(shown, drawn, blocks)
    say(f"{name}: exporting encoder and decoder")
    condition = ["condition"] if model.condition else []
    entry["models"] = {
        "encoder": blocks.add_bytes("encoder", encoder_graph(model, small=True)),
        "decoder": blocks.add_bytes("decoder", decoder_graph(model, small=True)),
        "encoder_inputs": ["image", *condition],
        "decoder_inputs": ["code", *condition],
    }
    entry["size"] = sum(len(pack(content)) for content in blocks.content.values())
    return entry


def refresh(bundle: Bundle, run: Run) -> Bundle:
    """Return the bundle of one run with the name and the evaluation that the run has now."""
    entry = bundle.manifest["runs"][0]
    entry["name"] = run.path.resolve().name
    entry["evaluation"] = evaluation(run, entry["provenance"]["weights_sha256"])
    return bundle


def _recipe_to_show(recipe: Recipe) -> Recipe:
    return recipe.changed({"data.source": without_place(recipe.data.source)})


def _provenance(run: Run) -> dict[str, Any]:
    """Return what made the run: versions, machine, seed; not the training's notes, which may name folders."""
    try:
        environment = run.read_json("environment.json")
    except InputError:
        environment = {}
    environment.pop("notes", None)
    return environment | {
        "seed": run.recipe.train.seed,
        "steps": run.recipe.train.steps,
        "data": without_place(run.recipe.data.source),
        "weights_sha256": weights_sha256(run),
    }
