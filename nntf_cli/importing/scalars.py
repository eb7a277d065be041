"""Scalars at the steps of the snapshots, from where they were logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.importing.items import ScalarRows
from nntf_cli.importing.labels import checked_text


def at_steps(
    steps: Sequence[int],
    values: Mapping[int, Mapping[str, float]],
    series: Sequence[ScalarRows],
    remarks: list[str],
) -> dict[str, np.ndarray]:
    """Return name -> (T,) float64, nan where a scalar was not logged.

    Parameters
    ----------
    steps : sequence of int
        Of the snapshots, ascending.
    values : mapping of step to name to value
        What came with the snapshots.
    series : sequence of ScalarRows
        What was logged apart. The last value since the snapshot before counts.
    remarks : list of str
        Gets what is worth telling.
    """
    place = {step: i for i, step in enumerate(steps)}
    found: dict[str, np.ndarray] = {}
    for step, scalars in values.items():
        for name, value in scalars.items():
            _column(found, name, len(steps))[place[step]] = value
    earlier = 0
    for logged in series:
        key = _matching_key(logged, steps)
        for name, points in _by_name(logged, key).items():
            column = _column(found, checked_text(name, logged.where), len(steps))
            earlier += _fill(column, steps, points)
    if earlier:
        remarks.append("scalars that were not logged at a snapshot have their last value before it")
    return {name: column for name, column in found.items() if not np.isnan(column).all()}


def _by_name(logged: ScalarRows, key: str) -> dict[str, list[tuple[float, float]]]:
    """Return name -> (step, value) of all that was logged, in its order."""
    found: dict[str, list[tuple[float, float]]] = {}
    for row in logged.rows:
        step = row.get(key, np.nan)
        for name, value in row.items():
            if name != key and name != "step" and not np.isnan(value) and not np.isnan(step):
                found.setdefault(name, []).append((step, value))
    return found


def _column(found: dict[str, np.ndarray], name: str, n: int) -> np.ndarray:
    # a slash would make a group of it
    name = name.strip().replace("/", "_") or "unnamed"
    name = f"logged_{name}" if name in ("step", ".", "..") else name
    return found.setdefault(name, np.full(n, np.nan))


def _fill(column: np.ndarray, steps: Sequence[int], points: list[tuple[float, float]]) -> int:
    """Fill in the last value since the snapshot before, and return for how many snapshots it was an earlier one."""
    points.sort(key=lambda point: point[0])  # stable: of one step, the last stays last
    at = np.array([step for step, _ in points])
    last = np.searchsorted(at, np.array(steps, dtype=float), side="right")
    earlier = 0
    for i, end in enumerate(last.tolist()):
        if end > (last[i - 1] if i else 0):
            column[i] = points[end - 1][1]
            earlier += points[end - 1][0] != steps[i]
    return earlier


def _matching_key(logged: ScalarRows, steps: Sequence[int]) -> str:
    """Return what says when, of several the one that has most steps of the snapshots."""
    wanted = set(map(float, steps))
    hits = {key: len(wanted & {row[key] for row in logged.rows if key in row}) for key in logged.keys}
    best = max(hits, key=lambda key: hits[key], default="")
    if not best or not hits[best]:
        span = f"{steps[0]} to {steps[-1]}"
        raise InputError(
            f"has none of the steps of the snapshots ({span})" if hits else "has no column step, epoch or iteration",
            "give scalars of the same run, logged at the same steps",
            where=logged.where,
        )
    return best
