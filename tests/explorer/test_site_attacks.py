"""The server by bare sockets: whatever is sent, only its own files come back, and it goes on answering."""

import itertools
import signal
import socket
import threading
import time
from http.client import HTTPConnection

import pytest
from serving import fetch, serving

from distaff.explorer import PAGE
from distaff.explorer._bundle import to_html

GOOD = "GET {} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n"
SECRETS = (b"root:", b"TEST-SECRET", b"HOSTNAME", b"PATH=")
STEPS = (
    *("../", "..%2f", "%2e%2e%2f", "%2e%2e/", ".%2e/", "%252e%252e%252f", "..%252f", "%25252e%25252e/"),
    *("..\\", "..%5c", "%2e%2e%5c", "..%255c", "..%c0%af", "%c0%ae%c0%ae%c0%af", "..%u2215", "..;/", "...//"),
    *("..%00/", "%00../", "./../", "/..", "//../", "..%0d%0a/", "..%20/", "\u2025/", "\uff0e\uff0e/"),
)
STARTS = ("/", "/blocks/", "/blocks/0/", "/assets/", "/manifest.json/", "")
ENDS = ("etc/passwd", "proc/self/environ", "secret.txt", "recipe.yaml", "model.safetensors", "C:/win.ini")
DEPTHS = (1, 2, 12)
ODD = (
    *("//127.0.0.1/manifest.json", "///etc/passwd", "file:///etc/passwd", "http://127.0.0.1/etc/passwd"),
    *("http://evil.example/manifest.json", "https://127.0.0.1:1/blocks/0/codes", "*", "manifest.json", "?"),
    *(
        "/manifest.json%00",
        "/manifest.json%00.html",
        "/manifest.json%0a",
        "/blocks/0/codes/..",
        "/blocks/0/codes/",
    ),
    *("/./manifest.json", "//manifest.json", "/blocks//0/codes", "/blocks/0/../0/codes", "/%6Danifest.json"),
    *("/blocks/0/codes;x", "/blocks/0%2fcodes", "\\manifest.json", "/\\etc\\passwd", "/~root/.ssh/id_rsa"),
    *("/.git/config", "/.env", "/favicon.ico", "/robots.txt", "/docs", "/openapi.json", "/static/../../x"),
)
PATHS = [f"{a}{b * n}{c}" for a, b, n, c in itertools.product(STARTS, STEPS, DEPTHS, ENDS)] + list(ODD)
BROKEN = [
    b"",
    b"\r\n\r\n",
    b"GET",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://evil.example\r\n\r\n",
    b"GET /\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /manifest.json\x00 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999\r\n\r\n",
    b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    b"TRACE / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 64,
    b"\xff" * 4096,
]


@pytest.fixture(scope="module")
def served(plane_run, made):
    (plane_run.path / PAGE).write_text(to_html(made))
    (plane_run.path.parent / "secret.txt").write_text("TEST-SECRET")
    (plane_run.path / "secret.txt").write_text("TEST-SECRET")
    with serving(plane_run.path) as started:
        yield started


def send(port, request, wait=10.0):
    """Send bytes as they are, and return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as bare:
        try:
            bare.sendall(request)
            bare.shutdown(socket.SHUT_WR)
            found = b""
            while part := bare.recv(65536):
                found += part
        except (TimeoutError, ConnectionError, BrokenPipeError):
            found = locals().get("found", b"")
    return found


def test_no_path_leads_out(served):
    _, port = served
    assert len(PATHS) > 2500
    wrong = []
    for path in PATHS[:: max(1, len(PATHS) // 1200)] + list(ODD):
        answer = send(port, GOOD.format(path, port).encode())
        status = answer.split(b" ", 2)[1:2]
        # What is no request at all is answered 400 before a path is looked at.
        if status not in ([b"404"], [b"400"]) or any(secret in answer for secret in SECRETS):
            wrong.append((path, answer[:80]))
    assert not wrong


def test_a_request_sent_as_it_should_be_is_answered(served):
    _, port = served
    assert send(port, GOOD.format("/manifest.json", port).encode()).startswith(b"HTTP/1.1 200 OK")


def test_what_is_no_proper_request_gets_nothing_and_stops_nothing(served):
    process, port = served
    for request in BROKEN:
        answer = send(port, request, wait=3.0)
        assert b" 200 OK" not in answer, request[:80]
        assert not any(secret in answer for secret in SECRETS)
    assert process.poll() is None
    assert fetch(port, "/manifest.json")[0] == 200


def test_clients_that_say_nothing_hold_nobody_up(served):
    process, port = served
    silent = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(100)]
    silent[0].sendall(b"GET / HTTP/1.1\r\nHost:")
    assert fetch(port, "/manifest.json")[0] == 200
    for each in silent:
        each.close()
    assert process.poll() is None


def client(port, paths, end, counts, errors):
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for path in itertools.cycle(paths):
        if time.monotonic() > end:
            break
        try:
            connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                errors.append(f"{path}: {answer.status}")
        except OSError as error:
            errors.append(repr(error))
            connection.close()
        counts.append(path)
    connection.close()


@pytest.mark.slow
def test_two_hundred_clients_for_half_a_minute(served, made):
    process, port = served
    paths = ["/", "/manifest.json", *(f"/blocks/{name}" for name in made.blocks)]
    counts, errors = [], []
    end = time.monotonic() + 30
    clients = [threading.Thread(target=client, args=(port, paths, end, counts, errors)) for _ in range(200)]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    assert errors == []
    assert len(counts) > 1000
    assert process.poll() is None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_when_told_though_somebody_is_connected(plane_run, served, how):
    with serving(plane_run.path) as (process, port):
        open_ones = [socket.create_connection(("127.0.0.1", port), timeout=5) for _ in range(3)]
        kept = HTTPConnection("127.0.0.1", port, timeout=5)
        kept.request("GET", "/manifest.json")
        kept.getresponse().read()
        process.send_signal(how)
        _, errors = process.communicate(timeout=30)
        for each in (*open_ones, kept):
            each.close()
    assert errors == ""
    if how == signal.SIGINT:
        assert process.returncode == 0
