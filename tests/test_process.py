"""Signals: at once while nothing is begun, noted afterwards; and threads that wait."""

import os
import signal
import threading

import pytest

from distaff import process
from distaff.process import GracefulStop

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def raises(number):
    return pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit)


@pytest.mark.parametrize("number", SIGNALS)
def test_before_anything_is_begun_it_ends_at_once(number):
    with GracefulStop() as stop:
        with raises(number) as caught:
            signal.raise_signal(number)
        assert number == signal.SIGINT or caught.value.code == 128 + number
        assert stop.number == number
        with raises(number):
            # Somebody swallowed the first.
            stop.defer()


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_begun_ends_by_itself_and_a_second_ctrl_c_ends_it_at_once(number):
    with GracefulStop() as stop:
        stop.defer()
        signal.raise_signal(number)
        assert stop.number == number
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_the_exception_is_what_the_signal_would_have_raised(number):
    with GracefulStop() as stop:
        stop.defer()
        signal.raise_signal(number)
        with raises(number) as caught:
            raise stop.exception()
    assert number == signal.SIGINT or caught.value.code == 128 + number


def test_handlers_are_given_back():
    before = [signal.getsignal(each) for each in SIGNALS]
    with GracefulStop():
        assert [signal.getsignal(each) for each in SIGNALS] != before
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_run_that_is_to_outlive_its_terminal_does():
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with GracefulStop() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.number == 0
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_in_another_thread_nothing_is_heard():
    before, heard = signal.getsignal(signal.SIGTERM), []

    def listen():
        with GracefulStop() as stop:
            stop.defer()
            heard.append((stop.number, signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert heard == [(0, before)]


@pytest.mark.parametrize(
    ("running", "always", "expected"),
    [("1/80", False, process.ALONE), ("2/80", False, process.SHARED), ("1/80", True, process.SHARED)],
)
@pytest.mark.parametrize("quota", ["max 100000", "150000 100000", None])
def test_threads_stay_awake_only_where_nothing_else_runs(
    running, always, expected, quota, monkeypatch, tmp_path
):
    load, limit = tmp_path / "loadavg", tmp_path / "cpu.max"
    load.write_text(f"0.20 0.18 0.12 {running} 11206\n")
    if quota is not None:
        limit.write_text(quota + "\n")
    monkeypatch.setattr(process, "LOAD", load)
    monkeypatch.setattr(process, "QUOTA", limit)
    monkeypatch.delenv(process.SPIN, raising=False)
    expected = process.SHARED if quota == "150000 100000" else expected
    process.share_cores(always=always)
    assert os.environ.pop(process.SPIN) == str(expected)


@pytest.mark.parametrize(("name", "value"), [(process.SPIN, "7"), ("OMP_WAIT_POLICY", "active")])
def test_what_the_user_has_set_is_kept(name, value, monkeypatch):
    monkeypatch.delenv(process.SPIN, raising=False)
    monkeypatch.setenv(name, value)
    process.share_cores()
    assert os.environ.get(process.SPIN) == (value if name == process.SPIN else None)


def test_a_machine_that_does_not_say_what_runs_is_shared(monkeypatch, tmp_path):
    monkeypatch.setattr(process, "LOAD", tmp_path / "none")
    assert not process.is_alone()
