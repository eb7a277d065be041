"""Fingerprints and differences as NPY, CSV, NPZ and HDF5."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO

import numpy as np

from nntf_cli import __version__, memory
from nntf_cli.errors import InputError
from nntf_cli.files.npy import read_npy_header
from nntf_cli.files.opening import open_store
from nntf_cli.files.store import Store, reading, sniff
from nntf_cli.files.vectors import numbers, type_name, whole_numbers
from nntf_cli.files.writing import write_hdf5, write_npz
from nntf_cli.model import Axes, Axis, Difference, Fingerprint, Noise, Scalar

Matrix = Fingerprint | Difference

#: What a fingerprint may hold besides.
_NOISE = ("floor", "deviation")

FINGERPRINT = "nntf-fingerprint"
DIFFERENCE = "nntf-difference"
FORMAT_VERSION = 1

#: The endings of matrix files.
FORMATS = ("npy", "csv", "npz", "h5")

#: Both matrices' key and the dataset they are stored under.
_DATASETS = {FINGERPRINT: "distances", DIFFERENCE: "difference"}


def write_matrix(stream: BinaryIO, matrix: Matrix, fmt: str) -> None:
    """Write a matrix; ``npz`` and ``h5`` carry all that is known of it, ``csv`` its steps, ``npy`` nothing.

    Parameters
    ----------
    stream : binary stream
        Where to.
    matrix : Fingerprint or Difference
        What.
    fmt : {"npy", "csv", "npz", "h5"}
        How.
    """
    writers: dict[str, Callable[[BinaryIO, Matrix], None]] = {
        "npy": _write_npy,
        "csv": _write_csv,
        "npz": lambda out, m: write_npz(out, *_contents(m), compress=False),
        "h5": lambda out, m: write_hdf5(out, *_contents(m)),
    }
    writers[fmt](stream, matrix)


def _write_npy(stream: BinaryIO, matrix: Matrix) -> None:
    # not numpy's write_array: into a pipe it fails, and on a full disk it does not say so
    values = np.ascontiguousarray(matrix.values)
    np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(values))
    stream.write(values.data)


def _write_csv(stream: BinaryIO, matrix: Matrix) -> None:
    """Write steps in the first row and column, and numbers so that reading them gives the same bits."""
    columns = _labels(matrix.axes.columns, matrix.values.shape[1])
    stream.write(("step," + ",".join(columns) + "\n").encode())
    for label, row in zip(_labels(matrix.axes.rows, matrix.values.shape[0]), matrix.values, strict=True):
        stream.write((label + "," + ",".join(map(repr, row.tolist())) + "\n").encode())


def _labels(axis: Axis, n: int) -> list[str]:
    return [str(step) for step in (range(n) if axis.to_step is None else axis.to_step.tolist())]


def _contents(matrix: Matrix) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Scalar]]]:
    """Return arrays by path and attributes by group."""
    kind = FINGERPRINT if isinstance(matrix, Fingerprint) else DIFFERENCE
    arrays = {_DATASETS[kind]: matrix.values}
    root: dict[str, Scalar] = {
        "format": kind,
        "format-version": FORMAT_VERSION,
        "generated-by": f"nntf-cli {__version__}",
    }
    root |= {key: value for key, value in (("metric", matrix.metric), ("normalize", matrix.normalize)) if value}
    attributes: dict[str, dict[str, Scalar]] = {"": root}
    if isinstance(matrix, Fingerprint):
        if matrix.noise is not None:
            arrays |= {name: getattr(matrix.noise, name) for name in _NOISE}
            if matrix.noise.p_value is not None:
                arrays["p_value"] = matrix.noise.p_value
        _put_axes(arrays, attributes, "", matrix.axes)
    else:
        for path, steps in (("from_step", matrix.a.rows.from_step), ("to_step", matrix.a.rows.to_step)):
            if steps is not None:
                arrays[path] = steps
        _put_axes(arrays, attributes, "a/", matrix.a)
        _put_axes(arrays, attributes, "b/", matrix.b)
    return arrays, attributes


def _put_axes(arrays: dict[str, np.ndarray], attributes: dict[str, dict[str, Scalar]], prefix: str, axes: Axes) -> None:
    _put_axis(arrays, attributes, prefix, axes.rows)
    if axes.is_cross:
        _put_axis(arrays, attributes, f"{prefix}columns/", axes.columns)


def _put_axis(arrays: dict[str, np.ndarray], attributes: dict[str, dict[str, Scalar]], prefix: str, axis: Axis) -> None:
    vectors = {"from_step": axis.from_step, "to_step": axis.to_step, "moved": axis.moved}
    arrays |= {prefix + name: values for name, values in vectors.items() if values is not None}
    arrays |= {f"{prefix}snapshots/{name}": values for name, values in axis.scalars.items()}
    facts: dict[str, Scalar | None] = {
        "source": axis.source or None,
        "split": axis.split,
        "n-samples": axis.n_samples,
        "n-classes": axis.n_classes,
    }
    group = attributes.setdefault(prefix.rstrip("/"), {})
    group |= {name: value for name, value in facts.items() if value is not None}
    attributes[f"{prefix}run"] = {**({"name": axis.run} if axis.run else {}), **axis.hparams}


def read_matrix(path: str, data: bytes | None = None) -> Matrix | None:
    """Read a matrix of any format that :func:`write_matrix` knows, recognised by its content.

    Parameters
    ----------
    path : str
        The file; with ``data`` only its name in messages.
    data : bytes, optional
        Content that came through a pipe.

    Returns
    -------
    Fingerprint, Difference or None
        None where the file is HDF5 or NPZ but not a matrix of ours: perhaps a label log.

    Raises
    ------
    InputError
        The file is missing, damaged, of a newer version, or not a matrix.
    """
    kind = sniff(path, data)
    if kind == "NPY":
        return _bare(_read_npy(path, data), path)
    if kind == "":
        return _read_csv(path, data)
    store = open_store(path, data)
    attributes = store.attributes()
    if attributes.get("format") not in _DATASETS:
        return None
    return _from_store(store, attributes)


def _bare(values: np.ndarray, path: str) -> Fingerprint:
    axis = Axis(source=path)
    return Fingerprint(_as_matrix(values, path), Axes(axis, axis), origin=path)


def _as_matrix(values: np.ndarray, where: str) -> np.ndarray:
    if values.ndim != 2 or values.dtype.kind not in "biuf":
        raise InputError(
            f"is not a matrix of numbers (found {type_name(values.dtype)} {values.shape})",
            "a fingerprint has rows and columns",
            where=where,
        )
    if not values.size:
        raise InputError("the matrix is empty", "compute it from at least two snapshots", where=where)
    # what was rounded to 32 bits stays so: its entries near the edges of bands are not where they were
    single = values.dtype.kind == "f" and values.dtype.itemsize < np.dtype(np.float64).itemsize
    return np.ascontiguousarray(values, dtype=np.float32 if single else np.float64)


def _read_npy(path: str, data: bytes | None) -> np.ndarray:
    with reading(path), open(path, "rb") if data is None else io.BytesIO(data) as stream:
        shape, _, dtype = read_npy_header(stream, path)
        claimed = dtype.itemsize * int(np.prod(shape, dtype=object))
        begin = stream.tell()
        held = stream.seek(0, io.SEEK_END) - begin
        if claimed != held:
            raise InputError(
                f"its header claims {claimed} bytes of data, but it holds {held}",
                "make it again or restore a copy",
                where=path,
            )
        memory.require(claimed, "reading it", memory.ELSEWHERE, where=path)
        stream.seek(0)
        return np.lib.format.read_array(stream, allow_pickle=False)


def _read_csv(path: str, data: bytes | None) -> Fingerprint:
    """Read numbers with steps in the first row and column."""
    import pandas as pd

    try:
        with open(path, "rb") if data is None else io.BytesIO(data) as stream:
            frame = pd.read_csv(stream, index_col=0, dtype=str, keep_default_na=False)
        # numpy reads the decimals of every bit; what pandas does has changed between versions
        values = np.asarray(frame.to_numpy(dtype=str), dtype=np.float64)
        rows, columns = _csv_steps(frame.index), _csv_steps(frame.columns)
        if not values.size:
            raise ValueError("no numbers")
    except (ValueError, OverflowError, OSError) as error:
        raise InputError(
            "is neither NPY, NPZ, HDF5 nor a CSV matrix with steps in its first row and column",
            "make it with nntf fingerprint, or a label log of it: nntf import FILE -o run.h5",
            where=path,
        ) from error
    axis = Axis(source=path, to_step=rows)
    other = axis if np.array_equal(rows, columns) else Axis(source=path, to_step=columns)
    return Fingerprint(_as_matrix(values, path), Axes(axis, other), origin=path)


def _csv_steps(labels: Iterable[object]) -> np.ndarray:
    """Return the steps in a first row or column: whole numbers, or it is some other table."""
    return np.array([int(str(label)) for label in labels], dtype=np.int64)


def _from_store(store: Store, attributes: Mapping[str, Scalar | None]) -> Matrix:
    version = attributes.get("format-version")
    if version != FORMAT_VERSION:
        raise InputError(
            f"is of version {version}, this nntf reads version {FORMAT_VERSION}",
            "upgrade nntf-cli",
            where=store.where,
        )
    dataset = _DATASETS[str(attributes["format"])]
    array = store.array(dataset)
    if array is None:
        raise InputError(f"has no '{dataset}'", "make it again", where=store.where)
    values = _as_matrix(array.read(), store.where)
    metric, normalize = (_text(attributes.get(key)) for key in ("metric", "normalize"))
    if attributes["format"] == FINGERPRINT:
        axes, noise = _get_axes(store, "", values.shape), _get_noise(store, values.shape)
        return Fingerprint(values, axes, metric, normalize, store.where, noise)
    a, b = (_get_axes(store, f"{side}/", values.shape) for side in "ab")
    return Difference(values, a, b, metric, normalize, store.where)


def _get_noise(store: Store, shape: tuple[int, ...]) -> Noise | None:
    """Return what the distances are to be read against, where it was computed."""
    found = {name: array for name in _NOISE if (array := store.array(name)) is not None}
    if not found:
        return None
    matrices = []
    for name in _NOISE:
        values = found[name].read() if name in found and found[name].shape == shape else None
        if values is None or values.dtype != np.float64 or not (np.isfinite(values) & (values >= 0)).all():
            raise InputError(
                f"'{name}' is not a matrix of {' x '.join(map(str, shape))} numbers from 0 on, as 'distances' is",
                "make it again",
                where=store.where,
            )
        matrices.append(values)
    return Noise(*matrices)


def _text(value: Scalar | None) -> str | None:
    return None if value is None else str(value)


def _get_axes(store: Store, prefix: str, shape: tuple[int, ...]) -> Axes:
    rows = _get_axis(store, prefix, shape[0])
    if not store.is_group(f"{prefix}columns"):
        return Axes(rows, rows)
    return Axes(rows, _get_axis(store, f"{prefix}columns/", shape[1]))


def _get_axis(store: Store, prefix: str, n: int) -> Axis:
    facts = store.attributes(prefix.rstrip("/"))
    which = "columns" if prefix.endswith("columns/") else "rows"
    vectors: dict[str, np.ndarray | None] = {}
    for name in ("from_step", "to_step", "moved"):
        array = store.array(prefix + name)
        vectors[name] = None if array is None else whole_numbers(array, n, which)
    # a distance between snapshots (hamming) leads from one to itself
    leaves, arrives = vectors["from_step"], vectors["to_step"]
    n_snapshots = n if leaves is not None and arrives is not None and np.array_equal(leaves, arrives) else n + 1
    scalars = {}
    if store.is_group(f"{prefix}snapshots"):
        for name in store.group(f"{prefix}snapshots").names():
            array = store.array(f"{prefix}snapshots/{name}")
            if array is not None:
                scalars[name] = numbers(array, n_snapshots, "snapshots")
    run = {name: value for name, value in store.attributes(f"{prefix}run").items() if value is not None}
    return Axis(
        run=str(run.pop("name", "")),
        source=str(facts.get("source") or store.where),
        split=_text(facts.get("split")),
        from_step=vectors["from_step"],
        to_step=vectors["to_step"],
        moved=vectors["moved"],
        n_samples=_count(facts, "n-samples", store.where),
        n_classes=_count(facts, "n-classes", store.where),
        scalars=scalars,
        hparams=run,
    )


def _count(facts: Mapping[str, Scalar | None], name: str, where: str) -> int | None:
    value = facts.get(name)
    if name in facts and (isinstance(value, bool) or not isinstance(value, int)):
        raise InputError(f"attribute {name} is {value!r}, not a whole number", "make it again", where=where)
    return value if isinstance(value, int) else None
