"""Labels -> flows between snapshots -> distances between transitions: the training fingerprint.

Ferreira et al., "Neural network training fingerprint", Journal of Visualization 25 (2022), Eq. (1).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError, MismatchError, ParameterError
from nntf_cli.kernels.distances import add_shared_moves
from nntf_cli.kernels.transitions import count_differences, count_moves, count_stays, list_moves
from nntf_cli.model import Axes, Axis, Fingerprint, Flows, LabelLog, Split

METRICS = ("flows", "hamming")
NORMALIZATIONS = ("flows", "samples", "none")

#: For each cell, the transitions in which it moved: (start, transition, count).
_Lists = tuple[np.ndarray, np.ndarray, np.ndarray]

#: Widest label range for which flows are counted in a table (64 MiB of counters) instead of by sorting.
_WIDEST_TABLE = 4096

#: Label bytes held at a time for comparing all snapshots with all.
_COLUMN_BYTES = 256 * 2**20


def fingerprint(
    log: LabelLog,
    split: str | None = None,
    *,
    metric: str = "flows",
    normalize: str | None = None,
    against: LabelLog | None = None,
    against_split: str | None = None,
    counted: Flows | None = None,
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
    normalize = _normalization(metric, normalize)
    if against is not None:
        _require_same_samples(log, log.split(split), against, against.split(against_split or split))
    if metric == "hamming":
        return _hamming_fingerprint(log, split, normalize, against, against_split or split)
    rows = flows(log, split) if counted is None else counted
    row_axis = _flow_axis(log, log.split(split), rows)
    if against is None:
        return Fingerprint(distances(rows, normalize), Axes(row_axis, row_axis), metric, normalize)
    columns = flows(against, against_split or split)
    column_axis = _flow_axis(against, against.split(against_split or split), columns)
    return Fingerprint(distances(rows, normalize, columns), Axes(row_axis, column_axis), metric, normalize)


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
    counter = _FlowCounter(log.n_snapshots - 1, chosen.labels.missing, diagonal)
    last = None
    for panel in chosen.labels.panels():
        for offset, current in enumerate(panel.labels):
            snapshot = panel.row + offset
            if snapshot > 0 and last is not None:
                counter.count(snapshot - 1, last, current)
            last = current
    return counter.flows(log.step, chosen.labels.n_samples, log.n_classes)


class _FlowCounter:
    """Collects (cell, count) lists of every transition; a transition may come in several pieces."""

    def __init__(self, n_transitions: int, missing: int, diagonal: bool) -> None:
        self._missing = missing
        self._pieces: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in range(n_transitions)]
        self._stayed: list[np.ndarray] | None = (
            [np.zeros(0, dtype=np.int64) for _ in range(n_transitions)] if diagonal else None
        )
        self._table = np.zeros(0, dtype=np.uint32)
        self._cells = np.zeros(0, dtype=np.uint64)

    def count(self, transition: int, previous: np.ndarray, current: np.ndarray) -> None:
        """Add one piece of a transition: some samples before and after."""
        width = self._width(previous, current)
        if len(self._cells) < len(current):
            self._cells = np.zeros(len(current), dtype=np.uint64)
        if width <= _WIDEST_TABLE:
            piece = self._by_table(previous, current, width)
        else:
            n_moves = list_moves(previous, current, self._missing, self._cells)
            piece = np.unique(self._cells[:n_moves], return_counts=True)
        self._pieces[transition].append(piece)
        if self._stayed is not None:
            stayed = np.zeros(max(width, len(self._stayed[transition])), dtype=np.int64)
            stayed[: len(self._stayed[transition])] = self._stayed[transition]
            count_stays(previous, current, self._missing, stayed)
            self._stayed[transition] = stayed

    def _width(self, previous: np.ndarray, current: np.ndarray) -> int:
        """Return a bound above every label that can occur: 256 for bytes, else what is there."""
        if current.dtype.itemsize == 1:
            return 256
        return 1 + max(int(previous.max()), int(current.max()))

    def _by_table(self, previous: np.ndarray, current: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
        if len(self._table) < width * width:
            self._table = np.zeros(width * width, dtype=np.uint32)
        n_touched = count_moves(previous, current, self._missing, width, self._table, self._cells)
        touched = np.sort(self._cells[:n_touched])
        counts = self._table[touched].astype(np.int64)
        self._table[touched] = 0
        return (touched // np.uint64(width) << np.uint64(32)) | touched % np.uint64(width), counts

    def flows(self, step: np.ndarray, n_samples: int, n_classes: int) -> Flows:
        """Return everything counted."""
        merged = [_merge(pieces) for pieces in self._pieces]
        self._pieces = []
        cells = np.concatenate([cells for cells, _ in merged])
        start = np.concatenate([[0], np.cumsum([len(cells) for cells, _ in merged])])
        stayed = None
        if self._stayed is not None:
            memory.require(8 * len(merged) * n_classes, "the classes that samples stayed in", "use --every")
            stayed = np.zeros((len(merged), n_classes), dtype=np.int64)
            for row, counts in zip(stayed, self._stayed, strict=True):
                row[: len(counts)] = counts[:n_classes]
        return Flows(
            start=start.astype(np.int64),
            from_class=(cells >> np.uint64(32)).astype(np.uint32),
            to_class=cells.astype(np.uint32),
            count=np.concatenate([counts for _, counts in merged]).astype(np.int64),
            from_step=step[:-1],
            to_step=step[1:],
            n_samples=n_samples,
            n_classes=n_classes,
            stayed=stayed,
        )


def _merge(pieces: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    if len(pieces) == 1:
        return pieces[0]
    cells, place = np.unique(np.concatenate([cells for cells, _ in pieces]), return_inverse=True)
    counts = np.zeros(len(cells), dtype=np.int64)
    np.add.at(counts, place, np.concatenate([counts for _, counts in pieces]))
    return cells, counts


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
    shared = np.zeros(shape, dtype=np.int64)
    lists_a, lists_b = _inverted(a, other)
    add_shared_moves(*lists_a, *lists_b, b is None, shared)
    if b is None:
        _mirror(shared)
    return _divide(shared, a.moved, other.moved, normalize, a.n_samples)


def _inverted(a: Flows, b: Flows) -> tuple[_Lists, _Lists]:
    """Return the inverted lists of a and of b, over the cells that moved in both."""
    cells_a = _cells(a)
    if a is b:
        lists = _lists(a, cells_a, np.unique(cells_a))
        return lists, lists
    cells_b = _cells(b)
    common = np.intersect1d(cells_a, cells_b)
    return _lists(a, cells_a, common), _lists(b, cells_b, common)


def _cells(flows: Flows) -> np.ndarray:
    return flows.from_class.astype(np.uint64) << np.uint64(32) | flows.to_class


def _lists(flows: Flows, cells: np.ndarray, wanted: np.ndarray) -> _Lists:
    order = np.argsort(cells, kind="stable")
    in_order = cells[order]
    first = np.searchsorted(in_order, wanted, side="left")
    last = np.searchsorted(in_order, wanted, side="right")
    transition = np.repeat(np.arange(flows.n_transitions), np.diff(flows.start))
    if len(wanted) and int((last - first).sum()) < len(order):
        order = order[np.isin(in_order, wanted)]
    start = np.concatenate([[0], np.cumsum(last - first)])
    return start, transition[order], flows.count[order]


def _mirror(matrix: np.ndarray) -> None:
    """Copy the lower triangle to the upper one, in blocks that stay in the cache."""
    block = 256
    n = len(matrix)
    for row in range(0, n, block):
        for column in range(0, row + 1, block):
            tile = matrix[row : row + block, column : column + block]
            if row == column:
                tile[:] = np.tril(tile) + np.tril(tile, -1).T
            else:
                matrix[column : column + block, row : row + block] = tile.T


def _divide(shared: np.ndarray, moved_a: np.ndarray, moved_b: np.ndarray, normalize: str, n_samples: int) -> np.ndarray:
    """Turn shared moves into distances in place: float64 takes the room of int64."""
    result = shared.view(np.float64)
    for i, moved in enumerate(moved_a):
        total = moved + moved_b
        different = total - 2 * shared[i]
        if normalize == "flows":
            np.maximum(total, 1, out=total)  # both quiet: 0 / 1
            np.divide(different, total, out=result[i])
        else:
            np.divide(different, 2 * n_samples if normalize == "samples" else 1, out=result[i])
    return result


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
    return Fingerprint(counts / divisor, Axes(rows, columns), "hamming", normalize)


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
    if b is None:
        for panel in a.labels.column_panels(_COLUMN_BYTES):
            count_differences(panel.labels, panel.labels, a.labels.missing, a.labels.missing, True, counts)
        _mirror(counts)
        return counts
    for rows, columns in _aligned(a, b):
        count_differences(rows, columns, a.labels.missing, b.labels.missing, False, counts)
    return counts


def _aligned(a: Split, b: Split) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield panels of the same samples of both; how wide each is, its file decides."""
    left, right = (s.labels.column_panels(_COLUMN_BYTES) for s in (a, b))
    x, y = next(left), next(right)
    column = 0
    while column < a.labels.n_samples:
        end = min(x.column + x.labels.shape[1], y.column + y.labels.shape[1])
        yield (
            np.ascontiguousarray(x.labels[:, column - x.column : end - x.column]),
            np.ascontiguousarray(y.labels[:, column - y.column : end - y.column]),
        )
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
