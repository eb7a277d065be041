"""The header of an .npy file, or of a member of an NPZ archive."""

from __future__ import annotations

import tokenize
from typing import IO, Any

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.store import reading

_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class ObjectsError(InputError):
    """An array of Python objects."""


def read_npy_header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Return shape, whether in Fortran order, and type; the stream then stands at the first value.

    Raises
    ------
    InputError
        It is no .npy data, or its type holds Python objects.
    """
    with reading(where):
        version = np.lib.format.read_magic(stream)
    if version not in _HEADERS:
        raise InputError(
            f"is of .npy version {version[0]}.{version[1]}, which plain numbers never need",
            "save an array of plain numbers",
            where=where,
        )
    try:
        shape, fortran, dtype = _HEADERS[version](stream)
    except (ValueError, SyntaxError, TypeError, OverflowError, RecursionError, tokenize.TokenError) as error:
        # numpy's own words would quote what stands in the header
        raise InputError("its header makes no sense", "make it again or restore a copy", where=where) from error
    if dtype.hasobject:
        raise ObjectsError("holds Python objects, which are never unpickled", "save an array of numbers", where=where)
    if any(n < 0 for n in shape):
        raise InputError("its header claims a negative length", "make it again or restore a copy", where=where)
    return shape, fortran and len(shape) > 1, dtype
