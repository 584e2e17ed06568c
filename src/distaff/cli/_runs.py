"""What shows trained runs: `evaluate`, `figures`, `explore`, `export`; what shares them: `push`, `pull`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from distaff.cli._console import (
    Device,
    Imports,
    RunFolder,
    RunFolders,
    Source,
    Verbose,
    check_out,
    console,
    read_names,
    tell,
    tell_left_out,
    working,
)
from distaff.errors import InputError

if TYPE_CHECKING:
    from distaff.run import Run


def evaluate(
    run: RunFolder,
    metrics: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="These metrics; those that fit if not given.")
    ] = None,
    data: Source = None,
    resize: Annotated[
        bool, typer.Option("--resize", help="Change images of another size to the model's.")
    ] = False,
    device: Device = None,
    verbose: Verbose = False,
    imports: Imports = None,
) -> None:
    """Measure a run on images it was not trained on, and write evaluation.json.

    What is measured on other data goes to evaluation-NAME.json.
    """
    from distaff.cli._console import attributes_table, metrics_table, remarks
    from distaff.evaluation import evaluate as measure
    from distaff.evaluation import file_name
    from distaff.explorer import update_page
    from distaff.run import Run

    opened = Run.open(run)
    names = read_names(metrics)
    if device is not None:
        opened.model.to(device)
    with working() as say:
        result = measure(opened, metrics=names, data=data, resize=resize, progress=say)
    shown = {
        name: result["metrics"][name] for name in names or result["metrics"] if name in result["metrics"]
    }
    if names and not shown:
        reasons = "; ".join(
            f"{name}: {result['left_out'][name]}" for name in names if name in result["left_out"]
        )
        raise InputError(f"{run}: nothing can be measured: {reasons}")
    settings = result["settings"]
    tell(f"{run}: {settings['test_images']:,} {settings['split']} images of {settings['data']}")
    console().print(metrics_table(shown))
    by_attribute = attributes_table(shown)
    if by_attribute is not None:
        console().print(by_attribute)
    for remark in remarks(shown):
        tell(remark)
    left_out = {name: why for name, why in result["left_out"].items() if names is None or name in names}
    left_out |= {f"attribute {name}": why for name, why in result["factors_left_out"].items()}
    tell_left_out(left_out, "metrics and attributes are", verbose=verbose or names is not None)
    if data is None:
        update_page(opened)
    tell(f"\nAll details: {opened.path / file_name(data)}")


def figures(
    runs: RunFolders,
    only: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="These figures; every one that fits if not given.")
    ] = None,
    data: Source = None,
    file_format: Annotated[
        Literal["png", "pdf", "svg"], typer.Option("--format", help="Of the files.")
    ] = "png",
    no_title: Annotated[bool, typer.Option("--no-title", help="Leave out title and note.")] = False,
    width: Annotated[float | None, typer.Option(metavar="INCHES", help="Width of each figure.")] = None,
    panels: Annotated[bool, typer.Option("--panels", help="Write each panel to a file of its own.")] = False,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Where the comparison of several runs goes: .png, .pdf or .svg; "
            "RUN/figures/comparison.png of the first if not given.",
        ),
    ] = None,
    device: Device = None,
    verbose: Verbose = False,
    imports: Imports = None,
) -> None:
    """Draw figures into the run's folder: figures/NAME.png.

    Of several runs, one figure compares the weight of the KL, reconstruction, the KL of every latent, the
    latents in use, and a traversal of the one that carries most.
    """
    from distaff.run import Run

    opened = [Run.open(run) for run in runs]
    for each in opened if device is not None else ():
        each.model.to(str(device))
    if len(opened) > 1:
        if only is not None or data is not None or panels:
            raise InputError(
                "figures: --only, --data and --panels are for one run; several are compared in one figure"
            )
        _compare(opened, out or opened[0].path / "figures" / f"comparison.{file_format}", no_title, width)
        return
    if out is not None:
        raise InputError("--out: figures of one run go to its own folder; give several runs to compare them")
    from distaff.figures import make

    with working() as say:
        made = make(
            opened[0],
            read_names(only),
            data,
            file_format=file_format,
            title=not no_title,
            width=width,
            panels=panels,
            progress=say,
        )
    for paths in made.values():
        for path in paths:
            tell(path)
    tell_left_out(made.left_out, "figures are", verbose=verbose)
    if made.failed:
        reasons = "; ".join(
            f"{name}: {reason or type(reason).__name__}" for name, reason in made.failed.items()
        )
        raise InputError(f"not drawn: {reasons}")


def _compare(runs: list[Run], out: Path, no_title: bool, width: float | None) -> None:
    check_out(out, ".png", ".pdf", ".svg")
    from distaff.figures import compare, save

    with working() as say:
        page = compare(runs, say)
        save(page, out, title=not no_title, width=width)
    tell(out)


def explore(
    runs: RunFolders,
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Serve at this port; a free one if not given.")
    ] = None,
    no_open: Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")] = False,
    imports: Imports = None,
) -> None:
    """Explore a run, or compare up to four, in the browser; Ctrl-C ends it.

    Only this machine is answered, and only with these runs. Images dropped into the page stay in it.
    """
    from distaff.explorer import prepare, serve
    from distaff.run import Run

    opened = [Run.open(run) for run in runs]
    with working() as say:
        bundle = prepare(opened, say)

    def ready(address: str) -> None:
        tell(f"{address}  (Ctrl-C ends it)")
        if not no_open:
            typer.launch(address)

    serve(bundle, port=port, ready=ready)


def export(
    runs: RunFolders,
    to: Annotated[
        Path,
        typer.Option(
            "--to",
            metavar="FILE.html|FILE.onnx",
            help="A page of one run, or of up to four to compare; or the encoder and decoder of one run, as "
            "FILE.encoder.onnx and FILE.decoder.onnx.",
            show_default=False,
        ),
    ],
    force: Annotated[bool, typer.Option("--force", help="Write a page of 40 MB or more.")] = False,
    imports: Imports = None,
) -> None:
    """Write the explorer of a run as one page that needs no network, or its networks as ONNX."""
    check_out(to, ".html", ".onnx", option="--to")
    from distaff.explorer import export as write
    from distaff.run import Run

    opened = [Run.open(run) for run in runs]
    with working() as say:
        written = write(opened, to, force=force, progress=say)
    for path in written:
        tell(path)


HubName = Annotated[
    str, typer.Argument(metavar="HUB_ID", help="ORG/NAME of a repository on the hub.", show_default=False)
]


def push(
    run: RunFolder,
    hub_id: HubName,
    private: Annotated[bool, typer.Option("--private", help="If the repository is made.")] = False,
    space: Annotated[
        bool, typer.Option("--space", help="Also make a static Space of this name, which shows the page.")
    ] = False,
    imports: Imports = None,
) -> None:
    """Upload a run to the hub: weights, recipe, evaluation, a card, and its page as index.html.

    Needs the extra 'hub' of distaff, and that you are logged in ('hf auth login', or HF_TOKEN). No checkpoint
    is uploaded.
    """
    from distaff.hub import push as upload

    with working() as say:
        address = upload(run, hub_id, private=private, space=space, progress=say)
    tell(f"{address}\nLoad it: distaff.load('hf:{hub_id}')")


def pull(
    hub_id: HubName,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The run folder to make; runs/NAME if not given.")
    ] = None,
    imports: Imports = None,
) -> None:
    """Download a run from the hub, checked against what was pushed; ORG/NAME@REVISION is one revision."""
    from distaff.hub import pull as download

    with working() as say:
        run = download(hub_id, out, progress=say)
    tell(f"{run.path}: {run.model!r}\nLook into it: distaff explore {run.path}")
