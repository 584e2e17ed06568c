"""Trained models on the hub of https://huggingface.co: push, pull, and `load("hf:ORG/NAME")`.

A repository holds what a run folder holds, but no checkpoint: the recipe, the weights as safetensors, the
attributes and the evaluation, with the sha256 of each file in distaff.json; and for people a card, and the
run's page as index.html. Nothing that is pulled is unpickled or run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
import yaml

from distaff import run as run_folder
from distaff._version import __version__
from distaff.attributes import Attribute
from distaff.data import ARRAYS, HUB, fetch, reaching
from distaff.errors import DistaffError, InputError
from distaff.files import atomic_write, make_folder, put_in_place
from distaff.model import Model
from distaff.run import Run

__all__ = ["card", "load", "pull", "push"]

NEEDED = ("recipe.yaml", "attributes.json", "model.safetensors")
KEPT = (
    *NEEDED,
    *("environment.json", "history.csv", "images.npz", "parts.json"),
    *("sampler.safetensors", "evaluation.json"),
)
"""What of a run folder is pushed and pulled; nothing else of a repository is ever fetched."""
LIST, CARD, PAGE, IMAGE = "distaff.json", "README.md", "index.html", "traversals.png"
FIRST = (
    "attribute_accuracy",
    "swap_test",
    "knn_accuracy",
    "elbo",
    "reconstruction",
    "kl",
    "nll",
    "active_units",
)
"""Metrics that the card shows before the others."""
SHARES = ("attribute_accuracy", "knn_accuracy", "linear_probe")
"""Metrics that are a share of the measured images."""
CARD_TEXT = """
# {name}

{about}

A variational autoencoder of {shape} images (channels x height x width) with {size} latents, trained with
distaff {version}.
{image}
## How to load it

```sh
pip install 'distaff[hub]'
```

```python
import distaff

model = distaff.load("{hub}{repository}")
new = model.sample(16)
codes = model.encode(new)  # [16, {size}]
again = model.decode(codes)
```

`distaff pull {repository}` makes a run folder of it, which every command takes.{page}

## Data

{images:,} training images of {source}. {attributes}

## Metrics

{metrics}

## Limits

The numbers are of images like those of the training. Of others they say nothing, and the model draws them as
if they were like its own. It has the gaps and the biases of its data. Nats per image are comparable between
models of the same images, of the same size, with the same likelihood. {limits}

## Training

{steps:,} steps of {batch} images, seed {seed}. Everything is in [recipe.yaml](recipe.yaml), and
`distaff train recipe.yaml` trains it again.
"""
_log = logging.getLogger("distaff")


def push(
    run: Run | str | os.PathLike[str],
    repository: str,
    *,
    private: bool = False,
    space: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> str:
    """Upload a trained run to the hub, in one commit, and return its address.

    What is missing of the evaluation, the traversals and the page is made first. You must be logged in, by
    'hf auth login' or the variable HF_TOKEN.

    Args:
        run: a run, or its folder.
        repository: ORG/NAME; made if it is not there.
        private: of a repository that is made.
        space: also upload the page as a static Space of the same name, which shows it.
        progress: told in a few words what is being done.

    Raises:
        InputError: no trained weights, no access, no network.

    >>> push("no/such/run", "me/mine")
    Traceback (most recent call last):
    distaff.errors.InputError: no/such/run: there is no such run folder; 'distaff train' makes one
    """
    opened = run if isinstance(run, Run) else Run.open(run)
    files = _files(opened, repository, progress)
    with reaching(repository, "written") as client:
        progress(f"uploading {len(files)} files, {sum(map(len, files.values())) / 1e6:.1f} MB")
        address = _upload(client, repository, files, private=private)
        if space and PAGE in files:
            front = _front({"title": repository.partition("/")[2], "sdk": "static"})
            page = {PAGE: files[PAGE], CARD: front.encode()}
            _upload(client, repository, page, private=private, repo_type="space", space_sdk="static")
    return address


def _upload(client: Any, repository: str, files: Mapping[str, bytes], *, private: bool, **kind: str) -> str:
    api = client.HfApi(library_name="distaff", library_version=__version__)
    api.create_repo(repository, private=private, exist_ok=True, **kind)
    added = [client.CommitOperationAdd(name, content) for name, content in files.items()]
    where = {name: each for name, each in kind.items() if name == "repo_type"}
    done = api.create_commit(repository, added, commit_message=f"distaff {__version__}", **where)
    return str(done.repo_url)


def pull(
    repository: str,
    out: str | os.PathLike[str] | None = None,
    *,
    progress: Callable[[str], None] = lambda _: None,
) -> Run:
    """Download a model into a run folder, which every command takes, and return it.

    Args:
        repository: ORG/NAME, or ORG/NAME@REVISION; `hf:` may stand before it.
        out: the folder; `runs/NAME` if None.
        progress: told in a few words what is being done.

    Raises:
        InputError: no such repository, no access, no network, files that are not those that were pushed, or
            a folder that is there already.
        WriteError: the system refused to write.

    >>> pull("no name")
    Traceback (most recent call last):
    distaff.errors.InputError: hf:no name: a hub id is ORG/NAME, of letters, digits, '-', '_' and '.'
    """
    name = repository.removeprefix(HUB)
    folder = Path(out) if out is not None else Path("runs") / name.partition("@")[0].rpartition("/")[2]
    if folder.exists():
        raise InputError(f"{folder}: already there; choose another folder (--out)")
    progress(f"downloading {HUB}{name}")
    found = _fetched(name)
    make_folder(folder.parent)
    new = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for file, content in found:
            atomic_write(new / file, content)
        Run.open(new).load_model()
        put_in_place(new, folder)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return Run(folder)


def load(path: str | os.PathLike[str], *, device: str | torch.device = "cpu") -> Model:
    """Return the trained model of a run folder, or of the hub (`hf:ORG/NAME`), on a device.

    What was fetched from the hub before is not fetched again. `hf:ORG/NAME@REVISION` is one revision alone,
    which nobody can change if it is the hash of a commit.

    Raises:
        InputError: there is no such run, it is not trained yet, or it is damaged; or see `pull`.

    >>> load("no/such/run")
    Traceback (most recent call last):
    distaff.errors.InputError: no/such/run: there is no such run folder; 'distaff train' makes one
    """
    if not str(path).startswith(HUB):
        return run_folder.load(path, device=device)
    with tempfile.TemporaryDirectory(prefix="distaff-") as folder:
        for file, content in _fetched(str(path).removeprefix(HUB)):
            (Path(folder) / file).write_bytes(content)
        return run_folder.load(folder, device=device)


def _fetched(repository: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a run with their contents, each as it was pushed; raises InputError otherwise."""
    where = f"{HUB}{repository}"
    folder = fetch(repository, [*KEPT, LIST])
    try:
        listed = json.loads((folder / LIST).read_text(encoding="utf-8"))["files"]
        digests = {name: str(listed[name]) for name in KEPT if name in listed}
    except FileNotFoundError:
        raise InputError(f"{where}: is no model that 'distaff push' made: it has no {LIST}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{where}: {LIST} is damaged") from None
    lacking = [name for name in NEEDED if name not in digests]
    if lacking:
        raise InputError(f"{where}: {LIST} does not name {', '.join(lacking)}")
    contents = {}
    for name, digest in digests.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{where}: {name} is missing")
        contents[name] = path.read_bytes()
        if hashlib.sha256(contents[name]).hexdigest() != digest:
            raise InputError(
                f"{where}: {name} is damaged or was changed since it was pushed: {LIST} has another sha256"
            )
    return iter(contents.items())


def _files(run: Run, repository: str, progress: Callable[[str], None]) -> dict[str, bytes]:
    """Return what is uploaded of a run, by name; makes what is missing of it."""
    # Not above: whoever loads a model needs none of it.
    from distaff.evaluation import evaluate
    from distaff.explorer import export, update_page
    from distaff.figures import make

    if not run.is_trained:
        raise InputError(f"{run.path}: no trained weights yet; continue the training (--resume)")
    evaluated, page = run.path / "evaluation.json", run.path / "explorer.html"
    image = run.path / "figures" / IMAGE
    missing: list[tuple[str, bool, Callable[[], object]]] = [
        ("evaluation", not evaluated.is_file(), lambda: evaluate(run, progress=progress)),
        ("image of traversals", not image.is_file(), lambda: make(run, [image.stem], progress=progress)),
        ("page", update_page(run) is None, lambda: export([run], page, force=True, progress=progress)),
    ]
    for what, is_missing, work in missing:
        try:
            if is_missing:
                work()
        except DistaffError as error:
            _log.warning("%s is pushed without %s: %s", run.path, what, error)
    files = {name: (run.path / name).read_bytes() for name in KEPT if (run.path / name).is_file()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files[LIST] = json.dumps({"distaff": __version__, "files": digests}, indent=2).encode()
    for name, path in ((IMAGE, image), (PAGE, page)):
        if path.is_file():
            files[name] = path.read_bytes()
    return {CARD: card(run, repository, files).encode(), **files}


def card(run: Run, repository: str, files: Collection[str]) -> str:
    """Return the card of a trained run, README.md: Markdown, with the hub's metadata before it.

    Args:
        run: a trained run.
        repository: ORG/NAME.
        files: what lies beside the card.
    """
    recipe, model = run.recipe, run.model
    evaluation = run.read_json("evaluation.json") if "evaluation.json" in files else {"metrics": {}}
    tags = sorted({part.tag.replace("_", "-") for part in (*recipe.latent, *recipe.loss)})
    metadata: dict[str, Any] = {
        "library_name": "distaff",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["distaff", "variational-autoencoder", "representation-learning", *tags],
    }
    source = f"`{recipe.data.source}`"
    if recipe.data.source.startswith(HUB):
        metadata["datasets"] = [recipe.data.source.removeprefix(HUB).partition("@")[0]]
    elif recipe.data.source == ARRAYS:
        source = "arrays that were given in Python"
    described = [f"`{each.name}` ({_kind(each)})" for each in run.attributes]
    settable = (
        f" The model sets {', '.join(f'`{name}`' for name in model.settable)}." if model.settable else ""
    )
    return _front(metadata) + CARD_TEXT.format(
        name=repository.rpartition("/")[2],
        repository=repository,
        hub=HUB,
        version=__version__,
        about=recipe.about or "Trained on images.",
        shape=" x ".join(map(str, run.image_shape)),
        size=model.code_size,
        image=f"\n![Each row moves one latent and keeps all others]({IMAGE})\n" if IMAGE in files else "",
        page=f" [{PAGE}]({PAGE}) is its page: download it and open it in a browser." if PAGE in files else "",
        images=run.training_images,
        source=source,
        attributes=f"Labels: {', '.join(described)}.{settable}" if described else "No labels.",
        metrics=_metrics(evaluation),
        limits=evaluation["metrics"].get("active_units", {}).get("sentence", ""),
        steps=recipe.train.steps,
        batch=recipe.train.batch,
        seed=recipe.train.seed,
    )


def _front(metadata: Mapping[str, Any]) -> str:
    """Return what the hub reads of a card, https://huggingface.co/docs/hub/model-cards."""
    return f"---\n{yaml.safe_dump(dict(metadata), sort_keys=False, allow_unicode=True)}---\n"


def _kind(attribute: Attribute) -> str:
    return f"{attribute.kind}, {attribute.size} classes" if attribute.size else attribute.kind


def _metrics(evaluation: Mapping[str, Any]) -> str:
    """Return a table of metrics."""
    import distaff.evaluation  # noqa: F401 - registers the metrics of trained models
    from distaff.metrics import METRICS

    if not evaluation["metrics"]:
        return "Not measured yet; `distaff evaluate` measures it."
    settings, measured = evaluation["settings"], evaluation["metrics"]
    names = [name for name in dict.fromkeys((*FIRST, *measured)) if name in measured and name in METRICS]
    rows = ["| metric | value | what it says |", "|---|---|---|"]
    for name in names:
        better = "" if METRICS[name].better == "neither" else f"; {METRICS[name].better} is better"
        said = METRICS[name].summary.rstrip(".").replace("|", "\\|")
        rows.append(
            f"| `{name}` | {_value(name, measured[name], settings['test_images'])} | {said}{better} |"
        )
    return (
        f"Of {settings['test_images']:,} {settings['split']} images that training never saw, with 95% "
        "intervals where a metric is a mean or a share of images. Details are in "
        "[evaluation.json](evaluation.json)."
        "\n\n" + "\n".join(rows)
    )


def _value(name: str, details: Mapping[str, Any], images: int) -> str:
    """Return a value with its 95% interval over images, where it has one."""
    value, error = details["value"], details.get("standard_error")
    if error is not None:
        return f"{value:.4g} ± {1.96 * error:.2g}"
    if name not in SHARES or len(details.get("per_attribute", ())) > 1:
        return f"{value:.4g}"
    n = int(details.get("images") or images)
    # Wilson's, https://doi.org/10.1080/01621459.1927.10502953
    middle = (value + 1.92 / n) / (1 + 3.84 / n)
    half = 1.96 * (value * (1 - value) / n + 0.96 / n**2) ** 0.5 / (1 + 3.84 / n)
    return f"{value:.3f} ({middle - half:.3f} to {middle + half:.3f})"
