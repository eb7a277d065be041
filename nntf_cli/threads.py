"""Two hands for the compiled kernels: they release the GIL, so plain threads over blocks do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextvars import copy_context

from nntf_cli.shares import n_threads, one_thread

__all__ = ["for_each", "n_threads", "one_thread"]


def for_each(work: Callable[[int], object], items: Iterable[int], threads: int | None = None) -> None:
    """Call ``work`` on every item, several at a time; the first exception ends it, and is raised.

    What has not begun by then never does, so an interrupt waits for the blocks at work and no longer.
    """
    items = list(items)
    threads = min(n_threads() if threads is None else threads, len(items))
    if threads < 2:
        for item in items:
            work(item)
        return
    from concurrent.futures import ThreadPoolExecutor  # not needed by small work, and slow to load

    pool = ThreadPoolExecutor(threads)
    try:
        # a context of its own for each: what is computed in a worker is part of the same run
        for future in [pool.submit(copy_context().run, work, item) for item in items]:
            future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
