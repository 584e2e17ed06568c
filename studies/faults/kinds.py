"""What befalls a run. Each makes one trial and returns what it found."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path

import safetensors.torch
import torch
from cases import words
from child import Ended, forked
from folder import problems
from mounts import Disk
from trial import Bench, Verdict, coded, train

from distaff import Run
from distaff.cli import main
from distaff.training._folder import read_checkpoint

TRIES = 10
"""How often a run is killed until it has a checkpoint to damage."""
Trial = Callable[[Bench], Verdict]


def killed(bench: Bench) -> Verdict:
    """The process is killed (SIGKILL)."""
    case, folder = bench.a_case(), bench.folder()
    ended, moment = bench.struck(case, folder, lambda pid: _signal(pid, signal.SIGKILL))
    verdict = Verdict(moment=moment, struck=ended.code != 0)
    if ended.code not in {0, -signal.SIGKILL}:
        verdict.lost.append(f"exit {ended.code}: {ended.said[-300:]}")
    return bench.resumed(case, folder, verdict)


def stopped(number: int) -> Trial:
    """The process is asked to end; it must save, say how to continue and exit with 128 + the signal."""

    def trial(bench: Bench) -> Verdict:
        case, folder = bench.a_case(), bench.folder()
        ended, moment = bench.struck(case, folder, lambda pid: _signal(pid, number))
        verdict = Verdict(moment=moment, struck=ended.code != 0)
        if ended.code == -number and (not folder.exists() or Run(folder).is_finished):
            # It did not listen yet, or no longer: what the system makes of a signal; to a shell, 128 + it.
            pass
        elif ended.code not in {0, 128 + number} or "Traceback" in ended.said:
            verdict.lost.append(f"exit {ended.code}: {ended.said[-600:]}")
        saved = ended.code != 0 and (folder / "model.safetensors").exists() and not Run(folder).is_finished
        if saved and not ("Stopped at step" in ended.said and "continue with: distaff train" in ended.said):
            verdict.lost.append(f"did not say how to continue: {ended.said[-300:]}")
        return bench.resumed(case, folder, verdict)

    return trial


def full(bench: Bench) -> Verdict:
    """The disk fills up, to within a few thousand bytes; later there is room again."""
    with Disk(bench.root / "disk", "6m") as disk:
        case, folder = bench.a_case(), bench.folder(disk.root)
        room = int(bench.random.integers(0, 40_000))
        ended, moment = bench.struck(case, folder, lambda _: disk.fill(room))
        verdict = _refused(ended, folder, Verdict(moment=moment), "No space left on device")
        disk.free()
        return bench.resumed(case, folder, verdict)


def limited(bench: Bench) -> Verdict:
    """Files may no longer grow beyond some size (a quota); later they may."""
    case, folder = bench.a_case(), bench.folder()
    most = int(bench.random.integers(0, 30_000))

    def limit(pid: int) -> bool:
        if _runs(pid):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
        return True

    ended, moment = bench.struck(case, folder, limit)
    return bench.resumed(case, folder, _refused(ended, folder, Verdict(moment=moment), "File too large"))


def read_only(bench: Bench) -> Verdict:
    """The folder may no longer be written; later it may."""
    with Disk(bench.root / "disk", "6m") as disk:
        case, folder = bench.a_case(), bench.folder(disk.root)
        ended, moment = bench.struck(case, folder, lambda _: disk.lock())
        verdict = _refused(ended, folder, Verdict(moment=moment), "Read-only file system")
        if ended.code == 2:
            verdict = _refused(train(case, folder), folder, verdict, "Read-only file system")
        disk.unlock()
        return bench.resumed(case, folder, verdict)


def two(bench: Bench) -> Verdict:
    """A second process wants to train in the folder; it must be refused, and the first not be disturbed."""
    case, folder = bench.a_case(), bench.folder()
    seconds: list[Ended] = []
    names: list[int] = []

    def second(pid: int) -> None:
        while _runs(pid) and not (folder / "recipe.yaml").exists():
            time.sleep(0.002)
        names.append(pid)
        os.kill(pid, signal.SIGSTOP)
        seconds.append(train(case, folder))
        os.kill(pid, signal.SIGCONT)

    moment = float(bench.random.uniform(0.1, 0.8)) * bench.reference(case).seconds
    ended = train(case, folder, moment=moment, act=second)
    verdict = Verdict(moment=f"after {moment:.3f} s")
    said = seconds[0].said
    if ended.code != 0:
        verdict.lost.append(f"the first: exit {ended.code}: {ended.said[-300:]}")
        return verdict
    verdict.struck = seconds[0].code != 0
    if verdict.struck and (
        seconds[0].code != 2 or f"process {names[0]} on" not in said or said.count("\n") != 1
    ):
        verdict.lost.append(f"the second: exit {seconds[0].code}: {said[-300:]}")
    return bench.compared(case, folder, verdict)


def watched(bench: Bench) -> Verdict:
    """Others read the folder all the time, as evaluate, figures and export do."""
    case, folder, verdict = bench.a_case(), bench.folder(), Verdict()

    def watch(pid: int) -> None:
        while _runs(pid):
            verdict.unreadable += problems(folder, checkpoints=False)

    ended = train(case, folder, act=watch)
    if ended.code != 0:
        verdict.lost.append(f"exit {ended.code}: {ended.said[-300:]}")
        return verdict
    return bench.compared(case, folder, verdict)


def damaged(bench: Bench) -> Verdict:
    """The process is killed, and a bit of its last checkpoint flips, or its end is missing."""
    case, folder = bench.a_case(), bench.folder()
    path, moment = folder / "checkpoint.ckpt", ""
    for _ in range(TRIES):
        if not path.exists():
            _, moment = bench.struck(case, folder, lambda pid: _signal(pid, signal.SIGKILL))
    verdict = Verdict(problems(folder), moment=moment)
    verdict.struck = path.exists()
    if verdict.struck:
        content = bytearray(path.read_bytes())
        place = int(bench.random.integers(len(content)))
        if bench.random.integers(4):
            content[place] ^= 1 << int(bench.random.integers(8))
        else:
            del content[place:]
        path.write_bytes(content)
        verdict.moment += f", byte {place} of the checkpoint"
    ended = train(case, folder)
    if ended.code == 2 and not (folder / "checkpoint.previous.ckpt").exists():
        # The only one there was: it is named in one line, and the run begins again.
        if ended.said.count("distaff:") != 1 or str(path) not in ended.said:
            verdict.lost.append(f"not named: {ended.said[-300:]}")
        path.unlink()
    elif ended.code != 0:
        verdict.lost.append(f"exit {ended.code}: {ended.said[-300:]}")
    return bench.resumed(case, folder, verdict)


def diverged(bench: Bench) -> Verdict:
    """The loss is no longer finite from some step on; resuming must not try it again."""
    case, folder = bench.a_case(), bench.folder()
    path, step = folder / "diverged.json", int(bench.random.integers(2, 60))
    # Large enough for the squares of the weights to leave float32.
    rate = f"{{steps: {{at: {{0: 1.0e-3, {step}: 1.0e+30}}}}}}"

    def work() -> int:
        more = {"train.lr": rate, "train.early_stopping": "null"}
        return main([*words(case, **more), "--out", str(folder), "--resume"])

    first = coded(forked(work))
    verdict = Verdict(problems(folder), moment=f"step {step}")
    told = json.loads(path.read_text()) if path.exists() else {}
    if first.code != 2 or f"Training diverged: {told.get('what')} became" not in first.said:
        verdict.lost.append(f"exit {first.code}: {first.said[-300:]}")
        return verdict
    verdict.exact = step < told["step"] <= step + 3
    checkpoint = folder / "checkpoint.ckpt"
    if checkpoint.exists():
        kept = read_checkpoint(checkpoint)
        weights = safetensors.torch.load_file(folder / "model.safetensors")
        verdict.exact &= kept["step"] == told["kept_step"] <= told["step"]
        verdict.exact &= all(torch.equal(kept["module"][name], weights[name]) for name in weights)
    again = coded(forked(work))
    if again.code != 2 or "and would again" not in again.said:
        verdict.lost.append(f"tried again: exit {again.code}: {again.said[-300:]}")
    path.unlink()
    coded(forked(work))
    # Checkpoints by time lie elsewhere the second time; what diverges, and when, is the same.
    second = json.loads(path.read_text())
    verdict.exact &= all(second[name] == told[name] for name in ("what", "step"))
    return verdict


def _refused(ended: Ended, folder: Path, verdict: Verdict, reason: str) -> Verdict:
    """Check that the process ended with one line that gives the reason, unless it had no more to write."""
    verdict.struck &= ended.code != 0
    lines = [
        line for line in ended.said.splitlines() if line.startswith("distaff: ") and "warning" not in line
    ]
    if ended.code != 0 and (ended.code != 2 or len(lines) != 1 or reason not in lines[0]):
        verdict.lost.append(f"exit {ended.code}: {ended.said[-600:]}")
    verdict.unreadable += problems(folder)
    return verdict


def _runs(pid: int) -> bool:
    return pid == os.getpid() or not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)


def _signal(pid: int, number: int) -> bool:
    if _runs(pid):
        os.kill(pid, number)
    return True


KINDS: dict[str, tuple[str, Trial]] = {
    "kill": ("kill -9", killed),
    "term": ("SIGTERM", stopped(signal.SIGTERM)),
    "int": ("Ctrl-C", stopped(signal.SIGINT)),
    "hup": ("closed terminal (SIGHUP)", stopped(signal.SIGHUP)),
    "full": ("full disk", full),
    "limit": ("limit on the size of files", limited),
    "readonly": ("folder turned read-only", read_only),
    "damage": ("kill -9, then a damaged checkpoint", damaged),
    "two": ("second process on the folder", two),
    "watch": ("others read the folder meanwhile", watched),
    "diverged": ("loss that is no longer finite", diverged),
}
