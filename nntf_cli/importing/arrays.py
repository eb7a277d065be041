"""Labels in one array: ``.npy``, or ``.npz`` with one such array or one array per snapshot.

The formats are numpy's (numpy.lib.format). The array is (T, N): a row for each snapshot, a column for each sample; with
axis 1 it is (N, T). Scores are (T, N, C), with axis 1 (N, T, C). Arrays are read a few snapshots at a time; one that
lies the other way in its file is read whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import BinaryIO

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.npy import read_npy_header
from nntf_cli.files.npz import NpzStore
from nntf_cli.files.store import LABEL_NAMES, PANEL_BYTES, StoredArray, open_regular, reading
from nntf_cli.files.vectors import numbers
from nntf_cli.importing.items import ClassNames, Item, Options, Remark, ScalarRows, Snapshot, TrueLabels
from nntf_cli.importing.numbering import steps_of

_STEP_NAMES = ("step", "steps", "iterations", "epochs", "epoch", "iteration")
_TRUE_NAMES = ("true", "targets", "y_true", "labels_true")
_SCALAR_NAMES = ("loss", "accuracy", "test_loss", "test_accuracy", "val_loss", "val_accuracy")


def read_npy(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield the snapshots of one .npy array."""
    (path,) = sources
    with open_regular(path) as stream:
        shape, fortran, dtype = read_npy_header(stream, path)
        begin = stream.tell()
        held = stream.seek(0, 2) - begin
        stream.seek(begin)
        if prod(shape) * dtype.itemsize != held:
            raise InputError(
                f"its header claims {prod(shape) * dtype.itemsize} bytes, but it holds {held}",
                "make it again or restore a copy",
                where=path,
            )
        axis = _checked_axis(shape, options.axis, path)
        yield from _told(shape, options.axis)
        if axis == 0 and not fortran:
            for step in range(shape[0]):
                yield Snapshot(step, _taken(stream, shape[1:], dtype, path), f"{path}: snapshot {step}")
        else:
            flat = _taken(stream, (prod(shape),), dtype, path)
            yield from snapshots_of(flat.reshape(shape, order="F" if fortran else "C"), options, path, told=True)


def _taken(stream: BinaryIO, shape: tuple[int, ...], dtype: np.dtype, where: str) -> np.ndarray:
    size = prod(shape) * dtype.itemsize
    memory.require(2 * size, "reading it", memory.ELSEWHERE, where=where)
    with reading(where):
        data = stream.read(size)
        return np.frombuffer(data, dtype).reshape(shape)


def snapshots_of(array: np.ndarray, options: Options, where: str, *, told: bool = False) -> Iterator[Item]:
    """Yield the snapshots of an array that is in memory."""
    axis = _checked_axis(array.shape, options.axis, where)
    if not told:
        yield from _told(array.shape, options.axis)
    for step in range(array.shape[axis]):
        yield Snapshot(step, array.take(step, axis=axis), f"{where}: snapshot {step}")


def _checked_axis(shape: tuple[int, ...], axis: int | None, where: str) -> int:
    if len(shape) not in (2, 3) or 0 in shape:
        raise InputError(
            f"must have shape (snapshots, samples) or (snapshots, samples, classes), found {shape}",
            "give one file for each snapshot, or stack them",
            where=where,
        )
    return axis or 0


def _told(shape: tuple[int, ...], axis: int | None) -> Iterator[Remark]:
    if axis is None:
        yield Remark(f"rows are taken for snapshots (shape {shape}); if columns are, say --axis 1")


# ---- .npz ------------------------------------------------------------------------------------------------------


def read_npz(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield the snapshots of an .npz archive: one array of all, or arrays that are numbered."""
    (path,) = sources
    store = NpzStore.open(path)
    if store.attributes().get("format"):
        raise InputError("is a file of nntf's own, which needs no import", f"try nntf info {path}", where=path)
    names = [name for name in store.names() if not store.is_group(name)]
    arrays = {name: array for name in names if (array := store.array(name)) is not None}
    main = next(
        (name for name in (*LABEL_NAMES, "arr_0", *arrays) if name in arrays and len(arrays[name].shape) > 1), ""
    )
    stacked = main in LABEL_NAMES or len([array for array in arrays.values() if len(array.shape) > 1]) == 1
    if main and stacked:
        yield from _stacked(arrays, main, options)
    else:
        numbered = [name for name in arrays if any(c.isdigit() for c in name)]
        if not numbered:
            raise InputError(
                f"has no array 'labels' and none that is numbered (found: {', '.join(names[:8]) or 'nothing'})",
                "save labels of shape (snapshots, samples)",
                where=path,
            )
        for name, step in zip(numbered, steps_of(numbered, path), strict=True):
            yield Snapshot(step, arrays[name].read(), arrays[name].where)
    yield from _beside(arrays)


def _stacked(arrays: Mapping[str, StoredArray], main: str, options: Options) -> Iterator[Item]:
    array = arrays[main]
    axis = _checked_axis(array.shape, options.axis, array.where)
    n_snapshots = array.shape[axis]
    steps = next(
        (whole_steps(arrays[name], n_snapshots) for name in _STEP_NAMES if name in arrays), list(range(n_snapshots))
    )
    yield from _told(array.shape, options.axis)
    if axis == 0:
        row = 0
        for tile in array.tiles():
            for labels in tile.block:
                yield Snapshot(steps[row], labels, f"{array.where}: snapshot {row}")
                row += 1
    else:
        # the matrix is in memory once as it lies, and once more a snapshot at a time
        memory.require(prod(array.shape) * array.dtype.itemsize + PANEL_BYTES, "reading it", where=array.where)
        for item in snapshots_of(array.read(), options, array.where, told=True):
            if isinstance(item, Snapshot):
                yield Snapshot(steps[item.step], item.predicted, item.where)
    scalars = {name: numbers(arrays[name], n_snapshots, "snapshots") for name in _SCALAR_NAMES if name in arrays}
    if scalars:
        rows = [{"step": step, **{n: float(v[i]) for n, v in scalars.items()}} for i, step in enumerate(steps)]
        yield ScalarRows(rows, ("step",), array.where)


def whole_steps(array: StoredArray, n: int) -> list[int]:
    """Return steps that stand in an array of their own."""
    values = numbers(array, n, "snapshots")
    if not (values == np.floor(values)).all() or np.abs(values).max(initial=0) >= 2.0**53:
        raise InputError("holds a step that is no whole number", "store integers", where=array.where)
    return [int(value) for value in values]


def _beside(arrays: Mapping[str, StoredArray]) -> Iterator[Item]:
    for name in _TRUE_NAMES:
        if name in arrays and len(arrays[name].shape) == 1:
            yield TrueLabels(arrays[name].read(), arrays[name].where)
            break
    if "class_names" in arrays:
        yield ClassNames([str(text) for text in arrays["class_names"].read().tolist()], arrays["class_names"].where)
