"""The plain data that passes from room to room: logs, flows, fingerprints, differences, bands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from nntf_cli.errors import InputError, ParameterError

Scalar = bool | int | float | str

#: Above every label a log can hold (labels fit 32 bits): the value of ``missing`` where none can be missing.
NO_MISSING = 2**32

#: Flows that are widened at a time to be added up.
_SUMMED = 2**20


class Panel(NamedTuple):
    """A rectangle cut out of the labels of one split.

    Panels tile the (T, N) labels: all rows of one range of samples in order, then the next range.
    """

    row: int  #: snapshot of the first row; 0 starts a new range of samples
    column: int  #: sample of the first column
    labels: np.ndarray  #: (rows, columns), uint8, uint16 or uint32, C-contiguous
    width: int  #: 1 + the largest label that is not missing


class LabelSource(Protocol):
    """The labels of one split, (T, N), delivered in panels so that they never lie in memory whole."""

    n_snapshots: int
    n_samples: int
    missing: int  #: the label that means "no prediction"; ``NO_MISSING`` where there is none

    @property
    def column_step(self) -> int:
        """How many samples are unpacked to read all snapshots of one: all where each snapshot is stored whole."""
        ...

    def panels(self) -> Iterator[Panel]:
        """Yield validated labels, top to bottom within each range of samples.

        Raises
        ------
        InputError
            A label is negative, fractional, not finite or not a class; or the file is damaged.
        """
        ...

    def column_panels(self, max_bytes: int) -> Iterator[Panel]:
        """Yield all T rows of one range of samples at a time, at most about ``max_bytes`` each."""
        ...

    def n_classes(self) -> int:
        """Return 1 + the largest label, reading (and so validating) all labels unless that is done already."""
        ...

    def n_missing(self) -> int:
        """Return how many labels are missing, reading all labels unless that is done already."""
        ...


@dataclass(frozen=True)
class Split:
    """One set of samples whose predictions were logged: ``train``, ``test``, ..."""

    name: str
    labels: LabelSource
    true: np.ndarray | None = None  #: (N,) int64 true classes
    ids: np.ndarray | None = None  #: (N,) int64 or str


@dataclass(frozen=True)
class LabelLog:
    """The predicted label of every sample at every snapshot of one run.

    ``splits`` stream their labels from the file; all else is in memory. Made by
    :func:`nntf_cli.labellog.open_log`.
    """

    source: str  #: the file (and group) as the user named it
    name: str  #: the run's name
    layout: str  #: in words: "native HDF5, version 1", "flat NPZ", ...
    step: np.ndarray  #: (T,) int64, strictly increasing
    splits: Mapping[str, Split]
    scalars: Mapping[str, np.ndarray] = field(default_factory=dict)  #: name -> (T,) float64
    hparams: Mapping[str, Scalar] = field(default_factory=dict)
    class_names: tuple[str, ...] | None = None
    declared_classes: int | None = None  #: C where the file says it
    run_uuid: str = ""
    warnings: tuple[str, ...] = ()
    chosen_split: str = ""  #: the split that the address named

    @property
    def n_snapshots(self) -> int:
        """T, the number of snapshots."""
        return len(self.step)

    @cached_property
    def n_classes(self) -> int:
        """C: as declared in the file, else 1 + the largest label or true class of any split."""
        seen = [split.labels.n_classes() for split in self.splits.values()]
        seen += [int(split.true.max()) + 1 for split in self.splits.values() if split.true is not None]
        return self.declared_classes or max(seen)

    def split(self, name: str | None = None) -> Split:
        """Return the split called ``name``; without a name the one in the address, else the only one, else ``train``.

        Raises
        ------
        InputError
            There is no such split, or there are several, none named ``train`` and none asked for.
        ParameterError
            The address names another one.
        """
        if self.chosen_split and name not in (None, self.chosen_split):
            raise ParameterError(
                f"names split '{self.chosen_split}', but --split asks for '{name}'", "say it once", where=self.source
            )
        name = self.chosen_split or name
        if name is None:
            name = next(iter(self.splits)) if len(self.splits) == 1 else "train"
            hint = f"name one with --split: {', '.join(self.splits)}"
        else:
            hint = f"it has: {', '.join(self.splits)}"
        if name not in self.splits:
            raise InputError(f"has no split '{name}'", hint, where=self.source)
        return self.splits[name]

    def true_classes(self, split: Split, purpose: str, instead: str) -> np.ndarray:
        """Return the (N,) int64 true classes of ``split``.

        Parameters
        ----------
        split : Split
            One of ``splits``.
        purpose, instead : str
            What needs them and what does without, for the error: "an error rate", "--show share".

        Raises
        ------
        InputError
            The log has none.
        """
        if split.true is None:
            cause = f"has no true classes of split '{split.name}', which {purpose} needs"
            raise InputError(cause, f"log them, or take {instead}, which does without", where=self.source)
        return split.true

    def select(self, every: int = 1, from_step: int | None = None, to_step: int | None = None) -> LabelLog:
        """Return the log restricted to some snapshots.

        Parameters
        ----------
        every : int
            Keep each ``every``-th snapshot, beginning with the first in range.
        from_step, to_step : int, optional
            Keep steps in ``[from_step, to_step]``, both included.

        Raises
        ------
        ParameterError
            ``every`` is below 1, or no snapshot lies in the range.
        """
        if every < 1:
            raise ParameterError(f"--every {every} is not a positive number of snapshots")
        low = self.step[0] if from_step is None else from_step
        high = self.step[-1] if to_step is None else to_step
        rows = np.flatnonzero((self.step >= low) & (self.step <= high))[::every]
        if len(rows) == 0:
            raise ParameterError(
                "no snapshot lies between --from and --to",
                f"steps run from {self.step[0]} to {self.step[-1]}",
                where=self.source,
            )
        if len(rows) == self.n_snapshots:
            return self
        splits = {
            name: replace(split, labels=_ChosenSnapshots(split.labels, rows)) for name, split in self.splits.items()
        }
        scalars = {name: values[rows] for name, values in self.scalars.items()}
        return replace(self, step=self.step[rows], splits=splits, scalars=scalars)


class _ChosenSnapshots:
    """Some rows of a label source; those left out are read and validated all the same."""

    def __init__(self, base: LabelSource, rows: np.ndarray) -> None:
        self._base, self._rows = base, rows
        self.n_snapshots, self.n_samples, self.missing = len(rows), base.n_samples, base.missing
        self.column_step = base.column_step

    def _chosen(self, panels: Iterator[Panel]) -> Iterator[Panel]:
        for panel in panels:
            first, last = np.searchsorted(self._rows, [panel.row, panel.row + len(panel.labels)])
            if first < last:
                chosen = panel.labels[self._rows[first:last] - panel.row]
                yield panel._replace(row=int(first), labels=chosen)

    def panels(self) -> Iterator[Panel]:
        return self._chosen(self._base.panels())

    def column_panels(self, max_bytes: int) -> Iterator[Panel]:
        return self._chosen(self._base.column_panels(max_bytes))

    def n_classes(self) -> int:
        return self._base.n_classes()

    def n_missing(self) -> int:
        return self._base.n_missing()


@dataclass(frozen=True)
class Flows:
    """The transitions δ_0 ... δ_{P-1} of one split, stored sparsely: only what moved.

    The flows of transition ``i`` are the entries ``start[i]:start[i + 1]`` of ``from_class``, ``to_class`` and
    ``count``, in increasing order of (from, to).
    """

    start: np.ndarray  #: (P + 1,) int64
    from_class: np.ndarray  #: (nnz,) unsigned, as narrow as the labels
    to_class: np.ndarray  #: (nnz,) likewise
    count: np.ndarray  #: (nnz,) int16 or, where that is too narrow, int32; samples, all positive; widen it to add up
    from_step: np.ndarray  #: (P,) int64
    to_step: np.ndarray  #: (P,) int64
    n_samples: int
    n_classes: int
    stayed: np.ndarray | None = None  #: (P, C) int64, the diagonals of δ, where asked for

    @property
    def n_transitions(self) -> int:
        """P, the number of transitions."""
        return len(self.from_step)

    @cached_property
    def moved(self) -> np.ndarray:
        """S, (P,) int64: samples that changed class in each transition; 0 where it is quiet."""
        moved = np.zeros(self.n_transitions, dtype=np.int64)
        cuts = np.searchsorted(self.start, np.arange(0, len(self.count), _SUMMED))
        for first, last in pairwise(sorted({*cuts.tolist(), self.n_transitions})):
            begin, end = self.start[first:last], self.start[first + 1 : last + 1]
            counts = self.count[begin[0] : end[-1]].astype(np.int64)
            moved[first:last][begin < end] = np.add.reduceat(counts, (begin - begin[0])[begin < end])
        return moved

    def dense(self, i: int) -> np.ndarray:
        """Return δ_i, (C, C) int64; its diagonal is zero unless ``stayed`` was counted."""
        delta = np.zeros((self.n_classes, self.n_classes), dtype=np.int64)
        part = slice(self.start[i], self.start[i + 1])
        delta[self.from_class[part], self.to_class[part]] = self.count[part]
        if self.stayed is not None:
            np.fill_diagonal(delta, self.stayed[i])
        return delta


@dataclass(frozen=True)
class Axis:
    """What the rows or the columns of a matrix stand for, as far as it is known.

    Row i of a flow fingerprint is the transition from ``from_step[i]`` to ``to_step[i]``, P = T - 1 of them; of
    a Hamming matrix it is the snapshot ``to_step[i]`` (then equal to ``from_step[i]``), T of them.
    """

    run: str = ""  #: the run's name; empty when unknown
    source: str = ""  #: the log or matrix it was made from
    split: str | None = None
    from_step: np.ndarray | None = None  #: (P,) int64
    to_step: np.ndarray | None = None  #: (P,) int64
    moved: np.ndarray | None = None  #: (P,) int64, samples that changed class
    n_samples: int | None = None
    n_classes: int | None = None
    scalars: Mapping[str, np.ndarray] = field(default_factory=dict)  #: name -> (T,) float64
    hparams: Mapping[str, Scalar] = field(default_factory=dict)

    @property
    def quiet(self) -> np.ndarray | None:
        """(P,) bool, True where nothing moved; None when that is not known."""
        return None if self.moved is None else self.moved == 0


@dataclass(frozen=True)
class Axes:
    """Rows and columns of a matrix: the same object unless two runs are crossed."""

    rows: Axis
    columns: Axis

    @property
    def title(self) -> str:
        """The run's name; ``a x b`` where two are crossed."""
        return f"{self.rows.run} x {self.columns.run}" if self.is_cross else self.rows.run

    @property
    def is_cross(self) -> bool:
        """True where rows and columns belong to different runs."""
        return self.rows is not self.columns


class RowStream(Protocol):
    """A symmetric matrix that is computed while it is read, and need not lie in memory whole."""

    @property
    def shape(self) -> tuple[int, int]:
        """(P, P)."""
        ...

    def panels(self) -> Iterator[np.ndarray] | None:
        """Yield some rows at a time, float64, as far as the main diagonal at least; time runs backwards.

        Lines are as long as they are in either direction. None where the whole is quicker to have.
        """
        ...

    def whole(self) -> np.ndarray:
        """Return the matrix, (P, P) float64, in its own order."""
        ...


@dataclass(frozen=True)
class Noise:
    """What the distances of a fingerprint would be if every two transitions drew their moves from one distribution."""

    floor: np.ndarray  #: (P, Q) float64, the distance to expect
    deviation: np.ndarray  #: (P, Q) float64, its standard deviation
    p_value: np.ndarray | None = None  #: (P, Q) float64, how often chance gives as much; nan where nothing can vary


@dataclass(frozen=True)
class Fingerprint:
    """A distance matrix D between transitions (``metric`` "flows") or snapshots ("hamming").

    Or what :mod:`nntf_cli.noise` makes of one, as ``of`` says: its noise floor, or D minus that.
    """

    matrix: np.ndarray | RowStream  #: (P, Q), float64, or float32 where so much precision is all there is
    axes: Axes
    metric: str | None = None  #: "flows" or "hamming"; None for a bare matrix
    normalize: str | None = None  #: "flows", "samples" or "none"; None for a bare matrix
    origin: str = ""  #: the file it was read from, or the log it was computed from: what messages name
    noise: Noise | None = None  #: what the distances are to be read against, where that was computed
    of: str = "distance"  #: "distance", "floor" or "excess"
    notable: np.ndarray | None = None  #: (P, Q) bool, of an excess: where it is more, or less, than chance

    @cached_property
    def distances(self) -> np.ndarray:
        """The matrix, (P, Q); computed now if it has not been."""
        return self.matrix if isinstance(self.matrix, np.ndarray) else self.matrix.whole()

    @property
    def values(self) -> np.ndarray:
        """The same."""
        return self.distances

    @property
    def rows(self) -> np.ndarray | RowStream:
        """What to go through once: the values where they are there, else what computes them on the way."""
        return self.__dict__.get("distances", self.matrix)

    @property
    def shape(self) -> tuple[int, int]:
        """(P, Q), without computing anything."""
        n_rows, n_columns = self.matrix.shape
        return n_rows, n_columns

    @property
    def title(self) -> str:
        """The run's name; ``a x b`` where two are crossed."""
        return self.axes.title

    @property
    def split(self) -> str | None:
        """The split of the rows."""
        return self.axes.rows.split


@dataclass(frozen=True)
class Difference:
    """A differentiation matrix D^A - D^B (Eq. 2) with what it was made from."""

    difference: np.ndarray  #: (P, Q) float64
    a: Axes
    b: Axes
    metric: str | None = None
    normalize: str | None = None
    origin: str = ""  #: the file it was read from, or the two it was computed from

    @property
    def values(self) -> np.ndarray:
        """The same."""
        return self.difference

    @property
    def rows(self) -> np.ndarray:
        """The same: what to go through once."""
        return self.difference

    @property
    def shape(self) -> tuple[int, int]:
        """(P, Q)."""
        n_rows, n_columns = self.difference.shape
        return n_rows, n_columns

    @property
    def axes(self) -> Axes:
        """Rows and columns of A, whose steps are those of B too."""
        return self.a

    @property
    def title(self) -> str:
        """``a - b``; empty where neither name is known."""
        names = [axes.title for axes in (self.a, self.b)]
        return " - ".join(names) if any(names) else ""

    @property
    def split(self) -> str | None:
        """The split of both, or ``train - test``."""
        a, b = self.a.rows.split, self.b.rows.split
        return a if a == b else f"{a} - {b}"


class BandLines(NamedTuple):
    """Lines of recurrent points in every band of a (P, Q) matrix, counted by their length; entry 0 is unused."""

    diagonal: np.ndarray  #: (bands, min(P, Q) + 1) int64: on the diagonals with |i - j| >= theiler
    border: np.ndarray  #: the same shape: those of them that touch the border of the matrix with either end
    vertical: np.ndarray  #: (bands, P + 1) int64: in columns, where cells with |i - j| < theiler_vertical never recur
    gaps: np.ndarray  #: (bands, P + 1) int64: inner white gaps, from one line to the next in the same column
    n_points: np.ndarray  #: (bands,) int64: entries in the band, whatever the Theiler windows
    main: np.ndarray  #: (bands, min(P, Q)) bool: which entries of the main diagonal are in the band
    outside: bool  #: whether any entry is in no band
    symmetric: bool | None  #: whether the matrix equals its transpose, where that was looked at


@dataclass(frozen=True)
class Band:
    """A range of values ``[lo, hi]``, or ``[lo, hi)`` where ``closed`` is False."""

    lo: float
    hi: float
    closed: bool = True

    def __str__(self) -> str:
        """Return ``lo-hi`` as the published tables print it, with more decimals only where two would hide some."""
        return (" to " if self.lo < 0 else "-").join(
            f"{x:.2f}" if abs(x - round(x, 2)) < 1e-9 else f"{x:g}" for x in (self.lo, self.hi)
        )

    def holds(self, values: np.ndarray) -> np.ndarray:
        """Return which values lie in the band: the binarised matrix B, bool, same shape."""
        below = values <= self.hi if self.closed else values < self.hi
        return (values >= self.lo) & below
