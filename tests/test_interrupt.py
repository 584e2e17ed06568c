"""Signals: at once while nothing is begun, at the next good moment afterwards."""

import signal
import subprocess
import sys
import threading

import pytest

from distaff.interrupt import listening

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", SIGNALS)
def test_before_anything_is_begun_it_ends_at_once(number):
    with listening() as stop:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        assert stop.wished
        assert not stop.begun
        with pytest.raises(KeyboardInterrupt), stop.deferred():
            pytest.fail("somebody swallowed the first, and it began all the same")


@pytest.mark.parametrize("number", SIGNALS)
def test_what_is_begun_ends_by_itself_and_a_second_ctrl_c_ends_it_at_once(number):
    with listening() as stop, stop.deferred():
        signal.raise_signal(number)
        signal.raise_signal(signal.SIGTERM)
        assert stop.wished
        assert not stop.insisted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert stop.insisted


def test_handlers_are_given_back_and_one_within_another_shares_what_it_hears():
    before = [signal.getsignal(each) for each in SIGNALS]
    with listening() as outer:
        with listening() as inner, inner.deferred():
            signal.raise_signal(signal.SIGTERM)
        assert outer is inner
        assert outer.wished
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_run_that_is_to_outlive_its_terminal_does():
    previous = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.wished
    finally:
        signal.signal(signal.SIGHUP, previous)


def test_another_thread_hears_nothing_of_it():
    heard = []

    def listen():
        with listening() as stop:
            heard.append(stop)

    with listening() as stop:
        thread = threading.Thread(target=listen)
        thread.start()
        thread.join()
        assert heard[0] is not stop


FORK = """
import os
from distaff.interrupt import listening
with listening() as stop:
    child = os.fork()
    with listening() as again:
        if child == 0:
            os._exit(again is stop)
        assert again is stop
assert os.waitpid(child, 0)[1] == 0
"""


def test_a_forked_process_listens_for_itself():
    subprocess.run([sys.executable, "-c", FORK], check=True)
