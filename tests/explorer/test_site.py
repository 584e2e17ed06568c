"""The server answers this machine's own browser with the files of its runs, and nobody with more."""

import gzip
import itertools
import json
import signal
import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving import fetch, serving

from distaff.errors import InputError
from distaff.explorer import PAGE
from distaff.explorer._bundle import to_html
from distaff.explorer._hosts import Site, listen

STARTS = ("", "/blocks", "/blocks/0", "/assets", "/static")
STEPS = (
    "../",
    "..%2f",
    "%2e%2e/",
    "%2e%2e%2f",
    "..\\",
    "..%5c",
    "....//",
    "%252e%252e%252f",
    "..;/",
    "%c0%ae%c0%ae/",
)
DEPTHS = (1, 3, 8)
ENDS = (
    *("etc/passwd", "proc/self/environ", "recipe.yaml", "model.safetensors", "explorer.html"),
    *("manifest.json", "blocks/0/codes"),
)
ATTEMPTS = [f"{a}/{b * n}{c}" for a, b, n, c in itertools.product(STARTS, STEPS, DEPTHS, ENDS)]
ATTEMPTS += [
    "//etc/passwd",
    "/blocks/0/",
    "/blocks",
    "/manifest.json/",
    "/%6danifest.json",
    "/MANIFEST.JSON",
    "/0/codes",
]


@pytest.fixture(scope="module")
def site(made):
    return Site(made)


def ask(site, path, method="GET", headers=(), host="127.0.0.1:8000"):
    """Return the status, headers and body that the application answers."""
    sent = []

    async def send(message):
        sent.append(message)

    async def receive():
        return {"type": "http.request", "body": b"", "more_body": False}

    pairs = [(b"host", host.encode()), *((name.encode(), value.encode()) for name, value in headers)]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": pairs,
    }
    # Nothing here waits, so no event loop is needed to run it.
    with pytest.raises(StopIteration):
        site(scope, receive, send).send(None)
    start, *rest = sent
    answered = {name.decode(): value.decode() for name, value in start["headers"]}
    return start["status"], answered, b"".join(each.get("body", b"") for each in rest)


def test_the_files_of_a_bundle_are_handed_out(site, made):
    status, headers, body = ask(site, "/")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert b"Content-Security-Policy" in body
    assert b"connect-src 'self'" in body
    assert b"distaff-manifest" not in body or b'id="distaff-manifest"' not in body
    status, _, body = ask(site, "/manifest.json")
    assert json.loads(body) == made.manifest
    for name, content in made.blocks.items():
        assert ask(site, f"/blocks/{name}")[2] == content
        status, headers, packed = ask(site, f"/blocks/{name}", headers=[("accept-encoding", "br, gzip")])
        assert headers["content-encoding"] == "gzip"
        assert gzip.decompress(packed) == content
    status, headers, body = ask(site, "/assets/ort.wasm")
    assert (headers["content-type"], body[:4]) == ("application/wasm", b"\0asm")
    for name in (
        "x-content-type-options",
        "x-frame-options",
        "cross-origin-resource-policy",
        "referrer-policy",
    ):
        assert name in headers


def test_a_thousand_other_paths_are_not_found(site):
    assert len(ATTEMPTS) > 1000
    assert {ask(site, path)[0] for path in ATTEMPTS} == {404}
    assert ask(site, "/manifest.json", "POST")[0] == 405
    assert ask(site, "/nothing", "PUT")[0] == 404


FOREIGN = """
evil.example 127.0.0.1.evil.example localhost.evil.example:8000 evil@127.0.0.1 [::1]:80 0.0.0.0 127.0.0.1:port
192.168.1.2:8000 localhost/evil 2130706433
"""


@pytest.mark.parametrize("host", ["", "127.0.0.1:8000 evil", *FOREIGN.split()])
def test_foreign_hosts_are_refused(site, host):
    assert ask(site, "/manifest.json", host=host)[0] == 403


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:1234", "localhost", "LOCALHOST:80"])
def test_this_machine_is_answered_under_its_own_names(site, host):
    assert ask(site, "/manifest.json", host=host)[0] == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("origin", "http://127.0.0.1:8000")], 200),
        ([("origin", "http://127.0.0.1:8001")], 403),
        ([("origin", "https://127.0.0.1:8000")], 403),
        ([("origin", "http://evil.example")], 403),
        ([("origin", "null")], 403),
        ([("origin", "http://127.0.0.1:8000"), ("origin", "http://evil.example")], 403),
        ([("host", "evil.example")], 403),
        (
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "script")],
            403,
        ),
        (
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")],
            403,
        ),
        (
            [
                ("sec-fetch-site", "cross-site"),
                ("sec-fetch-mode", "navigate"),
                ("sec-fetch-dest", "document"),
            ],
            200,
        ),
        ([("sec-fetch-site", "same-origin"), ("sec-fetch-mode", "cors"), ("sec-fetch-dest", "empty")], 200),
    ],
)
def test_other_pages_are_refused(site, headers, status):
    assert ask(site, "/manifest.json", headers=headers)[0] == status


def test_a_port_that_is_taken_is_one_line():
    with listen(None) as first:
        port = first.getsockname()[1]
        assert first.getsockname()[0] == "127.0.0.1"
        with pytest.raises(InputError, match=f"port {port}: cannot be used: Address already in use"):
            listen(port)


@pytest.fixture(scope="module")
def served(plane_run, made):
    """The command itself, in a process of its own, on a page made before."""
    (plane_run.path / PAGE).write_text(to_html(made))
    with serving(plane_run.path) as started:
        yield started


def test_the_command_serves_many_at_once_and_ends_on_ctrl_c(served, made):
    process, port = served
    status, body = fetch(port, "/manifest.json")
    assert status == 200
    assert json.loads(body)["runs"][0]["points"] == made.manifest["runs"][0]["points"]
    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: fetch(port, "/blocks/0/codes"), range(400)))
    assert set(answers) == {(200, made.blocks["0/codes"])}
    assert {fetch(port, path)[0] for path in ATTEMPTS[::50]} == {404}
    assert fetch(port, "/", Host="evil.example")[0] == 403
    assert fetch(port, "/", Origin="http://evil.example")[0] == 403
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port), timeout=1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0
    assert errors == ""
