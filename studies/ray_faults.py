"""A study on a Ray cluster of two machines (two raylets here), of which parts are killed; what was lost.

Usage: python studies/ray_faults.py [--runs N] [--steps N] [--out FOLDER]

The command line runs the study on the cluster, while a worker is killed, then a raylet with its machine, then
the head's server, which starts again from its disk (RocksDB), and at last the whole head, after which the
same command is given once more. The weights are compared with those of the same study made here.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from distaff.study import Study, run_study

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "RAY_gcs_storage": "rocksdb",
    "RAY_agent_register_timeout_ms": "180000",
}
BASE = {
    "data": "digits",
    "network": {"mlp": {"hidden": [64, 64]}},
    "latent": [{"gaussian": {"size": 4}}],
    "train": {"batch": 64, "checkpoint_every": 50, "images_every": 100000, "valid_every": 100000},
}


class Watch:
    """Knows of every run when it was finished, and whether its files changed after that."""

    def __init__(self, out: Path) -> None:
        self.out, self.seen, self.changed = out, dict[str, tuple[int, ...]](), set[str]()

    def look(self) -> int:
        for outcome in self.out.glob("runs/*/outcome.json"):
            stamp = (outcome.stat().st_ino, (outcome.parent / "model.safetensors").stat().st_mtime_ns)
            if self.seen.setdefault(outcome.parent.name, stamp) != stamp:
                self.changed.add(outcome.parent.name)
        return len(self.seen)


def several_times(make: Any, *args: Any, **options: Any) -> Any:
    """Begin something of Ray's, which gives up early on a machine that is busy otherwise."""
    for _ in range(5):
        try:
            return make(*args, **options)
        except Exception as error:  # noqa: BLE001 - Ray has no class of its own for it
            print(f"again: {type(error).__name__} {str(error)[:100]}", flush=True)
    return make(*args, **options)


def new_cluster() -> Any:
    os.environ["RAY_gcs_storage_path"] = tempfile.mkdtemp(prefix="ray-head-")  # noqa: SIM112
    from ray.cluster_utils import Cluster

    head = {"num_cpus": 1, "include_dashboard": False, "include_log_monitor": False, "no_monitor": True}
    return several_times(Cluster, initialize_head=True, head_node_args=head)


def weights(out: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in out.glob("runs/*/model.safetensors")}


def busy_workers() -> list[psutil.Process]:
    """Return Ray's workers that make a run; those that wait are called ray::IDLE."""
    found = [each for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"]]
    return [each for each in found if each.info["cmdline"][0].startswith("ray::work")]


def main() -> int:
    os.environ |= ENVIRONMENT
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=40)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", type=Path, default=Path(tempfile.mkdtemp(prefix="ray-study-")))
    options = parser.parse_args()
    study = Study(
        base=BASE,
        settings={"train.steps": options.steps},
        over={"seed": f"0..{options.runs - 1}"},
        metrics=["active_units", "mig"],
    )
    options.out.mkdir(exist_ok=True)
    file, there, here = options.out / "study.yaml", options.out / "ray", options.out / "local"
    file.write_text(study.to_yaml())
    begin = time.monotonic()
    local = run_study(study, here, jobs=1)
    print(f"here, one after another: {time.monotonic() - begin:.0f} s, {local.tally}", flush=True)

    cluster = new_cluster()
    second = several_times(cluster.add_node, num_cpus=1)
    watch, rows, starts = Watch(there), list[tuple[str, int, str]](), 0
    words = [sys.executable, "-m", "distaff", "study", str(file), "--out", str(there), "--on", "ray"]

    def command() -> subprocess.Popen[bytes]:
        nonlocal starts
        starts += 1
        log = (options.out / f"command-{starts}.log").open("wb")
        return subprocess.Popen([*words, "--address", cluster.address], stdout=log, stderr=log)

    def until(done: int) -> None:
        while watch.look() < done and process.poll() is None:
            time.sleep(0.1)

    def note(fault: str, since: int) -> None:
        """Wait for three more runs, which tell that the study goes on."""
        until(min(since + 3, options.runs))
        alive = (
            "the same command went on" if process.poll() is None else f"it ended with {process.returncode}"
        )
        rows.append((fault, since, f"{watch.look() - since} more runs; {alive}"))
        print(rows[-1], flush=True)

    begin, process = time.monotonic(), command()
    quarter = options.runs // 5
    until(quarter)
    while not (busy := busy_workers()) and process.poll() is None:
        time.sleep(0.02)
    busy[0].kill()
    note("a worker killed (-9) at its run", watch.look())
    until(2 * quarter)
    since = watch.look()
    second.kill_raylet(check_alive=False)
    note("a raylet killed (-9), half-way", since)
    cluster.remove_node(second, allow_graceful=False)
    second = several_times(cluster.add_node, num_cpus=1)
    until(3 * quarter)
    since = watch.look()
    cluster.head_node.kill_gcs_server(check_alive=False)
    time.sleep(5)
    cluster.head_node.start_gcs_server()
    note("the head's server killed (-9), back after 5 s", since)
    until(4 * quarter)
    since = watch.look()
    cluster.head_node.kill_all_processes(check_alive=False, allow_graceful=False)
    try:
        process.wait(180)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    rows.append(("the whole head killed (-9)", since, f"the command ended with {process.returncode}"))
    print(rows[-1], flush=True)
    cluster.remove_node(second, allow_graceful=False)
    cluster = new_cluster()
    several_times(cluster.add_node, num_cpus=1)
    process = command()
    while process.poll() is None:
        watch.look()
        time.sleep(0.1)
    took = time.monotonic() - begin
    rows.append(("the same command on a new cluster", since, f"it ended with {process.returncode}"))
    watch.look()
    cluster.shutdown()

    one, two = weights(here), weights(there)
    again = run_study(study, there, jobs=1)  # what is left, which is nothing
    print("\n| what was done | runs finished before | what came of it |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    lost = options.runs - sum(row["status"] == "finished" for row in again.rows)
    same = sum(one[name] == two.get(name) for name in one)
    values = sum(
        a["mig"] == b["mig"] and a["active_units"] == b["active_units"]
        for a, b in zip(local.rows, again.rows, strict=True)
    )
    print(
        f"\n{options.runs} runs in {took:.0f} s; {lost} lost; {len(watch.changed)} run again after their end;"
    )
    print(f"{same} of {len(one)} with the weights of the local study to the bit, {values} with its metrics")
    return int(lost or bool(watch.changed) or same != len(one) or values != len(one))


if __name__ == "__main__":
    sys.exit(main())
