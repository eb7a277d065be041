"""What is in a label log, in plain values that print and serialize."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nntf_cli.model import LabelLog, Split
from nntf_cli.wording import quantity

_LOWER_IS_BETTER = "loss"


def describe(log: LabelLog) -> dict[str, Any]:
    """Describe a log; reads, and so validates, all its labels.

    Returns
    -------
    dict
        ``source``, ``name``, ``layout``, ``n_snapshots``, ``steps`` (first, last, and the spacing where it is even),
        ``n_classes``, ``classes_declared``, ``class_names``, ``splits`` (samples, missing labels, moved per
        transition, quiet transitions and the step the labels rest from), ``scalars`` (first, last, best),
        ``hparams`` and ``warnings``.
    """
    splits = {name: _describe_split(log, split) for name, split in log.splits.items()}
    spacing = np.unique(np.diff(log.step))
    warnings = list(log.warnings)
    if log.n_snapshots < 2:
        warnings.append("one snapshot only: a fingerprint needs two")
    if log.declared_classes is None:
        warnings.append("the number of classes is not stored: it is taken from the largest label")
    for name, facts in splits.items():
        if n := facts["n_missing"]:
            warnings.append(f"{quantity(n, 'label')} of split '{name}' {'is' if n == 1 else 'are'} missing")
    return {
        "source": log.source,
        "name": log.name,
        "layout": log.layout,
        "n_snapshots": log.n_snapshots,
        "steps": {
            "first": int(log.step[0]),
            "last": int(log.step[-1]),
            "every": int(spacing[0]) if len(spacing) == 1 else None,
        },
        "n_classes": log.n_classes,
        "classes_declared": log.declared_classes is not None,
        "class_names": list(log.class_names) if log.class_names else None,
        "splits": splits,
        "scalars": {name: _describe_scalar(name, log.step, values) for name, values in log.scalars.items()},
        "hparams": dict(log.hparams),
        "warnings": warnings,
    }


def _describe_split(log: LabelLog, split: Split) -> dict[str, Any]:
    moved = moved_samples(split)
    quiet = np.flatnonzero(moved == 0)
    moving = np.flatnonzero(moved)
    rests = len(moved) > 0 and moved[-1] == 0
    rest_index = int(moving[-1]) + 1 if len(moving) else 0
    return {
        "n_samples": split.labels.n_samples,
        "n_missing": split.labels.n_missing(),
        "true_labels": split.true is not None,
        "ids": split.ids is not None,
        "moved_first": int(moved[0]) if len(moved) else None,
        "moved_median": float(np.median(moved)) if len(moved) else None,
        "moved_last": int(moved[-1]) if len(moved) else None,
        "n_transitions": len(moved),
        "n_quiet": len(quiet),
        "quiet_steps": log.step[1:][quiet].tolist(),
        "quiet_from_step": int(log.step[rest_index]) if rests else None,
    }


def moved_samples(split: Split) -> np.ndarray:
    """Count the samples that changed class in each transition, (T - 1,) int64."""
    moved = np.zeros(split.labels.n_snapshots - 1, dtype=np.int64)
    missing = split.labels.missing
    last = None
    for panel in split.labels.panels():
        for offset, current in enumerate(panel.labels):
            snapshot = panel.row + offset
            if snapshot > 0 and last is not None:
                differs = current != last
                if missing <= np.iinfo(current.dtype).max:
                    differs &= (current != missing) & (last != missing)
                moved[snapshot - 1] += np.count_nonzero(differs)
            last = current
    return moved


def _describe_scalar(name: str, step: np.ndarray, values: np.ndarray) -> dict[str, Any]:
    """First, last and best; the best of a loss is its smallest."""
    finite = np.flatnonzero(np.isfinite(values))
    facts: dict[str, Any] = {"first": _plain(values[0]), "last": _plain(values[-1])}
    if len(finite):
        chosen = values[finite].argmin() if _LOWER_IS_BETTER in name else values[finite].argmax()
        best = int(finite[chosen])
        facts |= {"best": float(values[best]), "best_step": int(step[best])}
    return facts


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
