"""Pickles as the authors of the method keep their runs: ``{iteration: {"predictions": ..., "loss": ...}}``.

The layout is that of the data the paper's authors released with it (Ferreira et al., Neural network training
fingerprint): a dictionary from iteration to one of what was recorded there. Beside ``predictions`` there are
``loss``, ``accuracy`` and ``test_score``. Predictions are labels (N,) or scores (N, C); ``test_score`` is the
accuracy on the test set, or Keras's pair of loss and accuracy. Also read: a dictionary from number to array, a list
of arrays, and one array (T, N).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.store import open_regular
from nntf_cli.importing.arrays import snapshots_of
from nntf_cli.importing.items import Item, Options, Remark, Snapshot
from nntf_cli.importing.labels import checked_text, from_list, kind_of
from nntf_cli.importing.unpickling import read_pickle

_REMEDY = "what is read is {iteration: {'predictions': labels, ...}}"

_PREDICTIONS = ("predictions", "labels", "prediction", "y_pred")


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield the snapshots of a pickle; nothing in it is called."""
    (path,) = sources
    with open_regular(path) as stream:
        content = read_pickle(stream, path)
    _require_room(content, path)
    if isinstance(content, np.ndarray):
        yield from snapshots_of(content, options, path)
    elif isinstance(content, dict) and content:
        yield from _of_dictionary(content, path)
    elif isinstance(content, (list, tuple)) and content:
        yield Remark("steps are the places in the list, from 0")
        for step, entry in enumerate(content):
            yield from _of_entry(step, entry, f"{path}: entry {step}")
    else:
        raise InputError(f"holds {kind_of(content)}, not a run", _REMEDY, where=path)


def _require_room(content: Any, path: str) -> None:
    """Ask for the memory of all labels: one list may stand in a pickle a million times, at a byte or two each."""
    entries = content.values() if isinstance(content, dict) else content if isinstance(content, (list, tuple)) else ()
    total = 0
    for entry in entries:
        predictions = [v for k, v in entry.items() if _text(k) in _PREDICTIONS] if isinstance(entry, dict) else [entry]
        total += sum(len(p) for p in predictions if isinstance(p, (list, tuple)))
        total += sum(p.size for p in predictions if isinstance(p, np.ndarray))
    memory.require(2 * total, "putting its labels together", memory.ELSEWHERE, where=path)


def _of_dictionary(content: Mapping[Any, Any], path: str) -> Iterator[Item]:
    for key, entry in content.items():
        yield from _of_entry(_step(key, path), entry, f"{path}: iteration {key}")


def _step(key: Any, path: str) -> int:
    text = key.decode("utf-8", "replace") if isinstance(key, bytes) else key
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    if isinstance(key, (int, np.integer)) and not isinstance(key, bool):
        return int(key)
    shown = checked_text(text, path)[:40] if isinstance(text, str) else str(text)[:40]
    raise InputError(f"has the key {shown!r} where an iteration should be", _REMEDY, where=path)


def _of_entry(step: int, entry: Any, where: str) -> Iterator[Item]:
    if not isinstance(entry, dict):
        yield Snapshot(step, array_of(entry, where), where)
        return
    named = {_text(key): value for key, value in entry.items()}
    key = next((name for name in _PREDICTIONS if name in named), None)
    if key is None:
        found = ", ".join(map(repr, list(named)[:6])) or "nothing"
        raise InputError(f"has no 'predictions' (found: {found})", _REMEDY, where=where)
    scalars: dict[str, float] = {}
    for name, value in named.items():
        if name != key:
            scalars |= _scalars(name, value)
    yield Snapshot(step, array_of(named[key], where), where, scalars=scalars)


def _text(key: Any) -> str:
    text = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
    return text.encode("utf-8", "backslashreplace").decode()[:200]


def _scalars(name: str, value: Any) -> dict[str, float]:
    """Return what one number stands for, or Keras's pair of loss and accuracy; anything else is left out."""
    if isinstance(value, np.ndarray) and value.size <= 2 and value.dtype.kind in "biuf":
        value = value.reshape(-1).tolist()
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if not 1 <= len(values) <= 2 or not all(isinstance(v, (int, float, np.number, np.bool_)) for v in values):
        return {}
    try:
        plain = [float(v) for v in values]
    except OverflowError:
        return {}
    if name == "test_score":
        return {"test_accuracy": plain[-1], **({"test_loss": plain[0]} if len(plain) == 2 else {})}
    return {name: plain[0]} if len(plain) == 1 and "\0" not in name else {}


def array_of(value: Any, where: str) -> np.ndarray:
    """Return an array, or a list of labels or of rows of scores as one.

    Raises
    ------
    InputError
        It is something else, or rows differ in length.
    """
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, (list, tuple)) or not value:
        raise InputError(f"holds {kind_of(value)}, not predictions", _REMEDY, where=where)
    if isinstance(value[0], (list, tuple)):
        widths = {len(row) if isinstance(row, (list, tuple)) else -1 for row in value}
        if len(widths) > 1:
            raise InputError("has rows of different lengths", "give every sample a score of each class", where=where)
        memory.require(16 * len(value) * max(widths), "its scores", memory.ELSEWHERE, where=where)
        return np.stack([from_list(row, where) for row in value])
    if isinstance(value[0], np.ndarray):
        shapes = {row.shape if isinstance(row, np.ndarray) else None for row in value}
        if len(shapes) > 1 or any(row.dtype.kind not in "biuf" or row.ndim > 1 for row in value):
            raise InputError("has rows of different lengths", "give every sample a score of each class", where=where)
        memory.require(16 * len(value) * value[0].size, "its scores", memory.ELSEWHERE, where=where)
        return np.stack([row.astype(np.float64) for row in value])
    return from_list(value, where)
