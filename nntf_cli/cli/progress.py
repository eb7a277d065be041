"""Progress on stderr: one line with an ETA on a terminal, a line now and then in a file."""

from __future__ import annotations

import os
import sys
import threading
import time

from nntf_cli.cli.boundary import one_line, print_line, show_status, wipe_status
from nntf_cli.progress import Listener

_SILENT_SECONDS = 2.0  # nobody needs to be told about less
_TERMINAL_SECONDS = 0.2
_FILE_SECONDS = 30.0


class Meter:
    """Listens to :mod:`nntf_cli.progress` and says how much is done, if it takes long enough to wonder.

    Of several runs it says how many are done; of what happens inside them, what the first unfinished one is at, so
    that the line does not jump between those that are computed side by side.
    """

    def __init__(self) -> None:
        self._title = ""
        self._began = self._next = 0.0
        self._on_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._lock = threading.RLock()
        self._runs = ""  # how many are done, in words; empty outside of several
        self._inside: dict[int, str] = {}

    def __call__(self, title: str, share: float) -> None:
        """Report how far one run is, if it is time."""
        with self._lock:
            if title != self._title:
                self._begin(title)
            if share >= 1.0:
                self._end()
            elif self._is_time():
                self._show(f"{title}: {share:4.0%}, about {self._left(share)} left")

    def count(self, n_done: int, n_runs: int, noun: str) -> None:
        """Report how many of several runs are done, if it is time."""
        with self._lock:
            if not self._runs:
                self._begin("")
            self._runs = f"{n_done} of {n_runs} {noun}"
            if 0 < n_done < n_runs:
                self._runs += f", about {self._left(n_done / n_runs)} left"
            if n_done == n_runs:
                self._end()
            elif self._is_time():
                self._show_runs()

    def of_run(self, number: int) -> Listener:
        """Return what listens to one of several runs."""

        def listen(title: str, share: float) -> None:
            with self._lock:
                self._inside[number] = f" ({title}: {share:.0%})"
                if share >= 1.0:
                    self._inside.pop(number)
                elif self._is_time():
                    self._show_runs()

        return listen

    def _show_runs(self) -> None:
        self._show(self._runs + (self._inside[min(self._inside)] if self._inside else ""))

    def _begin(self, title: str) -> None:
        self._title, self._began = title, time.monotonic()
        self._next = self._began + _SILENT_SECONDS

    def _end(self) -> None:
        self._title = self._runs = ""
        self._inside.clear()
        wipe_status()

    def _is_time(self) -> bool:
        return time.monotonic() >= self._next

    def _left(self, share: float) -> str:
        return _duration((time.monotonic() - self._began) * (1 - share) / max(share, 1e-9))

    def _show(self, text: str) -> None:
        line = one_line(f"nntf: {text}")
        if self._on_terminal:
            show_status(line[: _columns() - 1])  # a line that wraps could not be replaced
        else:
            print_line(line)
        self._next = time.monotonic() + (_TERMINAL_SECONDS if self._on_terminal else _FILE_SECONDS)


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
