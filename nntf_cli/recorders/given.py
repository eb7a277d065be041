"""What a caller gives, of whatever framework, as labels and numbers; what is wrong with it is said at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from nntf_cli.errors import ParameterError
from nntf_cli.labellog.native import label_dtype

Value = TypeVar("Value")


def as_array(values: Any) -> np.ndarray:
    """Return any array of numbers as numpy's: torch, JAX and TensorFlow tensors included, on whatever device.

    Nothing is imported for it. A tensor that is part of a graph is left as it is.

    Raises
    ------
    ParameterError
        It is no array of numbers.
    """
    detach = getattr(values, "detach", None)
    if callable(detach):
        values = detach().cpu()
    try:
        try:
            array = np.asarray(values)
        except TypeError:
            array = np.asarray(values.float())  # torch's bfloat16, which numpy does not know
        if array.dtype.kind == "V" and array.dtype.names is None:
            array = array.astype(np.float32)  # everybody else's
    except (TypeError, ValueError, AttributeError) as error:
        raise ParameterError(f"{type(values).__name__} is no array of numbers ({error})") from error
    if array.dtype.kind not in "biuf":
        raise ParameterError(f"must be an array of numbers, found {type(values).__name__} of {array.dtype}")
    return array


def as_labels(values: Any, n_samples: int, n_classes: int, what: str) -> np.ndarray:
    """Return the label of every sample, in the narrowest type that the log has for them.

    Parameters
    ----------
    values : array_like, shape (n_samples,) or (n_samples, n_classes)
        Labels; or scores, of which the largest counts (the first of equals). Where a score is nan, none counts: the
        label is missing.
    n_samples, n_classes : int
        What is expected.
    what : str
        What messages call it.

    Raises
    ------
    ParameterError
        Another shape, a label that is no whole number or no class.
    """
    array = as_array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        raise ParameterError(
            f"{what} has scores of a single class (shape {array.shape})",
            "give labels: for one sigmoid output, (score > 0.5)",
        )
    expected = [(n_samples,), (n_samples, n_classes)]
    if array.shape not in expected:
        raise ParameterError(f"{what} has shape {array.shape}, expected {expected[0]} or, as scores, {expected[1]}")
    dtype = label_dtype(n_classes)
    if array.ndim == 2:
        return _of_scores(array, dtype)
    if array.dtype.kind == "f" and not (np.isfinite(array) & (array == np.floor(array))).all():
        raise ParameterError(f"{what} holds a label that is not a whole number", "give classes from 0 on, or scores")
    if n_samples:
        # before narrowing: 256 would be 0 in a byte
        smallest, largest = array.min(), array.max()
        if smallest < 0 or largest >= n_classes:
            wrong = (array < 0) | (array >= n_classes)
            raise ParameterError(
                f"{what} holds label {array[wrong][0]:.0f} for its sample {int(wrong.argmax())}, "
                f"but classes are 0 to {n_classes - 1}"
            )
    return array.astype(dtype)


def _of_scores(scores: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    best = scores.argmax(axis=1)
    labels = best.astype(dtype)
    if scores.dtype.kind == "f" and len(scores):
        # argmax of numpy takes the first nan for the largest
        labels[np.isnan(np.take_along_axis(scores, best[:, None], axis=1)[:, 0])] = np.iinfo(dtype).max
    return labels


def as_index(values: Any, n_samples: int) -> np.ndarray:
    """Return the positions of samples.

    Raises
    ------
    ParameterError
        They are not whole numbers, or outside the split.
    """
    if isinstance(values, slice):
        return np.arange(n_samples)[values]
    index = as_array(values)
    if index.ndim != 1 or index.dtype.kind not in "iu":
        if index.size:
            raise ParameterError(f"index must be a list of whole numbers, found {index.dtype} {index.shape}")
        index = np.empty(0, dtype=np.int64)
    if len(index) and (index.min() < 0 or index.max() >= n_samples):
        raise ParameterError(f"index reaches from {index.min()} to {index.max()}, samples are 0 to {n_samples - 1}")
    return index


def as_step(step: Any) -> int:
    """Return a step.

    Raises
    ------
    ParameterError
        It is not one whole number.
    """
    value = as_array(step)
    is_whole = not value.ndim and value.dtype.kind != "b" and np.isfinite(value) and value == np.floor(value)
    if not is_whole or not -(2**63) <= int(value) < 2**63:
        raise ParameterError(f"step is {step!r}, not a whole number")
    return int(value)


def as_scalars(scalars: Mapping[str, Any]) -> dict[str, float]:
    """Return what stands beside the labels of a snapshot as floats; None is left out.

    Raises
    ------
    ParameterError
        A value is not one number, or a name cannot be that of a dataset.
    """
    result = {}
    for name, value in scalars.items():
        if value is None:
            continue
        require_name(name, "scalar")
        if name == "step":
            raise ParameterError("a scalar cannot be called 'step'")
        number = as_array(value)
        if number.size != 1:
            raise ParameterError(f"{name} has shape {number.shape}, not one number")
        result[name] = float(number.reshape(())[()])
    return result


def require_name(name: Any, of_what: str) -> None:
    """Refuse what HDF5 would take for a path.

    Raises
    ------
    ParameterError
        The name is empty, a path, or no text.
    """
    if not isinstance(name, str) or name in ("", ".", "..") or set(name) & {"/", "\0"}:
        raise ParameterError(f"the name of a {of_what} cannot be {name!r}", "name it without '/'")


def by_split(values: Mapping[str, Value] | Value | None, splits: Sequence[str], what: str) -> dict[str, Value]:
    """Return split -> value, where a value alone belongs to the only split.

    Raises
    ------
    ParameterError
        A split is unknown, or there are several and none is named.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        if len(splits) > 1:
            raise ParameterError(
                f"{what} of which split? There are {', '.join(splits)}", f"give a mapping: {{'{splits[0]}': ...}}"
            )
        return {splits[0]: values}
    unknown = [split for split in values if split not in splits]
    if unknown:
        raise ParameterError(f"{what} of split {unknown[0]!r}: there is none", f"splits: {', '.join(splits)}")
    return {split: value for split, value in values.items() if value is not None}
