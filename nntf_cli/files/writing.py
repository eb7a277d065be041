"""Write named arrays and attributes to HDF5 or NPZ; the same content gives the same bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from nntf_cli.model import Scalar

#: HDF5 that any library since 1.10 reads and whose metadata carries checksums.
LIBVER = ("v110", "v110")

_CHUNK_BYTES = 256 * 1024

Arrays = Mapping[str, np.ndarray]

#: Group ("" is the root) -> attribute -> value.
Attributes = Mapping[str, Mapping[str, Scalar]]


def text_array(strings: np.ndarray) -> np.ndarray:
    """Return UTF-8 bytes of fixed length: variable-length strings can hang HDF5 once damaged."""
    encoded = [str(text).encode() for text in strings.tolist()]
    return np.array(encoded, dtype=f"S{max(1, *map(len, encoded))}")


def write_hdf5(stream: BinaryIO, arrays: Arrays, attributes: Attributes) -> None:
    """Write an HDF5 file, every dataset compressed and checksummed.

    The file is built in memory and copied out: on a full disk HDF5 itself would end the process.

    Parameters
    ----------
    stream : binary stream
        Where to.
    arrays : mapping of path to ndarray
        Numbers, or bytes (stored as fixed-length UTF-8).
    attributes : mapping of group to mapping of name to scalar
        Groups that do not exist are made.
    """
    import h5py

    image = io.BytesIO()
    with h5py.File(image, "w", libver=LIBVER) as file:
        put_attributes(file, attributes.get("", {}))
        for path, array in arrays.items():
            put_dataset(file, path, array)
        for group, values in attributes.items():
            if group:
                put_attributes(file.require_group(group), values)
    stream.write(image.getbuffer())


def put_dataset(file: Any, path: str, array: np.ndarray) -> None:
    """Write an array into an HDF5 file, compressed and checksummed."""
    import h5py

    dtype = h5py.string_dtype("utf-8", array.dtype.itemsize) if array.dtype.kind == "S" else array.dtype
    rows = max(1, min(len(array), _CHUNK_BYTES // max(1, array[:1].nbytes)))
    file.create_dataset(
        path,
        data=array.view(dtype),  # says UTF-8, which astype would not: to numpy the types are equal
        chunks=(rows, *(max(1, n) for n in array.shape[1:])),
        compression="gzip",
        shuffle=array.dtype.itemsize > 1 and array.dtype.kind != "S",
        fletcher32=True,
    )


def put_attributes(group: Any, attributes: Mapping[str, Scalar]) -> None:
    """Write the attributes of an HDF5 group, text as UTF-8 of fixed length."""
    import h5py

    for name, value in attributes.items():
        if isinstance(value, str):
            encoded = value.encode(errors="replace")
            dtype = h5py.string_dtype("utf-8", max(1, len(encoded)))
            group.attrs.create(name, np.array(encoded, dtype=dtype))
        else:
            group.attrs.create(name, value)


def write_npz(stream: BinaryIO, arrays: Arrays, attributes: Attributes, *, compress: bool = True) -> None:
    """Write the same as NPZ: paths are keys, attributes are 0-d arrays.

    Parameters
    ----------
    stream : binary stream
        Where to.
    arrays, attributes
        As for :func:`write_hdf5`.
    compress : bool
        Deflate the arrays; not worth its time for matrices of floats.
    """
    content = {
        (f"{group}/{name}" if group else name): np.asarray(value)
        for group, values in attributes.items()
        for name, value in values.items()
    }
    for path, array in arrays.items():
        content[path] = np.char.decode(array, "utf-8") if array.dtype.kind == "S" else array
    save: Any = np.savez_compressed if compress else np.savez
    if stream.seekable():
        save(stream, **content)
        return
    # into a pipe, zip files are written otherwise: the bytes would differ from those of a file
    image = io.BytesIO()
    save(image, **content)
    stream.write(image.getbuffer())
