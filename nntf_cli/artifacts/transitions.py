"""The transitions δ_i: as a list of flows (NPZ, HDF5, CSV) or as dense matrices (NPY)."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from nntf_cli import __version__, memory
from nntf_cli.files.writing import write_hdf5, write_npz
from nntf_cli.model import Flows, Scalar

FORMAT = "nntf-transitions"
FORMAT_VERSION = 1
FORMATS = ("npz", "h5", "csv", "npy")

#: The columns of a flow list; all int64.
COLUMNS = ("from_step", "to_step", "from", "to", "count")


def write_transitions(stream: BinaryIO, flows: Flows, fmt: str) -> None:
    """Write the flows, or for ``npy`` the dense (P, C, C) int64 matrices with their diagonals.

    Parameters
    ----------
    stream : binary stream
        Where to.
    flows : Flows
        Counted with ``diagonal=True`` if ``fmt`` is "npy".
    fmt : {"npz", "h5", "csv", "npy"}
        How.

    Raises
    ------
    LimitError
        The dense matrices do not fit into memory.
    """
    if fmt == "npy":
        _write_dense(stream, flows)
        return
    table = flow_table(flows)
    if fmt == "csv":
        _write_csv(stream, table)
        return
    root: dict[str, Scalar] = {
        "format": FORMAT,
        "format-version": FORMAT_VERSION,
        "generated-by": f"nntf-cli {__version__}",
        "n-samples": flows.n_samples,
        "n-classes": flows.n_classes,
    }
    if fmt == "npz":
        write_npz(stream, table, {"": root})
    else:
        write_hdf5(stream, table, {"": root})


def flow_table(flows: Flows) -> dict[str, np.ndarray]:
    """Return the flows as columns of equal length, one row per flow, in order of time, from and to."""
    per_transition = np.diff(flows.start)
    columns = (
        np.repeat(flows.from_step, per_transition),
        np.repeat(flows.to_step, per_transition),
        flows.from_class,
        flows.to_class,
        flows.count.astype(np.int32),  # whatever the numbers
    )
    return {name: column.astype(np.int64) for name, column in zip(COLUMNS, columns, strict=True)}


def _write_csv(stream: BinaryIO, table: dict[str, np.ndarray]) -> None:
    import pandas as pd

    stream.write(pd.DataFrame(table).to_csv(index=False, lineterminator="\n").encode())


def _write_dense(stream: BinaryIO, flows: Flows) -> None:
    """One transition at a time: the whole is written, but never held."""
    shape = (flows.n_transitions, flows.n_classes, flows.n_classes)
    memory.require(8.0 * flows.n_classes**2, "one dense transition", "write .npz, .h5 or .csv instead")
    header = {"descr": "<i8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, header)
    for i in range(flows.n_transitions):
        stream.write(flows.dense(i).astype("<i8").data)
