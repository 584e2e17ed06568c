"""`distaff explore` in a process of its own, as a person starts it."""

import http.client
import os
import subprocess
import sys
from contextlib import contextmanager


@contextmanager
def serving(*words):
    """Start the command on runs; give the process and its port once it can be asked."""
    command = [sys.executable, "-m", "distaff", "explore", *map(str, words), "--no-open"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    ) as process:
        try:
            line = process.stdout.readline()
            assert line.startswith("http://127.0.0.1:"), process.stderr.read()
            yield process, int(line.split("/")[2].partition(":")[2])
        finally:
            process.kill()


def fetch(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body
