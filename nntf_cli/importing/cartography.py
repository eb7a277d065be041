"""Training dynamics of dataset cartography: ``dynamics_epoch_0.jsonl``, ``dynamics_epoch_1.jsonl``, ...

The layout is that of ``log_training_dynamics`` in allenai/cartography, cartography/selection/selection_utils.py: a
file for each epoch in a folder ``training_dynamics``, each line ``{"guid": ..., "logits_epoch_0": [...], "gold":
...}``, in the order in which the samples were trained on. Forks write ``probs_epoch_0`` in place of logits.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.importing.items import Item, Options, Snapshot, TrueLabels
from nntf_cli.importing.labels import from_list
from nntf_cli.importing.textfiles import records_of

NAME = re.compile(r"dynamics_epoch_[0-9]+\.jsonl?")

_SCORES = re.compile(r"(?:logits?|probs?|probas?|scores?)_epoch_([0-9]{1,18})")


def files_in(folder: str) -> list[str]:
    """Return the files of a folder, or of ``training_dynamics`` in it."""
    found = [
        path
        for inside in ("", "training_dynamics")
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), inside, "dynamics_epoch_*")))
        if NAME.fullmatch(os.path.basename(path))
    ]
    return found


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield a snapshot for each file."""
    files = [path for source in sources for path in (files_in(source) if os.path.isdir(source) else [source])]
    if not files:
        raise InputError("holds no dynamics_epoch_*.jsonl", "name the folder that does", where=sources[0])
    for path in files:
        yield from _read_file(path)


def _read_file(path: str) -> Iterator[Item]:
    ids: list[Any] = []
    gold: list[Any] = []
    scores: list[Any] = []
    key = ""
    for line, record in records_of(path):
        if line % 4096 == 1:
            memory.require(4096 * 1000, "the next lines of it", memory.ELSEWHERE, where=path)
        key = key or next((name for name in record if _SCORES.fullmatch(name)), "")
        if "guid" not in record or key not in record:
            lacking = "guid" if "guid" not in record else (key or "logits_epoch_N")
            raise InputError(f"line {line} has no '{lacking}'", "each line is a sample of this epoch", where=path)
        scores.append(_row(record[key], line, path))
        ids.append(_id(record["guid"], line, path))
        gold.append(record.get("gold"))
    match = _SCORES.fullmatch(key)
    if match is None:
        raise InputError("holds no samples", "was writing it interrupted?", where=path)
    if len({len(row) for row in scores}) > 1:
        raise InputError("has scores of different numbers of classes", "give one for each class", where=path)
    yield Snapshot(int(match[1]), np.stack(scores), path, ids)
    if None not in gold:
        yield TrueLabels(from_list(gold, path), path, ids)


def _row(values: Any, line: int, path: str) -> np.ndarray:
    if not isinstance(values, list):
        raise InputError(f"line {line} has no list of scores", "each line holds the scores of its classes", where=path)
    return from_list(values, f"{path}: line {line}")


def _id(value: Any, line: int, path: str) -> Any:
    if type(value) not in (int, str):
        raise InputError(f"line {line} has an id that is neither number nor text", "give each sample one", where=path)
    return value
