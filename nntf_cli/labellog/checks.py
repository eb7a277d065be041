"""Checks of what stands beside the labels: steps, true classes, scalars, names."""

from __future__ import annotations

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.store import StoredArray
from nntf_cli.files.vectors import numbers, of_length, type_name, whole_numbers
from nntf_cli.model import Scalar


class OrderError(InputError):
    """Steps that repeat or go back."""

    def __init__(self, cause: str, remedy: str, *, where: str, values: np.ndarray) -> None:
        super().__init__(cause, remedy, where=where)
        self.values = values  #: (T,) int64: the steps


def label_array(array: StoredArray, *, per_snapshot: bool = False) -> None:
    """Refuse what can be neither labels nor scores, from its shape and type alone.

    Raises
    ------
    InputError
        Not of numbers, not (T, N) or (T, N, C), or without a snapshot or a sample.
    """
    if array.dtype.kind not in "biuf" or array.dtype.names is not None:
        raise InputError(
            f"must hold whole numbers, found {type_name(array.dtype)}",
            "store the index of the predicted class",
            where=array.where,
        )
    wanted = (1, 2) if per_snapshot else (2, 3)
    if len(array.shape) not in wanted:
        layout = (
            "(samples) or (samples, classes)"
            if per_snapshot
            else "(snapshots, samples) or (snapshots, samples, classes)"
        )
        raise InputError(
            f"must have shape {layout}, found {array.shape}",
            "store one label per sample" if per_snapshot else "store one row per snapshot, one column per sample",
            where=array.where,
        )
    if 0 in array.shape:
        raise InputError(
            f"holds no labels (shape {array.shape})", "record snapshots of at least one sample", where=array.where
        )
    if len(array.shape) == wanted[1] and array.shape[-1] == 1:
        raise InputError(
            f"has scores of a single class (shape {array.shape})",
            "store labels: for one sigmoid output, (score > 0.5)",
            where=array.where,
        )


def native_type(array: StoredArray) -> None:
    """Refuse labels of another type than the native layout has.

    Raises
    ------
    InputError
        They are not of 1, 2 or 4 bytes without a sign.
    """
    if array.dtype.kind != "u" or array.dtype.itemsize > 4:
        raise InputError(
            f"has type {array.dtype}, the native layout uint8, uint16 or uint32",
            "rewrite it with nntf pack",
            where=array.where,
        )


def like_the_first(array: StoredArray, number: int, first: StoredArray) -> None:
    """Refuse a snapshot of another shape than the first.

    Raises
    ------
    InputError
        It has one.
    """
    if array.shape != first.shape:
        raise InputError(
            f"snapshot {number} has shape {array.shape}, others {first.shape}",
            "every snapshot must label the same samples",
            where=array.where,
        )


def and_more(n: int) -> str:
    """Return how many more there are like the one that is named; nothing if it is the only one."""
    return f" (and {n - 1:,} more)" if n > 1 else ""


def steps(array: StoredArray, n_snapshots: int) -> np.ndarray:
    """Return the step of every snapshot.

    Raises
    ------
    InputError
        Another number than there are snapshots, or not strictly increasing.
    """
    values = whole_numbers(array, n_snapshots, "snapshots")
    wrong = np.flatnonzero(np.diff(values) <= 0)
    if len(wrong):
        i = int(wrong[0])
        raise OrderError(
            f"is not strictly increasing: {values[i]} is followed by {values[i + 1]} at snapshot {i + 1}"
            + and_more(len(wrong)),
            "sort the snapshots and drop repeated ones",
            where=array.where,
            values=values,
        )
    return values


def true_classes(array: StoredArray, n_samples: int, declared: int | None) -> np.ndarray:
    """Return the true class of every sample.

    Raises
    ------
    InputError
        Another number than there are samples, or a value that is no class.
    """
    values = whole_numbers(array, n_samples, "samples")
    wrong = values < 0
    if declared is not None:
        wrong |= values >= declared
    if wrong.any():
        i = int(wrong.argmax())
        classes = f"the {declared} classes" if declared is not None else "any class"
        raise InputError(
            f"true class {values[i]} of sample {i} is outside {classes}{and_more(int(np.count_nonzero(wrong)))}",
            "classes are numbered from 0",
            where=array.where,
        )
    return values


def scalar_series(array: StoredArray, n_snapshots: int) -> np.ndarray:
    """Return a value per snapshot as float64; nan and inf are kept.

    Raises
    ------
    InputError
        Not numbers, or another number than there are snapshots.
    """
    return numbers(array, n_snapshots, "snapshots")


def sample_ids(array: StoredArray, n_samples: int) -> np.ndarray:
    """Return the identities of the samples, int64 or str."""
    if array.dtype.kind in "iu":
        return whole_numbers(array, n_samples, "samples")
    return of_length(array, texts(array), n_samples, "samples")


def texts(array: StoredArray) -> np.ndarray:
    """Return a one-dimensional array of text.

    Raises
    ------
    InputError
        Another shape or type.
    """
    values: np.ndarray = array.read() if len(array.shape) == 1 and array.dtype.kind in "SUO" else np.empty(0)
    if values.dtype.kind not in "SU":
        raise InputError(
            f"must be a list of text, found {type_name(array.dtype)} {array.shape}", "store strings", where=array.where
        )
    if values.dtype.kind == "S":
        values = np.array([text.decode(errors="replace") for text in values.tolist()], dtype=str)
    return values


def class_count(value: Scalar | None, name: str, where: str) -> int:
    """Return a declared number of classes.

    Raises
    ------
    InputError
        It is not a whole number of at least 1.
    """
    if value is None:
        raise InputError(f"attribute {name} is missing or not one number", "store a whole number", where=where)
    whole = isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1
    if not whole or not 1 <= value < 2**32:  # type: ignore[operator]
        raise InputError(f"attribute {name} is {value!r}, not a number of classes", "store a whole number", where=where)
    return int(value)


def class_names(array: StoredArray, declared: int | None) -> tuple[str, ...]:
    """Return the names of the classes.

    Raises
    ------
    InputError
        Not text, or another number than there are classes.
    """
    values = texts(array)
    if declared is not None:
        of_length(array, values, declared, "classes")
    return tuple(str(text) for text in values)
