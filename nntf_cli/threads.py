"""Two hands for the compiled kernels: they release the GIL, so plain threads over blocks do."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable


def n_threads() -> int:
    """Return how many threads to use: ``NNTF_THREADS``, else the processors this process may run on."""
    wanted = os.environ.get("NNTF_THREADS", "")
    if wanted.isdigit() and int(wanted):
        return int(wanted)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


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
