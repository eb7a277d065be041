"""What the names in a pickle of arrays stand for, built from checked values; ``unpickling`` interprets the rest."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

#: Types of plain numbers and text by the names numpy gives them; objects, records and dates are not among them.
_TYPE = re.compile(r"b1|[iu][1248]|f[248]|[US][1-9][0-9]{0,5}")

#: Size, alignment and flags that a type of numbers writes.
_PLAIN = (-1, -1, 0)

_LARGEST_CHARACTER = 0x10FFFF
_MOST_AXES = 32


class Refused(Exception):
    """A pickle holds something that is not read."""

    def __init__(self, cause: str, remedy: str = "save the arrays with numpy.savez instead") -> None:
        self.remedy = remedy
        super().__init__(cause)


class Name:
    """A name in a pickle; it is in :data:`NAMES` or refused, and never looked up."""

    __slots__ = ("path",)

    def __init__(self, module: str, name: str) -> None:
        self.path = f"{module}.{name}"
        if self.path not in NAMES:
            raise Refused(f"it refers to {self.path[:80]}, and only numbers, text, lists and arrays of them are read")


class Unfinished(ABC):
    """Something that gets its content from a later opcode, and the places of the memo that remember it."""

    def __init__(self) -> None:
        self.memo: list[int] = []

    @abstractmethod
    def finish(self, *state: Any) -> Any:
        """Return what it becomes."""


class _UnfinishedType(Unfinished):
    """``numpy.dtype(NAME, False, True)``, before it is told the order of its bytes."""

    def __init__(self, name: Any, *flags: Any) -> None:
        super().__init__()
        text = name.decode("ascii") if isinstance(name, bytes) else name
        if not isinstance(text, str) or not _TYPE.fullmatch(text) or [*flags] not in ([], [False, True]):
            raise Refused(f"it holds an array of type {str(text)[:40]!r}, not of plain numbers or text")
        self._name = text

    def finish(self, *state: Any) -> np.dtype[Any]:
        """Return the type; ``state`` is (version, order, subtype, names, fields, size, alignment, flags)."""
        if (
            len(state) != 8
            or type(state[0]) is not int
            or state[0] != 3
            or any(part is not None for part in state[2:5])
        ):
            raise Refused("it holds an array of records or objects")
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        dtype = np.dtype(self._name)
        if order not in ("<", ">", "|", "="):
            raise Refused("it holds an array whose bytes have no order")
        is_text = dtype.kind in "US"
        # size, alignment and flags; with other flags, numpy's own reader would follow what is no pointer
        if state[5:] not in ([(dtype.itemsize, n, flags) for n in (1, 4) for flags in (0, 8)] if is_text else [_PLAIN]):
            raise Refused("it holds an array of another type than it says")
        return dtype.newbyteorder(">") if order == ">" else dtype


class _UnfinishedArray(Unfinished):
    """``_reconstruct(ndarray, (0,), b'b')``, before it is told its shape and values."""

    def __init__(self, kind: Any, shape: Any, code: Any) -> None:
        super().__init__()
        ours = isinstance(kind, Name) and kind.path == "numpy.ndarray"
        if not ours or not isinstance(shape, tuple) or shape != (0,) or code not in (b"b", "b"):
            raise Refused("it holds an array of a class of its own")

    def finish(self, *state: Any) -> np.ndarray:
        """Return the array; ``state`` is (version, shape, type, whether in Fortran order, bytes)."""
        if len(state) != 5 or type(state[0]) is not int or state[0] != 1:
            raise Refused("it holds an array without values")
        shape, dtype, fortran, data = state[1:]
        if type(fortran) not in (bool, int):
            raise Refused("it holds an array in no order")
        return _array(data, dtype, shape, "F" if fortran else "C")


def _array(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    """Return an array if its bytes are as many as its shape and type say."""
    order = order.decode("ascii") if isinstance(order, bytes) else order
    if not isinstance(dtype, np.dtype) or not isinstance(data, (bytes, bytearray)) or order not in ("C", "F"):
        raise Refused("it holds an array of something else than plain numbers or text")
    if not isinstance(shape, tuple) or len(shape) > _MOST_AXES or any(type(n) is not int or n < 0 for n in shape):
        raise Refused("it holds an array of no shape")
    if prod(shape) * dtype.itemsize != len(data):
        raise Refused(f"it holds an array of {len(data)} bytes that claims shape {shape} of {dtype}")
    if not len(data):
        return np.empty(shape if max(shape) < 2**31 else (0,), dtype)
    values = np.frombuffer(data, dtype)
    _check_values(values)
    return values.reshape(shape, order=order)


def _check_values(values: np.ndarray) -> None:
    """Refuse bytes that stand for no value of their type."""
    if values.dtype.kind == "b" and values.view(np.uint8).max() > 1:
        raise Refused("it holds truth values that are neither true nor false")
    if values.dtype.kind == "U":
        codes = values.view(np.dtype(np.uint32).newbyteorder(values.dtype.byteorder))
        if codes.max() > _LARGEST_CHARACTER or ((codes >= 0xD800) & (codes < 0xE000)).any():
            raise Refused("it holds text of characters that there are not")


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any) -> np.ndarray:
    return _array(data, dtype, shape, order)


def _scalar(dtype: Any, data: Any) -> Any:
    return _array(_encoded(data), dtype, (1,), "C")[0]


def _encoded(data: Any) -> Any:
    """Return the bytes that a Python 2 pickle, read as text, stands for."""
    return data.encode("latin-1") if isinstance(data, str) else data


def _encode(text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise Refused("it encodes something that is no text")
    return text.encode("latin-1")


def _bytes(*content: Any) -> bytes:
    if len(content) > 1 or any(type(part) not in (bytes, bytearray) for part in content):
        raise Refused("it makes bytes of something else")
    return b"".join(content)


def _bytearray(*content: Any) -> bytearray:
    return bytearray(_bytes(*content))


def _ordered_dict(*content: Any) -> dict[Any, Any]:
    if content:
        raise Refused("it makes a dictionary of something else")
    return {}


#: What is built where a pickle calls a name.
CALLS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _UnfinishedType,
    "_codecs.encode": _encode,
    "__builtin__.bytes": _bytes,
    "builtins.bytes": _bytes,
    "__builtin__.bytearray": _bytearray,
    "builtins.bytearray": _bytearray,
    "collections.OrderedDict": _ordered_dict,
    **{
        f"numpy.{core}.{name}": build
        for core in ("core", "_core")
        for name, build in (
            ("multiarray._reconstruct", _UnfinishedArray),
            ("multiarray.scalar", _scalar),
            ("numeric._frombuffer", _frombuffer),
        )
    },
}

NAMES = frozenset(CALLS) | {"numpy.ndarray"}
