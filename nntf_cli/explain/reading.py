"""Which transition is meant, and its two snapshots: of all labels only those are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError, ParameterError
from nntf_cli.model import LabelLog, Split
from nntf_cli.progress import task

#: Bytes that comparing two snapshots takes for each sample, beside the labels: who moved, from where to where.
_BYTES_PER_SAMPLE = 48.0


@dataclass(frozen=True)
class Moves:
    """One transition, sample by sample."""

    log: LabelLog  #: the run, restricted to the snapshots chosen
    split: Split
    index: int  #: of the transition: row of the fingerprint
    before: np.ndarray  #: (N,) labels of the snapshot that it leaves
    after: np.ndarray  #: (N,) labels of the snapshot at which it arrives

    @property
    def from_step(self) -> int:
        """The step that it leaves."""
        return int(self.log.step[self.index])

    @property
    def to_step(self) -> int:
        """The step at which it arrives."""
        return int(self.log.step[self.index + 1])

    @cached_property
    def samples(self) -> np.ndarray:
        """The samples that moved, (S,) int64, increasing; one whose label is missing on either side did not."""
        missing = self.split.labels.missing
        moved = self.before != self.after
        moved &= (self.before != missing) & (self.after != missing)
        return np.flatnonzero(moved)

    @cached_property
    def cells(self) -> np.ndarray:
        """From where to where each of ``samples`` moved, (S,) uint64: 2^32 times the class before, plus the one after.

        So cells are in order of (from, to), as flows are.
        """
        before, after = (labels[self.samples].astype(np.uint64) for labels in (self.before, self.after))
        return before << np.uint64(32) | after

    @property
    def moved(self) -> int:
        """S, the number of samples that moved; 0 if the transition is quiet."""
        return len(self.samples)


def classes_of(cells: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the classes before and after of cells, int64."""
    return (cells >> np.uint64(32)).astype(np.int64), (cells & np.uint64(2**32 - 1)).astype(np.int64)


def transition_at(log: LabelLog, wanted: int, *, by_index: bool = False) -> int:
    """Return the index of the transition that arrives at a step.

    Parameters
    ----------
    log : LabelLog
        Restricted to the snapshots of the fingerprint.
    wanted : int
        The step; or, ``by_index``, the row of the fingerprint, from 0.

    Raises
    ------
    InputError
        The log has fewer than two snapshots.
    ParameterError
        No transition arrives there; the message names the nearest steps.
    """
    arrivals = log.step[1:]
    if not len(arrivals):
        raise InputError(
            f"has {log.n_snapshots} snapshot, and a transition needs two",
            "record more, or choose more with --every, --from and --to",
            where=log.source,
        )
    if by_index:
        if not 0 <= wanted < len(arrivals):
            raise ParameterError(
                f"has no transition {wanted}", f"they are numbered 0 to {len(arrivals) - 1}", where=log.source
            )
        return wanted
    place = int(np.searchsorted(arrivals, wanted))
    if place < len(arrivals) and arrivals[place] == wanted:
        return place
    if wanted == log.step[0]:
        cause = f"step {wanted} is the first snapshot, and no transition arrives at it"
        raise ParameterError(cause, f"the first one arrives at step {arrivals[0]}", where=log.source)
    nearest = " and ".join(str(step) for step in arrivals[max(0, place - 1) : place + 1].tolist())
    raise ParameterError(f"no transition arrives at step {wanted}", f"the nearest: {nearest}", where=log.source)


def read_moves(log: LabelLog, split: str | None, which: Sequence[int]) -> list[Moves]:
    """Read the snapshots on both sides of some transitions.

    Parameters
    ----------
    log : LabelLog
        All of its labels are read, and so validated, once; no more than the snapshots asked for are kept.
    split : str, optional
        Which samples; the only split, else ``train``, if not given.
    which : sequence of int
        Indices of transitions.

    Raises
    ------
    InputError
        Labels are invalid.
    LimitError
        The snapshots do not fit into memory.
    """
    chosen = log.split(split)
    rows = sorted({row for index in which for row in (index, index + 1)})
    kept: dict[int, np.ndarray] = {}
    n_samples = chosen.labels.n_samples
    title = f"{log.source} ({chosen.name}): reading {len(rows)} of {log.n_snapshots} snapshots"
    with task(title, n_samples * log.n_snapshots) as done:
        for panel in chosen.labels.panels():
            if not kept:
                needed = n_samples * (len(rows) * panel.labels.itemsize + _BYTES_PER_SAMPLE * len(which))
                memory.require(needed, "comparing snapshots", memory.ELSEWHERE, where=log.source)
                kept = {row: np.empty(n_samples, dtype=panel.labels.dtype) for row in rows}
            columns = slice(panel.column, panel.column + panel.labels.shape[1])
            for row in rows:
                if panel.row <= row < panel.row + len(panel.labels):
                    kept[row][columns] = panel.labels[row - panel.row]
            done(panel.labels.size)
    log.n_classes  # noqa: B018 - reads, and so validates, the splits not looked at here
    return [Moves(log, chosen, index, kept[index], kept[index + 1]) for index in which]
