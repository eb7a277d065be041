"""How long work tells whoever listens how far it is; the rooms announce, the command line shows.

>>> with task("counting moves", total=100) as done:
...     done(40)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

#: Called with (title, share done in [0, 1]); at 1 the work is over.
Listener = Callable[[str, float], None]

#: Of this thread and what it computes: runs side by side have a listener each.
_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


@contextmanager
def listening(listener: Listener | None) -> Iterator[None]:
    """Pass announcements to ``listener`` for as long as the block runs."""
    before = _listener.get()
    _listener.set(listener)
    try:
        yield
    finally:
        _listener.set(before)


@contextmanager
def task(title: str, total: float) -> Iterator[Callable[[float], None]]:
    """Announce a piece of work; the block is given a function that takes the amount just done, from any thread."""
    listener, done = _listener.get(), 0.0
    lock = threading.Lock()

    def add(amount: float) -> None:
        nonlocal done
        if listener is not None:
            with lock:
                done += amount
                listener(title, min(1.0, done / total) if total else 1.0)

    try:
        yield add
    finally:
        if listener is not None:
            listener(title, 1.0)
