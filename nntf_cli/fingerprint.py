"""Labels -> flows between snapshots -> distances between transitions: the training fingerprint.

Ferreira et al., "Neural network training fingerprint", Journal of Visualization 25 (2022), Eq. (1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError, MismatchError, ParameterError
from nntf_cli.kernels import choice, engine
from nntf_cli.kernels.threads import for_each
from nntf_cli.kernels.vectorized import mirror
from nntf_cli.model import Axes, Axis, Fingerprint, Flows, LabelLog, Split
from nntf_cli.progress import task

METRICS = ("flows", "hamming")
NORMALIZATIONS = ("flows", "samples", "none")

#: Samples in a flow: signed, so that differences are what they look like; a log has fewer samples than fit.
_COUNT = np.int32

#: Most counters for tabulating the transitions of a panel; beyond, they are counted one by one.
_TABLE = 2**21

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
    count, compare : callable, optional
        Who does the work of :func:`flows` and of :func:`distances`, where it is not this process.

    Returns
    -------
    Fingerprint
        D in float64: exact integers and one division, so the same on every machine.

    Raises
    ------
    InputError
        Fewer than two snapshots, or invalid labels.
    MismatchError
        The two runs do not have the same samples and classes.
    ParameterError
        Unknown metric or normalization, or one that does not go with the other.
    """
    normalize, count, compare = _normalization(metric, normalize), count or flows, compare or distances
    if against is not None:
        _require_same_samples(log, log.split(split), against, against.split(against_split or split))
    if metric == "hamming":
        return _hamming_fingerprint(log, split, normalize, against, against_split or split)
    rows = count(log, split) if counted is None else counted
    row_axis = _flow_axis(log, log.split(split), rows)
    if against is None:
        return Fingerprint(compare(rows, normalize, None), Axes(row_axis, row_axis), metric, normalize, log.source)
    columns = count(against, against_split or split)
    column_axis = _flow_axis(against, against.split(against_split or split), columns)
    axes = Axes(row_axis, column_axis)
    return Fingerprint(compare(rows, normalize, columns), axes, metric, normalize, log.source)


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
            if last is not None and panel.row > 0:
                counter.count(panel.row - 1, np.stack([last, panel.labels[0]]), max(width, panel.width))
            counter.count(panel.row, panel.labels, panel.width)
            last, width = panel.labels[-1], panel.width
            done(panel.labels.size)
    return counter.flows(log.step, chosen.labels.n_samples, log.n_classes)


#: What moved in one transition: from, to, count.
_Piece = tuple[np.ndarray, np.ndarray, np.ndarray]


class _FlowCounter:
    """Collects the flows of every transition, which may come in several pieces."""

    def __init__(self, kernels: choice.Engine, n_transitions: int, missing: int, diagonal: bool) -> None:
        self._kernels, self._missing = kernels, missing
        self._pieces: list[list[_Piece]] = [[] for _ in range(n_transitions)]
        self._n_bytes = 0
        self._stayed: list[np.ndarray] | None = (
            [np.zeros(0, dtype=np.int64) for _ in range(n_transitions)] if diagonal else None
        )

    def count(self, first: int, rows: np.ndarray, width: int) -> None:
        """Add what happens to some samples from snapshot ``first`` on; labels are below ``width`` or missing."""
        if (len(rows) - 1) * width * width <= _TABLE:
            self._tabulate(first, rows, width)
        else:
            several = None if rows.size > _WORTH_THREADS else 1
            for_each(lambda k: self._count_one(first + k, rows[k], rows[k + 1], width), range(len(rows) - 1), several)
        memory.require(2 * self._n_bytes, "what moved", "use fewer snapshots with --every, --from and --to")

    def _tabulate(self, first: int, rows: np.ndarray, width: int) -> None:
        table = self._kernels.tabulate(rows, self._missing, width)
        classes = np.arange(width)
        stayed = table[:, classes, classes].astype(np.int64)
        table[:, classes, classes] = 0
        i, before, after = np.nonzero(table)
        columns = (before.astype(rows.dtype), after.astype(rows.dtype), table[i, before, after])
        bounds = np.searchsorted(i, np.arange(len(table) + 1)).tolist()
        for k in range(len(table)):
            piece = [column[bounds[k] : bounds[k + 1]] for column in columns]
            self._add(first + k, (piece[0], piece[1], piece[2]), stayed[k])

    def _add(self, transition: int, piece: _Piece, stayed: np.ndarray | None) -> None:
        self._pieces[transition].append(piece)
        self._n_bytes += sum(column.nbytes for column in piece)
        if self._stayed is not None and stayed is not None:
            known = self._stayed[transition]
            longer, shorter = (stayed, known) if len(stayed) >= len(known) else (known, stayed)
            longer[: len(shorter)] += shorter
            self._stayed[transition] = longer

    def _count_one(self, transition: int, previous: np.ndarray, current: np.ndarray, width: int) -> None:
        before, after, count = self._kernels.count_moves(previous, current, self._missing, width)
        narrow = current.dtype
        stayed = None
        if self._stayed is not None:
            stayed = self._kernels.count_stays(previous, current, self._missing, width)
        self._add(transition, (before.astype(narrow), after.astype(narrow), count.astype(_COUNT)), stayed)

    def flows(self, step: np.ndarray, n_samples: int, n_classes: int) -> Flows:
        """Return everything counted."""
        merged = [_merge(self._pieces.pop(0)) for _ in range(len(self._pieces))]
        start = np.concatenate([[0], np.cumsum([len(count) for _, _, count in merged])])
        columns = [np.concatenate([piece[k] for piece in merged]) for k in range(3)]
        return Flows(
            start=start.astype(np.int64),
            from_class=columns[0],
            to_class=columns[1],
            count=columns[2],
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


def _merge(pieces: list[_Piece]) -> _Piece:
    """Add up the pieces of one transition: the same flow may stand in several."""
    if len(pieces) == 1:
        return pieces[0]
    before, after, count = (np.concatenate([piece[k] for piece in pieces]) for k in range(3))
    cells, place = np.unique(before.astype(np.uint64) << np.uint64(32) | after, return_inverse=True)
    total = np.zeros(len(cells), dtype=_COUNT)
    np.add.at(total, place, count)
    return (cells >> np.uint64(32)).astype(before.dtype), (cells & np.uint64(2**32 - 1)).astype(after.dtype), total


def distances(a: Flows, normalize: str = "flows", b: Flows | None = None) -> np.ndarray:
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

    Returns
    -------
    ndarray of float64, shape (P_a, P_b)

    Raises
    ------
    LimitError
        The matrix does not fit into memory.
    """
    other = a if b is None else b
    shape = (a.n_transitions, other.n_transitions)
    memory.require(8.0 * shape[0] * shape[1], f"the {shape[0]} x {shape[1]} matrix", "thin it with --every")
    kernels = engine(_sharing_cost(a, other))
    divisor = {"flows": 0, "samples": 2 * a.n_samples, "none": 1}[normalize]
    return kernels.finish(kernels.shared_moves(a, b), a.moved, other.moved, divisor, b is None)


def _sharing_cost(a: Flows, b: Flows) -> float:
    """Return the seconds that numpy needs to compare every flow of a with all transitions of b."""
    n_cells = min(len(a.count), a.n_classes**2)
    return choice.COST_PER_SHARED * b.n_transitions * (len(a.count) + n_cells)


def _hamming_fingerprint(
    log: LabelLog, split: str | None, normalize: str, against: LabelLog | None, against_split: str | None
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
    return Fingerprint(counts / divisor, Axes(rows, columns), "hamming", normalize, log.source)


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


def _require_same_samples(log: LabelLog, a: Split, against: LabelLog, b: Split) -> None:
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
