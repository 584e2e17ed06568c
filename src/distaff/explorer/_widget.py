"""The page in a notebook: an anywidget whose latents and selection are in step with Python's."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from distaff.explorer._bundle import Bundle, asset, pack, to_json
from distaff.explorer._export import write_html


class Explorer(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """One run, or several to compare, in a notebook.

    `latents` is the code shown now, `selection` the number of the image chosen on the map (-1: none), and
    `run` the run they are of. Each may be read, set and observed:
    `explorer.observe(print, names="selection")`.
    """

    _esm = traitlets.Unicode().tag(sync=True)
    manifest = traitlets.Unicode(read_only=True).tag(sync=True)
    blocks = traitlets.Dict(read_only=True).tag(sync=True)
    ort = traitlets.Bytes(read_only=True).tag(sync=True)
    latents = traitlets.List(traitlets.Float()).tag(sync=True)
    selection = traitlets.Int(-1).tag(sync=True)
    run = traitlets.Int(0).tag(sync=True)
    height = traitlets.Unicode("760px").tag(sync=True)

    def __init__(self, bundle: Bundle, **traits: Any) -> None:
        self._bundle = bundle
        super().__init__(_esm=asset("widget.js").decode(), **traits)
        self.set_trait("blocks", {name: pack(content) for name, content in bundle.blocks.items()})
        self.set_trait("ort", asset("ort.wasm.gz"))
        self.set_trait("manifest", to_json(bundle.manifest))

    def to_html(self, path: str | os.PathLike[str], *, force: bool = False) -> Path:
        """Write what is shown as one HTML file that needs no notebook, and return its path."""
        file = Path(path)
        write_html(self._bundle, file, force=force)
        return file
