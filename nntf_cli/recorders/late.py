"""What the recorders of all frameworks share: a log that is opened once it is known what it is of."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

import numpy as np

from nntf_cli.errors import NntfError, ParameterError
from nntf_cli.labellog import open_log
from nntf_cli.labellog.native import label_dtype
from nntf_cli.recorders.given import as_array, as_labels
from nntf_cli.recorders.randomness import random_kept
from nntf_cli.recorders.recorder import LabelRecorder
from nntf_cli.recorders.run import DEFAULT_SPLIT

Self = TypeVar("Self", bound="Closing")

#: Arguments of a :class:`LabelRecorder` that recorders of frameworks hand on.
HANDED_ON = ("classes", "true", "ids", "hparams", "name", "on_rewind")


class LateRecorder:
    """A label recorder that is opened late, and closed whatever happens.

    Parameters
    ----------
    path : path
        The log.
    given : mapping
        What the caller gave for the :class:`LabelRecorder`; it overrules what is found.

    Raises
    ------
    ParameterError
        The caller gave something that a :class:`LabelRecorder` does not know.
    """

    def __init__(self, path: str | os.PathLike[str], given: Mapping[str, Any]) -> None:
        unknown = [name for name in given if name not in HANDED_ON]
        if unknown:
            raise ParameterError(f"there is no argument {unknown[0]!r}", f"there are also: {', '.join(HANDED_ON)}")
        self.path, self._given = path, dict(given)
        self._log: LabelRecorder | None = None
        self._true: dict[str, np.ndarray] = {}
        self.n_classes = 0

    @property
    def is_open(self) -> bool:
        """Whether snapshots can be recorded."""
        return self._log is not None

    @property
    def last_step(self) -> int | None:
        """The step of the last snapshot of an open log."""
        return self._log.last_step if self._log is not None else None

    @property
    def classes(self) -> Any:
        """The classes that the caller gave, if any."""
        return self._given.get("classes")

    def true_of(self, splits: Mapping[str, int]) -> Mapping[str, Any]:
        """Return the true classes that the caller gave, by split."""
        given = self._given.get("true")
        if given is None:
            return {}
        return given if isinstance(given, Mapping) else {next(iter(splits)): given}

    def open(
        self,
        n_samples: Mapping[str, int],
        classes: Any,
        true: Mapping[str, Any],
        hparams: Mapping[str, Any],
        next_step: int | None = None,
    ) -> None:
        """Open the log, unless it is open.

        Parameters
        ----------
        n_samples, classes, true, hparams
            What was found; ``None`` among the classes or hyperparameters is left out.
        next_step : int, optional
            The first step that will be recorded, where that is known: a training that starts anew on the log of
            another then fails at once and not after an epoch.

        Raises
        ------
        NntfError
            As :class:`LabelRecorder` does.
        """
        if self._log is not None:
            return
        arguments = self._given | {
            "classes": classes if self.classes is None else self.classes,
            "true": {**true, **self.true_of(n_samples)},
            "hparams": plain(hparams) | dict(self._given.get("hparams") or {}),
        }
        with random_kept():  # what is imported for the first time may draw
            if next_step is not None and self._given.get("on_rewind") != "truncate":
                self._refuse_rewind(next_step)
            log = LabelRecorder(self.path, n_samples=dict(n_samples), **arguments)
        whole = arguments["classes"]
        self.n_classes = int(whole) if isinstance(whole, (int, np.integer)) else len(whole)
        self._true = {split: as_array(values) for split, values in arguments["true"].items() if values is not None}
        self._log = log
        # a training that ends by an exception may never say so
        self._finalizer = weakref.finalize(self, log.close)

    def _refuse_rewind(self, next_step: int) -> None:
        """Look before the recorder opens the log, which would take this run's hyperparameters for the log's."""
        try:
            last_step = int(open_log(self.path).step[-1])
        except NntfError:
            return  # there is none, or the recorder will say what is wrong with it
        if next_step <= last_step:
            raise ParameterError(
                f"has snapshots up to step {last_step}, and this training starts at {next_step}",
                "name another file, resume the training from a checkpoint, or say on_rewind='truncate'",
                where=os.fspath(self.path),
            )

    def snapshot(self, step: int, labels: Mapping[str, np.ndarray], scalars: Mapping[str, Any]) -> None:
        """Record labels by split, -1 where one is missing, and the accuracies that follow from them.

        Raises
        ------
        ParameterError
            As :class:`LabelRecorder` does.
        """
        if self._log is None:
            raise ParameterError("is closed, or was never opened", where=os.fspath(self.path))
        for split, row in labels.items():
            there = np.flatnonzero(row >= 0)
            self._log.update(there, row[there], split=split)
        found = {
            scalar_name("accuracy", split): float(np.mean(row == self._true[split]))
            for split, row in labels.items()
            if split in self._true
        }
        self._log.commit(step, **{**scalars, **found})

    def close(self) -> None:
        """Close the log, if it is open; it can be opened again, to go on."""
        log, self._log = self._log, None
        if log is not None:
            self._finalizer.detach()
            log.close()


class Closing:
    """A recorder that can be closed, and is by ``with``."""

    recording: LateRecorder

    @property
    def last_step(self) -> int | None:
        """The step of the last snapshot in the log that is open; None where there is none."""
        return self.recording.last_step

    def close(self) -> None:
        """Bring the log up to date and close it; never raises."""
        self.recording.close()

    def __enter__(self: Self) -> Self:
        """Return the recorder."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it, whatever happened."""
        self.close()


class Cadence:
    """Every so many epochs, or every so many steps.

    Parameters
    ----------
    every_epochs, every_steps : int, optional
        One of the two; without either, every epoch.

    Raises
    ------
    ParameterError
        Both are given, or one is not a positive whole number.
    """

    def __init__(self, every_epochs: int | None, every_steps: int | None) -> None:
        if every_epochs is not None and every_steps is not None:
            raise ParameterError("every_epochs and every_steps are both given", "give one of them")
        self.epochs = None if every_steps is not None else require_every(every_epochs or 1, "every_epochs")
        self.steps = None if every_steps is None else require_every(every_steps, "every_steps")

    def wants_epoch(self, n_epochs: int) -> bool:
        """Return whether to record after so many epochs."""
        return self.epochs is not None and n_epochs % self.epochs == 0

    def wants_step(self, n_steps: int, before: int) -> bool:
        """Return whether to record after so many steps; it were ``before``, and several may be made at once."""
        return self.steps is not None and n_steps // self.steps > before // self.steps

    def after(self, n_epochs: int, n_steps: int) -> int:
        """Return the first step that is recorded after so many epochs and steps."""
        every, done = (self.epochs, n_epochs) if self.epochs else (self.steps or 1, n_steps)
        return (done // every + 1) * every


def require_every(every: Any, name: str = "every") -> int:
    """Return a positive whole number.

    Raises
    ------
    ParameterError
        It is none.
    """
    if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
        raise ParameterError(f"{name} is {every!r}, not a positive whole number")
    return int(every)


def labels_of(values: Any, n_samples: int, n_classes: int, split: str) -> np.ndarray:
    """Return labels as int64, -1 where one is missing, of labels or of scores.

    Raises
    ------
    ParameterError
        The shape or a label is not what it must be.
    """
    row = as_labels(values, n_samples, n_classes, f"split '{split}'")
    labels = row.astype(np.int64)
    labels[row == np.iinfo(label_dtype(n_classes)).max] = -1
    return labels


def plain(hparams: Mapping[str, Any]) -> dict[str, bool | int | float | str]:
    """Return the hyperparameters that are scalars; of what a framework calls so, many are not."""
    found: dict[str, bool | int | float | str] = {}
    for name, value in hparams.items():
        scalar = value.item() if hasattr(value, "item") and getattr(value, "shape", None) == () else value
        if isinstance(scalar, (bool, int, float, str)) and scalar == scalar and name != "name" and "/" not in name:
            found[name] = scalar
    return found


def by_name(first: Any, others: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return all splits by name, the first of them called ``train``.

    Raises
    ------
    ParameterError
        Another split is called so.
    """
    if DEFAULT_SPLIT in (others or {}):
        raise ParameterError(f"splits cannot hold '{DEFAULT_SPLIT}', which is what x and y are called")
    return {DEFAULT_SPLIT: first, **(others or {})}


def scalar_name(scalar: str, split: str) -> str:
    """Return what a scalar of a split is called: the training split's go without its name."""
    return scalar if split == DEFAULT_SPLIT else f"{split}_{scalar}"
