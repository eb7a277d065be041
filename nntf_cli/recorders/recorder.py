"""The recorder: three lines in a training script."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import warnings
import weakref
from collections import deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from nntf_cli.errors import ParameterError
from nntf_cli.labellog.journal import SUFFIX, snapshot_payload
from nntf_cli.labellog.native import label_dtype
from nntf_cli.model import Scalar
from nntf_cli.recorders.appending import open_journal
from nntf_cli.recorders.given import as_index, as_labels, as_scalars, as_step, by_split
from nntf_cli.recorders.publishing import Publisher
from nntf_cli.recorders.run import DEFAULT_SPLIT, run_of

#: Bytes of snapshots that wait for a disk that fails; the oldest are given up first.
QUEUE_BYTES = 64 * 2**20

_LISTED = 10


class RecorderWarning(UserWarning):
    """Something could not be written; training goes on."""


class _Waiting(NamedTuple):
    """A snapshot that is not on the disk yet."""

    step: int
    payload: bytes
    since: int  #: the first step that it replaces


class LabelRecorder:
    """Write the predicted labels of a training to a label log, snapshot by snapshot.

    When a call returns, its snapshot is on the disk, in the journal ``PATH.journal``: whatever is killed afterwards,
    ``nntf`` reads it. The log itself is made from the journal now and then, and by :meth:`close`, which removes the
    journal. A log that exists is continued. A mistake in a call raises at once; a disk that fails never does: what
    cannot be written waits and is tried again, one warning says so, and :meth:`close` says what was lost, if anything.

    In a process forked from the one that opened it, all methods do nothing.

    Parameters
    ----------
    path : path
        The log, an HDF5 file; if it exists it must be a native log of the same samples, classes and splits.
    n_samples : int or mapping of split to int
        N. A number alone is the split ``train``; ``{"train": 50_000, "test": 10_000}`` records two splits.
    classes : int or sequence of str
        C, or the names of the classes.
    true, ids : array_like of shape (N,), or mapping of split to that, optional
        True classes; identities of the samples (whole numbers or text).
    hparams : mapping of name to scalar, optional
        Hyperparameters. Those of a log that is continued are kept, unless given anew.
    name : str, optional
        The run's name; without it readers use the file's.
    on_rewind : {"error", "truncate"}
        What a step means that is not after the last one: a mistake, or that the log is to go on from there, without
        the snapshots of that step and after it.

    Attributes
    ----------
    lost : list of int
        Steps of the snapshots that were given up.

    Raises
    ------
    ParameterError
        An argument makes no sense.
    MismatchError, InputError
        There is a log already, and it is of something else, damaged, or no native log.
    OutputError
        Another process records to it, or nothing can be written there.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        n_samples: int | Mapping[str, int],
        classes: int | Sequence[str],
        true: Any = None,
        ids: Any = None,
        hparams: Mapping[str, Scalar] | None = None,
        name: str | None = None,
        on_rewind: str = "error",
    ) -> None:
        self._is_open = False
        if on_rewind not in ("error", "truncate"):
            raise ParameterError(f"on_rewind is {on_rewind!r}", "it can be 'error' or 'truncate'")
        self._where = os.fspath(path)
        if self._where.lower().endswith((".npz", SUFFIX)):
            raise ParameterError("is not a name for a log, which is an HDF5 file", "name it *.h5", where=self._where)
        run = run_of(n_samples, classes, true, ids, hparams, name)
        self._appender = open_journal(os.path.realpath(self._where), run)
        self._publisher = Publisher(self._appender)
        self._truncates = on_rewind == "truncate"
        self._n_classes, self._splits = run.n_classes, self._appender.run.splits
        self._missing = int(np.iinfo(label_dtype(run.n_classes)).max)
        self._last = max(self._appender.steps, default=None)
        self._updates: dict[str, np.ndarray] = {}
        self._queue: deque[_Waiting] = deque()
        self._reason, self._has_warned = "", False
        self.lost: list[int] = []
        self._lock, self._owner, self._is_open = threading.RLock(), os.getpid(), True
        _open.add(self)

    @property
    def last_step(self) -> int | None:
        """The step of the last snapshot, recorded now or before; None where there is none."""
        return self._last

    def snapshot(self, step: int, labels: Any, **scalars: Any) -> None:
        """Record the labels of all samples.

        Parameters
        ----------
        step : int
            Iteration or epoch, after the last one.
        labels : array_like, or mapping of split to that
            (N,) labels, or (N, C) scores of which the largest counts. A split that is left out is missing.
        **scalars
            ``loss``, ``accuracy``, ``test_accuracy``, ...; None is left out.

        Raises
        ------
        ParameterError
            A shape, label, step or scalar is not what it must be; nothing was recorded.
        """
        if not self._is_mine():
            return
        with self._lock:
            self._require_open()
            if self._updates:
                raise ParameterError(
                    "snapshot() after update() without commit()", "commit the updates first", where=self._where
                )
            given = by_split(labels, list(self._splits), "labels")
            if not given:
                raise ParameterError("a snapshot of no split", where=self._where)
            rows = {
                split: as_labels(values, self._splits[split], self._n_classes, f"split '{split}'")
                for split, values in given.items()
            }
            self._record(step, rows, scalars)

    def update(self, index: Any, labels: Any, *, split: str | None = None) -> None:
        """Take in the labels of some samples of the next snapshot.

        Parameters
        ----------
        index : array_like of int, or slice
            Which samples; of one that occurs twice, the last counts.
        labels : array_like, shape (n,) or (n, C)
            Their labels or scores.
        split : str, optional
            The split they belong to; without it the only one, or ``train``.

        Raises
        ------
        ParameterError
            A shape, index or label is not what it must be; nothing was taken in.
        """
        if not self._is_mine():
            return
        with self._lock:
            self._require_open()
            split = split or (next(iter(self._splits)) if len(self._splits) == 1 else DEFAULT_SPLIT)
            if split not in self._splits:
                raise ParameterError(f"there is no split {split!r}", f"splits: {', '.join(self._splits)}")
            where = as_index(index, self._splits[split])
            rows = as_labels(labels, len(where), self._n_classes, f"update of split '{split}'")
            if split not in self._updates:
                self._updates[split] = self._nothing(split)
            self._updates[split][where] = rows

    def commit(self, step: int, **scalars: Any) -> None:
        """Record what was taken in since the last snapshot; samples that were not are missing.

        Parameters
        ----------
        step, **scalars
            As for :meth:`snapshot`.

        Raises
        ------
        ParameterError
            Nothing was taken in, or the step or a scalar is not what it must be; then the updates are kept.
        """
        if not self._is_mine():
            return
        with self._lock:
            self._require_open()
            if not self._updates:
                raise ParameterError("commit() without update()", "update some samples first", where=self._where)
            self._record(step, self._updates, scalars)
            self._updates = {}

    def flush(self) -> bool:
        """Bring the HDF5 file up to date, and return whether it holds every snapshot; never raises."""
        if not self._is_mine():
            return False
        with self._lock:
            if not self._is_open:
                return not self.lost
            written = self._write()
            made = not self._appender.steps or self._publisher.finish()
            if not made:
                self._warn_once(f"{self._where}: cannot be brought up to date ({self._publisher.failure})")
            return written and made

    def close(self) -> None:
        """Bring the HDF5 file up to date, remove the journal, give up the lock; say what was lost. Never raises."""
        if not self._is_mine():
            return
        with self._lock:
            if not self._is_open:
                return
            self._write()
            self.lost += [each.step for each in self._queue]
            self._queue.clear()
            self._is_open = False
            try:
                made = not self._appender.steps or self._publisher.finish()
                if made:
                    with contextlib.suppress(OSError):  # one that stays says nothing new
                        self._appender.remove()
            finally:
                self._publisher.abandon()
                self._appender.close()
                _open.discard(self)
            self._report(made)

    def __enter__(self) -> LabelRecorder:
        """Return the recorder."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it, whatever happened."""
        self.close()

    def __del__(self) -> None:
        """Give up the lock; the journal holds what was recorded."""
        if self._is_open and self._is_mine():
            self._publisher.abandon()
            self._appender.close()

    def _is_mine(self) -> bool:
        """Return whether this is the process that opened it, not one forked from that."""
        return os.getpid() == self._owner

    def _require_open(self) -> None:
        if not self._is_open:
            raise ParameterError("the recorder is closed", "open it again to go on", where=self._where)

    def _nothing(self, split: str) -> np.ndarray:
        return np.full(self._splits[split], self._missing, dtype=label_dtype(self._n_classes))

    def _record(self, step: Any, rows: Mapping[str, np.ndarray], scalars: Mapping[str, Any]) -> None:
        step = self._next_step(step)
        stored = label_dtype(self._n_classes).newbyteorder("<")
        labels = [
            np.asarray(rows[split] if split in rows else self._nothing(split), dtype=stored) for split in self._splits
        ]
        payload = snapshot_payload(as_scalars(scalars), labels)
        since = step
        while self._queue and self._queue[-1].step >= step:
            since = min(since, self._queue.pop().since)  # the log goes on without them
        self._queue.append(_Waiting(step, payload, since))
        self._last = step
        if self._write():
            self._publisher.tick()
        if self._publisher.failure:
            self._warn_once(
                f"{self._where}: cannot be brought up to date ({self._publisher.failure}); "
                f"{self._where}{SUFFIX} beside it holds every snapshot, nntf reads both"
            )

    def _next_step(self, step: Any) -> int:
        step = as_step(step)
        if self._last is not None and step <= self._last and not self._truncates:
            raise ParameterError(
                f"step {step} is not after the last one, {self._last}",
                "on_rewind='truncate' would drop the snapshots from there on",
                where=self._where,
            )
        return step

    def _write(self) -> bool:
        """Append what waits to the journal, and return whether nothing waits any more."""
        try:
            while self._queue:
                self._appender.add(*self._queue[0])
                self._queue.popleft()
        except OSError as error:
            self._reason = error.strerror or str(error)
            while len(self._queue) > 1 and sum(len(each.payload) for each in self._queue) > QUEUE_BYTES:
                dropped = self._queue.popleft()
                self.lost.append(dropped.step)
                self._queue[0] = self._queue[0]._replace(since=min(dropped.since, self._queue[0].since))
            self._warn_once(
                f"{self._where}: step {self._queue[0].step} cannot be written ({self._reason}); "
                "it is kept in memory and tried again with the next"
            )
        return not self._queue

    def _report(self, made: bool) -> None:
        if self.lost:
            listed = ", ".join(map(str, self.lost[:_LISTED])) + (", ..." if len(self.lost) > _LISTED else "")
            what = f"{len(self.lost)} snapshots" if len(self.lost) > 1 else "a snapshot"
            _warn(f"{self._where}: {what} could not be written ({self._reason}) and are lost: step {listed}")
        if not made:
            _warn(
                f"{self._where}: could not be brought up to date ({self._publisher.failure}); "
                f"keep {self._where}{SUFFIX} beside it, which holds every snapshot: nntf reads both"
            )

    def _warn_once(self, message: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            _warn(message)


def _warn(message: str) -> None:
    """Warn, even where warnings are made errors: a disk must not end a training."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals["__name__"].startswith("nntf_cli."):
        level, frame = level + 1, frame.f_back
    try:
        warnings.warn(message, RecorderWarning, stacklevel=level)
    except RecorderWarning:
        with contextlib.suppress(OSError, ValueError):
            print(message, file=sys.stderr)  # noqa: T201


_open: weakref.WeakSet[LabelRecorder] = weakref.WeakSet()


def _let_go() -> None:
    """In a forked process: close what would keep the lock for as long as that lives."""
    for recorder in list(_open):
        with contextlib.suppress(OSError):
            recorder._appender.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
