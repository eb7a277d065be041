"""Labels -> flows between snapshots -> distances between transitions: the training fingerprint.

Ferreira et al., "Neural network training fingerprint", Journal of Visualization 25 (2022), Eq. (1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError, MismatchError, ParameterError
from nntf_cli.kernels import choice, engine
from nntf_cli.kernels.mirror import mirror
from nntf_cli.model import Axes, Axis, Fingerprint, Flows, LabelLog, Split
from nntf_cli.progress import task
from nntf_cli.threads import for_each

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

METRICS = ("flows", "hamming")
NORMALIZATIONS = ("flows", "samples", "none")

#: Samples in a flow: signed, so that differences are what they look like; a log has fewer samples than fit the wider.
_NARROW_COUNT, _COUNT = np.int16, np.int32

#: The remedy where more moved than fits into memory.
_FEWER = "use fewer snapshots with --every, --from and --to"

#: Labels from which on a panel is worth several threads.
_WORTH_THREADS = 2**20

#: Label bytes held at a time for comparing all snapshots with all, and labels compared at a time.
_COLUMN_BYTES = 256 * 2**20
_SLICE = 2**22


def fingerprint(
    log: LabelLog,
    split: str | None = None,
    *,
    metric: str = "flows",
    normalize: str | None = None,
    against: LabelLog | None = None,
    against_split: str | None = None,
    counted: Flows | None = None,
    dtype: DTypeLike = np.float64,
    stored: bool = True,
    count: Callable[[LabelLog, str | None], Flows] | None = None,
    compare: Callable[[Flows, str, Flows | None], np.ndarray] | None = None,
) -> Fingerprint:
    """Compute the distance matrix of a training run, or between two runs.

    Parameters
    ----------
    log : LabelLog
        The run of the rows.
    split : str, optional
        Which samples; the only split, else ``train``, if not given.
    metric : {"flows", "hamming"}
        "flows" compares transitions (P x P, Eq. 1); "hamming" compares snapshots (T x T): samples whose labels
        differ.
    normalize : {"flows", "samples", "none"}, optional
        What the sum of differences is divided by: the samples moved in both transitions (Eq. 1, the default for
        flows), all samples (twice for flows, so that the result lies in [0, 1]), or nothing (the default for
        hamming).
    against : LabelLog, optional
        The run of the columns, for a cross fingerprint of the same samples and classes.
    against_split : str, optional
        The split of ``against``; ``split`` if not given.
    counted : Flows, optional
        What :func:`flows` returned for this log and split, where that is known already.
    dtype : float64 or float32
        What the distances are rounded to.
    stored : bool
        Compute D now. If not, it is computed when it is first looked at, and quantifying the recurrence of a long
        run does without ever having it whole.
    count, compare : callable, optional
        Who does the work of :func:`flows` and of :func:`distances`, where it is not this process.

    Returns
    -------
    Fingerprint
        D, from exact integers and one division in float64, so the same on every machine.

    Raises
    ------
    InputError
        Fewer than two snapshots, or invalid labels.
    MismatchError
        The two runs do not have the same samples and classes.
    ParameterError
        Unknown metric or normalization, or one that does not go with the other.
    """
    normalize, count = _normalization(metric, normalize), count or flows
    if against is not None:
        require_same_samples(log, log.split(split), against, against.split(against_split or split))
    if metric == "hamming":
        return _hamming_fingerprint(log, split, normalize, against, against_split or split, dtype)

    def compared(rows: Flows, columns: Flows | None) -> np.ndarray:
        if compare is None:
            return distances(rows, normalize, columns, dtype)
        return compare(rows, normalize, columns).astype(dtype, copy=False)

    rows = count(log, split) if counted is None else counted
    row_axis = _flow_axis(log, log.split(split), rows)
    if against is None:
        matrix = compared(rows, None) if stored or compare else _Stream(rows, normalize)
        return Fingerprint(matrix, Axes(row_axis, row_axis), metric, normalize, log.source)
    columns = count(against, against_split or split)
    column_axis = _flow_axis(against, against.split(against_split or split), columns)
    axes = Axes(row_axis, column_axis)
    return Fingerprint(compared(rows, columns), axes, metric, normalize, log.source)


def _normalization(metric: str, normalize: str | None) -> str:
    if metric not in METRICS:
        raise ParameterError(f"unknown metric {metric!r}", f"one of {', '.join(METRICS)}")
    normalize = normalize or ("flows" if metric == "flows" else "none")
    if normalize not in NORMALIZATIONS:
        raise ParameterError(f"unknown normalization {normalize!r}", f"one of {', '.join(NORMALIZATIONS)}")
    if metric == "hamming" and normalize == "flows":
        raise ParameterError("--normalize flows does not go with --metric hamming", "use --normalize samples or none")
    return normalize


def flows(log: LabelLog, split: str | None = None, *, diagonal: bool = False) -> Flows:
    """Count the samples that moved from class to class between consecutive snapshots.

    Parameters
    ----------
    log : LabelLog
        Its labels are streamed once; those of its other splits are validated too.
    split : str, optional
        Which samples; the only split, else ``train``, if not given.
    diagonal : bool
        Also count the samples that stayed, class by class.

    Returns
    -------
    Flows
        The transitions δ_0 ... δ_{P-1}, sparse.

    Raises
    ------
    InputError
        Fewer than two snapshots, or invalid labels.
    """
    chosen = log.split(split)
    if log.n_snapshots < 2:
        raise InputError(
            f"has {log.n_snapshots} snapshot, and a transition needs two",
            "record more, or choose more with --every, --from and --to",
            where=log.source,
        )
    n_labels = chosen.labels.n_samples * log.n_snapshots
    kernels = engine(choice.COST_PER_LABEL * n_labels)
    counter = _FlowCounter(kernels, log.n_snapshots - 1, chosen.labels.missing, diagonal)
    last, width = None, 0
    with task(f"{log.source} ({chosen.name}): counting moves", n_labels) as done:
        for panel in chosen.labels.panels():
            if last is None or panel.row == 0:
                counter.count(0, panel.labels[0], panel.labels[1:], panel.width)
            else:
                counter.count(panel.row - 1, last, panel.labels, max(width, panel.width))
            last, width = panel.labels[-1], panel.width
            done(panel.labels.size)
    return counter.flows(log.step, chosen.labels.n_samples, log.n_classes)


class _Column:
    """An array that grows where it lies: to join pieces at the end would hold everything twice."""

    def __init__(self, dtype: type[np.generic]) -> None:
        self._room, self._n = np.empty(0, dtype=dtype), 0

    def add(self, values: np.ndarray) -> None:
        """Append values, in a type that holds them and those before."""
        self._room = self._room.astype(np.promote_types(self._room.dtype, values.dtype), copy=False)
        end = self._n + len(values)
        if end > len(self._room):
            self._room.resize(max(end, len(self._room) * 33 // 32), refcheck=False)  # no view of it exists yet
        self._room[self._n : end] = values
        self._n = end

    def whole(self) -> np.ndarray:
        """Return everything; nothing can be added from here on."""
        self._room.resize(self._n, refcheck=False)
        return self._room


class _Columns(NamedTuple):
    """What moved in one transition, of some samples."""

    from_class: np.ndarray
    to_class: np.ndarray
    n_samples: np.ndarray


class _FlowCounter:
    """Collects the flows of every transition, which may come in several pieces."""

    def __init__(self, kernels: choice.Engine, n_transitions: int, missing: int, diagonal: bool) -> None:
        self._kernels, self._missing = kernels, missing
        self._transitions: list[np.ndarray] = []  # that were counted, in this order
        self._n_flows: list[np.ndarray] = []  # of each
        self._columns = _Column(np.uint8), _Column(np.uint8), _Column(_NARROW_COUNT)
        self._n_transitions = n_transitions
        self._stayed: list[np.ndarray] | None = (
            [np.zeros(0, dtype=np.int64) for _ in range(n_transitions)] if diagonal else None
        )

    def count(self, first: int, previous: np.ndarray, rows: np.ndarray, width: int) -> None:
        """Add what happens to some samples from snapshot ``first`` on; labels are below ``width`` or missing."""
        if not len(rows):
            return
        n_flows, before, after, count = self._kernels.count_moves(previous, rows, self._missing, width)
        columns = (before, after, narrow_counts(count))
        memory.require(2 * sum(column.nbytes for column in columns), "what moved", _FEWER)
        for column, values in zip(self._columns, columns, strict=True):
            column.add(values)
        self._transitions.append(np.arange(first, first + len(rows)))
        self._n_flows.append(n_flows)
        if self._stayed is not None:
            several = None if rows.size > _WORTH_THREADS else 1
            befores = [previous, *rows[:-1]]
            for_each(lambda k: self._add_stays(first + k, befores[k], rows[k], width), range(len(rows)), several)

    def _add_stays(self, transition: int, previous: np.ndarray, current: np.ndarray, width: int) -> None:
        assert self._stayed is not None
        stayed, known = self._kernels.count_stays(previous, current, self._missing, width), self._stayed[transition]
        longer, shorter = (stayed, known) if len(stayed) >= len(known) else (known, stayed)
        longer[: len(shorter)] += shorter
        self._stayed[transition] = longer

    def flows(self, step: np.ndarray, n_samples: int, n_classes: int) -> Flows:
        """Return everything counted."""
        transitions, n_flows = np.concatenate(self._transitions), np.concatenate(self._n_flows)
        columns = _Columns(*(column.whole() for column in self._columns))
        if not np.array_equal(transitions, np.arange(self._n_transitions)):
            n_flows, columns = _merged(transitions, n_flows, columns, self._n_transitions)
        return Flows(
            np.concatenate([[0], np.cumsum(n_flows)]),
            *columns,
            from_step=step[:-1],
            to_step=step[1:],
            n_samples=n_samples,
            n_classes=n_classes,
            stayed=self._all_stayed(n_classes),
        )

    def _all_stayed(self, n_classes: int) -> np.ndarray | None:
        if self._stayed is None:
            return None
        memory.require(8 * len(self._stayed) * n_classes, "the classes that samples stayed in", "use --every")
        stayed = np.zeros((len(self._stayed), n_classes), dtype=np.int64)
        for row, counts in zip(stayed, self._stayed, strict=True):
            row[: len(counts)] = counts[:n_classes]
        return stayed


def narrow_counts(count: np.ndarray) -> np.ndarray:
    """Return numbers of samples in the narrower of the two types that flows have."""
    fits = count.max(initial=0) <= np.iinfo(_NARROW_COUNT).max
    return count.astype(_NARROW_COUNT if fits else _COUNT, copy=False)


def _merged(
    transitions: np.ndarray, n_flows: np.ndarray, columns: _Columns, n_transitions: int
) -> tuple[np.ndarray, _Columns]:
    """Bring together what was counted of each transition."""
    ends = np.cumsum(n_flows).tolist()
    parts: list[list[_Columns]] = [[] for _ in range(n_transitions)]
    for transition, begin, end in zip(transitions.tolist(), [0, *ends], ends, strict=False):
        parts[transition].append(_Columns(*(column[begin:end] for column in columns)))
    whole = [_added_up(several) for several in parts]
    joined = [np.concatenate(same) for same in zip(*whole, strict=True)]
    return np.array([len(part.n_samples) for part in whole]), _Columns(joined[0], joined[1], narrow_counts(joined[2]))


def _added_up(parts: Sequence[_Columns]) -> _Columns:
    """Add up the parts of one transition: the same flow may stand in several."""
    before, after, count = (np.concatenate(same) for same in zip(*parts, strict=True))
    cells, place = np.unique(before.astype(np.uint64) << np.uint64(32) | after, return_inverse=True)
    total = np.zeros(len(cells), dtype=_COUNT)
    np.add.at(total, place, count)
    return _Columns(
        (cells >> np.uint64(32)).astype(before.dtype), (cells & np.uint64(2**32 - 1)).astype(after.dtype), total
    )


def distances(a: Flows, normalize: str = "flows", b: Flows | None = None, dtype: DTypeLike = np.float64) -> np.ndarray:
    """Compute the distance between every two transitions (Eq. 1).

    d_ij = Σ|δ_i - δ_j| / Σ(δ_i + δ_j) over the off-diagonal cells, which equals
    (S_i + S_j - 2 Σ min(δ_i, δ_j)) / (S_i + S_j); 0 where both are quiet.

    Parameters
    ----------
    a : Flows
        The transitions of the rows.
    normalize : {"flows", "samples", "none"}
        The divisor: S_i + S_j, twice the number of samples, or 1.
    b : Flows, optional
        The transitions of the columns; ``a`` if not given.
    dtype : float64 or float32
        What the quotients, in float64, are rounded to.

    Returns
    -------
    ndarray, shape (P_a, P_b)

    Raises
    ------
    LimitError
        The matrix does not fit into memory.
    """
    other, rounded = a if b is None else b, np.dtype(dtype)
    shape = (a.n_transitions, other.n_transitions)
    kernels = engine(_sharing_cost(a, other))  # loading them takes memory, so it comes first
    memory.require(
        float(rounded.itemsize) * shape[0] * shape[1], f"the {shape[0]} x {shape[1]} matrix", "thin it with --every"
    )
    return kernels.distances(a, b, _divisor(normalize, a), rounded)


def _divisor(normalize: str, flows: Flows) -> int:
    return {"flows": 0, "samples": 2 * flows.n_samples, "none": 1}[normalize]


@dataclass(frozen=True)
class _Stream:
    """The distances between all transitions of a run, computed as they are asked for."""

    flows: Flows
    normalize: str

    @property
    def shape(self) -> tuple[int, int]:
        return self.flows.n_transitions, self.flows.n_transitions

    def panels(self) -> Iterator[np.ndarray] | None:
        kernels = engine(_sharing_cost(self.flows, self.flows))
        return kernels.distance_panels(self.flows, _divisor(self.normalize, self.flows))

    def whole(self) -> np.ndarray:
        return distances(self.flows, self.normalize)


def _sharing_cost(a: Flows, b: Flows) -> float:
    """Return the seconds that numpy needs to compare every flow of a with all transitions of b."""
    n_cells = min(len(a.count), a.n_classes**2)
    return choice.COST_PER_SHARED * b.n_transitions * (len(a.count) + n_cells)


def _hamming_fingerprint(
    log: LabelLog,
    split: str | None,
    normalize: str,
    against: LabelLog | None,
    against_split: str | None,
    dtype: DTypeLike,
) -> Fingerprint:
    a = log.split(split)
    b = None if against is None else against.split(against_split)
    counts = hamming(a, b)
    log.n_classes  # noqa: B018 - reads, and so validates, the splits not compared here
    rows = _snapshot_axis(log, a)
    columns = rows
    if against is not None and b is not None:
        columns = _snapshot_axis(against, b)
    divisor = a.labels.n_samples if normalize == "samples" else 1
    matrix = np.divide(counts, divisor).astype(dtype, copy=False)
    return Fingerprint(matrix, Axes(rows, columns), "hamming", normalize, log.source)


def hamming(a: Split, b: Split | None = None) -> np.ndarray:
    """Count the samples whose labels differ between every two snapshots.

    Parameters
    ----------
    a : Split
        The snapshots of the rows.
    b : Split, optional
        The snapshots of the columns; those of ``a`` if not given.

    Returns
    -------
    ndarray of int64, shape (T_a, T_b)
        A missing label differs from nothing.

    Raises
    ------
    LimitError
        The matrix does not fit into memory.
    """
    other = a if b is None else b
    shape = (a.labels.n_snapshots, other.labels.n_snapshots)
    memory.require(16.0 * shape[0] * shape[1], f"the {shape[0]} x {shape[1]} matrix", "thin it with --every")
    counts = np.zeros(shape, dtype=np.int64)
    n_pairs = shape[0] * shape[1] * a.labels.n_samples
    kernels = engine(choice.COST_PER_DIFFERENCE * n_pairs)
    with task("comparing snapshots", a.labels.n_samples) as done:
        for rows, columns in _aligned(a, other):
            for part in _slices(rows.shape[1], _SLICE // max(shape)):
                left = np.ascontiguousarray(rows[:, part])
                right = left if b is None else np.ascontiguousarray(columns[:, part])
                kernels.count_differences(left, right, a.labels.missing, other.labels.missing, b is None, counts)
                done(left.shape[1])
    if b is None:
        mirror(counts)
    return counts


def _slices(n: int, width: int) -> Iterator[slice]:
    width = max(1, width)
    return (slice(first, first + width) for first in range(0, n, width))


def _aligned(a: Split, b: Split) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield all snapshots of the same samples of both; how many at a time, the files decide."""
    if a is b:
        yield from ((panel.labels, panel.labels) for panel in a.labels.column_panels(_COLUMN_BYTES))
        return
    left, right = (s.labels.column_panels(_COLUMN_BYTES) for s in (a, b))
    x, y = next(left), next(right)
    column = 0
    while column < a.labels.n_samples:
        end = min(x.column + x.labels.shape[1], y.column + y.labels.shape[1])
        yield x.labels[:, column - x.column : end - x.column], y.labels[:, column - y.column : end - y.column]
        column = end
        if column == x.column + x.labels.shape[1]:
            x = next(left, x)
        if column == y.column + y.labels.shape[1]:
            y = next(right, y)


def require_same_samples(log: LabelLog, a: Split, against: LabelLog, b: Split) -> None:
    """Refuse two runs whose transitions cannot be compared.

    Raises
    ------
    MismatchError
        They have different samples or classes, as far as the logs tell.
    """
    where = f"{log.source} and {against.source}"
    remedy = "a cross fingerprint needs two runs of the same samples and classes"
    if a.labels.n_samples != b.labels.n_samples:
        raise MismatchError(f"have {a.labels.n_samples} and {b.labels.n_samples} samples", remedy, where=where)
    if a.ids is not None and b.ids is not None and not np.array_equal(a.ids, b.ids):
        raise MismatchError("have different sample ids", remedy, where=where)
    if log.declared_classes and against.declared_classes and log.declared_classes != against.declared_classes:
        raise MismatchError(f"have {log.declared_classes} and {against.declared_classes} classes", remedy, where=where)
    if log.class_names and against.class_names and log.class_names != against.class_names:
        raise MismatchError("have different class names", remedy, where=where)


def _flow_axis(log: LabelLog, split: Split, flows: Flows) -> Axis:
    return Axis(
        run=log.name,
        source=log.source,
        split=split.name,
        from_step=flows.from_step,
        to_step=flows.to_step,
        moved=flows.moved,
        n_samples=flows.n_samples,
        n_classes=flows.n_classes,
        scalars=log.scalars,
        hparams=log.hparams,
    )


def _snapshot_axis(log: LabelLog, split: Split) -> Axis:
    return Axis(
        run=log.name,
        source=log.source,
        split=split.name,
        from_step=log.step,
        to_step=log.step,
        n_samples=split.labels.n_samples,
        n_classes=log.n_classes,
        scalars=log.scalars,
        hparams=log.hparams,
    )
