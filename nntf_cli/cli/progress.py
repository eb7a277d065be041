"""Progress on stderr: one line with an ETA on a terminal, a line now and then in a file."""

from __future__ import annotations

import os
import sys
import time

_SILENT_SECONDS = 2.0  # nobody needs to be told about less
_TERMINAL_SECONDS = 0.2
_FILE_SECONDS = 30.0


class Meter:
    """Listens to :mod:`nntf_cli.progress` and says how much is done, if it takes long enough to wonder."""

    def __init__(self) -> None:
        self._title = ""
        self._began = self._next = 0.0
        self._on_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._shown = False

    def __call__(self, title: str, share: float) -> None:
        """Report if it is time."""
        now = time.monotonic()
        if title != self._title:
            self._title, self._began, self._next = title, now, now + _SILENT_SECONDS
        if share >= 1.0:
            self._wipe()
            self._title = ""
        elif now >= self._next:
            left = (now - self._began) * (1 - share) / max(share, 1e-9)
            self._show(f"nntf: {title}: {share:4.0%}, about {_duration(left)} left")
            self._next = now + (_TERMINAL_SECONDS if self._on_terminal else _FILE_SECONDS)

    def _show(self, line: str) -> None:
        _write(f"\r{line}\x1b[K" if self._on_terminal else f"{line}\n")
        self._shown = self._on_terminal

    def _wipe(self) -> None:
        if self._shown:
            _write("\r\x1b[K")
            self._shown = False


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
