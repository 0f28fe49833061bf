"""One session, many callers: threads, forked processes, and the GIL."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from runtime_nets import convnet, pictures

from xnorkit.runtime.session import Session

NET = convnet()
IMAGES = pictures(16)
EXPECTED = Session(NET, backend="reference")(IMAGES)


def test_many_threads_call_one_session() -> None:
    session = Session(NET)

    def work(seed: int) -> bool:
        rng = np.random.default_rng(seed)
        for _ in range(40):
            first, count = int(rng.integers(0, 8)), int(rng.integers(0, 9))
            part = slice(first, first + count)
            if not np.array_equal(session(IMAGES[part], threads=int(rng.integers(1, 4))), EXPECTED[part]):
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(16)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_session_survives_a_fork() -> None:
    """Used before with workers, forked while another thread runs it, used in parent and child after."""
    session = Session(NET, threads=3)
    session(IMAGES)
    stop = threading.Event()

    def keep_busy() -> None:
        while not stop.is_set():
            session(IMAGES)

    busy = threading.Thread(target=keep_busy)
    busy.start()
    try:
        for _ in range(10):
            child = os.fork()
            if child == 0:
                signal.alarm(30)
                os._exit(0 if all(np.array_equal(session(IMAGES), EXPECTED) for _ in range(5)) else 1)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    finally:
        stop.set()
        busy.join()
    np.testing.assert_array_equal(session(IMAGES), EXPECTED)


def test_the_interpreter_runs_on_during_a_call() -> None:
    """A Python thread counts while the engine computes: with the GIL held it could not before the call ends."""
    session = Session(convnet(64))
    images = np.repeat(IMAGES, 40, axis=0)
    ticks, stop = [0], threading.Event()

    def count() -> None:
        while not stop.is_set():
            ticks[0] += 1
            time.sleep(0)  # hands the GIL back to whoever waits for it

    old = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # nobody is preempted: the counter runs only while the GIL is given away
    counter = threading.Thread(target=count)
    try:
        counter.start()
        before = ticks[0]
        session(images)
        assert ticks[0] > before + 10  # a busy machine may give the counter few turns; with the GIL held, none
    finally:
        stop.set()
        sys.setswitchinterval(old)
        counter.join()
