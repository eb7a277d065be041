"""Progress on stderr while labels stream: with an ETA on a terminal, a line now and then in a file."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from nntf_cli.model import LabelLog, LabelSource, Panel

_SILENT_SECONDS = 2.0  # nobody needs to be told about less
_TERMINAL_SECONDS = 0.2
_FILE_SECONDS = 30.0


def with_progress(log: LabelLog) -> LabelLog:
    """Return the log with splits that report how far their labels have been read."""
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("quiet"):
        return log
    splits = {
        name: replace(split, labels=_Reporting(split.labels, f"{log.source} ({name})"))
        for name, split in log.splits.items()
    }
    return replace(log, splits=splits)


class _Reporting:
    """A label source that reports every panel."""

    def __init__(self, base: LabelSource, title: str) -> None:
        self._base, self._title = base, title
        self.n_snapshots, self.n_samples, self.missing = base.n_snapshots, base.n_samples, base.missing

    def panels(self) -> Iterator[Panel]:
        return self._reported(self._base.panels())

    def column_panels(self, max_bytes: int) -> Iterator[Panel]:
        return self._reported(self._base.column_panels(max_bytes))

    def n_classes(self) -> int:
        return self._base.n_classes()

    def n_missing(self) -> int:
        return self._base.n_missing()

    def _reported(self, panels: Iterator[Panel]) -> Iterator[Panel]:
        meter = Meter(self._title, self.n_snapshots * self.n_samples)
        try:
            for panel in panels:
                yield panel
                meter.add(panel.labels.size)
        finally:
            meter.close()


class Meter:
    """Says how much of some work is done, if it takes long enough for anybody to wonder."""

    def __init__(self, title: str, total: int) -> None:
        self._title, self._total, self._done = title, max(1, total), 0
        self._began = time.monotonic()
        self._on_terminal = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._next = self._began + _SILENT_SECONDS
        self._shown = False

    def add(self, amount: int) -> None:
        """Count work as done and report if it is time."""
        self._done += amount
        now = time.monotonic()
        if now < self._next:
            return
        share = min(1.0, self._done / self._total)
        left = (now - self._began) * (1 - share) / max(share, 1e-9)
        line = f"nntf: {self._title}: {share:4.0%}, about {_duration(left)} left"
        if self._on_terminal:
            _write(f"\r{line}\x1b[K")
            self._next, self._shown = now + _TERMINAL_SECONDS, True
        else:
            _write(f"{line}\n")
            self._next = now + _FILE_SECONDS

    def close(self) -> None:
        """Wipe the line, if one stands."""
        if self._shown:
            _write("\r\x1b[K")


def _write(text: str) -> None:
    if sys.stderr is not None:
        sys.stderr.write(text)
        sys.stderr.flush()


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
