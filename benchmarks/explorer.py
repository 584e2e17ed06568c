"""How the explorer's server bears many clients: 200 at once for 30 s, on a run that is trained here."""

import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from rich.console import Console
from rich.table import Table

import distaff
from distaff.explorer.prepare import prepare
from distaff.explorer.server import serve

CLIENTS, SECONDS = 200, 30.0
STEPS = 50


def client(port: int, paths: list[str], end: float, times: list[float], errors: list[str]) -> None:
    """Ask for one path after the other over one connection until the end."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    turn = 0
    while time.perf_counter() < end:
        start = time.perf_counter()
        try:
            connection.request("GET", paths[turn % len(paths)], headers={"Accept-Encoding": "gzip"})
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                errors.append(str(answer.status))
        except OSError as error:
            errors.append(repr(error))
            connection.close()
        times.append(time.perf_counter() - start)
        turn += 1
    connection.close()


def main() -> None:
    with TemporaryDirectory() as folder:
        run = distaff.train("vae", data="digits", steps=STEPS, out=Path(folder) / "run", progress=False)
        bundle = prepare([run])
    found: list[str] = []
    threading.Thread(target=serve, args=(bundle,), kwargs={"ready": found.append}, daemon=True).start()
    while not found:
        time.sleep(0.01)
    port = int(found[0].split(":")[2].strip("/"))
    paths = ["/", "/manifest.json", *(f"/blocks/{name}" for name in bundle.blocks)]
    times: list[float] = []
    errors: list[str] = []
    end = time.perf_counter() + SECONDS
    clients = [
        threading.Thread(target=client, args=(port, paths, end, times, errors)) for _ in range(CLIENTS)
    ]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    table = Table("clients", "seconds", "answers", "errors", "median", "99%", title="The explorer's server")
    median, slow = np.percentile(times, (50, 99)) * 1000
    row = (CLIENTS, f"{SECONDS:.0f}", f"{len(times):,}", len(errors), f"{median:.0f} ms", f"{slow:.0f} ms")
    table.add_row(*map(str, row))
    Console().print(table)


if __name__ == "__main__":
    main()
