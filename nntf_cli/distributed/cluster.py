"""Fingerprints on a cluster: whole runs side by side, one giant run in parts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from nntf_cli import memory
from nntf_cli.distributed import plan, tasks
from nntf_cli.distributed.connection import Connection
from nntf_cli.distributed.tasks import Piece, Place, Summary
from nntf_cli.errors import NntfError
from nntf_cli.fingerprint import fingerprint, flows
from nntf_cli.labellog import open_log
from nntf_cli.labellog.labels import StoredLabels
from nntf_cli.labellog.reader import split_address
from nntf_cli.model import Axes, Fingerprint, Flows, LabelLog

if TYPE_CHECKING:
    from distributed import Future


@dataclass(frozen=True)
class Options:
    """Which snapshots of a log, and how its fingerprint is computed."""

    every: int = 1
    from_step: int | None = None
    to_step: int | None = None
    metric: str = "flows"
    normalize: str | None = None


@dataclass(frozen=True)
class SpreadFlows(Flows):
    """Flows that lie on the workers; here is only how many samples moved."""

    pieces: Sequence[Future] = ()  #: of Piece
    total: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  #: S, (P,) int64
    per_class: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))  #: flows from each class
    source: str = ""

    @cached_property
    def moved(self) -> np.ndarray:
        """S, (P,) int64."""
        return self.total


class Cluster(Connection):
    """Computes fingerprints on the workers of a dask.distributed cluster.

    Made by :meth:`Cluster.to`; to be closed.
    """

    def __init__(self, client: Any, scheduler: str) -> None:
        super().__init__(client, scheduler)
        self._begun: dict[tuple[Any, ...], Future] = {}
        self._widths: dict[tuple[Place, str], int] = {}
        self._n_runs = 1

    # -- whole runs

    def begin(self, requests: Iterable[tuple[str, str | None]], options: Options, against: str | None = None) -> None:
        """Start many runs, so that all workers are busy while :meth:`fingerprint` is asked for one after the other.

        Parameters
        ----------
        requests : iterable of (address, split)
            Logs; what is none, or is bad, is left to whoever asks for it.
        options : Options
            As they will be asked for.
        against : str, optional
            The run of the columns.
        """
        requests = list(requests)
        self._n_runs = len(requests)
        for address, split in requests:
            try:
                log = open_log(address)
                name = log.split(split).name
                other = open_log(against).source if against else None
            except NntfError:
                continue
            if not self.is_divided(log, name, options):
                self._begun[log.source, name, other, options] = self._start(log.source, name, other, options)

    def fingerprint(
        self, log: LabelLog, split: str | None, options: Options, against: LabelLog | None = None
    ) -> Fingerprint:
        """Compute a fingerprint; see :func:`nntf_cli.fingerprint.fingerprint`.

        Parameters
        ----------
        log : LabelLog
            Opened from a file that all workers see, and restricted to the snapshots in ``options``.
        split : str or None
            Which samples.
        options : Options
            Which snapshots, and how they are compared.
        against : LabelLog, optional
            The run of the columns, restricted likewise.

        Returns
        -------
        Fingerprint
            The same, bit for bit, as on one machine.
        """
        name, other = log.split(split).name, against.source if against else None
        key = (log.source, name, other, options)
        with self.job():
            if key not in self._begun and self.is_divided(log, name, options):
                return self._in_parts(log, split, options, against)
            future = self._begun.pop(key, None) or self._start(*key)
            with _as_named(log, against):
                computed = self.result(future, f"{log.source} ({name}): fingerprint", log.source)
        return _named(computed, log, against)

    def with_flows(
        self, log: LabelLog, split: str | None, options: Options, against: LabelLog | None, *, diagonal: bool
    ) -> tuple[Fingerprint, Flows]:
        """Compute the fingerprint of a divided run, and bring its flows here."""
        with self.job():
            spread = self.flows(log, split, diagonal=diagonal)
            computed = self._in_parts(log, split, options, against, spread)
            return computed, self.gather(spread)

    def _in_parts(
        self,
        log: LabelLog,
        split: str | None,
        options: Options,
        against: LabelLog | None,
        counted: SpreadFlows | None = None,
    ) -> Fingerprint:
        return fingerprint(
            log, split, metric=options.metric, normalize=options.normalize, against=against, counted=counted,
            count=self.flows, compare=self.distances,
        )  # fmt: skip

    def _start(self, source: str, split: str, against: str | None, options: Options) -> Future:
        snapshots = (options.every, options.from_step, options.to_step)
        how = {"metric": options.metric, "normalize": options.normalize}
        other = Place.of(against) if against else None
        return self.submit(tasks.whole_fingerprint, Place.of(source), split, snapshots, other, how)

    def is_divided(self, log: LabelLog, split: str | None, options: Options) -> bool:
        """Return whether a run is worth several workers; a Hamming matrix is always one worker's."""
        labels = cast(StoredLabels, open_log(log.source).splits[log.split(split).name].labels)
        n_transitions = log.n_snapshots - 1
        return options.metric == "flows" and plan.is_divided(
            labels.n_bytes, n_transitions, self._n_runs, self._n_slots()
        )

    def _n_slots(self) -> int:
        return max(1, sum(self.threads().values()))

    # -- one run in parts

    def flows(self, log: LabelLog, split: str | None = None, *, diagonal: bool = False) -> SpreadFlows:
        """Count what moved, block by block; see :func:`nntf_cli.fingerprint.flows`."""
        name = log.split(split).name
        if log.n_snapshots < 2:
            flows(log, name)  # says what is missing
        whole = open_log(log.source)
        place, rows = Place.of(log.source), np.searchsorted(whole.step, log.step)
        labels = cast(StoredLabels, whole.splits[name].labels)
        pieces = []
        for block in labels.blocks(plan.block_bytes(labels.n_bytes, self._n_slots())):
            begin, end = np.searchsorted(rows, [block.top, block.bottom])
            begin = max(0, begin - 1) if begin < end else end
            pieces.append(self.submit(tasks.count_block, place, name, block, int(begin), rows[begin:end], diagonal))
        others = {other: self._widths_of(place, whole, other) for other in whole.splits if other != name}
        summaries = [self.submit(tasks.summarize, piece) for piece in pieces]
        with _as_named(log):
            found = self.results(summaries, f"{log.source} ({name}): counting moves", log.source)
            counted: list[Summary] = [summary for _, summary in sorted(found, key=lambda pair: pair[0])]
            self._widths[place, name] = max(summary.width for summary in counted)
            for other, futures in others.items():
                widths = self.results(futures, f"{log.source} ({other}): validating", log.source)
                known = self._widths.get((place, other), 0)
                self._widths[place, other] = max((width for _, width in widths), default=known)
        return self._spread(log, whole, place, name, pieces, counted)

    def _widths_of(self, place: Place, whole: LabelLog, split: str) -> list[Future]:
        """Start to validate a split that is not counted, unless that is done."""
        if (place, split) in self._widths:
            return []
        labels = cast(StoredLabels, whole.splits[split].labels)
        blocks = labels.blocks(plan.block_bytes(labels.n_bytes, self._n_slots()))
        return [self.submit(tasks.block_width, place, split, block) for block in blocks]

    def _spread(
        self, log: LabelLog, whole: LabelLog, place: Place, split: str, pieces: Sequence[Future], counted: list[Summary]
    ) -> SpreadFlows:
        widths = [self._widths[place, name] for name in whole.splits]
        widths += [int(part.true.max()) + 1 for part in whole.splits.values() if part.true is not None]
        n_classes = whole.declared_classes or max(widths)  # as LabelLog.n_classes has it
        moved = np.zeros(log.n_snapshots - 1, dtype=np.int64)
        per_class = np.zeros(max(summary.width for summary in counted), dtype=np.int64)
        for summary in counted:
            moved[summary.first : summary.first + len(summary.moved)] += summary.moved
            per_class[: len(summary.per_class)] += summary.per_class
        none = np.zeros(0, dtype=np.int64)
        n_samples = log.splits[split].labels.n_samples
        return SpreadFlows(
            np.zeros(len(moved) + 1, dtype=np.int64), none, none, none, log.step[:-1], log.step[1:], n_samples,
            n_classes, pieces=pieces, total=moved, per_class=per_class, source=log.source,
        )  # fmt: skip

    def gather(self, spread: SpreadFlows) -> Flows:
        """Bring flows here."""
        pieces: list[Piece] = [Piece(0, spread)] * len(spread.pieces)
        for number, piece in self.results(spread.pieces, f"{spread.source}: fetching moves", spread.source):
            pieces[number] = piece
        found = tasks.join(pieces, spread.n_transitions, spread.n_classes)
        stayed = None
        if any(piece.flows.stayed is not None for piece in pieces):
            memory.require(8 * spread.n_transitions * spread.n_classes, "the classes that samples stayed in")
            stayed = np.zeros((spread.n_transitions, spread.n_classes), dtype=np.int64)
            for piece in pieces:
                if piece.flows.stayed is not None:
                    part = piece.flows.stayed
                    stayed[piece.first : piece.first + len(part), : part.shape[1]] += part
        return replace(
            found, from_step=spread.from_step, to_step=spread.to_step, n_samples=spread.n_samples, stayed=stayed
        )

    def distances(self, a: Flows, normalize: str = "flows", b: Flows | None = None) -> np.ndarray:
        """Compare every two transitions; see :func:`nntf_cli.fingerprint.distances`."""
        a, b = cast(SpreadFlows, a), cast("SpreadFlows | None", b)
        other = a if b is None else b
        shape = (a.n_transitions, other.n_transitions)
        memory.require(8.0 * shape[0] * shape[1], f"the {shape[0]} x {shape[1]} matrix", "thin it with --every")
        per_class = _sum(a.per_class, other.per_class) if b is not None else a.per_class
        threads = self.threads()
        n_flows, n_slots = int(per_class.sum()), max(1, sum(threads.values()))
        if plan.cut_by_classes(n_flows, shape, len(per_class), len(threads), n_slots):
            different = self._by_classes(a, b, shape, per_class, n_slots)
        else:
            different = self._by_rows(a, b, shape, n_slots)
        divisor = {"flows": 0, "samples": 2 * a.n_samples, "none": 1}[normalize]
        return _divided(different, a.moved, other.moved, divisor)

    def _by_classes(
        self, a: SpreadFlows, b: SpreadFlows | None, shape: tuple[int, int], per_class: np.ndarray, n_slots: int
    ) -> np.ndarray:
        n_classes = len(per_class)
        sums = []
        for low, high in plan.class_ranges(per_class, n_slots):
            rows = [self.submit(tasks.select_classes, piece, low, high) for piece in a.pieces]
            columns = None
            if b is not None:
                columns = [self.submit(tasks.select_classes, piece, low, high) for piece in b.pieces]
            sums.append(self.submit(tasks.range_differences, rows, columns, shape, n_classes))
        different = np.zeros(shape, dtype=np.int64)
        for number, part in self.results(sums, f"{a.source}: comparing transitions", a.source):
            different += part
            sums[number].release()
        return different

    def _by_rows(self, a: SpreadFlows, b: SpreadFlows | None, shape: tuple[int, int], n_slots: int) -> np.ndarray:
        rows = self.submit(tasks.join, a.pieces, shape[0], a.n_classes)
        columns = None if b is None else self.submit(tasks.join, b.pieces, shape[1], b.n_classes)
        panels = plan.row_panels(shape[0], n_slots, symmetric=b is None)
        parts = [self.submit(tasks.panel_differences, rows, columns, first, last) for first, last in panels]
        different = np.zeros(shape, dtype=np.int64)
        for number, part in self.results(parts, f"{a.source}: comparing transitions", a.source):
            first, last = panels[number]
            different[first:last, : part.shape[1]] = part
            if b is None:
                different[: part.shape[1], first:last] = part.T
            parts[number].release()
        return different


def _divided(different: np.ndarray, moved_a: np.ndarray, moved_b: np.ndarray, divisor: int) -> np.ndarray:
    """Turn Σ|δ_i - δ_j| into distances, in place: the one division is done where everything has come together."""
    result = different.view(np.float64)
    for i, moved in enumerate(moved_a):
        np.divide(different[i], divisor or np.maximum(moved + moved_b, 1), out=result[i])
    return result


def _sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    longer, shorter = (a.copy(), b) if len(a) >= len(b) else (b.copy(), a)
    longer[: len(shorter)] += shorter
    return longer


@contextmanager
def _as_named(*logs: LabelLog | None) -> Iterator[None]:
    """Let errors of workers name files as the user did."""
    try:
        yield
    except NntfError as error:
        for path in (split_address(log.source)[0] for log in logs if log is not None):
            error.where = error.where.replace(os.path.abspath(path), path)
        raise


def _named(computed: Fingerprint, log: LabelLog, against: LabelLog | None) -> Fingerprint:
    """Return a worker's fingerprint with the names that the logs have here."""
    rows = replace(computed.axes.rows, source=log.source)
    columns = rows if against is None else replace(computed.axes.columns, source=against.source)
    return replace(computed, axes=Axes(rows, columns), origin=log.source)
