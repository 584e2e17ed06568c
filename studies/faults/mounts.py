"""Small disks of one's own, in a name space of mounts that ends with the process."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

READ_ONLY, REMOUNT, BIND, DETACH = 1, 32, 4096, 2
ISOLATED = "DISTAFF_FAULTS_ISOLATED"


def isolate() -> str:
    """Begin this program again where it may mount; return why it may not, nothing if it may."""
    if os.environ.get(ISOLATED):
        return ""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return "mounts of one's own need Linux and unshare"
    options = ["--mount"] if os.geteuid() == 0 else ["--mount", "--map-root-user"]
    probe = subprocess.run(
        ["unshare", *options, "mount", "-t", "tmpfs", "tmpfs", "/mnt"],
        capture_output=True,
        text=True,
        check=False,
    )
    if probe.returncode != 0:
        return f"this user may not mount: {probe.stderr.strip()}"
    again = ["unshare", *options, sys.executable, *sys.orig_argv[1:]]
    return os.execvpe("unshare", again, os.environ | {ISOLATED: "1"})


class Disk:
    """A file system in memory at `root`, that can be filled up and turned read-only."""

    def __init__(self, root: Path, size: str) -> None:
        self.root, self.size = root, size
        self._filler = root / "filler"
        self._locked = root.with_name("locked")

    def __enter__(self) -> Disk:
        self.root.mkdir(exist_ok=True)
        _mount("tmpfs", self.root, "tmpfs", 0, f"size={self.size}")
        return self

    def __exit__(self, *_: object) -> None:
        _unmount(self.root)

    def fill(self, room: int) -> bool:
        """Fill it up but for `room` bytes."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                file.truncate(max(0, file.tell() - room))
        return True

    def free(self) -> None:
        """Make room again."""
        self._filler.unlink(missing_ok=True)

    def lock(self) -> bool:
        """Let nobody write any more; files that are open may still be written."""
        _mount(str(self.root), self.root, "none", BIND, "")
        _mount("none", self.root, "none", BIND | REMOUNT | READ_ONLY, "")
        return True

    def unlock(self) -> None:
        """Let everybody write again."""
        if os.statvfs(self.root).f_flag & os.ST_RDONLY:
            _unmount(self.root)


def _mount(source: str, target: Path, kind: str, flags: int, options: str) -> None:
    system = ctypes.CDLL(None, use_errno=True)
    if system.mount(source.encode(), str(target).encode(), kind.encode(), flags, options.encode()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))


def _unmount(target: Path) -> None:
    system = ctypes.CDLL(None, use_errno=True)
    if system.umount2(str(target).encode(), DETACH) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
