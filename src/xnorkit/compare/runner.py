"""All runs of a comparison, so many at a time, each in a process of its own; safe to kill and call again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..errors import CheckpointError, RangeError, XnorkitError
from ..train.signals import StopRequest
from .packing import kept, packs
from .plan import Run, log_file, recipe_file, run_folder
from .progress import Teller, history

try:
    import fcntl
except ImportError:  # pragma: no cover - systems without POSIX locks run unguarded
    fcntl = None  # type: ignore[assignment]

POLL_SECONDS = 0.2
LOCK_SECONDS = 20.0
"""How long to wait for the processes of a killed comparison to let go."""
THREAD_KEYS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
TAIL = 5


@dataclass(frozen=True)
class How:
    """How runs are carried out. jobs: at a time; threads: of each; pictures: verified of the test split, None for
    all."""

    jobs: int = 1
    threads: int = 1
    device: str = "auto"
    pictures: int | None = None
    repack: bool = False

    def __post_init__(self) -> None:
        if min(self.jobs, self.threads) < 1:
            raise RangeError("compare", "jobs and threads", got=(self.jobs, self.threads), expected="1 or more")


@dataclass(frozen=True)
class Failed:
    """A run whose process ended badly: its exit status and the end of what it said."""

    run: Run
    status: int
    said: str


class _Child:
    """A run's process."""

    def __init__(self, folder: Path, run: Run, how: How, lock: int | None) -> None:
        self.run, self.folder, self.seen = run, folder, len(history(folder, run))
        self.log = _open_log(log_file(folder, run))
        command = [sys.executable, "-m", "xnorkit.compare.worker", str(folder), run.name, "--leash",
                   "--device", how.device]  # fmt: skip
        command += ["--repack"] if how.repack else []
        command += [] if how.pictures is None else ["--pictures", str(how.pictures)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=self.log, stderr=self.log, start_new_session=True,
            env={**os.environ, **dict.fromkeys(THREAD_KEYS, str(how.threads))},
            pass_fds=() if lock is None else (lock,),
        )  # fmt: skip

    def stop(self) -> None:
        """Ask for a stop between two steps."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def ended(self) -> int | None:
        """The exit status, None while it is at work."""
        status = self.process.poll()
        if status is not None:
            self.stop()
            self.log.close()
        return status


def finished(folder: Path, run: Run) -> bool:
    """Whether a run is trained."""
    return (run_folder(folder, run) / "result.json").is_file()


def carry_out(folder: Path, runs: Sequence[Run], how: How, teller: Teller) -> list[Failed]:
    """Train, pack and verify what is not done yet; returns the failed ones, which did not stop the others.

    Raises CheckpointError where another process is at work in the folder, KeyboardInterrupt after Ctrl-C or SIGTERM
    once every process has saved its state.
    """
    failed, known = [], {}
    for run in runs:
        try:
            known[run] = load_epochs(folder, run)
        except XnorkitError as error:  # its recipe is of another version: the others go on
            failed.append(Failed(run, 1, f"error {error.code}: {error}"))
    there = {run for run in known if kept(folder, run)}
    waiting = [run for run in known if run not in there
               and (how.repack or not (finished(folder, run) and packs(folder, run)))]  # fmt: skip
    teller.start([(run, epochs, len(history(folder, run))) for run, epochs in known.items()], how.jobs)
    if there and how.repack:
        teller.note(f"{len(there)} runs without checkpoints stay as they were packed")
    for item in failed:
        teller.note(f"{item.run.name} is left out: {item.said}")
    with _lock(folder) as lock, StopRequest() as stop:
        children: list[_Child] = []
        try:
            while (waiting or children) and not stop.asked:
                while waiting and len(children) < how.jobs:
                    children.append(_Child(folder, waiting.pop(0), how, lock))
                    teller.begin(children[-1].run)
                time.sleep(POLL_SECONDS)
                children, ended = _look(children, teller)
                failed += ended
            if stop.asked:
                teller.note("stopping: each process saves its state first")
                for child in children:
                    child.stop()
                for child in children:
                    child.process.wait()
                raise KeyboardInterrupt
        finally:
            for child in children:
                child.process.kill()
            teller.stop()
    return failed


def load_epochs(folder: Path, run: Run) -> int:
    """How many epochs a run is to have."""
    from ..train.recipe import load

    return load(recipe_file(folder, run)).train.epochs


def _look(children: Sequence[_Child], teller: Teller) -> tuple[list[_Child], list[Failed]]:
    """Tell of new epochs and ended runs; returns those still at work and those that failed."""
    left, failed = [], []
    for child in children:
        status = child.ended()
        rows = history(child.folder, child.run)
        for row in rows[child.seen :]:
            teller.epoch(child.run, row)
        child.seen = max(child.seen, len(rows))
        if status is None:
            left.append(child)
        elif status == 0:
            teller.end(child.run, "")
        else:
            said = tail(log_file(child.folder, child.run))
            failed.append(Failed(child.run, status, said))
            lines = said.splitlines() or ["no word"]
            teller.end(child.run, f"failed with status {status}: {lines[0 if said.startswith('error ') else -1]}")
    return left, failed


def tail(path: Path, lines: int = TAIL) -> str:
    """The last lines of a log, from the last error on where they tell of one."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    last = text.splitlines()[-lines:]
    begins = [i for i, line in enumerate(last) if line.startswith("error ")]
    return "\n".join(last[begins[-1] :] if begins else last)


def _open_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("ab")


@contextmanager
def _lock(folder: Path) -> Iterator[int | None]:
    """One comparison at a time in a folder. The processes it starts share the lock, so that those of a killed one
    are waited for."""
    if fcntl is None:  # pragma: no cover
        yield None
        return
    handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        until = time.monotonic() + LOCK_SECONDS
        while not _locked(handle):
            if time.monotonic() > until:
                raise CheckpointError(str(folder), "another xnorkit compare is at work here",
                                      hint="wait for it, or choose another --out")  # fmt: skip
            time.sleep(POLL_SECONDS)
        yield handle
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
