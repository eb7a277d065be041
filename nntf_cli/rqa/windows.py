"""A matrix cut into windows along its main diagonal, so that measures can be followed over time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from nntf_cli.errors import ParameterError
from nntf_cli.model import Axes, Axis, Difference, Fingerprint

Matrix = Fingerprint | Difference


@dataclass(frozen=True)
class Window:
    """A square piece of a matrix on its main diagonal, with the axes that belong to it."""

    matrix: Matrix
    first: int  #: row and column of its upper left entry
    last: int  #: of its lower right one

    @property
    def extent(self) -> dict[str, int]:
        """From where to where: ``from_step`` and ``to_step`` where known, else ``from_row`` and ``to_row``."""
        rows = self.matrix.axes.rows
        if rows.from_step is None or rows.to_step is None:
            return {"from_row": self.first, "to_row": self.last}
        return {"from_step": int(rows.from_step[0]), "to_step": int(rows.to_step[-1])}


def windows(matrix: Matrix, width: int, step: int = 1) -> Iterator[Window]:
    """Yield the windows of a matrix, D[s : s + width, s : s + width] at s = 0, step, 2 step, ...

    Parameters
    ----------
    matrix : Fingerprint or Difference
        (P, Q) values.
    width : int
        Rows and columns of a window, at least 2.
    step : int
        How far each window is from the one before.

    Raises
    ------
    ParameterError
        The matrix has no room for a window.
    """
    if width < 2 or step < 1:
        raise ParameterError("a window is at least 2 wide and moved by at least 1")
    shortest = min(matrix.shape)
    if width > shortest:
        raise ParameterError(
            f"--windows {width}: the matrix is only {shortest} long", f"use at most {shortest}", where=matrix.origin
        )
    return _windows(matrix, width, step, shortest)


def _windows(matrix: Matrix, width: int, step: int, shortest: int) -> Iterator[Window]:
    for first in range(0, shortest - width + 1, step):
        part = slice(first, first + width)
        values = matrix.values[part, part]
        piece: Matrix
        if isinstance(matrix, Difference):
            axes = [_part_of_axes(axes, matrix.shape, part) for axes in (matrix.a, matrix.b)]
            piece = replace(matrix, difference=values, a=axes[0], b=axes[1])
        else:
            piece = replace(matrix, matrix=values, axes=_part_of_axes(matrix.axes, matrix.shape, part))
        yield Window(piece, first, first + width - 1)


def _part_of_axes(axes: Axes, shape: tuple[int, ...], part: slice) -> Axes:
    rows = _part_of_axis(axes.rows, shape[0], part)
    return Axes(rows, _part_of_axis(axes.columns, shape[1], part) if axes.is_cross else rows)


def _part_of_axis(axis: Axis, n: int, part: slice) -> Axis:
    """Return what belongs to some of ``n`` rows; a scalar has a value at each end of a transition."""

    def rows(values: np.ndarray | None) -> np.ndarray | None:
        return values[part] if values is not None and len(values) == n else None

    scalars = {
        name: values[part.start : part.stop + len(values) - n]
        for name, values in axis.scalars.items()
        if len(values) in (n, n + 1)
    }
    return replace(
        axis, from_step=rows(axis.from_step), to_step=rows(axis.to_step), moved=rows(axis.moved), scalars=scalars
    )
