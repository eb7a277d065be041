"""Ctrl-C and SIGTERM: the command unwinds; where that takes too long, or they come twice, the process ends at once.

Python tells the main thread of a signal only between two steps of its own, and waits for every thread at the end. A
thread that hears of signals through a pipe makes sure that neither a long kernel nor a slow disk keeps anybody waiting.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, TypeVar

_Tidy = TypeVar("_Tidy", bound=Callable[[], object])

INTERRUPTED, TERMINATED = 130, 143

#: Seconds that unwinding may take.
PATIENCE = 1.0

_NUMBERS = (signal.SIGINT, signal.SIGTERM)
_STARTING, _RUNNING, _LEAVING = range(3)


class Terminated(BaseException):
    """SIGTERM arrived: unwinds, so that temporary files go."""


_armed = False
_phase = _STARTING
_arrived: int | None = None
_last_words: list[Callable[[], object]] = []


def before_end(tidy: _Tidy) -> _Tidy:
    """Have ``tidy`` called before the process ends at once, in whatever state it is; it must wait for nothing."""
    _last_words.append(tidy)
    return tidy


def arm() -> None:
    """Take signals over, in a process that is ours; what a parent had ignored stays so (a job in the background)."""
    global _armed
    if threading.current_thread() is not threading.main_thread():
        return  # the caller has its own handlers
    _armed = True
    sys.unraisablehook = _forget_swallowed
    for number in _NUMBERS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _on_signal)
    if os.name == "posix":
        reading, writing = os.pipe()
        os.set_blocking(writing, False)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        threading.Thread(target=_watch, args=(reading,), daemon=True).start()


def unwind() -> None:
    """From here on a signal raises: :class:`KeyboardInterrupt` or :class:`Terminated`; before, nothing was begun."""
    global _phase
    if _armed:
        _phase = _RUNNING


def leave() -> None:
    """From here on signals change nothing: the command is over, and its exit code says how it went."""
    global _phase
    if _armed:
        _phase = _LEAVING
        for number in _NUMBERS:
            signal.signal(number, signal.SIG_IGN)


def exit_code() -> int | None:
    """Return the code of the signal that has arrived, whatever became of what it raised; None without one."""
    return None if _arrived is None else 128 + _arrived


def tidy_up() -> None:
    """Do what is to be done before the end; a cleanup that was itself interrupted may have left something."""
    for tidy in _last_words:
        with contextlib.suppress(Exception):
            tidy()


def _on_signal(number: int, frame: FrameType | None) -> None:
    global _arrived
    if _phase == _LEAVING:
        return
    if _phase == _STARTING or _arrived is not None:
        _end(number)
    _arrived = number
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated


def _watch(reading: int) -> None:
    while True:
        number = os.read(reading, 1)[0]
        if number in _NUMBERS and _phase != _LEAVING:
            time.sleep(PATIENCE)
            if _phase != _LEAVING or _arrived is not None:
                _end(number)


def _end(number: int) -> None:
    """End the process as it stands; other threads may be anywhere."""
    tidy_up()
    os._exit(128 + number)


def _forget_swallowed(unraisable: Any) -> None:
    """Say nothing of an interrupt that arrived where Python cannot raise it: the process ends all the same."""
    if not issubclass(unraisable.exc_type, (KeyboardInterrupt, Terminated)):
        sys.__unraisablehook__(unraisable)
