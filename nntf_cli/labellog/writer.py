"""Write label logs in the native layout, version 1: HDF5 or its NPZ twin."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike

from nntf_cli import __version__
from nntf_cli.errors import ParameterError
from nntf_cli.files.atomic import publish
from nntf_cli.files.writing import text_array, write_hdf5, write_npz
from nntf_cli.labellog.journal import has_journal
from nntf_cli.labellog.native import FORMAT, FORMAT_VERSION, label_dtype
from nntf_cli.model import LabelLog, Scalar, Split
from nntf_cli.wording import quantity


def write_log(
    path: str | os.PathLike[str],
    labels: Mapping[str, ArrayLike],
    *,
    n_classes: int,
    step: ArrayLike | None = None,
    scalars: Mapping[str, ArrayLike] | None = None,
    hparams: Mapping[str, Scalar] | None = None,
    name: str | None = None,
    class_names: Sequence[str] | None = None,
    true: Mapping[str, ArrayLike] | None = None,
    ids: Mapping[str, ArrayLike] | None = None,
    force: bool = False,
) -> None:
    """Write a label log in the native layout; the same content gives the same bytes.

    Parameters
    ----------
    path : path
        ``*.npz`` writes the NPZ twin, anything else HDF5.
    labels : mapping of split to array of int, shape (T, N)
        Predicted classes in ``[0, n_classes)``; a negative label is a missing one.
    n_classes : int
        C.
    step : array of int, shape (T,), optional
        Iteration (or epoch) of each snapshot, strictly increasing; 0 ... T - 1 if not given.
    scalars : mapping of name to array of float, shape (T,), optional
        ``loss``, ``accuracy``, ``test_accuracy``, ...
    hparams : mapping of name to scalar, optional
        Hyperparameters of the run.
    name : str, optional
        The run's name; without it readers use the file's.
    class_names : sequence of str, length C, optional
        Names of the classes.
    true, ids : mapping of split to array, shape (N,), optional
        True classes; identities of the samples (int or str).
    force : bool
        Replace an existing file.

    Raises
    ------
    ParameterError
        The arrays do not fit together, the file exists and ``force`` is not set, or a recorder writes to it.
    OutputError
        The file cannot be written.
    """
    if has_journal(os.fspath(path)):
        raise ParameterError(
            "is being recorded, or was when that was interrupted", "close the recorder", where=str(path)
        )
    if os.path.exists(path) and not force:
        raise ParameterError("exists already", "pass force=True to replace it", where=str(path))
    arrays, root = _contents(labels, n_classes, step, scalars or {}, class_names, true or {}, ids or {})
    attributes = _attributes(root, name, hparams or {})
    root["run-uuid"] = _content_uuid(arrays, attributes["run"])
    write = write_npz if Path(path).suffix.lower() == ".npz" else write_hdf5
    publish({os.fspath(path): lambda stream: write(stream, arrays, attributes)})


def write_image(stream: BinaryIO, log: LabelLog) -> None:
    """Write a log as the native HDF5 layout, its identity and what is missing unchanged.

    Parameters
    ----------
    stream : binary stream
        Where to; the HDF5 library itself never sees it.
    log : LabelLog
        All its labels are read into memory.
    """
    n_classes = log.n_classes
    arrays, root = _contents(
        {name: _all_labels(split) for name, split in log.splits.items()},
        n_classes,
        log.step,
        log.scalars,
        log.class_names,
        {name: split.true for name, split in log.splits.items() if split.true is not None},
        {name: split.ids for name, split in log.splits.items() if split.ids is not None},
        missing=label_dtype(n_classes),
    )
    root["run-uuid"] = log.run_uuid
    write_hdf5(stream, arrays, _attributes(root, log.name, log.hparams))


def _all_labels(split: Split) -> np.ndarray:
    whole: np.ndarray | None = None
    for panel in split.labels.panels():
        if whole is None:
            whole = np.empty((split.labels.n_snapshots, split.labels.n_samples), dtype=panel.labels.dtype)
        rows, columns = panel.labels.shape
        whole[panel.row : panel.row + rows, panel.column : panel.column + columns] = panel.labels
    assert whole is not None
    return whole


def _attributes(
    root: dict[str, Scalar], name: str | None, hparams: Mapping[str, Scalar]
) -> dict[str, dict[str, Scalar]]:
    return {"": root, "run": {**({"name": name} if name else {}), **_scalars(hparams)}}


def _contents(
    labels: Mapping[str, ArrayLike],
    n_classes: int,
    step: ArrayLike | None,
    scalars: Mapping[str, ArrayLike],
    class_names: Sequence[str] | None,
    true: Mapping[str, ArrayLike],
    ids: Mapping[str, ArrayLike],
    missing: np.dtype[Any] | None = None,
) -> tuple[dict[str, np.ndarray], dict[str, Scalar]]:
    """Return every dataset by its path, checked against each other, and the root attributes.

    With ``missing``, the largest value of labels of this type is a missing one already.
    """
    if not isinstance(labels, Mapping) or not labels:
        raise ParameterError("labels must map at least one split to its labels", "for instance {'train': labels}")
    narrowed = {split: _narrow(split, np.asarray(given), n_classes, missing) for split, given in labels.items()}
    n_snapshots = len(next(iter(narrowed.values())))
    steps = np.arange(n_snapshots) if step is None else np.asarray(step)
    arrays = {f"labels/{split}": rows for split, rows in narrowed.items()}
    arrays["snapshots/step"] = steps.astype(np.int64)
    for scalar, values in scalars.items():
        arrays[f"snapshots/{scalar}"] = np.asarray(values, dtype=np.float64)
    for path, array in arrays.items():
        if len(array) != n_snapshots:
            raise ParameterError(f"{path} has {quantity(len(array), 'snapshot')}, others {n_snapshots}")
    if np.any(np.diff(arrays["snapshots/step"]) <= 0):
        raise ParameterError("steps are not strictly increasing")
    for kind, given in (("true", true), ("id", ids)):
        for split, values in given.items():
            arrays[f"samples/{split}/{kind}"] = _per_sample(kind, split, values, narrowed, n_classes)
    if class_names is not None:
        if len(class_names) != n_classes:
            raise ParameterError(f"{len(class_names)} class names for {n_classes} classes")
        arrays["classes/name"] = text_array(np.asarray(class_names, dtype=str))
    root: dict[str, Scalar] = {
        "format": FORMAT,
        "format-version": FORMAT_VERSION,
        "generated-by": f"nntf-cli {__version__}",
        "n-classes": int(n_classes),
    }
    return arrays, root


def _narrow(split: str, labels: np.ndarray, n_classes: int, missing: np.dtype[Any] | None) -> np.ndarray:
    if missing is not None and labels.dtype == missing:
        return labels
    if labels.ndim != 2 or 0 in labels.shape or labels.dtype.kind not in "iu":
        raise ParameterError(
            f"labels of split '{split}' must be whole numbers of shape (snapshots, samples), "
            f"found {labels.dtype} {labels.shape}"
        )
    if n_classes < 1 or labels.max() >= n_classes:
        raise ParameterError(f"split '{split}' holds label {labels.max()}, but there are {n_classes} classes")
    dtype = label_dtype(n_classes)
    narrowed = labels.astype(dtype)
    if labels.dtype.kind == "i":
        narrowed[labels < 0] = np.iinfo(dtype).max
    return narrowed


def _per_sample(
    kind: str, split: str, values: ArrayLike, labels: Mapping[str, np.ndarray], n_classes: int
) -> np.ndarray:
    array = np.asarray(values)
    if split not in labels or array.shape != (labels[split].shape[1],):
        raise ParameterError(f"samples/{split}/{kind} does not fit the labels of split '{split}'")
    if array.dtype.kind in "US":
        return text_array(array)
    if kind == "true":
        if array.min() < 0 or array.max() >= n_classes:
            raise ParameterError(f"samples/{split}/true holds a class outside [0, {n_classes})")
        return array.astype(label_dtype(n_classes))
    return array.astype(np.int64)


def _scalars(hparams: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Return hyperparameters as plain Python values, refusing what is no scalar."""
    plain: dict[str, Scalar] = {}
    for name, value in hparams.items():
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(value, (bool, int, float, str)):
            raise ParameterError(
                f"hyperparameter {name!r} is {value!r}, neither number nor text", "leave it out, or pass str(...)"
            )
        plain[name] = value
    return plain


def _content_uuid(arrays: Mapping[str, np.ndarray], run: Mapping[str, Scalar]) -> str:
    """Return a UUID made from the content, so that writing the same run twice gives the same file."""
    import hashlib
    import uuid

    digest = hashlib.sha256(repr(sorted(run.items())).encode())
    for path in sorted(arrays):
        digest.update(path.encode() + str(arrays[path].shape).encode())
        digest.update(np.ascontiguousarray(arrays[path]).data)
    return str(uuid.UUID(bytes=digest.digest()[:16], version=4))
