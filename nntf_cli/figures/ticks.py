"""Which rows and columns get a label, and which values of a scale: few, round and never overlapping."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nntf_cli.figures.text import number
from nntf_cli.model import Axis

_MOST = 9  #: labels on one axis


def round_steps() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50, ... as far as int64 goes."""
    for power in range(18):
        for digit in (1, 2, 5):
            yield digit * 10**power


def axis_steps(axis: Axis, n: int) -> tuple[np.ndarray, str]:
    """Return the number each of ``n`` rows or columns is known by, int64, and what it is.

    That is the step a transition arrives at, or its index where steps are unknown.
    """
    if axis.to_step is not None and len(axis.to_step) == n:
        return np.asarray(axis.to_step, dtype=np.int64), "step"
    return np.arange(n, dtype=np.int64), "transition"


def snapshots_label(steps: np.ndarray, block: int) -> str:
    """Return what an axis of snapshots is, which stand at even distances: where their steps do not, it says so.

    ``block`` is how many share a column.
    """
    if len(set(np.diff(steps).tolist())) < 2:
        return "step"
    return f"step (a column per {'snapshot' if block == 1 else f'{block} snapshots'})"


def step_ticks(steps: np.ndarray, cell: float, room: Callable[[list[str]], float]) -> tuple[np.ndarray, list[str]]:
    """Choose which rows or columns are labelled.

    Multiples of a round number of steps where the rows have such, else rows at even distances.

    Parameters
    ----------
    steps : ndarray of int64, shape (n,)
        The number of each row.
    cell : float
        Height of a row, pixels.
    room : callable
        The least distance between two labels, pixels, given all labels.

    Returns
    -------
    rows : ndarray of int64
        Indices into ``steps``, increasing.
    labels : list of str
        As many.
    """
    for chosen in _candidates(steps):
        labels = [number(int(step)) for step in steps[chosen]]
        if len(chosen) < 2 or np.diff(chosen).min() * cell >= room(labels):
            return chosen, labels
    raise AssertionError("a single label always fits")


def _candidates(steps: np.ndarray) -> Iterator[np.ndarray]:
    """Yield ever fewer rows."""
    n = len(steps)
    for unit in round_steps():
        chosen = np.flatnonzero(steps % unit == 0)
        if len(chosen) < min(3, n):
            break
        if len(chosen) <= _MOST:
            yield chosen
    for stride in round_steps():
        if n <= _MOST * stride:
            yield np.arange(0, n, stride)


def value_ticks(low: float, high: float, most: int, *, whole: bool = False) -> list[float]:
    """Return at most ``most`` + 1 round values in ``[low, high]``, if possible two; ``whole`` ones if asked for."""
    span = high - low
    if not np.isfinite(span) or span <= 0:
        return [low] if np.isfinite(low) else []
    ticks: list[float] = []
    for n in (most, most + 1):  # round values may lie so that a coarse step meets a single one
        unit = _unit(span / n)
        unit = float(max(1, np.ceil(unit))) if whole else unit
        first, last = np.ceil(low / unit - 1e-9), np.floor(high / unit + 1e-9)
        if len(ticks) < 2:
            ticks = [float(f"{k * unit:.12g}") + 0.0 for k in np.arange(first, last + 1)]
    return ticks


def _unit(least: float) -> float:
    """Return the smallest round number from ``least`` on."""
    power = float(10.0 ** np.floor(np.log10(least)))
    return next(d * power for d in (1, 2, 2.5, 5, 10, 20) if least <= d * power)
