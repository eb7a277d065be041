"""What a recording is of: splits, classes, true classes, ids, hyperparameters; and whether it continues a log."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nntf_cli.errors import MismatchError, ParameterError
from nntf_cli.files.writing import text_array, write_hdf5
from nntf_cli.labellog.native import label_dtype
from nntf_cli.model import LabelLog, Scalar
from nntf_cli.recorders.given import as_array, as_labels, by_split, require_name

DEFAULT_SPLIT = "train"


@dataclass(frozen=True)
class Run:
    """What does not change from snapshot to snapshot."""

    splits: Mapping[str, int]  #: split -> number of samples
    n_classes: int
    class_names: tuple[str, ...] | None = None
    true: Mapping[str, np.ndarray] = field(default_factory=dict)
    ids: Mapping[str, np.ndarray] = field(default_factory=dict)
    hparams: Mapping[str, Scalar] = field(default_factory=dict)
    name: str = ""

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All arrays by their path in the native layout."""
        arrays = {f"samples/{split}/true": values for split, values in self.true.items()}
        arrays |= {f"samples/{split}/id": values for split, values in self.ids.items()}
        if self.class_names is not None:
            arrays["classes/name"] = np.array(self.class_names, dtype=str)
        return arrays


def run_of(
    n_samples: int | Mapping[str, int],
    classes: int | Sequence[str],
    true: Any,
    ids: Any,
    hparams: Mapping[str, Any] | None,
    name: str | None,
) -> Run:
    """Return the run that a caller describes.

    Raises
    ------
    ParameterError
        Something has another size than something else, or makes no sense.
    """
    splits = _splits(n_samples)
    n_classes, class_names = _classes(classes)
    true_of, ids_of = (by_split(given, list(splits), what) for given, what in ((true, "true"), (ids, "ids")))
    run = Run(
        splits,
        n_classes,
        class_names,
        {split: _true(values, splits[split], n_classes, split) for split, values in true_of.items()},
        {split: _ids(values, splits[split], split) for split, values in ids_of.items()},
        _hparams(hparams or {}),
        name or "",
    )
    _require_storable(run)
    return run


def _splits(n_samples: int | Mapping[str, int]) -> dict[str, int]:
    given = n_samples if isinstance(n_samples, Mapping) else {DEFAULT_SPLIT: n_samples}
    splits = {}
    for split, n in given.items():
        require_name(split, "split")
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 1 <= n < 2**32:
            raise ParameterError(f"n_samples of split '{split}' is {n!r}, not a number of samples")
        splits[split] = int(n)
    if not splits:
        raise ParameterError("n_samples names no split", "for instance {'train': 50_000, 'test': 10_000}")
    return splits


def _classes(classes: int | Sequence[str]) -> tuple[int, tuple[str, ...] | None]:
    names: tuple[str, ...] | None = None
    if isinstance(classes, (bool, str)) or not (isinstance(classes, (int, np.integer)) or hasattr(classes, "__len__")):
        raise ParameterError(f"classes is {classes!r}, neither a number of classes nor a list of names")
    if isinstance(classes, (int, np.integer)):
        n_classes = int(classes)
    else:
        names = tuple(str(each) for each in classes)
        n_classes = len(names)
    if n_classes < 1:
        raise ParameterError(f"classes is {classes!r}: there must be one at least")
    label_dtype(n_classes)
    return n_classes, names


def _true(values: Any, n_samples: int, n_classes: int, split: str) -> np.ndarray:
    labels = as_labels(values, n_samples, n_classes, f"true of split '{split}'")
    if as_array(values).ndim != 1:
        raise ParameterError(f"true of split '{split}' must be classes, not scores")
    return labels


def _ids(values: Any, n_samples: int, split: str) -> np.ndarray:
    array = np.asarray(values) if not hasattr(values, "detach") else as_array(values)
    if array.dtype.kind == "O" and all(isinstance(each, str) for each in array.ravel().tolist()):
        array = array.astype(str)
    if array.dtype.kind not in "iuU" or array.shape != (n_samples,):
        raise ParameterError(
            f"ids of split '{split}' must be {n_samples} whole numbers or texts, found {array.dtype} {array.shape}"
        )
    if len(np.unique(array)) < n_samples:
        raise ParameterError(f"ids of split '{split}' are not all different")
    return array if array.dtype.kind == "U" else array.astype(np.int64)


def _hparams(hparams: Mapping[str, Any]) -> dict[str, Scalar]:
    plain: dict[str, Scalar] = {}
    for name, value in hparams.items():
        value = value.item() if isinstance(value, np.generic) else value
        if not isinstance(name, str) or not isinstance(value, (bool, int, float, str)):
            raise ParameterError(
                f"hyperparameter {name!r} is {value!r}, neither number nor text", "leave it out, or pass str(...)"
            )
        if name == "name":
            raise ParameterError("a hyperparameter cannot be called 'name'", "pass name=... for the run's name")
        plain[name] = value
    return plain


def _require_storable(run: Run) -> None:
    """Try now what HDF5 may refuse (a number too large, a text too long): later nobody would be there to correct it."""
    try:
        arrays = {path: text_array(array) for path, array in run.arrays.items() if array.dtype.kind == "U"}
        write_hdf5(io.BytesIO(), arrays, {"run": {"name": run.name, **run.hparams}})
    except Exception as error:
        raise ParameterError(f"hyperparameters or names that HDF5 does not store ({error})") from error


def continued(run: Run, log: Run, where: str) -> Run:
    """Return the run that continues a log: what is known of both, the newer where they may differ.

    Raises
    ------
    MismatchError
        Samples, classes, splits, true classes or ids are not those of the log.
    """
    remedy = "continue with the same, or record to another file"
    if dict(run.splits) != dict(log.splits):
        raise MismatchError(f"has splits {_said(log.splits)}, not {_said(run.splits)}", remedy, where=where)
    if run.n_classes != log.n_classes:
        raise MismatchError(f"has {log.n_classes} classes, not {run.n_classes}", remedy, where=where)
    if None not in (run.class_names, log.class_names) and run.class_names != log.class_names:
        raise MismatchError("has other class names", remedy, where=where)
    for what, ours, theirs in (("true classes", run.true, log.true), ("ids", run.ids, log.ids)):
        for split in ours.keys() & theirs.keys():
            if not np.array_equal(ours[split], theirs[split]):
                raise MismatchError(f"has other {what} in split '{split}'", remedy, where=where)
    return replace(
        run,
        splits=log.splits,
        class_names=run.class_names or log.class_names,
        true={**log.true, **run.true},
        ids={**log.ids, **run.ids},
        hparams={**log.hparams, **run.hparams},
        name=run.name or log.name,
    )


def _said(splits: Mapping[str, int]) -> str:
    return ", ".join(f"{split} of {n}" for split, n in splits.items())


def run_in(log: LabelLog, n_classes: int) -> Run:
    """Return the run that a log is of."""
    dtype = label_dtype(n_classes)
    return Run(
        {name: split.labels.n_samples for name, split in log.splits.items()},
        n_classes,
        log.class_names,
        {name: split.true.astype(dtype) for name, split in log.splits.items() if split.true is not None},
        {name: split.ids for name, split in log.splits.items() if split.ids is not None},
        log.hparams,
        log.name,
    )
