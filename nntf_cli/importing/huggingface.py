"""Predictions of Hugging Face's Trainer: ``predictions*.npy`` of each checkpoint, with ``trainer_state.json``.

``trainer_state.json`` is written by TrainerState.save_to_json (transformers, trainer_callback.py) into each
``checkpoint-STEP`` folder and, by ``trainer.save_state()``, into the output folder; its ``log_history`` is a list of
what was logged, each with ``step``. The Trainer has no file of its own for predictions: what people write is
``numpy.save("predictions.npy", trainer.predict(dataset).predictions)`` into the checkpoint's folder, or
``predictions_STEP.npy`` beside the state. ``label_ids*.npy`` beside them, if there, are the true classes.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.importing.items import Hparams, Item, Options, Remark, ScalarRows, Snapshot, TrueLabels
from nntf_cli.importing.numbering import steps_of
from nntf_cli.importing.onefile import read_npy
from nntf_cli.importing.textfiles import json_file

STATE = "trainer_state.json"

_PREDICTIONS = re.compile(r"(?:(?:eval|test|val|train)_)?pred(?:iction)?s?(?![a-z]).*\.npy", re.IGNORECASE)
_TRUE = re.compile(r"(?:label_ids|labels|targets)(?![a-z]).*\.npy", re.IGNORECASE)

#: What the Trainer logs about the machine.
_NOT_SCALARS = re.compile(r".*(?:_runtime|_per_second|_preparation_time)|total_flos")

_HPARAMS = ("train_batch_size", "num_train_epochs", "max_steps")


def files_in(folder: str) -> list[str]:
    """Return the predictions in a folder and in its ``checkpoint-STEP`` folders."""
    inside = [folder, *sorted(glob.glob(os.path.join(glob.escape(folder), "checkpoint-*")))]
    paths = [
        os.path.join(place, name) for place in inside if os.path.isdir(place) for name in sorted(os.listdir(place))
    ]
    return [path for path in paths if _PREDICTIONS.fullmatch(os.path.basename(path))]


def has_state(folder: str) -> bool:
    """Return whether a folder is one that a Trainer wrote to."""
    return bool(_states([folder]))


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield a snapshot for each file of predictions, and what the last state says."""
    files = [path for source in sources for path in (files_in(source) if os.path.isdir(source) else [source])]
    if not files:
        raise InputError("holds no predictions*.npy", "save them with numpy.save, one for each step", where=sources[0])
    names = [os.path.splitext(os.path.relpath(path, os.path.commonpath(files) or "."))[0] for path in files]
    if len(files) == 1:
        names = [os.path.splitext("/".join(os.path.abspath(files[0]).split(os.sep)[-2:]))[0]]
    for path, step in sorted(zip(files, steps_of(names, sources[0]), strict=True), key=lambda pair: pair[1]):
        yield Snapshot(step, read_npy(path), path)
    folders = list(dict.fromkeys([*(s for s in sources if os.path.isdir(s)), *map(os.path.dirname, files)]))
    yield from _true(folders)
    yield from _state(folders)


def _true(folders: Sequence[str]) -> Iterator[Item]:
    for folder in folders:
        for name in sorted(os.listdir(folder or ".")):
            if _TRUE.fullmatch(name):
                path = os.path.join(folder, name)
                yield Remark(f"true classes are those in {name}")
                yield TrueLabels(np.ravel(read_npy(path)), path)
                return


def _states(folders: Sequence[str]) -> list[str]:
    """Return states, those in the folders first, then those of checkpoints and of the folder above."""
    found = [os.path.join(folder, STATE) for folder in folders]
    for folder in folders:
        found += glob.glob(os.path.join(glob.escape(folder), "checkpoint-*", STATE))
        if os.path.basename(os.path.abspath(folder)).startswith("checkpoint-"):
            found.append(os.path.join(os.path.dirname(os.path.abspath(folder)), STATE))
    return [path for path in dict.fromkeys(found) if os.path.isfile(path)]


def _state(folders: Sequence[str]) -> Iterator[Item]:
    """Yield the longest history there is: each state holds all from the beginning."""
    longest: tuple[str, dict[str, Any]] | None = None
    for path in _states(folders):
        state = json_file(path)
        history = state.get("log_history") if isinstance(state, dict) else None
        if not isinstance(history, list) or not all(isinstance(entry, dict) for entry in history):
            raise InputError("has no list 'log_history'", "give the file that the Trainer wrote", where=path)
        if longest is None or len(history) > len(longest[1]["log_history"]):
            longest = path, state
    if longest is None:
        yield Remark(f"there is no {STATE}, so no scalars")
        return
    path, state = longest
    rows = [
        {name: float(value) for name, value in entry.items() if _is_scalar(name, value)}
        for entry in state["log_history"]
    ]
    if any(len(row) > 1 for row in rows):
        yield ScalarRows(rows, ("step",), path)
    yield Hparams({name: state[name] for name in _HPARAMS if _is_scalar(name, state.get(name))})


def _is_scalar(name: str, value: object) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e308
    return is_number and not _NOT_SCALARS.fullmatch(name)
