"""Do classes share borders, and at what cost? A plain VAE, shuffled labels, and ways to use labels.

Every run is trained and measured once and kept as a line of OUT/rows.jsonl, so that the study goes on where
it stopped. The tables of docs/results/borders.md are written to OUT/table.md.

Usage: python studies/borders.py DATA OUT [--arms "A;B"] [--sizes 2,9] [--seeds 5]
                                 [--steps 8000] [--until 60%] [--labels 100]
       python studies/borders.py DATA OUT --arms "A;B" --sizes 2 --draw FILE
       python studies/borders.py DATA OUT --layouts 10
       python studies/borders.py DATA OUT --pairs 10
"""

import argparse
import json
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np

import distaff
from distaff.evaluation import evaluate
from distaff.recipe import load_recipe

LABELS = {"sigmoid": {"from": 100, "to": 0, "until": "60%"}}
"""The weight of the labels: exactly 0 for the last 40% of the steps, unless --until says otherwise."""
CLASSIFY = {"classify": {"weight": LABELS}}
MARGINAL = {"marginal": {"weight": 10, "memory": 4096}}
STRONG = {"marginal": {"weight": 30, "memory": 4096}}
RISING = {"marginal": {"weight": {"exponential": {"from": 5, "to": 150}}, "memory": 8192}}
READ = {"paths": {"until": "60%", "weight": {"delay": {"until": "20%", "then": 200}}}}
ASKED = [[0, 8], [3, 5], [4, 9]]
SHOWN = {2: ASKED, 9: [[2, 5], [4, 7], [6, 7]]}
"""The paths that are drawn: of nine latents, those on which plain models show a third class most often."""
ALL = load_recipe("class-separated-borders").loss


def laid_out(pairs: list[list[int]]) -> dict:
    """A prior of regions of which these touch."""
    return {"regions": {"sharpness": 30, "pairs": pairs}}


ARMS = {
    "plain": {},
    "shuffled": {"loss": [{"kl": {}}, CLASSIFY]},
    "classify": {"loss": [{"kl": {}}, CLASSIFY]},
    "classify, marginal": {"loss": [{"kl": {}}, CLASSIFY, MARGINAL]},
    "classify, paths": {"loss": [{"kl": {}}, CLASSIFY, READ]},
    "classify, paths, marginal": {"loss": [{"kl": {}}, CLASSIFY, READ, STRONG]},
    "regions": {"loss": ALL, "prior": {"regions": {"sharpness": 30}}},
    "regions, pairs": {"loss": ALL, "prior": laid_out(ASKED)},
    "regions, pairs, rising marginal": {"loss": [*ALL[:-1], RISING], "prior": laid_out(ASKED)},
}
"""What each arm changes in the recipe `vae`."""
COLUMNS = {
    "10-NN": "knn",
    "NLL": "nll",
    "void": "void",
    "void within a class": "within",
    "borders": "borders",
    "pure pairs of 45": "pure",
    "purity": "purity",
    "purity of neighbours": "neighbours",
    "0-8": "0 - 8",
    "3-5": "3 - 5",
    "4-9": "4 - 9",
}


def recipe(changed: dict, size: int, seed: int, steps: int, hidden: list[int]) -> distaff.Recipe:
    return load_recipe("vae").changed(
        {
            "network": {"mlp": {"hidden": hidden}},
            "latent": [{"gaussian": {"size": size, "prior": changed.get("prior", "standard")}}],
            "loss": changed.get("loss", [{"kl": {}}]),
            "train": {
                "steps": steps,
                "batch": 128,
                "seed": seed,
                "lr": {"cosine": {"from": 2e-3, "to": 2e-5}},
            },
        }
    )


def shuffled(data: str, seed: int, out: Path) -> str:
    """Write the training images with labels in random order; return where."""
    found = distaff.data.load(data)
    rows = np.concatenate([found.splits["train"], found.splits["valid"]])
    labels = found.labels.values[rows, 0].astype(np.int64)
    path = out / f"shuffled-{seed}.npz"
    order = np.random.default_rng(seed).permutation(len(rows))
    np.savez(path, images=found.images.take(rows)[:, 0], digit=labels[order])
    return str(path)


def folder(arm: str, size: int, seed: int, given: argparse.Namespace) -> Path:
    return given.out / f"{arm}-{size}-{seed}".replace(", ", "-")


def hidden_of(given: argparse.Namespace) -> list[int]:
    return [int(each) for each in given.hidden.split(",")]


def measure(arm: str, size: int, seed: int, given: argparse.Namespace) -> dict[str, float]:
    out = folder(arm, size, seed, given)
    shutil.rmtree(out, ignore_errors=True)
    data = shuffled(given.data, seed, given.out) if arm == "shuffled" else given.data
    chosen = recipe(ARMS[arm], size, seed, given.steps, hidden_of(given))
    run = distaff.train(chosen, data=data, out=out)
    names = ["knn_accuracy", "nll", "borders"]
    found = evaluate(run, metrics=names, data=given.data if arm == "shuffled" else None)["metrics"]
    of_classes = next(iter(found["borders"]["per_attribute"].values()))
    return {
        "knn": found["knn_accuracy"]["value"],
        "nll": found["nll"]["value"],
        "void": of_classes["void_depth_median"],
        "void_mean": of_classes["void_depth"],
        "within": of_classes["void_depth_within_median"],
        "borders": of_classes.get("borders_on_the_map", of_classes["borders_on_paths"]),
        "pure": round(of_classes["pure_pairs"] * len(of_classes["pairs"])),
        "purity": of_classes["path_purity"],
        "neighbours": of_classes["path_purity_of_neighbours"],
        **{pair: each["path_purity"] for pair, each in of_classes["pairs"].items()},
    }


def table(rows: list[dict]) -> str:
    lines = []
    for size in sorted({row["size"] for row in rows}):
        lines += ["", f"z = {size}", "", f"| | seeds | {' | '.join(COLUMNS)} |"]
        lines.append("|---" * (len(COLUMNS) + 2) + "|")
        for arm in ARMS:
            found = [row for row in rows if row["arm"] == arm and row["size"] == size]
            if found:
                cells = [_cell([row.get(key, np.nan) for row in found]) for key in COLUMNS.values()]
                lines.append(f"| {arm} | {len(found)} | {' | '.join(cells)} |")
    return "\n".join(lines).strip() + "\n"


def _cell(values: list[float]) -> str:
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return ""
    middle = float(np.median(known))
    digits = 0 if all(float(value).is_integer() for value in known) else 3 if max(known) <= 1 else 2
    if len(known) < 2:
        return f"{middle:.{digits}f}"
    return f"{middle:.{digits}f} ({min(known):.{digits}f} to {max(known):.{digits}f})"


def draw_paths(arms: list[str], size: int, seed: int, given: argparse.Namespace, to: Path) -> None:
    """Draw what is decoded between classes, a row for each arm, with the classes that are read there."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    from distaff.analysis import Analysis

    share = np.linspace(0, 1, 9)[:, None]
    figure, axes = pyplot.subplots(len(arms), 3, figsize=(9, 0.62 * len(arms)), dpi=110, squeeze=False)
    for row, arm in enumerate(arms):
        analysis = Analysis.of(distaff.Run.open(folder(arm, size, seed, given)))
        attribute = analysis.labelled[0]
        for column, (one, two) in enumerate(SHOWN[size]):
            ends = [analysis.class_end(attribute, float(each)).code for each in (one, two)]
            images = analysis.model.decode((ends[0] * (1 - share) + ends[1] * share).astype(np.float32))
            read = analysis.reference_classifier.read(images)[attribute.name].astype(int)
            axis = axes[row, column]
            axis.imshow(1 - np.concatenate(list(images), axis=1), cmap="gray", vmin=0, vmax=1)
            for at, value in enumerate(read):
                colour = "black" if value in (one, two) else "red"
                axis.text(28 * at + 14, 38, str(value), ha="center", va="center", fontsize=7, color=colour)
            axis.set_axis_off()
            if not row:
                axis.set_title(f"{one} to {two}", fontsize=8)
            if not column:
                axis.text(-6, 14, arm, ha="right", va="center", fontsize=8)
    figure.subplots_adjust(left=0.16, right=0.99, top=0.93, bottom=0.05, wspace=0.04, hspace=0.25)
    figure.savefig(to)


def try_layouts(count: int) -> None:
    """Ask for random pairs of ten classes that lie at random in a plane; print how many layouts hold them."""
    import torch

    from distaff.attributes import Attribute
    from distaff.errors import InputError
    from distaff.latents import priors

    digit = Attribute(name="digit", kind="categorical", values=tuple(range(10)))
    rng = np.random.default_rng(0)
    for asked in (1, 3, 6, 9):
        met = planar = 0
        for seed in range(count):
            chosen = rng.choice(np.array(list(combinations(range(10), 2))), asked, replace=False)
            try:
                prior = priors.Regions(pairs=chosen.tolist()).build(2, (1, 28, 28), {"digit": digit})
            except InputError:
                continue
            means = torch.randn(10, 2, generator=torch.Generator().manual_seed(seed))
            planar += 1
            met += not prior.divide(means, torch.full((10,), 0.1))
        print(f"{asked} random pairs: {planar} of {count} sets planar, {met} of them laid out", flush=True)


def try_pairs(count: int, given: argparse.Namespace) -> None:
    """Train a model of two latents for each of some random pairs; print what is read on that path."""
    lines = given.out / "pairs.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    every = list(combinations(range(10), 2))
    for number in np.random.default_rng(0).choice(len(every), count, replace=False).tolist():
        one, two = every[number]
        if any(row["pair"] == [one, two] for row in rows):
            continue
        out = given.out / f"pair-{one}-{two}"
        shutil.rmtree(out, ignore_errors=True)
        changed = {"loss": ALL, "prior": laid_out([[one, two]])}
        chosen = recipe(changed, 2, 0, given.steps, hidden_of(given))
        run = distaff.train(chosen, data=given.data, out=out)
        found = evaluate(run, metrics=["knn_accuracy", "borders"])["metrics"]
        of_classes = next(iter(found["borders"]["per_attribute"].values()))
        row = {"pair": [one, two], "path_purity": of_classes["pairs"][f"{one} - {two}"]["path_purity"]}
        row |= {"neighbours": of_classes["path_purity_of_neighbours"], "knn": found["knn_accuracy"]["value"]}
        rows.append(row)
        with lines.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)
    pure = sum(row["path_purity"] == 1 for row in rows)
    print(f"{len(rows)} random pairs, each asked for in a model of its own: {pure} pure")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("out", type=Path)
    parser.add_argument("--arms", default=";".join(ARMS), help="separated by ;")
    parser.add_argument("--sizes", default="2,9")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=8000)
    parser.add_argument("--hidden", default="512,256")
    parser.add_argument(
        "--until", default="60%", help="when labels count for nothing, in arms without regions"
    )
    parser.add_argument("--labels", type=float, default=100, help="the weight that labels begin with there")
    parser.add_argument("--draw", type=Path, help="draw the paths of seed 0 into this file; train nothing")
    parser.add_argument("--layouts", type=int, help="only try so many random sets of pairs; train nothing")
    parser.add_argument(
        "--pairs", type=int, help="only ask for so many random pairs, each of a model of its own"
    )
    given = parser.parse_args()
    LABELS["sigmoid"] |= {"from": given.labels, "until": given.until}
    if given.layouts:
        try_layouts(given.layouts)
        return
    if given.draw:
        draw_paths(given.arms.split(";"), int(given.sizes), 0, given, given.draw)
        return
    given.out.mkdir(parents=True, exist_ok=True)
    if given.pairs:
        try_pairs(given.pairs, given)
        return
    lines = given.out / "rows.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    done = {(row["arm"], row["size"], row["seed"], row["steps"]) for row in rows}
    for seed in range(given.seeds):
        for size in (int(each) for each in given.sizes.split(",")):
            for arm in given.arms.split(";"):
                if (arm, size, seed, given.steps) in done:
                    continue
                row = {"arm": arm, "size": size, "seed": seed, "steps": given.steps}
                row |= measure(arm, size, seed, given)
                with lines.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                rows.append(row)
                (given.out / "table.md").write_text(table(rows))


if __name__ == "__main__":
    main()
