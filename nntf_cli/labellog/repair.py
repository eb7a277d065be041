"""What can be saved of a damaged log, and exactly what is lost."""

from __future__ import annotations

import os
import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.store import LABEL_NAMES
from nntf_cli.labellog.checking import Check, check_stores
from nntf_cli.labellog.checks import OrderError
from nntf_cli.labellog.journal import has_journal
from nntf_cli.labellog.native import label_dtype
from nntf_cli.labellog.packing import Labels, Rows, Run
from nntf_cli.labellog.reader import split_address
from nntf_cli.labellog.salvage import SalvagedLabels
from nntf_cli.model import LabelLog, Split

_STEP_PATHS = tuple(f": {name}" for name in ("snapshots", "snapshots/step", "iterations", "steps", "epochs"))
_NO_STEPS = "has no snapshots/step"


@dataclass
class LostLabels:
    """Labels of a split that became missing ones, in snapshots of which something is left."""

    n_labels: int
    steps: list[int]  #: of the snapshots


@dataclass
class Repair:
    """One run, saved, and what it cost."""

    source: str
    run: Run
    n_snapshots: int  #: that there were
    violations: list[InputError]
    dropped: list[tuple[int, int]] = field(default_factory=list)  #: (number, step) of snapshots not saved
    labels: dict[str, LostLabels] = field(default_factory=dict)
    splits: list[str] = field(default_factory=list)  #: that are not saved
    others: list[InputError] = field(default_factory=list)  #: what else is not: scalars, true classes, ids, names
    steps_lost: bool = False


def repair_log(address: str | os.PathLike[str]) -> tuple[list[Repair], list[Check]]:
    """Read what can be read of a log.

    What is saved equals what was written, wherever a checksum vouches for it or nothing is damaged; what cannot be
    read is not made up. A label that cannot be read, or is none, becomes missing; a snapshot of which no label is left
    is dropped, and so is as little as possible where steps repeat or go back.

    Parameters
    ----------
    address : str or path
        A log, or a file of several runs, all of which are then repaired.

    Returns
    -------
    saved : list of Repair
        One for each run of which something is left.
    lost : list of Check
        The other runs.

    Raises
    ------
    InputError
        It is no log, or nothing is left of it.
    """
    from nntf_cli.files.rescue import open_rescued

    path, _ = split_address(os.fspath(address))
    if has_journal(path):
        raise InputError(
            "has a journal beside it, which holds snapshots that the file may not",
            "nntf pack saves both; to repair the file alone, move its journal away",
            where=path,
        )
    saved, lost = [], []
    checks = check_stores(os.fspath(address), open_rescued)
    for check in checks:
        repaired = _repaired(check)
        if repaired is None:
            lost.append(check)
        else:
            repaired.run.group = _group_of(check) if len(checks) > 1 else ""
            saved.append(repaired)
    if not saved:
        first = checks[0].violations[0]
        raise InputError(f"holds no label that could be saved ({first.cause})", "restore a copy", where=str(address))
    return saved, lost


def _group_of(check: Check) -> str:
    return check.source.rpartition("::")[2] if "::" in check.source else ""


def _repaired(check: Check) -> Repair | None:
    log = check.log
    if log is None:
        return None
    n_snapshots = log.n_snapshots
    splits = {name: split for name, split in log.splits.items() if split.labels.n_snapshots == n_snapshots}
    surveys = {name: check.splits[name].survey for name in splits}
    left = [surveys[name].n_lost < split.labels.n_samples for name, split in splits.items()]
    if not left or not np.any(left):
        return None
    step, keep = _ordered(check, log, np.any(left, axis=0))
    n_classes, class_names = _classes(check, log, splits)
    repaired = Repair(
        check.source,
        _run(log, splits, n_classes, class_names, step, keep),
        n_snapshots,
        check.violations,
        dropped=[(int(i), int(step[i])) for i in np.flatnonzero(~keep)],
        splits=sorted({*log.splits, *filter(None, map(_split_of, check.violations))} - {*splits}),
        others=[violation for violation in check.violations if _is_beside(violation, log)],
        steps_lost=_lost_steps(check),
    )
    for name, survey in surveys.items():
        touched = keep & (survey.n_lost > 0)
        if touched.any():
            repaired.labels[name] = LostLabels(int(survey.n_lost[touched].sum()), step[touched].tolist())
    return repaired


def _ordered(check: Check, log: LabelLog, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the steps as they stand in the file, and which snapshots to keep so that they increase."""
    wrong = next((violation for violation in check.violations if isinstance(violation, OrderError)), None)
    if wrong is None or log.layout.endswith("per snapshot"):  # where the names of the arrays are the steps
        return log.step, keep
    rows = np.flatnonzero(keep)
    longest = rows[_longest_increase(wrong.values[rows].tolist())]
    return wrong.values, np.isin(np.arange(len(keep)), longest)


def _longest_increase(values: Sequence[int]) -> list[int]:
    """Return the places of a longest strictly increasing part; of equal values the last.

    A training that went back some snapshots and on from there is thus saved as it went on.
    """
    tails: list[int] = []
    places: list[int] = []
    before: list[int] = []
    for i, value in enumerate(values):
        k = bisect_left(tails, value)
        before.append(places[k - 1] if k else -1)
        tails[k:] = [value, *tails[k + 1 :]]
        places[k:] = [i, *places[k + 1 :]]
    found = []
    i = places[-1] if places else -1
    while i >= 0:
        found.append(i)
        i = before[i]
    return found[::-1]


def _classes(check: Check, log: LabelLog, splits: dict[str, Split]) -> tuple[int, tuple[str, ...] | None]:
    """Return C and the names; where the file does not say it any more, C is what the labels need."""
    if log.declared_classes is not None:
        return log.declared_classes, log.class_names
    needed = 1 + max(check.splits[name].survey.largest for name in splits)
    needed = max([needed, 1, *(int(split.true.max()) + 1 for split in splits.values() if split.true is not None)])
    if log.class_names is not None and len(log.class_names) >= needed:
        return len(log.class_names), log.class_names
    return needed, None


def _run(
    log: LabelLog,
    splits: dict[str, Split],
    n_classes: int,
    class_names: tuple[str, ...] | None,
    step: np.ndarray,
    keep: np.ndarray,
) -> Run:
    return Run(
        n_classes=n_classes,
        step=step[keep],
        labels={name: _labels(split, label_dtype(n_classes), keep) for name, split in splits.items()},
        scalars={name: values[keep] for name, values in log.scalars.items()},
        true={name: split.true for name, split in splits.items() if split.true is not None},
        ids={name: split.ids for name, split in splits.items() if split.ids is not None},
        class_names=class_names,
        run={**({"name": log.name} if log.name else {}), **log.hparams},
        run_uuid=log.run_uuid,
    )


def _labels(split: Split, dtype: np.dtype[Any], keep: np.ndarray) -> Labels:
    source = split.labels
    assert isinstance(source, SalvagedLabels)
    number = np.cumsum(keep) - 1

    def rows() -> Iterator[Rows]:
        for row, column, labels, lost in source.salvaged():
            kept = keep[row : row + len(labels)]
            if kept.any():
                missing = (lost | (labels == source.missing))[kept]
                stored = labels[kept].astype(dtype)
                stored[missing] = np.iinfo(dtype).max
                yield Rows(int(number[row + int(kept.argmax())]), column, stored)

    return Labels(int(keep.sum()), source.n_samples, rows)


def _lost_steps(check: Check) -> bool:
    return any(
        _NO_STEPS in violation.cause
        or (violation.where.endswith(_STEP_PATHS) and not isinstance(violation, OrderError))
        for violation in check.violations
    )


def _is_beside(violation: InputError, log: LabelLog) -> bool:
    """Return whether it is about something else than labels and steps, which are accounted for otherwise."""
    numbered = log.layout.endswith("per snapshot") and violation.where[-1:].isdigit()
    about_steps = violation.where.endswith(_STEP_PATHS) or _NO_STEPS in violation.cause
    return not (numbered or about_steps or _split_of(violation))


def _split_of(violation: InputError) -> str:
    """Return the split whose labels a violation is about; empty if it is not about labels."""
    path = violation.where.rpartition(": ")[2]
    if path in LABEL_NAMES:
        return "train"
    match = re.fullmatch(r"labels/(.+)|(.+)_(?:labels|predictions)", path)
    return (match[1] or match[2]) if match else ""
