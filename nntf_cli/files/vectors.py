"""One-dimensional arrays out of a file, checked: whole numbers, numbers, so many of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.files.store import StoredArray

_TYPE_NAMES = {
    "O": "text, references or lists of varying length",
    "S": "text",
    "U": "text",
    "V": "records",
    "c": "complex numbers",
    "m": "dates or times",
    "M": "dates or times",
}


def type_name(dtype: np.dtype[Any]) -> str:
    """Return what an array of this type holds, in words where its name would mean little to a stranger."""
    return _TYPE_NAMES.get(dtype.kind, str(dtype))


def whole_numbers(array: StoredArray, n: int | None = None, of_what: str = "") -> np.ndarray:
    """Return a one-dimensional array of whole numbers as int64.

    Parameters
    ----------
    array : StoredArray
        Integers, or floats without fractions.
    n : int, optional
        How many there must be,
    of_what : str
        and of what there are so many.

    Raises
    ------
    InputError
        Another shape or type, a fraction, a value that is not finite or does not fit, another number of them.
    """
    if len(array.shape) != 1 or array.dtype.kind not in "biuf":
        raise InputError(
            f"must be a list of whole numbers, found {type_name(array.dtype)} {array.shape}",
            "store integers",
            where=array.where,
        )
    values = array.read()
    if values.dtype.kind == "f" and not (np.isfinite(values) & (values == np.floor(values))).all():
        raise InputError("holds a value that is not a whole number", "store integers", where=array.where)
    if values.size and not -(2**63) <= int(values.min()) <= int(values.max()) < 2**63:
        raise InputError("holds a value beyond 64 bits", "store smaller numbers", where=array.where)
    return of_length(array, values.astype(np.int64), n, of_what)


def numbers(array: StoredArray, n: int | None = None, of_what: str = "") -> np.ndarray:
    """Return a one-dimensional array of numbers as float64; nan and inf are kept.

    Parameters
    ----------
    array : StoredArray
        Numbers.
    n, of_what
        As for :func:`whole_numbers`.

    Raises
    ------
    InputError
        Another shape or type, or another number of them.
    """
    if len(array.shape) != 1 or array.dtype.kind not in "biuf":
        raise InputError(
            f"must be a list of numbers, found {type_name(array.dtype)} {array.shape}",
            f"store one number for each of the {of_what}" if of_what else "store numbers",
            where=array.where,
        )
    return of_length(array, array.read().astype(np.float64), n, of_what)


def of_length(array: StoredArray, values: np.ndarray, n: int | None, of_what: str) -> np.ndarray:
    """Return the values if there are ``n`` of them.

    Raises
    ------
    InputError
        There are not.
    """
    if n is not None and values.shape != (n,):
        raise InputError(
            f"has length {len(values)}, expected {n} (one for each of the {of_what})",
            "store one value for each",
            where=array.where,
        )
    return values
