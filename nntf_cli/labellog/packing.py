"""Native logs written for size, and for reading one sample: streamed, and read back before anybody sees them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from nntf_cli import __version__, memory
from nntf_cli.errors import OutputError
from nntf_cli.files.writing import text_array
from nntf_cli.labellog.native import FORMAT, FORMAT_VERSION, label_dtype
from nntf_cli.model import NO_MISSING, LabelLog, LabelSource, Scalar
from nntf_cli.progress import task


class Rows(NamedTuple):
    """A rectangle of labels as they are to be stored, in the order of :class:`~nntf_cli.model.Panel`."""

    row: int
    column: int
    labels: np.ndarray


@dataclass
class Labels:
    """The labels of a split, to be streamed as often as asked for."""

    n_snapshots: int
    n_samples: int
    rows: Callable[[], Iterator[Rows]]


@dataclass
class Run:
    """All that is to be written of one run."""

    n_classes: int
    step: np.ndarray
    labels: Mapping[str, Labels]
    group: str = ""  #: where in the file; "" is the root
    scalars: Mapping[str, np.ndarray] = field(default_factory=dict)
    true: Mapping[str, np.ndarray] = field(default_factory=dict)
    ids: Mapping[str, np.ndarray] = field(default_factory=dict)
    class_names: Sequence[str] | None = None
    run: Mapping[str, Scalar] = field(default_factory=dict)  #: name, if it has one, and hyperparameters
    run_uuid: str = ""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the labels; its largest value means "missing"."""
        return label_dtype(self.n_classes)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all but the labels by its path."""
        arrays = {"snapshots/step": self.step.astype(np.int64)}
        arrays |= {f"snapshots/{name}": values.astype(np.float64) for name, values in self.scalars.items()}
        arrays |= {f"samples/{split}/true": values.astype(self.dtype) for split, values in self.true.items()}
        for split, values in self.ids.items():
            arrays[f"samples/{split}/id"] = text_array(values) if values.dtype.kind == "U" else values.astype(np.int64)
        if self.class_names is not None:
            arrays["classes/name"] = text_array(np.asarray(self.class_names, dtype=str))
        return arrays

    def path(self, path: str) -> str:
        """Return a path in this run as one in the file."""
        return f"{self.group}/{path}".strip("/")


def run_of_log(log: LabelLog, name: str = "", group: str = "") -> Run:
    """Return a log as it is to be packed; without a name, the file's will be taken for one as before."""
    splits = {log.chosen_split: log.split()} if log.chosen_split else log.splits
    dtype = label_dtype(log.n_classes)
    return Run(
        n_classes=log.n_classes,
        step=log.step,
        labels={split.name: _labels_of(split.labels, dtype) for split in splits.values()},
        group=group,
        scalars=log.scalars,
        true={split.name: split.true for split in splits.values() if split.true is not None},
        ids={split.name: split.ids for split in splits.values() if split.ids is not None},
        class_names=log.class_names,
        run={**({"name": name} if name else {}), **log.hparams},
        run_uuid=log.run_uuid,
    )


def _labels_of(source: LabelSource, dtype: np.dtype[Any]) -> Labels:
    def rows() -> Iterator[Rows]:
        for panel in source.panels():
            labels = panel.labels.astype(dtype, copy=False)
            if source.missing != NO_MISSING and panel.labels.dtype != dtype:
                labels[panel.labels == source.missing] = np.iinfo(dtype).max
            yield Rows(panel.row, panel.column, labels)

    return Labels(source.n_snapshots, source.n_samples, rows)


def write_runs(stream: BinaryIO, runs: Sequence[Run], where: str) -> None:
    """Write native logs into one file and read all of it back; memory does not grow with them.

    Parameters
    ----------
    stream : binary stream
        Open for writing and reading.
    runs : sequence of Run
        One in the root of the file, or each in a group of its own.
    where : str
        The file's name in messages.

    Raises
    ------
    OutputError
        What is read back is not what was written.
    OSError
        The file cannot be written.
    """
    from nntf_cli.files.streaming import streamed_hdf5

    with streamed_hdf5(stream) as file:
        for run in runs:
            _write_run(file, run)
    if stream.readable() and stream.seekable():
        for run in runs:
            _verify(stream, run, where)


def _write_run(file: Any, run: Run) -> None:
    from nntf_cli.files.streaming import chunk_shape

    digest = hashlib.sha256(repr(sorted(run.run.items())).encode())
    for split, labels in run.labels.items():
        shape = (labels.n_snapshots, labels.n_samples)
        chunks = chunk_shape(*shape, run.dtype.itemsize)
        blocks = _digested(_told(rechunked(labels.rows(), shape, chunks), labels), None if run.run_uuid else digest)
        file.put_blocks(run.path(f"labels/{split}"), shape, run.dtype, chunks, blocks)
    for path, array in run.arrays().items():
        digest.update(path.encode() + array.tobytes())
        file.put_array(run.path(path), array)
    identity = run.run_uuid or str(uuid.UUID(bytes=digest.digest()[:16], version=4))
    file.put_attributes(run.group, _root_attributes(run, identity))
    file.put_attributes(run.path("run"), run.run)


def _root_attributes(run: Run, identity: str) -> dict[str, Scalar]:
    return {
        "format": FORMAT,
        "format-version": FORMAT_VERSION,
        "generated-by": f"nntf-cli {__version__}",
        "n-classes": run.n_classes,
        "run-uuid": identity,
    }


_Block = tuple[int, int, np.ndarray]


def _digested(blocks: Iterator[_Block], digest: Any) -> Iterator[_Block]:
    """Make labels part of the identity of a run that has none."""
    for row, column, block in blocks:
        if digest is not None:
            digest.update(np.ascontiguousarray(block).data)
        yield row, column, block


def _told(blocks: Iterator[_Block], labels: Labels) -> Iterator[_Block]:
    """Tell whoever listens how far it is."""
    with task("packing", labels.n_snapshots * labels.n_samples) as done:
        for row, column, block in blocks:
            yield row, column, block
            done(block.size)


def rechunked(rows: Iterator[Rows], shape: tuple[int, int], chunks: tuple[int, int]) -> Iterator[_Block]:
    """Cut rectangles that tile an array anew, so that each is one chunk.

    Parameters
    ----------
    rows : iterator of Rows
        All rows of one range of columns in order, then the next range.
    shape, chunks : tuple of int
        Of the array; those at its end are cut off.

    Yields
    ------
    row, column, block
        In the same order, by rows of chunks.
    """
    (n_rows, n_columns), (height, width) = shape, chunks
    begin = 0  # the columns before are done
    carried = np.empty((n_rows, 0))  # columns of the last range that did not fill a chunk
    for given in rows:
        labels = given.labels
        if given.row == 0:
            end = given.column + labels.shape[1]
            stop = n_columns if end == n_columns else end // width * width
            memory.require(n_rows * (end - stop) * labels.itemsize, "packing it", memory.ELSEWHERE)
            left = np.empty((n_rows, end - stop), dtype=labels.dtype)
            band = np.empty((height, stop - begin), dtype=labels.dtype)
        below = given.row + len(labels)
        if carried.shape[1]:
            labels = np.hstack([carried[given.row : below], labels])
        left[given.row : below] = labels[:, stop - begin :]
        for row in range(given.row, below):
            band[row % height] = labels[row - given.row, : stop - begin]
            if (row + 1) % height == 0 or row + 1 == n_rows:
                first = row // height * height
                for column in range(0, stop - begin, width):
                    yield first, begin + column, band[: row + 1 - first, column : column + width].copy()
        if below == n_rows:
            begin, carried = stop, left


def _verify(stream: BinaryIO, run: Run, where: str) -> None:
    """Compare what is in the file with what should be, by way of HDF5, which had no part in compressing it."""
    from nntf_cli.files.streaming import reading_back

    with reading_back(stream) as file:
        group = file[run.group] if run.group else file
        same = all(np.array_equal(group[path][()], array, equal_nan=array.dtype.kind == "f")
                   for path, array in run.arrays().items())  # fmt: skip
        for split, labels in run.labels.items():
            same = same and _same_labels(group[f"labels/{split}"], labels)
        attributes = group["run"].attrs
        same = same and all(_alike(attributes.get(name), value) for name, value in run.run.items())
    if not same:
        raise OutputError("what was written is read back otherwise", "try another disk", where=where)


def _same_labels(stored: Any, labels: Labels) -> bool:
    n_all = labels.n_snapshots * labels.n_samples
    n_same = 0
    with task("verifying", n_all) as done:
        for row, column, given in labels.rows():
            there = stored[row : row + given.shape[0], column : column + given.shape[1]]
            n_same += int(np.count_nonzero(there == given))
            done(given.size)
    return n_same == n_all


def _alike(stored: Any, value: Scalar) -> bool:
    from nntf_cli.files.hdf5 import plain

    found = plain(stored)
    return found == value or (found != found and value != value)
