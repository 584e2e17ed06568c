"""Files whole or not at all: what is flushed, in which order, and what a killed process leaves."""

import errno
import os
import stat
import subprocess
import sys

import pytest

from distaff.errors import InputError, WriteError
from distaff.files import atomic_write, remove_leftovers, sole_writer


def test_the_file_is_flushed_before_its_name_and_the_name_after(tmp_path, monkeypatch):
    done = []
    real_sync, real_replace = os.fsync, os.replace

    def sync(descriptor):
        done.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "file")
        real_sync(descriptor)

    def replace(source, target, **kwargs):
        done.append("rename")
        real_replace(source, target, **kwargs)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", replace)
    atomic_write(tmp_path / "file", b"content")
    assert done == ["file", "rename", "folder"]
    done.clear()
    atomic_write(tmp_path / "a" / "b" / "file", b"content")
    assert done == ["folder", "folder", "file", "rename", "folder"]
    assert (tmp_path / "a" / "b" / "file").read_bytes() == b"content"


def test_a_refused_write_keeps_what_was_there_and_leaves_nothing(tmp_path, monkeypatch):
    atomic_write(tmp_path / "file", b"before")

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WriteError, match=r"file: cannot be written: No space left on device"):
        atomic_write(tmp_path / "file", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"before"


WRITE = """
import os, sys
from distaff import files
os.fsync = lambda descriptor: print("half way", flush=True) or sys.stdin.read()
files.atomic_write(files.Path(sys.argv[1]), b"content")
"""


def test_leftovers_go_unless_somebody_is_writing_them(tmp_path):
    place = tmp_path / "figures" / "file.png"
    place.parent.mkdir()
    command = [sys.executable, "-c", WRITE, str(place)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout.readline() == "half way\n"
        (leftover,) = place.parent.iterdir()
        remove_leftovers(tmp_path)
        assert leftover.exists()
        writer.kill()
        writer.wait(30)
    assert leftover.exists()
    remove_leftovers(tmp_path)
    assert list(place.parent.iterdir()) == []


HOLD = """
import sys
from pathlib import Path
from distaff.files import sole_writer
with sole_writer(Path(sys.argv[1]), "training"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time_works_in_a_folder(tmp_path):
    folder = tmp_path / "a" / "run"
    command = [sys.executable, "-c", HOLD, str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        refused = pytest.raises(InputError, match=rf"run: process {holder.pid} on .* is training in it")
        with refused, sole_writer(folder, "training"):
            pytest.fail("two at a time")
        holder.kill()
        holder.wait(30)
    # The system gives the lock back, and the file that is left holds nobody off.
    with sole_writer(folder, "training"):
        (folder / "made").write_text("something")
    assert [path.name for path in folder.iterdir()] == ["made"]


def test_a_folder_in_which_nothing_was_written_goes_again(tmp_path):
    with pytest.raises(ZeroDivisionError), sole_writer(tmp_path / "run", "training"):
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named_by_the_system(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(WriteError, match="cannot be written"),
        sole_writer(tmp_path / "file" / "run", "training"),
    ):
        pytest.fail("inside a file")
