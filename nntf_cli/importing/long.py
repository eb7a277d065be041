"""A CSV file with a row for each prediction: columns ``step``, ``sample`` and ``label``, in any order.

No program's layout in particular. ``epoch`` or ``iteration`` stand for step, ``id`` or ``index`` for sample,
``prediction`` or ``pred`` for label; instead of a label there may be scores in ``score_A``, ``score_B``, ... Also
read: ``true`` and ``split``.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.store import open_regular
from nntf_cli.importing import columns
from nntf_cli.importing.items import BY_SCORES, ClassCount, ClassNames, Item, Options, Snapshot, TrueLabels
from nntf_cli.importing.labels import by_largest, text_array
from nntf_cli.importing.onefile import class_names, ids_of, scores_in
from nntf_cli.importing.textfiles import number, table_of


@dataclass
class _Words:
    """Different texts and their codes."""

    codes: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)  #: the same, with the spaces around them

    def code(self, cell: str) -> int:
        found = self.seen.get(cell)
        if found is None:
            found = self.seen[cell] = self.codes.setdefault(cell.strip(), len(self.codes))
        return found


@dataclass
class _Split:
    """The predictions of one split, twenty bytes each."""

    steps: array = field(default_factory=lambda: array("q"))
    samples: array = field(default_factory=lambda: array("I"))
    labels: array = field(default_factory=lambda: array("I"))
    lines: array = field(default_factory=lambda: array("q"))
    true: dict[int, int] = field(default_factory=dict)


class _Columns:
    """Where the columns of a table are."""

    def __init__(self, names: list[str], path: str) -> None:
        self.step, self.sample = columns.find(names, "step"), columns.find(names, "sample")
        self.label, self.true = columns.find(names, "label"), columns.find(names, "true")
        self.split = columns.find(names, "split")
        self.scores = columns.scores(names) if self.label is None else []
        self.n_scores = len(self.scores)
        missing = [what for what in ("step", "sample") if getattr(self, what) is None]
        missing += [] if self.label is not None or self.scores else ["label"]
        if missing:
            raise InputError(
                f"has no column {' and no column '.join(missing)} (found: {', '.join(names[:8]) or 'no header'})",
                "name the columns step, sample and label",
                where=path,
            )

    def predicted(self, cells: list[str], line: int, path: str) -> str:
        """Return the label of a row, that of the largest score where there are scores."""
        if self.label is not None:
            cell = cells[self.label]
            if not cell.lstrip().startswith("["):
                return cell
            scores = scores_in(cell, path)
            self.n_scores = max(self.n_scores, len(scores))
            return _largest(scores, f"{path}: line {line}")
        values = [number(cells[at]) for at, _ in self.scores]
        if None in values:
            raise InputError(f"line {line} lacks a score", "give a number for each class", where=path)
        return _largest([v for v in values if v is not None], f"{path}: line {line}")


def _largest(scores: list[float], where: str) -> str:
    return str(int(by_largest(np.array([scores]), where)[0]))


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield the snapshots of a long table, which is read row by row."""
    (path,) = sources
    words, samples = _Words(), _Words()
    splits: dict[str, _Split] = {}
    steps: dict[str, int] = {}
    with open_regular(path) as stream:
        names, rows = table_of(stream, path)
        at = _Columns(names, path)
        for n, (line, cells) in enumerate(rows):
            if n % 65536 == 0:
                memory.require(65536 * 300, "the next rows of it", memory.ELSEWHERE, where=path)
            name = cells[at.split].strip() if at.split is not None else ""
            split = splits.get(name) or splits.setdefault(name, _Split())
            cell = cells[at.step or 0]
            if cell not in steps:
                steps[cell] = _step(cell, line, path)
            split.steps.append(steps[cell])
            split.samples.append(samples.code(cells[at.sample or 0]))
            split.labels.append(words.code(at.predicted(cells, line, path)))
            split.lines.append(line)
            if at.true is not None:
                _put_true(split, words.code(cells[at.true]), samples, line, path)
    if not splits:
        raise InputError("labels no sample", "give a row for each prediction", where=path)
    if at.n_scores:
        yield BY_SCORES
        yield ClassCount(at.n_scores)
    if at.scores and (named := class_names([name for _, name in at.scores])):
        yield ClassNames(named, path)
    texts = text_array(words.codes, path)
    ids = ids_of(list(samples.codes))
    for name, split in splits.items():
        yield from _items(name, split, texts, ids, path)


def _step(cell: str, line: int, path: str) -> int:
    value = number(cell)
    if value is None or abs(value) >= 2.0**53 or value != int(value):
        raise InputError(
            f"line {line} has {cell.strip()[:40]!r} where a step should be", "number the snapshots", where=path
        )
    return int(value)


def _put_true(split: _Split, code: int, samples: _Words, line: int, path: str) -> None:
    sample = split.samples[-1]
    if split.true.setdefault(sample, code) != code:
        raise InputError(
            f"line {line} gives sample {list(samples.codes)[sample]!r} another true class than before",
            "give the same in every row",
            where=path,
        )


def _items(name: str, split: _Split, texts: np.ndarray, ids: list[Any], path: str) -> Iterator[Item]:
    steps, samples = np.frombuffer(split.steps, np.int64), np.frombuffer(split.samples, np.uint32)
    labels, lines = np.frombuffer(split.labels, np.uint32), np.frombuffer(split.lines, np.int64)
    memory.require(40 * len(steps), "sorting it", memory.ELSEWHERE, where=path)
    order = np.lexsort((samples, steps))
    same = (np.diff(steps[order]) == 0) & (np.diff(samples[order]) == 0)
    if same.any():
        second = order[1:][same].min()
        raise InputError(
            f"line {lines[second]} labels sample {ids[samples[second]]!r} a second time at step {steps[second]}",
            "give each sample once a step",
            where=path,
        )
    by_step = np.argsort(steps, kind="stable")
    values, starts = np.unique(steps[by_step], return_index=True)
    for step, rows in zip(values.tolist(), np.split(by_step, starts[1:]), strict=True):
        found = [ids[sample] for sample in samples[rows].tolist()]
        yield Snapshot(step, texts[labels[rows]], f"{path}: step {step}", found, split=name)
    if split.true:
        known = np.array(list(split.true.values()))
        yield TrueLabels(texts[known], path, [ids[sample] for sample in split.true], name)
