"""The page alive: a server for this machine alone, which hands out the given runs, and a notebook."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from distaff.errors import InputError
from distaff.explorer._bundle import Bundle, asset, pack, page, to_json
from distaff.explorer._export import prepare
from distaff.run import Run

if TYPE_CHECKING:
    from distaff.explorer._widget import Explorer

HOST = "127.0.0.1"
NAMES = {HOST, "localhost"}
"""What a browser on this machine may call it; any other name is somebody else's, led here by its DNS."""
BINARY = "application/octet-stream"
HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": "frame-ancestors 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}


@dataclass(frozen=True)
class File:
    """What one path answers: `packed` is gzip, and `kind` a media type."""

    kind: str
    packed: bytes

    def answer(self, request: Request) -> Response:
        """Return the file, unpacked for a client that does not take gzip."""
        import gzip

        if "gzip" in request.headers.get("accept-encoding", ""):
            headers = {**HEADERS, "content-encoding": "gzip", "vary": "accept-encoding"}
            return Response(self.packed, media_type=self.kind, headers=headers)
        return Response(gzip.decompress(self.packed), media_type=self.kind, headers=HEADERS)


class Site:
    """The ASGI application: a fixed table of paths, so that no request ever reaches the file system."""

    def __init__(self, bundle: Bundle) -> None:
        title = " and ".join(run["name"] for run in bundle.manifest["runs"])
        self.files = {
            "/": File("text/html", pack(page(title, "", connect="'self' data: blob:").encode())),
            "/manifest.json": File("application/json", pack(to_json(bundle.manifest).encode())),
            "/assets/ort.wasm": File("application/wasm", asset("ort.wasm.gz")),
        }
        for name, content in bundle.blocks.items():
            self.files[f"/blocks/{name}"] = File(BINARY, pack(content))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        await self.answer(Request(scope))(scope, receive, send)

    def answer(self, request: Request) -> Response:
        """Return the file of the path to this machine's own browser, and a refusal to anyone else."""
        refusal = refused(request)
        if refusal is not None:
            return PlainTextResponse(refusal, 403, HEADERS)
        # The path as it was sent: nothing is decoded, joined or normalised, only looked up.
        file = self.files.get(request.scope["raw_path"].decode("latin-1"))
        if file is None:
            return PlainTextResponse("not found", 404, HEADERS)
        if request.method not in {"GET", "HEAD"}:
            return PlainTextResponse("only GET", 405, {**HEADERS, "allow": "GET, HEAD"})
        return file.answer(request)


def refused(request: Request) -> str | None:
    """Say why a request is not from a page of this server, or None when it may be."""
    hosts, origins = request.headers.getlist("host"), request.headers.getlist("origin")
    if len(hosts) != 1 or _name(hosts[0]) not in NAMES:
        return "this server only answers to 127.0.0.1 and localhost"
    if origins and origins != [f"http://{hosts[0]}"]:
        return "this server only answers its own page"
    # A person may follow a link to here; a page elsewhere may not load from here.
    visited = (
        request.headers.get("sec-fetch-mode") == "navigate"
        and request.headers.get("sec-fetch-dest") == "document"
    )
    if not visited and request.headers.get("sec-fetch-site", "none") not in {"same-origin", "none"}:
        return "this server only answers its own page"
    return None


def _name(host: str) -> str | None:
    """Return the name in a Host header, None when it holds anything but a name and a port."""
    try:
        parts = urlsplit(f"//{host}")
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return None
    name = parts.hostname or ""
    return name if host.lower() == f"{name}{port}" else None


def listen(port: int | None) -> socket.socket:
    """Return a socket that listens on this machine alone, at a free port if none is given.

    Raises InputError when the port is taken or not allowed.
    """
    opened = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind((HOST, port or 0))
        opened.listen(512)
    except OSError as error:
        opened.close()
        raise InputError(
            f"port {port}: cannot be used: {error.strerror}; leave it out for a free one"
        ) from None
    return opened


def serve(bundle: Bundle, *, port: int | None = None, ready: Callable[[str], None] = lambda _: None) -> None:
    """Serve the page of a bundle until Ctrl-C; `ready` is called with its address once it can be opened."""
    site, opened = Site(bundle), listen(port)
    config = uvicorn.Config(
        site, log_level="warning", access_log=False, lifespan="off", server_header=False, ws="none"
    )
    with opened:
        ready(f"http://{HOST}:{opened.getsockname()[1]}/")
        try:
            uvicorn.Server(config).run(sockets=[opened])
        except KeyboardInterrupt:
            # Ctrl-C is how a person ends it: nothing went wrong.
            return


def explore(*runs: str | os.PathLike[str] | Run, height: str = "760px") -> Explorer:
    """Return a widget that shows a run, or two to four to compare, in a notebook.

    Args:
        runs: run folders, or what `distaff.train` returned.
        height: of the widget, as CSS says it.

    Raises:
        InputError: anywidget is not installed, or a run that cannot be shown.

    >>> explore("no/such/run")
    Traceback (most recent call last):
    distaff.errors.InputError: no/such/run: there is no such run folder; 'distaff train' makes one
    """
    try:
        from distaff.explorer._widget import Explorer
    except ModuleNotFoundError as error:
        raise InputError(
            f"explore: the notebook widget needs {error.name}; pip install 'distaff[jupyter]', or show the "
            "run with 'distaff explore RUN'"
        ) from None
    opened = [each if isinstance(each, Run) else Run.open(each) for each in runs]
    return Explorer(prepare(opened), height=height)
