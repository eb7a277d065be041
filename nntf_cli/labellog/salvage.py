"""The labels of a log that may be damaged: what can be read of them, what is lost, and why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.salvage import NEVER_WRITTEN, Salvaged, salvage
from nntf_cli.files.store import PANEL_BYTES, StoredArray
from nntf_cli.labellog.checks import and_more
from nntf_cli.labellog.labels import SnapshotStack, StoredLabels
from nntf_cli.model import NO_MISSING

_REMEDY = "restore a copy, or save the rest with nntf repair"

_Cut = tuple[slice, slice]


class SalvagedPanel(NamedTuple):
    """A rectangle of labels, some of which may be lost."""

    row: int
    column: int
    labels: np.ndarray  #: (rows, columns) unsigned; zero where lost
    lost: np.ndarray  #: (rows, columns) bool: unreadable, or no label


@dataclass
class Survey:
    """What one pass over the labels of a split found."""

    n_lost: np.ndarray  #: (T,) int64: labels of each snapshot that cannot be read, or are none
    violations: list[InputError] = field(default_factory=list)
    largest: int = -1  #: label; -1 if there is none
    n_missing: int = 0  #: labels that the file says are missing


class SalvagedLabels(StoredLabels):
    """Labels that are streamed to the end, whatever is wrong with them."""

    def __init__(self, array: StoredArray, declared: int | None, missing: int = NO_MISSING) -> None:
        super().__init__(array, declared, missing)
        self._damage: InputError | None = None
        self._damaged = isinstance(array, SnapshotStack) and None in array.snapshots

    def survey(self) -> Survey:
        """Read all labels and say what is wrong with them: a line for each rule that is broken."""
        try:
            return self._surveyed()
        except InputError as error:
            # block by block takes longer, and is only needed now
            self._damaged, self._damage = True, error.bare()
            return self._surveyed()

    def salvaged(self) -> Iterator[SalvagedPanel]:
        """Yield the labels in the order of :meth:`panels`; :meth:`survey` must have been called before."""
        self._restart()
        for row, column, block, lost, losses in self._raw():
            self._losses += losses
            self._lost = lost
            labels = self._to_labels(block, row, column)
            self._largest_label(labels, row, column)
            labels = np.where(self._lost, labels.dtype.type(0), labels) if self._lost.any() else labels
            yield SalvagedPanel(row, column, labels, self._lost)

    def _restart(self) -> None:
        self._wrong: dict[str, list[InputError]] = {}
        self._n_wrong: dict[str, int] = {}
        self._losses: list[tuple[_Cut, InputError]] = []

    def _surveyed(self) -> Survey:
        survey = Survey(np.zeros(self.n_snapshots, dtype=np.int64))
        for row, _, labels, lost in self.salvaged():
            there = ~lost
            survey.n_lost[row : row + len(labels)] += np.count_nonzero(lost, axis=1)
            if self.missing != NO_MISSING:
                present = labels != self.missing
                survey.n_missing += labels.size - int(np.count_nonzero(present))
                there &= present
            if there.any():
                survey.largest = max(survey.largest, int(labels.max(where=there, initial=0)))
        survey.violations = self._violations()
        return survey

    def _violations(self) -> list[InputError]:
        found = [
            InputError(first[0].cause + and_more(self._n_wrong[what]), first[0].remedy, where=first[0].where)
            for what, first in self._wrong.items()
        ]
        if not self._damaged:
            return found
        alike: dict[tuple[str, str], list[_Cut]] = {}
        for cut, error in self._losses:
            alike.setdefault((error.where, error.cause), []).append(cut)
        damage = [
            InputError(f"{cause}: {_place(cuts[0])}{and_more(len(cuts))}", _REMEDY, where=where)
            for (where, cause), cuts in alike.items()
            if NEVER_WRITTEN not in cause
        ]
        if self._damage is not None and len(damage) < max(1, len(alike)):
            damage.append(self._damage)  # it says how many blocks were never written
        return found + damage

    def _raw(self) -> Iterator[Salvaged]:
        if not self._damaged:
            for row, column, block in self._array.tiles():
                yield Salvaged(row, column, block, np.zeros(block.shape[:2], dtype=bool), [])
        elif isinstance(self._array, SnapshotStack):
            yield from _one_by_one(self._array)
        elif hasattr(self._array, "dataset"):
            yield from salvage(self._array)  # type: ignore[arg-type]
        else:
            yield from _all_lost(self._array.shape, self._damage)

    def _refuse(self, wrong: np.ndarray, block: np.ndarray, row: int, column: int, what: str) -> np.ndarray:
        wrong = wrong & ~self._lost
        if wrong.any():
            self._note(what, wrong, lambda: StoredLabels._refuse(self, wrong, block, row, column, what))
            return np.where(self._lost, block.dtype.type(0), block)
        return block

    def _refuse_score(self, wrong: np.ndarray, row: int, column: int) -> None:
        wrong = wrong & ~self._lost
        if wrong.any():
            self._note("nan", wrong, lambda: StoredLabels._refuse_score(self, wrong, row, column))

    def _note(self, what: str, wrong: np.ndarray, refuse: object) -> None:
        try:
            refuse()  # type: ignore[operator]
        except InputError as error:
            self._wrong.setdefault(what, [error.bare()])
        self._n_wrong[what] = self._n_wrong.get(what, 0) + int(np.count_nonzero(wrong))
        self._lost = self._lost | wrong


def _one_by_one(stack: SnapshotStack) -> Iterator[Salvaged]:
    """Yield a snapshot at a time: those that cannot be read are lost as a whole."""
    for row, array in enumerate(stack.snapshots):
        cut = (slice(row, row + 1), slice(0, stack.shape[1]))
        block = np.zeros((1, *stack.shape[1:]), dtype=stack.dtype)
        lost = np.ones(block.shape[:2], dtype=bool)
        losses = []
        try:
            if array is not None:
                block[0] = array.read()
                lost[...] = False
        except InputError as error:
            losses.append((cut, error.bare()))
        yield Salvaged(row, 0, block, lost, losses)


def _all_lost(shape: tuple[int, ...], reason: InputError | None) -> Iterator[Salvaged]:
    """Yield an array of which nothing can be trusted: an archive has one checksum for all of a member."""
    rows = max(1, PANEL_BYTES // shape[1])
    for row in range(0, shape[0], rows):
        n = min(rows, shape[0] - row)
        lost = np.ones((n, shape[1]), dtype=bool)
        whole = (slice(0, shape[0]), slice(0, shape[1]))
        yield Salvaged(
            row, 0, np.zeros((n, shape[1]), dtype=np.uint8), lost, [(whole, reason)] if row == 0 and reason else []
        )


def _place(cut: tuple[slice, slice]) -> str:
    rows, columns = cut
    return f"snapshots {rows.start} to {rows.stop - 1}, samples {columns.start} to {columns.stop - 1}"
