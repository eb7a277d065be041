"""Put snapshots together: samples by their ids, steps in order, one table of classes; ready to be written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.importing.items import (
    ClassCount,
    ClassNames,
    Hparams,
    Item,
    Remark,
    SampleIds,
    ScalarRows,
    Snapshot,
    TrueLabels,
)
from nntf_cli.importing.labels import MISSING, Codes, by_largest, checked_text
from nntf_cli.importing.scalars import at_steps
from nntf_cli.model import Scalar

_INT64 = range(-(2**63), 2**63)


@dataclass
class Imported:
    """A label log in memory, as :func:`~nntf_cli.labellog.write_log` takes it."""

    labels: dict[str, np.ndarray]  #: split -> (T, N), -1 is missing
    step: np.ndarray  #: (T,) int64
    n_classes: int
    class_names: tuple[str, ...] | None
    true: dict[str, np.ndarray]
    ids: dict[str, np.ndarray]
    scalars: dict[str, np.ndarray]
    hparams: dict[str, Scalar]
    n_missing: int
    by_scores: bool  #: some label is the class with the largest score
    remarks: list[str] = field(default_factory=list)


class _Samples:
    """The snapshots of one split."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.place: dict[Any, int] = {}  #: id -> column, in the order of appearance
        self.n_samples = 0
        self.rows: dict[int, tuple[np.ndarray | None, np.ndarray, bool]] = {}  #: step -> (columns, codes, is text)
        self.true: list[TrueLabels] = []
        self.shuffled = False

    def add(self, snapshot: Snapshot, codes: np.ndarray, is_text: bool) -> None:
        if snapshot.step in self.rows:
            raise InputError(f"holds step {snapshot.step} a second time", "give each step once", where=snapshot.where)
        if self.rows and (snapshot.ids is None) != (not self.place):
            raise InputError(
                "has no ids of samples, but others have" if self.place else "has ids of samples, others have none",
                "give ids in all snapshots or in none",
                where=snapshot.where,
            )
        if snapshot.ids is not None:
            columns = self._columns(snapshot.ids, codes, snapshot.where)
            self.n_samples = len(self.place)
        else:
            columns = None
            if self.rows and len(codes) != self.n_samples:
                raise InputError(
                    f"labels {len(codes)} samples, others {self.n_samples}",
                    "give ids of the samples, or the same samples every time",
                    where=snapshot.where,
                )
            self.n_samples = len(codes)
        self.rows[snapshot.step] = (columns, _narrow(codes), is_text)

    def _columns(self, ids: Sequence[Any], codes: np.ndarray, where: str) -> np.ndarray:
        if len(ids) != len(codes):
            raise InputError(f"has {len(ids)} ids for {len(codes)} samples", "give one for each", where=where)
        columns = np.fromiter((self.place.setdefault(i, len(self.place)) for i in ids), np.int64, len(codes))
        if len(np.unique(columns)) < len(columns):
            order = np.sort(columns)
            twice = list(self.place)[int(order[:-1][order[1:] == order[:-1]][0])]
            raise InputError(f"labels sample {twice!r} twice", "give each sample once a snapshot", where=where)
        self.shuffled = self.shuffled or bool(np.any(np.diff(columns) < 0))
        return columns


class Collector:
    """Takes items in any order; :meth:`finish` puts them together."""

    def __init__(self, source: str, split: str, *, split_is_asked_for: bool = False) -> None:
        self._source, self._split, self._one_split = source, split, split_is_asked_for
        self._splits: dict[str, _Samples] = {}
        self._codes = Codes()
        self._true: list[TrueLabels] = []
        self._ids: SampleIds | None = None
        self._series: list[ScalarRows] = []
        self._values: dict[int, dict[str, float]] = {}
        self._hparams: dict[str, Scalar] = {}
        self._remarks: list[str] = []
        self._by_scores = False

    def add_all(self, items: Iterable[Item]) -> None:
        """Take items."""
        for item in items:
            self.add(item)

    def add(self, item: Item) -> None:
        """Take an item.

        Raises
        ------
        InputError
            It does not fit what is there.
        """
        match item:
            case Snapshot():
                self._add_snapshot(item)
            case TrueLabels():
                self._true.append(item)
            case SampleIds():
                self._ids = item
            case ClassNames():
                names = tuple(checked_text(name, item.where) for name in item.names)
                self._codes.name(names, item.where)
            case ClassCount():
                self._codes.n_columns = max(self._codes.n_columns, item.n_classes)
            case Hparams():
                self._hparams |= {
                    name: checked_text(value, name) if isinstance(value, str) else value
                    for name, value in item.values.items()
                }
            case ScalarRows():
                self._series.append(item)
            case Remark():
                self._remarks.append(item.text)

    def _add_snapshot(self, item: Snapshot) -> None:
        if item.step not in _INT64:
            raise InputError(f"step {item.step} is beyond 64 bits", "number steps from 0", where=item.where)
        predicted = item.predicted
        memory.require(24 * len(predicted), "a snapshot of it", memory.ELSEWHERE, where=item.where)
        if predicted.ndim != 1:
            self._by_scores = True
            self._codes.n_columns = max(self._codes.n_columns, predicted.shape[-1])
            predicted = by_largest(predicted, item.where)
        if not len(predicted):
            raise InputError("labels no sample", "record snapshots of at least one sample", where=item.where)
        codes, is_text = self._codes.encode(predicted, item.where)
        split = self._name_of(item.split)
        self._splits.setdefault(split, _Samples(split)).add(item, codes, is_text)
        self._values.setdefault(item.step, {}).update(item.scalars)

    def _name_of(self, split: str) -> str:
        if self._one_split or not split:
            return self._split
        name = checked_text(split, self._source).replace("/", "_")  # a slash would make a group of it
        return f"{name}_" if name in (".", "..") else name

    def finish(self) -> Imported:
        """Return the log.

        Raises
        ------
        InputError
            There is no snapshot, or what stands beside them does not fit.
        LimitError
            It does not fit into memory.
        """
        steps = sorted({step for samples in self._splits.values() for step in samples.rows})
        if not steps:
            raise InputError("holds no snapshot", "see nntf import --help for what is read", where=self._source)
        encoded_true = {name: self._encoded_true(samples) for name, samples in self._splits.items()}
        table, names, n_classes = self._codes.resolve()
        log = Imported(
            {}, np.array(steps, dtype=np.int64), n_classes, names, {}, {},
            at_steps(steps, self._values, self._series, self._remarks),
            self._hparams, 0, self._by_scores, self._remarks,
        )  # fmt: skip
        for name, samples in self._splits.items():
            self._put_together(log, samples, table, encoded_true[name])
        return log

    def _put_together(
        self, log: Imported, samples: _Samples, table: np.ndarray, true: list[tuple[TrueLabels, np.ndarray, bool]]
    ) -> None:
        name = samples.name
        order = self._order(samples, log)
        log.labels[name] = _matrix(samples, log.step, table, log.n_classes, self._source)
        for given, codes, is_text in true:
            classes = _true_classes(samples, given, table[codes] if is_text and len(table) else codes)
            log.true.setdefault(name, np.full(samples.n_samples, MISSING, np.int64))
            _merge(log.true[name], classes, samples, given)
        if name in log.true and (log.true[name] == MISSING).any():
            n_unknown = int((log.true[name] == MISSING).sum())
            log.remarks.append(f"true classes left out: {n_unknown} samples of split '{name}' have none")
            del log.true[name]
        if samples.place:
            log.ids[name] = _id_array(list(samples.place), self._source)
        if order is not None:
            log.labels[name] = log.labels[name][:, order]
            for arrays in (log.true, log.ids):
                if name in arrays:
                    arrays[name] = arrays[name][order]
        log.n_missing += int((log.labels[name] == MISSING).sum())

    def _order(self, samples: _Samples, log: Imported) -> np.ndarray | None:
        """Return the order of samples by id where snapshots have orders of their own, so that runs are alike."""
        if self._ids is not None:
            if samples.place:
                raise InputError("the sources have ids already", "leave --ids out", where=self._ids.where)
            if len(self._ids.ids) != samples.n_samples or len(set(self._ids.ids)) < len(self._ids.ids):
                raise InputError(
                    f"must hold {samples.n_samples} different ids, found {len(set(self._ids.ids))}",
                    "give one for each sample",
                    where=self._ids.where,
                )
            samples.place = {i: column for column, i in enumerate(self._ids.ids)}
        if not samples.shuffled:
            return None
        log.remarks.append("samples are sorted by id, for the snapshots list them in orders of their own")
        ids = _id_array(list(samples.place), self._source)
        return np.argsort(ids, kind="stable")

    def _encoded_true(self, samples: _Samples) -> list[tuple[TrueLabels, np.ndarray, bool]]:
        mine = [given for given in self._true if self._name_of(given.split) == samples.name]
        return [(given, *self._codes.encode(given.labels, given.where)) for given in mine]


def _narrow(codes: np.ndarray) -> np.ndarray:
    for dtype in (np.int8, np.int16, np.int32):
        if codes.max(initial=0) <= np.iinfo(dtype).max:
            return codes.astype(dtype)
    return codes


def _matrix(samples: _Samples, steps: np.ndarray, table: np.ndarray, n_classes: int, source: str) -> np.ndarray:
    """Return (T, N) classes, -1 where a sample is missing."""
    dtype = next((t for t in (np.int8, np.int16, np.int32) if n_classes <= np.iinfo(t).max), np.int64)
    size = len(steps) * samples.n_samples
    # the matrix, its copy in the log's own type, and the image of the file
    memory.require(size * (np.dtype(dtype).itemsize + 8), "putting it together", memory.ELSEWHERE, where=source)
    matrix = np.full((len(steps), samples.n_samples), MISSING, dtype=dtype)
    # a code of -1 looks up the last entry
    lookup = np.append(table, MISSING)
    for row, step in enumerate(steps.tolist()):
        if step in samples.rows:
            columns, codes, is_text = samples.rows.pop(step)  # what is put together is not kept twice
            matrix[row, slice(None) if columns is None else columns] = lookup[codes] if is_text else codes
    return matrix


def _true_classes(samples: _Samples, given: TrueLabels, classes: np.ndarray) -> np.ndarray:
    """Return the true class of every sample in the order of the samples; -1 where it is not given."""
    if given.ids is None:
        if len(classes) != samples.n_samples:
            raise InputError(
                f"has {len(classes)} true classes for {samples.n_samples} samples of split '{samples.name}'",
                "give one for each sample (if the array is transposed, --axis says so)",
                where=given.where,
            )
        if samples.shuffled:
            raise InputError(
                "has true classes by position, but the snapshots list samples by id in orders of their own",
                "give a CSV of two columns, id and label",
                where=given.where,
            )
        return classes
    if not samples.place:
        raise InputError(
            "has true classes by id, but the snapshots have no ids",
            "give one class for each position",
            where=given.where,
        )
    found = np.full(samples.n_samples, MISSING, np.int64)
    seen: set[Any] = set()
    for sample, value in zip(given.ids, classes.tolist(), strict=True):
        column = samples.place.get(sample)
        if column is None:
            continue
        if sample in seen and found[column] != value:
            raise InputError(f"gives sample {sample!r} two true classes", "give one", where=given.where)
        seen.add(sample)
        found[column] = value
    return found


def _merge(known: np.ndarray, classes: np.ndarray, samples: _Samples, given: TrueLabels) -> None:
    both = (known != MISSING) & (classes != MISSING) & (known != classes)
    if both.any():
        sample = list(samples.place)[int(both.argmax())] if samples.place else int(both.argmax())
        raise InputError(
            f"gives sample {sample!r} another true class than before", "give the same everywhere", where=given.where
        )
    known[classes != MISSING] = classes[classes != MISSING]


def _id_array(ids: list[Any], where: str) -> np.ndarray:
    """Return ids as int64 where all are whole numbers, else as text."""
    if all(type(i) is int and i in _INT64 for i in ids):
        return np.array(ids, dtype=np.int64)
    texts = [checked_text(i if isinstance(i, str) else str(i), where) for i in ids]
    if len(set(texts)) < len(texts):
        raise InputError("has ids that differ only in being text or numbers", "use one of the two", where=where)
    longest = max(map(len, texts))
    memory.require(8 * longest * len(texts), "the ids of its samples", "use shorter ones", where=where)
    return np.array(texts, dtype=str)
