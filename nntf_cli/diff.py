"""The differentiation matrix D^A - D^B (Eq. 2) and the agreement that it demands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import MismatchError
from nntf_cli.model import Axis, Difference, Fingerprint


def difference(a: Fingerprint, b: Fingerprint) -> Difference:
    """Subtract the fingerprint of B from that of A.

    Parameters
    ----------
    a, b : Fingerprint
        (P, Q) distances over the same steps, by the same metric and normalization.

    Returns
    -------
    Difference
        In [-1, 1] for distances in [0, 1]; ``difference(b, a)`` is its negative.

    Raises
    ------
    MismatchError
        Shapes, metrics, normalizations or steps differ.

    References
    ----------
    Ferreira et al. (2022), Eq. (2).
    """
    where = f"{a.origin} and {b.origin}" if a.origin != b.origin else a.origin
    if a.distances.shape != b.distances.shape:
        raise MismatchError(
            f"have {_size(a)} and {_size(b)} distances",
            "compare runs with the same snapshots; choose them with --every, --from and --to",
            where=where,
        )
    for what, mine, theirs in (
        ("metrics", a.metric, b.metric),
        ("normalizations", a.normalize, b.normalize),
    ):
        if mine and theirs and mine != theirs:
            raise MismatchError(f"have different {what}: {mine} and {theirs}", "compute both alike", where=where)
    _require_same_steps(a.axes.rows, b.axes.rows, where)
    _require_same_steps(a.axes.columns, b.axes.columns, where)
    memory.require(a.distances.nbytes, "the difference", "thin both with --every", where=where)
    return Difference(
        difference=_subtract(a.distances, b.distances),
        a=a.axes,
        b=b.axes,
        metric=a.metric or b.metric,
        normalize=a.normalize or b.normalize,
        origin=where,
    )


def _size(fingerprint: Fingerprint) -> str:
    return " x ".join(map(str, fingerprint.distances.shape))


def _subtract(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return a - b, which is as precise as the less precise of both."""
    return (a - b).astype(min(a.dtype, b.dtype), copy=False)


def _require_same_steps(a: Axis, b: Axis, where: str) -> None:
    for which, mine, theirs in (("to", a.to_step, b.to_step), ("from", a.from_step, b.from_step)):
        if mine is None or theirs is None or np.array_equal(mine, theirs):
            continue
        i = int(np.flatnonzero(mine != theirs)[0])
        raise MismatchError(
            f"have different steps: transition {i} leads {which} step {mine[i]} in one and {theirs[i]} in the other",
            "compare snapshots taken at the same steps",
            where=where,
        )


@dataclass(frozen=True)
class DifferenceSummary:
    """A difference in a few figures."""

    mean: float
    mean_absolute: float
    largest: float
    largest_at: tuple[int, int]
    smallest: float
    smallest_at: tuple[int, int]


def summarize_difference(difference: Difference) -> DifferenceSummary:
    """Return mean, mean absolute, largest and smallest difference and where they occur.

    Parameters
    ----------
    difference : Difference
        (P, Q) values; at least one.

    Returns
    -------
    DifferenceSummary
        Places are (row, column) as steps, or as indices where steps are not known; the first in reading order.
    """
    values = difference.difference
    high, low = (np.unravel_index(int(i), values.shape) for i in (values.argmax(), values.argmin()))
    return DifferenceSummary(
        mean=float(values.mean()),
        mean_absolute=float(np.abs(values).mean()),
        largest=float(values[high]),
        largest_at=_steps_at(difference, high),
        smallest=float(values[low]),
        smallest_at=_steps_at(difference, low),
    )


def _steps_at(difference: Difference, place: tuple[np.intp, ...]) -> tuple[int, int]:
    i, j = place
    rows, columns = difference.axes.rows.to_step, difference.axes.columns.to_step
    return int(i if rows is None else rows[i]), int(j if columns is None else columns[j])


def exceeds(difference: Difference, tolerance: float) -> bool:
    """Return whether the difference is larger than ``tolerance`` anywhere, in either direction; nan is."""
    return not bool((np.abs(difference.difference) <= tolerance).all())
