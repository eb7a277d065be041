"""Read pickles without unpickling: the opcodes are interpreted here, and nothing they name is looked up or called.

A pickle is a program. Python's own machine for it calls whatever the program names, and allowing numpy's functions
alone is no protection: with a made-up type they follow pointers that the file chooses. Here a name is a pair of
strings; the few that numpy writes for arrays stand in a table and become arrays of plain numbers or text, checked
byte for byte; any other name ends the reading. So there is nothing a file could do but be refused.

The opcodes are those that protocols 2 to 5 write, as ``pickletools`` of the standard library documents them; what
numpy writes is the ``__reduce__`` of its arrays, types and scalars, under the module names of numpy 1 and 2.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable
from typing import Any, BinaryIO

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.importing.rebuilding import CALLS, Name, Refused, Unfinished

#: An object of Python takes up to about this much, however few bytes of the file it stands for.
_OBJECT_BYTES = 128

#: Memory is asked for in portions of so many objects.
_PORTION = 2**16

_LONGEST_INTEGER = 1024  # bytes; what is longer is no number that anybody logged
_LONGEST_NAME = 1024

_KEYS = (str, bytes, int, float, bool, type(None), np.number, np.bool_)


class _Mark:
    """Where a tuple, list or dictionary began on the stack."""


_MARK = _Mark()


def read_pickle(stream: BinaryIO, where: str) -> Any:
    """Return what a pickle holds: numbers, text, bytes, lists, tuples, dictionaries and arrays of these.

    Parameters
    ----------
    stream : binary file
        Seekable; protocol 2 to 5.
    where : str
        Names it in messages.

    Raises
    ------
    InputError
        It is damaged, or refers to anything else.
    LimitError
        It would not fit into memory.
    """
    machine = _Machine(stream, where)
    try:
        return machine.run()
    except Refused as error:
        raise InputError(f"pickle refused: {error} (byte {machine.position()})", error.remedy, where=where) from error
    except (IndexError, UnicodeError, ValueError, TypeError, OverflowError, struct.error) as error:
        # what a damaged program makes of the stack; the message of a library would say nothing of the file
        raise InputError(
            f"is a damaged pickle (it makes no sense at byte {machine.position()})",
            "make it again or restore a copy",
            where=where,
        ) from error


class _Machine:
    """The stack and the memo of one pickle."""

    def __init__(self, stream: BinaryIO, where: str) -> None:
        self._stream, self._where = stream, where
        self._left = stream.seek(0, 2)
        self._size = self._left
        stream.seek(0)
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def position(self) -> int:
        """Return how much of the file has been read."""
        return self._size - self._left

    def run(self) -> Any:
        """Interpret opcodes until the last."""
        if self._read(1) != b"\x80" or not 2 <= self._read(1)[0] <= 5:
            raise Refused("it is of protocol 0 or 1, which Python 3 never writes by itself", "save it as .npz instead")
        n_done = 0
        while True:
            if n_done % _PORTION == 0:
                portion = _OBJECT_BYTES * min(_PORTION, self._left)
                memory.require(portion, "the next part of it", memory.ELSEWHERE, where=self._where)
            n_done += 1
            code = self._read(1)
            if code == b".":
                return self._result()
            step = _OPCODES.get(code)
            if step is None:
                raise Refused(f"opcode {code!r} builds something else than numbers, text, lists and arrays")
            step(self)

    def _result(self) -> Any:
        result = self._pop()
        if self._stack:
            raise Refused("it ends before it is complete")
        return result

    # ---- reading -------------------------------------------------------------------------------------------

    def _read(self, n: int) -> bytes:
        if n > self._left:
            raise Refused("it ends too early", "was copying it interrupted?")
        if n > 2**20:
            memory.require(2 * n, "an array of it", memory.ELSEWHERE, where=self._where)
        data = self._stream.read(n)
        if len(data) != n:
            raise Refused("it ends too early", "was copying it interrupted?")
        self._left -= n
        return data

    def _counted(self, length: str) -> bytes:
        """Read a length in the given struct format, then so many bytes."""
        (n,) = struct.unpack(length, self._read(struct.calcsize(length)))
        if n < 0:
            raise Refused("a length in it is negative")
        return self._read(n)

    def _line(self) -> str:
        line = self._stream.readline(min(self._left, _LONGEST_NAME))
        self._left -= len(line)
        if not line.endswith(b"\n"):
            raise Refused("a name in it does not end")
        return line[:-1].decode()

    # ---- the stack -----------------------------------------------------------------------------------------

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise Refused("its stack is not in order")
        return value

    def _popped(self, n: int) -> tuple[Any, ...]:
        return tuple(reversed([self._pop() for _ in range(n)]))

    def _since_mark(self) -> list[Any]:
        for at in range(len(self._stack) - 1, -1, -1):
            if self._stack[at] is _MARK:
                items = self._stack[at + 1 :]
                del self._stack[at:]
                return items
        raise Refused("its stack is not in order")

    def _top(self, kind: type) -> Any:
        if not isinstance(self._stack[-1], kind):
            raise Refused("its stack is not in order")
        return self._stack[-1]

    def _drop(self) -> None:
        self._stack.pop()

    def _drop_to_mark(self) -> None:
        self._since_mark()

    # ---- containers ----------------------------------------------------------------------------------------

    def _append(self) -> None:
        value = self._pop()
        self._top(list).append(value)

    def _appends(self) -> None:
        items = self._since_mark()
        self._top(list).extend(items)

    def _setitem(self) -> None:
        key, value = self._popped(2)
        self._top(dict)[_key(key)] = value

    def _setitems(self) -> None:
        pairs = _pairs(self._since_mark())
        self._top(dict).update(pairs)

    # ---- memo ----------------------------------------------------------------------------------------------

    def _put(self, index: int) -> None:
        value = self._stack[-1]
        if value is _MARK:
            raise Refused("its stack is not in order")
        self._memo[index] = value
        if isinstance(value, Unfinished):
            value.memo.append(index)

    def _get(self, index: int) -> None:
        if index not in self._memo:
            raise Refused("it refers to something it has not built")
        self._push(self._memo[index])

    # ---- names ---------------------------------------------------------------------------------------------

    def _global(self) -> None:
        self._push(Name(self._line(), self._line()))

    def _stack_global(self) -> None:
        module, name = self._popped(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("a name in it is no text")
        self._push(Name(module, name))

    def _reduce(self) -> None:
        name, arguments = self._popped(2)
        if not isinstance(name, Name) or not isinstance(arguments, tuple) or name.path not in CALLS:
            raise Refused("it calls something that is no name")
        self._push(CALLS[name.path](*arguments))

    def _build(self) -> None:
        unfinished, state = self._popped(2)
        if not isinstance(unfinished, Unfinished) or not isinstance(state, tuple):
            raise Refused("it gives a state to something that takes none")
        finished = unfinished.finish(*state)
        for index in unfinished.memo:
            self._memo[index] = finished
        self._push(finished)

    # ---- the rest ------------------------------------------------------------------------------------------

    def _frame(self) -> None:
        (n,) = struct.unpack("<Q", self._read(8))
        if n > self._left:
            raise Refused("it ends too early", "was copying it interrupted?")

    def _integer(self, length: str) -> None:
        data = self._counted(length)
        if len(data) > _LONGEST_INTEGER:
            raise Refused("it holds an integer of thousands of digits")
        self._push(int.from_bytes(data, "little", signed=True))

    def _number(self, form: str) -> int | float:
        value: int | float = struct.unpack(form, self._read(struct.calcsize(form)))[0]
        return value


def _key(key: Any) -> Hashable:
    """Return a key if comparing and hashing it is quick whatever the file holds."""
    if not isinstance(key, _KEYS) or (isinstance(key, int) and not -(2**63) <= key < 2**64):
        raise Refused("a key in it is neither a number nor text")
    return key


def _pairs(items: list[Any]) -> dict[Hashable, Any]:
    if len(items) % 2:
        raise Refused("a dictionary in it has a key without a value")
    return {_key(key): value for key, value in zip(items[::2], items[1::2], strict=True)}


def _pushes(make: Callable[[_Machine], Any]) -> Callable[[_Machine], None]:
    return lambda machine: machine._push(make(machine))


def _constant(value: Any) -> Callable[[_Machine], None]:
    return lambda machine: machine._push(value)


def _text(length: str) -> Callable[[_Machine], None]:
    return lambda machine: machine._push(machine._counted(length).decode())


def _bytes(length: str) -> Callable[[_Machine], None]:
    return lambda machine: machine._push(machine._counted(length))


def _unpacked(form: str) -> Callable[[_Machine], None]:
    return lambda machine: machine._push(machine._number(form))


_OPCODES: dict[bytes, Callable[[_Machine], None]] = {
    b"N": _constant(None),
    b"\x88": _constant(True),
    b"\x89": _constant(False),
    b"G": _unpacked(">d"),
    b"J": _unpacked("<i"),
    b"K": _unpacked("<B"),
    b"M": _unpacked("<H"),
    b"\x8a": lambda machine: machine._integer("<B"),
    b"\x8b": lambda machine: machine._integer("<i"),
    b"X": _text("<I"),
    b"\x8c": _text("<B"),
    b"\x8d": _text("<Q"),
    b"B": _bytes("<I"),
    b"C": _bytes("<B"),
    b"\x8e": _bytes("<Q"),
    b"T": _bytes("<i"),  # Python 2's text, which numpy filled with the bytes of arrays
    b"U": _bytes("<B"),
    b"\x96": _pushes(lambda machine: bytearray(machine._counted("<Q"))),
    b"(": _constant(_MARK),
    b"0": _Machine._drop,
    b"1": _Machine._drop_to_mark,
    b"2": lambda machine: machine._push(machine._top(object)),
    b")": _constant(()),
    b"t": _pushes(lambda machine: tuple(machine._since_mark())),
    b"\x85": _pushes(lambda machine: machine._popped(1)),
    b"\x86": _pushes(lambda machine: machine._popped(2)),
    b"\x87": _pushes(lambda machine: machine._popped(3)),
    b"]": _pushes(lambda machine: []),
    b"l": _pushes(lambda machine: machine._since_mark()),
    b"a": _Machine._append,
    b"e": _Machine._appends,
    b"}": _pushes(lambda machine: {}),
    b"d": _pushes(lambda machine: _pairs(machine._since_mark())),
    b"s": _Machine._setitem,
    b"u": _Machine._setitems,
    b"h": lambda machine: machine._get(machine._read(1)[0]),
    b"j": lambda machine: machine._get(int(machine._number("<I"))),
    b"q": lambda machine: machine._put(machine._read(1)[0]),
    b"r": lambda machine: machine._put(int(machine._number("<I"))),
    b"\x94": lambda machine: machine._put(len(machine._memo)),
    b"c": _Machine._global,
    b"\x93": _Machine._stack_global,
    b"R": _Machine._reduce,
    b"b": _Machine._build,
    b"\x95": _Machine._frame,
}
