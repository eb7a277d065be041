"""One array out of a file: a snapshot, true classes, ids. From .npy, .npz of one array, or text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.npy import read_npy_header
from nntf_cli.files.npz import NpzStore
from nntf_cli.files.store import open_regular, reading, sniff
from nntf_cli.importing import columns
from nntf_cli.importing.labels import text_array
from nntf_cli.importing.textfiles import number, parsed_json, table_of

ENDINGS = (".npy", ".npz", ".csv", ".tsv", ".txt")

#: Bytes a cell of text takes while its file is read.
_CELL_BYTES = 80


class Labels(NamedTuple):
    """What a file says of its samples."""

    values: np.ndarray  #: (N,) labels or (N, C) scores
    ids: list[Any] | None
    classes: list[str] | None = None  #: names of the columns of scores
    true: np.ndarray | None = None


def read_labels(path: str, what: str = "label") -> Labels:
    """Return the labels, or scores, that a file holds for each sample.

    Parameters
    ----------
    path : str
        .npy, .npz, or text: one label per line, columns ``id`` and ``label``, or scores in columns ``score_...``.
    what : str
        Kind of the column that counts in a table, see :mod:`~nntf_cli.importing.columns`.

    Raises
    ------
    InputError
        It cannot be read, or holds something else.
    """
    kind = sniff(path)
    if kind == "NPY":
        return Labels(read_npy(path), None)
    if kind == "NPZ":
        return Labels(_only_array(path), None)
    if kind:
        raise InputError(f"is {kind}, where labels of one snapshot should be", "give .npy, .npz or CSV", where=path)
    if os.path.splitext(path)[1].lower() in (".npy", ".npz"):
        raise InputError("is no numpy file", "save it with numpy.save", where=path)
    return _from_text(path, what)


def read_npy(path: str) -> np.ndarray:
    """Return the array of a .npy file."""
    with open_regular(path) as stream:
        shape, fortran, dtype = read_npy_header(stream, path)
        size = prod(shape) * dtype.itemsize
        begin = stream.tell()
        if stream.seek(0, 2) - begin != size:
            raise InputError(
                f"its header claims {size} bytes of data, but it holds {stream.tell() - begin}",
                "make it again or restore a copy",
                where=path,
            )
        stream.seek(begin)
        memory.require(2 * size, "reading it", memory.ELSEWHERE, where=path)
        with reading(path):
            return np.frombuffer(stream.read(size), dtype).reshape(shape, order="F" if fortran else "C")


def _only_array(path: str) -> np.ndarray:
    store = NpzStore.open(path)
    names = store.names()
    array = store.array(names[0]) if len(names) == 1 and not store.is_group(names[0]) else None
    if array is None:
        raise InputError(f"holds {len(names)} arrays", "save the labels of one snapshot, and nothing else", where=path)
    return array.read()


def _from_text(path: str, what: str) -> Labels:
    with open_regular(path) as stream:
        names, rows = table_of(stream, path)
        memory.require(_CELL_BYTES * stream.seek(0, 1) // 2, "reading it", memory.ELSEWHERE, where=path)
        cells = _all_cells(rows, path)
    if not cells:
        raise InputError("labels no sample", "give a row for each sample", where=path)
    width = len(cells[0][1])
    if not names:
        if width > 2:
            return Labels(_numbers_of(cells, range(width), path), None)
        ids = ids_of([row[0] for _, row in cells]) if width == 2 else None
        return Labels(_texts([row[-1] for _, row in cells], path), ids)
    label, sample = columns.find(names, what), columns.find(names, "sample")
    label = columns.find(names, "label") if label is None else label
    true = columns.find(names, "true")
    label = true if label is None and what == "label" and not columns.scores(names) else label
    ids = None if sample is None else ids_of([row[sample] for _, row in cells])
    known = None if true is None or true == label else _texts([row[true] for _, row in cells], path)
    if label is None and width == 2 and sample is not None:
        label = 1 - sample
    if label is not None:
        return Labels(_texts([row[label] for _, row in cells], path), ids, None, known)
    scored = columns.scores(names)
    if not scored:
        raise InputError(
            f"has no column of labels or scores (found: {', '.join(names[:8])})",
            "call it label, or score_A, score_B, ...",
            where=path,
        )
    return Labels(_numbers_of(cells, [at for at, _ in scored], path), ids, class_names([c for _, c in scored]), known)


def _all_cells(rows: Any, path: str) -> list[tuple[int, list[str]]]:
    cells: list[tuple[int, list[str]]] = []
    for line, row in rows:
        if len(cells) % 65536 == 0:
            memory.require(65536 * _CELL_BYTES * max(1, len(row)), "reading it", memory.ELSEWHERE, where=path)
        cells.append((line, row))
    return cells


def _numbers_of(cells: list[tuple[int, list[str]]], places: Sequence[int], path: str) -> np.ndarray:
    values = np.empty((len(cells), len(places)))
    for i, (line, row) in enumerate(cells):
        for j, place in enumerate(places):
            value = number(row[place])
            if value is None:
                raise InputError(
                    f"line {line} has {row[place].strip()[:40]!r} where a score should be",
                    "give a number for each class",
                    where=path,
                )
            values[i, j] = value
    return values


def class_names(found: Sequence[str]) -> list[str] | None:
    """Return names of classes that columns of scores carry, unless they are their numbers."""
    return None if [name.strip() for name in found] == [str(i) for i in range(len(found))] else list(found)


def _texts(cells: list[str], path: str) -> np.ndarray:
    """Return labels as text, or where each is a list of scores, the scores."""
    if cells and cells[0].lstrip().startswith("["):
        return np.array([scores_in(cell, path) for cell in cells])
    return text_array(cells, path)


def scores_in(cell: str, where: str) -> list[float]:
    """Return the scores of a cell like ``[0.1, 0.9]``, as pandas writes lists."""
    scores = parsed_json(cell, f"the cell {cell.strip()[:40]!r}", where)
    if not isinstance(scores, list) or not all(isinstance(s, (int, float)) for s in scores) or len(scores) < 2:
        raise InputError(f"the cell {cell.strip()[:40]!r} holds no scores", "write [0.1, 0.9]", where=where)
    return [float(s) for s in scores]


def ids_of(texts: Sequence[str]) -> list[Any]:
    """Return ids as whole numbers where all are, written the usual way; else as text."""
    plain = [text.strip() for text in texts]
    if all(text.lstrip("-").isascii() and text.lstrip("-").isdigit() and len(text) < 19 for text in plain):
        values = [int(text) for text in plain]
        if all(str(value) == text for value, text in zip(values, plain, strict=True)):
            return list(values)
    return list(plain)


def read_column(path: str) -> list[Any]:
    """Return one value per sample or class: a line each, a table of one column, or a .npy array."""
    labels = read_labels(path, "sample")
    values = labels.values if labels.ids is None else np.array(labels.ids)
    if values.ndim != 1:
        raise InputError(f"must hold a list, found {values.shape}", "give one value on each line", where=path)
    found = values.tolist()
    return ids_of(found) if values.dtype.kind in "US" else found
