"""What falls to one run where several are computed side by side: its part of the threads and of the memory.

A leaf that every room may ask; only whoever starts several runs sets it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Crew:
    """Runs computed side by side, as many as there are workers, until fewer are left.

    Parameters
    ----------
    n_workers : int
        Runs at a time.
    n_runs : int
        Runs in all.
    """

    def __init__(self, n_workers: int, n_runs: int) -> None:
        self._n_workers, self._n_unfinished = n_workers, n_runs
        self._lock = threading.Lock()

    def finish_one(self) -> None:
        """Note that a run has ended: its part falls to the others once nothing waits for its place."""
        with self._lock:
            self._n_unfinished -= 1

    @property
    def n_unfinished(self) -> int:
        """Runs that have not ended, begun or not."""
        return max(1, self._n_unfinished)

    @property
    def n_sharing(self) -> int:
        """Runs being computed now."""
        return min(self._n_workers, self.n_unfinished)


_crew: ContextVar[Crew | None] = ContextVar("crew", default=None)


@contextmanager
def member_of(crew: Crew | None) -> Iterator[None]:
    """Compute what the block computes as one of several runs; None is all alone."""
    before = _crew.get()
    _crew.set(crew)
    try:
        yield
    finally:
        _crew.set(before)


def n_sharing() -> int:
    """Return how many runs share threads and memory at this moment, this one included."""
    crew = _crew.get()
    return 1 if crew is None else crew.n_sharing


def n_ahead() -> int:
    """Return how many runs are still to be finished, this one included."""
    crew = _crew.get()
    return 1 if crew is None else crew.n_unfinished


_wanted: int | None = None


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Use no more threads than these for as long as the block runs; None changes nothing."""
    global _wanted
    before, _wanted = _wanted, _wanted if threads is None else threads
    try:
        yield
    finally:
        _wanted = before


_alone: ContextVar[bool] = ContextVar("alone", default=False)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the calling thread work alone: for where somebody else keeps every processor busy already."""
    before = _alone.set(True)
    try:
        yield
    finally:
        _alone.reset(before)


def n_threads() -> int:
    """Return how many threads one run may use: its share where several are computed side by side."""
    if _alone.get() and not _said():
        return 1
    return max(1, n_hands() // n_sharing())


def _said() -> int:
    """Return ``NNTF_THREADS``; 0 where it says nothing."""
    wanted = os.environ.get("NNTF_THREADS", "")
    return int(wanted) if wanted.isdigit() else 0


def n_hands() -> int:
    """Return how many threads all runs may use: as limited, ``NNTF_THREADS``, or the processors of this process."""
    if _wanted is not None:
        return _wanted
    if _said():
        return _said()
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
