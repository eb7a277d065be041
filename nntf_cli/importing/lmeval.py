"""Samples of lm-evaluation-harness over several checkpoints: ``samples_TASK_DATE.jsonl``, multiple choice.

The layout is that of EleutherAI/lm-evaluation-harness: ``save_results_samples`` in
lm_eval/loggers/evaluation_tracker.py writes a folder for each model and in it a file for each task, with the lines
that ``evaluate`` in lm_eval/evaluator.py collects under ``--log_samples``: ``doc_id``, ``target`` (as text) and
``filtered_resps``, a list of [log-likelihood, is greedy] for each choice, as text. The label is the choice with the
largest log-likelihood, as for the measure ``acc``. Each task becomes a split. The step is the number in which the
paths differ; files that differ in nothing but their date are numbered in its order.
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
from nntf_cli.importing.items import ClassCount, Item, Options, Remark, Snapshot, TrueLabels
from nntf_cli.importing.numbering import steps_of
from nntf_cli.importing.textfiles import records_of

NAME = re.compile(r"samples_(?P<task>.+?)(?:_(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9.:-]+))?\.jsonl")


def files_in(folder: str) -> list[str]:
    """Return the samples in a folder and all below it."""
    found = glob.glob(os.path.join(glob.escape(folder), "**", "samples_*.jsonl"), recursive=True)
    return sorted(path for path in found if NAME.fullmatch(os.path.basename(path)))


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield a snapshot for each file; there is a split for each task."""
    files = [path for source in sources for path in (files_in(source) if os.path.isdir(source) else [source])]
    if not files:
        raise InputError("holds no samples_*.jsonl", "evaluate with --log_samples", where=sources[0])
    by_task: dict[str, list[str]] = {}
    for path in files:
        match = NAME.fullmatch(os.path.basename(path))
        by_task.setdefault(match["task"] if match else "", []).append(path)
    yield Remark("labels are the places of the choices: class 0 is the first")
    for task, paths in by_task.items():
        by_date = len(paths) > 1 and len({os.path.dirname(path) for path in paths}) == 1
        if by_date:
            paths = sorted(paths)
            yield Remark("snapshots are numbered in the order of their dates")
        steps = list(range(len(paths))) if by_date else steps_of(_telling(paths), sources[0])
        for path, step in sorted(zip(paths, steps, strict=True), key=lambda pair: pair[1]):
            yield from _read_file(path, step, task if len(by_task) > 1 else "")


def _telling(paths: Sequence[str]) -> list[str]:
    """Return the folders of files, by which they are told apart."""
    folders = [os.path.dirname(os.path.abspath(path)) for path in paths]
    if len(folders) == 1:
        return folders
    common = os.path.commonpath(folders)
    return [os.path.relpath(folder, common) for folder in folders]


def _read_file(path: str, step: int, task: str) -> Iterator[Item]:
    ids: list[Any] = []
    predicted: list[int] = []
    true: dict[Any, int] = {}
    kept, n_choices = "", 0
    for line, record in records_of(path):
        if line % 4096 == 1:
            memory.require(4096 * 500, "the next lines of it", memory.ELSEWHERE, where=path)
        sample = record.get("doc_id")
        if type(sample) not in (int, str):
            raise InputError(f"line {line} has no 'doc_id'", "give what --log_samples wrote", where=path)
        kept = kept or str(record.get("filter"))
        if str(record.get("filter")) != kept:
            continue  # the same answers once more, filtered in another way
        scores = _log_likelihoods(record, f"{path}: line {line}")
        n_choices = max(n_choices, len(scores))
        ids.append(sample)
        predicted.append(int(np.argmax(scores)))
        target = _target(record, len(scores))
        if target is not None:
            true[sample] = target
    if not ids:
        raise InputError("holds no samples", "was writing it interrupted?", where=path)
    yield Snapshot(step, np.array(predicted), path, ids, split=task)
    yield ClassCount(n_choices)
    if true:
        yield TrueLabels(np.array(list(true.values())), path, list(true), task)


def _log_likelihoods(record: dict[str, Any], where: str) -> np.ndarray:
    responses = record.get("filtered_resps")
    try:
        if not isinstance(responses, list) or len(responses) < 2:
            raise ValueError
        scores = np.array([float(response[0]) for response in responses if len(response) == 2])
        if len(scores) != len(responses) or np.isnan(scores).any():
            raise ValueError
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise InputError(
            "is not multiple choice: its filtered_resps are no log-likelihoods",
            "give the samples of a task with choices",
            where=where,
        ) from error
    # for mutual information, the likelihoods without the question follow those with it
    return scores[: len(scores) // 2] if "acc_mutual_info" in record else scores


def _target(record: dict[str, Any], n_choices: int) -> int | None:
    """Return the true choice: given as its place, or as the text of it."""
    target = str(record.get("target"))
    if target.isascii() and target.isdigit() and len(target) < 10:
        return int(target) if int(target) < n_choices else None
    arguments = record.get("arguments")
    given = list(arguments.values()) if isinstance(arguments, dict) else arguments
    choices = [_continuation(pair) for pair in given] if isinstance(given, list) else []
    return choices.index(target.strip()) if target.strip() in choices[:n_choices] else None


def _continuation(pair: Any) -> str:
    text = (
        pair.get("arg_1") if isinstance(pair, dict) else (pair[1] if isinstance(pair, list) and len(pair) > 1 else "")
    )
    return text.strip() if isinstance(text, str) else ""
