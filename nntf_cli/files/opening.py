"""Open a file as a store, by its content; only what reads that format is imported."""

from __future__ import annotations

from nntf_cli.errors import InputError
from nntf_cli.files.store import Store, sniff


def open_store(path: str, data: bytes | None = None, *, salvaging: bool = False) -> Store:
    """Open an HDF5 or NPZ file, recognised by its content.

    Parameters
    ----------
    path : str
        The file; with ``data`` only its name in messages.
    data : bytes, optional
        Content that came through a pipe.
    salvaging : bool
        Hand out arrays of which a part is not there, for :mod:`nntf_cli.files.salvage`.

    Raises
    ------
    InputError
        The file is missing, empty, not a regular file, damaged, or of another format.
    """
    kind = sniff(path, data)
    if kind == "HDF5":
        from nntf_cli.files.hdf5 import Hdf5Store

        return Hdf5Store.open(path, data, salvaging=salvaging)
    if kind == "NPZ":
        from nntf_cli.files.npz import NpzStore

        return NpzStore.open(path, data, salvaging=salvaging)
    remedy = (
        "store the labels in an HDF5 or NPZ file, as 'labels' of shape (snapshots, samples), "
        "or make a log of it: nntf import FILE -o run.h5"
    )
    if kind == "NPY":
        raise InputError("is a bare .npy array, which is always a matrix, never a label log", remedy, where=path)
    raise InputError("is neither HDF5 nor NPZ", remedy, where=path)
