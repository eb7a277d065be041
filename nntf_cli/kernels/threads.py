"""Two hands for the compiled kernels: they release the GIL, so plain threads over blocks do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

_here = threading.local()


def n_threads() -> int:
    """Return how many threads to use: ``NNTF_THREADS``, else the processors this process may run on."""
    wanted = os.environ.get("NNTF_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    if getattr(_here, "alone", False):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the calling thread work alone: for where somebody else keeps every processor busy already."""
    before = getattr(_here, "alone", False)
    _here.alone = True
    try:
        yield
    finally:
        _here.alone = before


def for_each(work: Callable[[int], object], items: Iterable[int], threads: int | None = None) -> None:
    """Call ``work`` on every item, several at a time; the first exception is raised when all have ended."""
    threads = n_threads() if threads is None else threads
    if threads == 1:
        for item in items:
            work(item)
        return
    from concurrent.futures import ThreadPoolExecutor  # not needed by small work, and slow to load

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(work, item) for item in items]:
            future.result()
