"""A run that is still going on: one more snapshot, and its flows, distances and lines follow.

>>> run = GrowingRun(n_samples=4, n_classes=3)
>>> for step, labels in enumerate(([0, 0, 1, 2], [1, 0, 1, 2], [1, 1, 1, 2])):
...     run.append(step, labels)
>>> run.distances
array([[0., 0.],
       [0., 0.]])
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nntf_cli.errors import InputError, ParameterError
from nntf_cli.kernels import compiled
from nntf_cli.model import BandLines, Flows
from nntf_cli.rqa.bands import Settings
from nntf_cli.rqa.lines import lines_in_bands
from nntf_cli.rqa.measures import Value, measures_of


class GrowingRun:
    """What :func:`~nntf_cli.fingerprint.flows`, ``distances`` and the line counts are after every snapshot.

    Appending takes O(N + flows so far) for N samples, and O(P) for the lines of P transitions; nothing is computed
    twice, and all is equal to computing it afresh.

    Parameters
    ----------
    n_samples, n_classes : int
        N and C.
    missing : int, optional
        The label that means "no prediction", -1 for instance; none if not given.
    settings : Settings, optional
        The bands in which lines are counted; the paper's if not given.

    Raises
    ------
    ParameterError
        No samples or no classes.
    """

    def __init__(
        self, n_samples: int, n_classes: int, *, missing: int | None = None, settings: Settings | None = None
    ) -> None:
        if n_samples < 1 or n_classes < 1:
            raise ParameterError(f"{n_samples} samples of {n_classes} classes", "there must be at least one of each")
        self.n_samples, self.n_classes, self._missing = n_samples, n_classes, missing
        self._labels: np.ndarray | None = None
        self._steps: list[int] = []
        narrow = np.min_scalar_type(n_classes)
        self._from, self._to = _Column(narrow), _Column(narrow)
        self._count, self._start, self._moved = _Column(np.int32), _Column(np.int64), _Column(np.int64)
        self._start.extend(np.zeros(1))
        self._rows: list[np.ndarray] = []
        self._settings = settings or Settings()
        bands = self._settings.bands
        self._counter = compiled.LineCounter(
            None,
            np.array([band.lo for band in bands]),
            np.array([band.hi for band in bands]),
            np.array([band.closed for band in bands]),
            *self._settings.theiler_windows((1, 1)),
        )

    @property
    def n_transitions(self) -> int:
        """P: one less than the snapshots."""
        return len(self._rows)

    def append(self, step: int, labels: Sequence[int] | np.ndarray) -> np.ndarray:
        """Take one more snapshot.

        Parameters
        ----------
        step : int
            Above that of the snapshot before.
        labels : ndarray of int, shape (N,)
            Below C, or missing.

        Returns
        -------
        ndarray of float64, shape (P,)
            The distances of the new transition to all so far, itself included; empty for the first snapshot.

        Raises
        ------
        ParameterError
            A wrong number of labels, one that is no class, or a step that goes back; nothing has changed then.
        """
        current = self._checked(step, labels)
        previous, self._labels = self._labels, current
        self._steps.append(step)
        if previous is None:
            return np.zeros(0)
        _, before, after, count = compiled.count_moves(previous, current[np.newaxis], self.n_classes, self.n_classes)
        for column, values in ((self._from, before), (self._to, after), (self._count, count)):
            column.extend(values)
        self._start.extend(np.array([self._start.values[-1] + len(count)]))
        self._moved.extend(np.array([count.sum()]))
        row = self._newest_row()
        self._rows.append(row)
        self._counter.add(row[np.newaxis])
        return row.copy()

    def _checked(self, step: int, labels: Sequence[int] | np.ndarray) -> np.ndarray:
        given = np.asarray(labels)
        if given.shape != (self.n_samples,) or given.dtype.kind not in "iu":
            raise ParameterError(f"labels are {given.dtype} {given.shape}", f"give {self.n_samples} whole numbers")
        wrong = (given < 0) | (given >= self.n_classes)
        if self._missing is not None:
            wrong &= given != self._missing
        if wrong.any():
            k = int(wrong.argmax())
            raise ParameterError(f"label {given[k]} of sample {k} is no class", f"there are {self.n_classes}")
        if isinstance(step, bool) or not isinstance(step, (int, np.integer)):
            raise ParameterError(f"step {step!r} is not a whole number", "number the snapshots")
        if self._steps and step <= self._steps[-1]:
            raise ParameterError(f"step {step} does not come after step {self._steps[-1]}", "snapshots are in order")
        # whatever means "missing" to the caller, here it is the number of classes
        present = given if self._missing is None else np.where(given == self._missing, self.n_classes, given)
        return present.astype(np.min_scalar_type(self.n_classes))

    def _newest_row(self) -> np.ndarray:
        shared = compiled.shared_with_newest(
            self._start.values, self._from.values, self._to.values, self._count.values, self.n_classes
        )
        total = self._moved.values + self._moved.values[-1]
        return (total - 2 * shared) / np.maximum(total, 1)

    @property
    def flows(self) -> Flows:
        """Everything that moved so far."""
        steps = np.array(self._steps, dtype=np.int64)
        return Flows(
            start=self._start.values.copy(),
            from_class=self._from.values.copy(),
            to_class=self._to.values.copy(),
            count=self._count.values.copy(),
            from_step=steps[:-1],
            to_step=steps[1:],
            n_samples=self.n_samples,
            n_classes=self.n_classes,
        )

    @property
    def distances(self) -> np.ndarray:
        """D so far, (P, P) float64."""
        matrix = np.zeros((self.n_transitions, self.n_transitions))
        for i, row in enumerate(self._rows):
            matrix[i, : i + 1] = matrix[: i + 1, i] = row
        return matrix

    @property
    def lines(self) -> BandLines:
        """The lines of D in every band so far."""
        self._require_transitions()
        return self._counter.lines()

    def _require_transitions(self) -> None:
        if not self._rows:
            raise InputError("has no transition yet", "append two snapshots first")

    def per_band(self) -> list[dict[str, Value]]:
        """Measure D in every band so far, as :func:`nntf_cli.rqa.per_band` does; nothing is shuffled.

        Raises
        ------
        InputError
            There is no transition yet.
        """
        self._require_transitions()
        n = self.n_transitions
        settings = self._settings
        windows = settings.theiler_windows((n, n))
        return measures_of(lines_in_bands(self.lines, settings.bands, (n, n), *windows, lambda: True), settings)


class _Column:
    """An array that grows at its end, in memory that doubles when it is full."""

    def __init__(self, dtype: np.dtype | type) -> None:
        self._held, self._n = np.empty(64, dtype=dtype), 0

    @property
    def values(self) -> np.ndarray:
        return self._held[: self._n]

    def extend(self, values: np.ndarray) -> None:
        if self._n + len(values) > len(self._held):
            wider = np.empty(2 * (self._n + len(values)), dtype=self._held.dtype)
            wider[: self._n] = self.values
            self._held = wider
        self._held[self._n : self._n + len(values)] = values
        self._n += len(values)
