"""What workers run: addresses and ranges in, flows and sums out. Nothing here needs dask, but for a worker's name."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from nntf_cli import __version__
from nntf_cli.errors import ClusterError, InputError
from nntf_cli.files.store import Block
from nntf_cli.fingerprint import distances, fingerprint, flows, narrow_counts
from nntf_cli.labellog import open_log
from nntf_cli.labellog.labels import StoredLabels
from nntf_cli.labellog.reader import split_address
from nntf_cli.model import Fingerprint, Flows, LabelLog, Panel, Split
from nntf_cli.threads import one_thread

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _task(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Let a function use one thread: a cluster has a task for every other."""

    @wraps(function)
    def alone(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        with one_thread():
            return function(*args, **kwargs)

    return alone


def versions() -> dict[str, str]:
    """Return what a worker has of that which decides whether it understands us."""
    python = ".".join(map(str, sys.version_info[:2]))
    return {"nntf-cli": __version__, "Python": python, "numpy": np.__version__}


# -- logs


@dataclass(frozen=True)
class Place:
    """Where a log is, for every machine that shares the file system, and what its file was like to begin with."""

    address: str  #: with an absolute path
    size: int
    changed: int  #: when, in nanoseconds
    version: str = __version__  #: of whoever asks

    @classmethod
    def of(cls, address: str) -> Place:
        """Return the place of a log that this process can open."""
        path = split_address(address)[0]
        try:
            status = os.stat(path)
        except OSError as error:
            raise InputError(f"is gone ({error.strerror})", "run this again", where=path) from error
        return cls(os.path.abspath(path) + address[len(path) :], status.st_size, status.st_mtime_ns)

    def open(self) -> LabelLog:
        """Open the log as a worker.

        Raises
        ------
        InputError
            The worker does not see the file, or another one under its name.
        ClusterError
            The worker runs another version of nntf.
        """
        path = split_address(self.address)[0]
        if self.version != __version__:
            raise ClusterError(
                f"{_worker()} has nntf-cli {__version__}, not {self.version}", "install the same version everywhere"
            )
        try:
            status = os.stat(path)
        except OSError as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
            raise InputError(
                f"cannot be read by {_worker()} ({reason})",
                "put the log where all machines see it under the same path",
                where=path,
            ) from error
        if (status.st_size, status.st_mtime_ns) != (self.size, self.changed):
            raise InputError(
                f"has changed since work on it began, or is another file to {_worker()} ({status.st_size} bytes, "
                f"not {self.size})",
                "put the log where all machines see it, and run this again",
                where=path,
            )
        return open_log(self.address)


def _worker() -> str:
    try:
        from distributed import get_worker

        return f"worker {get_worker().address}"
    except (ImportError, ValueError):
        return "this process"


# -- whole runs


@_task
def whole_fingerprint(
    place: Place, split: str, snapshots: tuple[Any, ...], against: Place | None, options: dict[str, Any]
) -> Fingerprint:
    """Compute a fingerprint as one machine does; ``snapshots`` are the arguments of ``LabelLog.select``."""
    log = place.open().select(*snapshots)
    other = against.open().select(*snapshots) if against else None
    return fingerprint(log, split, against=other, **options)


# -- blocks of labels


@dataclass(frozen=True)
class Piece:
    """What moved in one block of labels: all transitions of some samples, or all samples of some transitions."""

    first: int  #: the transition that the first of ``flows`` is
    flows: Flows


class _BlockLabels:
    """The chosen rows of a block, and the one before it, as a label source; other rows are validated all the same."""

    def __init__(self, labels: StoredLabels, block: Block, chosen: np.ndarray) -> None:
        self._parts = [labels.part(block)]
        if len(chosen) and chosen[0] < block.top:
            before = int(chosen[0])
            self._parts.insert(0, labels.part(block._replace(top=before, bottom=before + 1)))
        self._chosen, self._width = chosen, 0
        self.n_snapshots, self.n_samples, self.missing = len(chosen), block.right - block.left, labels.missing
        self.column_step = self.n_samples

    def panels(self) -> Iterator[Panel]:
        for part in self._parts:
            for panel in part.panels():
                self._width = max(self._width, panel.width)
                first, last = np.searchsorted(self._chosen, [panel.row, panel.row + len(panel.labels)])
                if last - first == len(panel.labels):
                    yield panel._replace(row=int(first))
                elif first < last:
                    rows = self._chosen[first:last] - panel.row
                    yield panel._replace(row=int(first), labels=panel.labels[rows])

    def column_panels(self, max_bytes: int) -> Iterator[Panel]:
        raise NotImplementedError("a block is read once, row by row")

    def n_classes(self) -> int:
        if not self._width:
            for _ in self.panels():
                pass
        return self._width

    def n_missing(self) -> int:
        raise NotImplementedError("nobody asks a block")


@_task
def count_block(
    place: Place, split: str, block: Block, first: int, chosen: np.ndarray, diagonal: bool = False
) -> Piece:
    """Count what moved in a block of labels.

    Parameters
    ----------
    place, split
        Which labels.
    block : Block
        Which part of them.
    first : int
        The number of the first transition.
    chosen : ndarray of int64
        The rows of the block that count, and the one before them if that is in another block.
    diagonal : bool
        Also count the samples that stayed.
    """
    log = place.open()
    labels = _BlockLabels(cast(StoredLabels, log.splits[split].labels), block, chosen)
    if len(chosen) < 2:
        return Piece(first, _nothing(labels.n_samples, labels.n_classes()))
    part = LabelLog(log.source, "", "", np.arange(len(chosen)), {split: Split(split, labels)})
    return Piece(first, flows(part, split, diagonal=diagonal))


def _nothing(n_samples: int, n_classes: int) -> Flows:
    none = np.zeros(0, dtype=np.int64)
    return Flows(np.zeros(1, np.int64), none, none, none, none, none, n_samples, n_classes)


@dataclass(frozen=True)
class Summary:
    """What a plan needs to know of a piece."""

    first: int
    moved: np.ndarray  #: of its transitions
    per_class: np.ndarray  #: flows from each class
    width: int  #: 1 + the largest label


@_task
def summarize(piece: Piece) -> Summary:
    """Return how much there is in a piece."""
    found = piece.flows
    per_class = np.bincount(found.from_class, minlength=found.n_classes)
    return Summary(piece.first, found.moved, per_class, found.n_classes)


@_task
def block_width(place: Place, split: str, block: Block) -> int:
    """Validate a block of labels; return 1 + the largest."""
    return cast(StoredLabels, place.open().splits[split].labels).part(block).n_classes()


# -- ranges of classes


@_task
def select_classes(piece: Piece, low: int, high: int) -> Piece:
    """Return the flows from classes in [low, high), counts as narrow as they are: they are about to travel."""
    found = piece.flows
    inside = (found.from_class >= low) & (found.from_class < high)
    start = np.concatenate([[0], np.cumsum(inside)])[found.start]
    count = found.count[inside]
    part = replace(
        found,
        start=start,
        from_class=found.from_class[inside],
        to_class=found.to_class[inside],
        count=_narrowed(count),
        stayed=None,
    )
    return Piece(piece.first, part)


@_task
def join(pieces: Sequence[Piece], n_transitions: int, n_classes: int) -> Flows:
    """Put pieces together; a flow that stands in several is added up."""
    by_transition: list[list[tuple[np.ndarray, ...]]] = [[] for _ in range(n_transitions)]
    for piece in pieces:
        found = piece.flows
        for k in range(found.n_transitions):
            part = slice(found.start[k], found.start[k + 1])
            if part.start < part.stop:
                columns = (found.from_class[part], found.to_class[part], found.count[part])
                by_transition[piece.first + k].append(columns)
    added = [_added(parts) for parts in by_transition]
    start = np.concatenate([[0], np.cumsum([len(parts[2]) for parts in added])]).astype(np.int64)
    narrow = np.result_type(*(piece.flows.from_class for piece in pieces if piece.flows.n_transitions))
    before, after = (np.concatenate([parts[k] for parts in added]).astype(narrow) for k in range(2))
    count = narrow_counts(np.concatenate([parts[2] for parts in added]))
    number = np.arange(n_transitions)
    return Flows(start, before, after, count, number, number, 0, n_classes)


def _added(parts: list[tuple[np.ndarray, ...]]) -> tuple[np.ndarray, ...]:
    if len(parts) == 1:
        return parts[0]
    if not parts:
        none = np.zeros(0, dtype=np.uint8)
        return none, none, none
    before, after, count = (np.concatenate([part[k] for part in parts]) for k in range(3))
    cells = before.astype(np.uint64) << np.uint64(32) | after
    order = np.argsort(cells, kind="stable")
    cells = cells[order]
    heads = np.flatnonzero(np.concatenate([[True], cells[1:] != cells[:-1]]))
    total = np.add.reduceat(count[order].astype(np.int64), heads)
    return cells[heads] >> np.uint64(32), cells[heads] & np.uint64(2**32 - 1), total


@_task
def range_differences(
    rows: Sequence[Piece], columns: Sequence[Piece] | None, shape: tuple[int, int], n_classes: int
) -> np.ndarray:
    """Return Σ|δ_i - δ_j| over the cells of some classes, for all transitions: it adds up over classes."""
    a = join(rows, shape[0], n_classes)
    b = None if columns is None else join(columns, shape[1], n_classes)
    return _narrowed(distances(a, "none", b))


# -- rows of D


@_task
def panel_differences(a: Flows, b: Flows | None, first: int, last: int) -> np.ndarray:
    """Return Σ|δ_i - δ_j| for transitions ``first`` to ``last`` of a; without b only for j < ``last``."""
    other = _transitions(a, 0, last) if b is None else b
    return _narrowed(distances(_transitions(a, first, last), "none", other))


def _transitions(found: Flows, first: int, last: int) -> Flows:
    begin, end = found.start[[first, last]]
    return replace(
        found,
        start=found.start[first : last + 1] - begin,
        from_class=found.from_class[begin:end],
        to_class=found.to_class[begin:end],
        count=found.count[begin:end],
        from_step=found.from_step[first:last],
        to_step=found.to_step[first:last],
    )


def _narrowed(whole: np.ndarray) -> np.ndarray:
    """Return whole numbers in the narrowest type: what travels should be small."""
    return whole.astype(np.min_scalar_type(int(whole.max(initial=0))))
