"""NPZ as a store: arrays are streamed out of the archive, checksums verified, nothing is ever unpickled."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from math import prod
from typing import IO

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.npy import ObjectsError, read_npy_header
from nntf_cli.files.store import LABEL_NAMES, PANEL_BYTES, Block, Tile, reading
from nntf_cli.model import Scalar

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_MOST_SCALAR_BYTES = 16384  # header and one value


class NpzStore:
    """The members of an archive whose names start with a prefix."""

    kind = "NPZ"

    def __init__(
        self,
        archive: zipfile.ZipFile,
        members: dict[str, str],
        where: str,
        prefix: str = "",
        flaws: list[InputError] | None = None,
    ) -> None:
        self._archive, self._members, self.where, self._prefix = archive, members, where, prefix
        self.flaws = flaws  #: where salvaging, attributes that cannot be read; else they are refused

    @classmethod
    def open(cls, path: str, data: bytes | None = None, *, salvaging: bool = False) -> NpzStore:
        """Open a file, or the bytes of one."""
        with reading(path):
            archive = zipfile.ZipFile(path if data is None else io.BytesIO(data))
        return cls.of(archive, path, salvaging=salvaging)

    @classmethod
    def of(cls, archive: zipfile.ZipFile, path: str, *, salvaging: bool) -> NpzStore:
        """Return the arrays of an archive that is open already."""
        members: dict[str, str] = {}
        for info in archive.infolist():
            key = info.filename.removesuffix(".npy")
            if key in members:
                raise InputError(f"holds '{key}' twice", "write each array once", where=path)
            if key != info.filename:
                members[key] = info.filename
        return cls(archive, members, path, flaws=[] if salvaging else None)

    def names(self) -> list[str]:
        """Return the first part of every key below this prefix."""
        start = len(self._prefix)
        below = (key[start:] for key in self._members if key.startswith(self._prefix))
        return list(dict.fromkeys(name.split("/")[0] for name in below))

    def is_group(self, path: str) -> bool:
        """Return whether any key continues ``path/``."""
        start = f"{self._prefix}{path}/"
        return any(key.startswith(start) for key in self._members)

    def group(self, path: str) -> NpzStore:
        """Return the members below ``path/``."""
        where, prefix = f"{self.where}::{path}", f"{self._prefix}{path}/"
        return NpzStore(self._archive, self._members, where, prefix, self.flaws)

    def array(self, path: str) -> NpzArray | None:
        """Return the array at ``path``; a group of that name is refused."""
        key = self._prefix + path
        if key not in self._members:
            if self.is_group(path):
                raise InputError("is not an array", "store an array under this name", where=f"{self.where}: {path}")
            return None
        return NpzArray(self._archive, self._members[key], f"{self.where}: {path}")

    def attributes(self, path: str = "") -> dict[str, Scalar | None]:
        """Return the 0-d arrays directly below ``path``; None for what is not one number or short text."""
        start = self._prefix + (f"{path}/" if path else "")
        found: dict[str, Scalar | None] = {}
        for key, member in self._members.items():
            name = key[len(start) :]
            if not key.startswith(start) or "/" in name:
                continue
            found[name] = self._scalar(member, f"{self.where}: {key}")
        return found

    def _scalar(self, member: str, where: str) -> Scalar | None:
        if self._archive.getinfo(member).file_size > _MOST_SCALAR_BYTES:
            return None
        try:
            return _scalar_of(NpzArray(self._archive, member, where))
        except ObjectsError:
            return None  # an error only where somebody asks for this array
        except InputError as error:
            if self.flaws is None:
                raise
            self.flaws.append(error.bare())
            return None

    def runs(self) -> list[str]:
        """Return the prefixes below which a key ``format`` or labels stand."""
        start = len(self._prefix)
        groups = (key[start:].rpartition("/") for key in self._members if key.startswith(self._prefix))
        return list(dict.fromkeys(group for group, _, name in groups if group and name in ("format", *LABEL_NAMES)))


def _scalar_of(array: NpzArray) -> Scalar | None:
    if array.shape != () or array.dtype.kind not in "biufU":
        return None
    value = array.read().item()
    return value if isinstance(value, (bool, int, float, str)) else None


class NpzArray:
    """One member of an archive; its header is read and checked on creation."""

    checksummed = True

    def __init__(self, archive: zipfile.ZipFile, member: str, where: str) -> None:
        self._archive, self._member, self.where = archive, member, where
        with reading(where):
            info = archive.getinfo(member)
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                raise InputError(
                    "is encrypted or packed in a way numpy does not use", "save it with numpy", where=where
                )
            with archive.open(member) as stream:
                self.shape, self._fortran, self.dtype = read_npy_header(stream, where)
                self._offset = stream.tell()
        claimed = self._offset + prod(self.shape) * self.dtype.itemsize
        if claimed != info.file_size:
            raise InputError(
                f"its header claims {claimed} bytes, but it holds {info.file_size}",
                "make it again or restore a copy",
                where=where,
            )

    def read(self) -> np.ndarray:
        """Return the whole array."""
        memory.require(prod(self.shape) * self.dtype.itemsize, "reading it", memory.ELSEWHERE, where=self.where)
        with reading(self.where), self._archive.open(self._member) as stream:
            stream.read(self._offset)
            flat = self._take(stream, prod(self.shape))
            stream.read(1)  # reaching the end makes zipfile verify the checksum
        return flat.reshape(self.shape, order="F" if self._fortran else "C")

    def _take(self, stream: IO[bytes], n_items: int) -> np.ndarray:
        items = np.empty(n_items, dtype=self.dtype)
        view = items.view(np.uint8).reshape(-1)
        done = 0
        while done < len(view):
            piece = stream.read(min(len(view) - done, 4 * 2**20))
            if not piece:
                raise InputError("ends too early", "make it again or restore a copy", where=self.where)
            view[done : done + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
            done += len(piece)
        return items

    @property
    def column_step(self) -> int:
        """1 where columns are stored one after the other, else all."""
        return 1 if self._fortran and len(self.shape) == 2 else self.shape[1]

    def blocks(self, n_bytes: int) -> list[Block]:
        """Return the whole: what is packed as one stream is read from its beginning."""
        return [Block(0, self.shape[0], 0, self.shape[1])]

    def tiles(self, column_bytes: int | None = None, block: Block | None = None) -> Iterator[Tile]:
        """Yield blocks in the order of the stream; column by column from row-major data takes several passes."""
        if self._fortran and len(self.shape) > 2:
            yield from _cut(self.read(), column_bytes)
        elif self._fortran:
            yield from self._fortran_tiles(column_bytes or PANEL_BYTES)
        elif column_bytes is None:
            yield from self._row_tiles(0, self.shape[1])
        else:
            yield from self._column_tiles(column_bytes)

    def _row_tiles(self, first: int, last: int) -> Iterator[Tile]:
        n_rows, *rest = self.shape
        row_items = prod(rest)
        memory.require(row_items * self.dtype.itemsize, "one snapshot of it", memory.ELSEWHERE, where=self.where)
        rows = max(1, PANEL_BYTES // max(1, row_items * self.dtype.itemsize))
        with reading(self.where), self._archive.open(self._member) as stream:
            stream.read(self._offset)
            for row in range(0, n_rows, rows):
                taken = min(rows, n_rows - row)
                block = self._take(stream, taken * row_items).reshape(taken, *rest)
                yield Tile(row, first, block[:, first:last])
            stream.read(1)

    def _column_tiles(self, column_bytes: int) -> Iterator[Tile]:
        n_rows, n_columns = self.shape[:2]
        item = self.dtype.itemsize * prod(self.shape[2:])
        width = min(n_columns, max(1, column_bytes // max(1, n_rows * item)))
        for first in range(0, n_columns, width):
            last = min(first + width, n_columns)
            blocks = [tile.block for tile in self._row_tiles(first, last)]
            yield Tile(0, first, np.concatenate(blocks))

    def _fortran_tiles(self, max_bytes: int) -> Iterator[Tile]:
        n_rows, n_columns = self.shape
        width = max(1, max_bytes // max(1, n_rows * self.dtype.itemsize))
        with reading(self.where), self._archive.open(self._member) as stream:
            stream.read(self._offset)
            for first in range(0, n_columns, width):
                taken = min(width, n_columns - first)
                block = self._take(stream, taken * n_rows).reshape(taken, n_rows)
                yield Tile(0, first, np.ascontiguousarray(block.T))
            stream.read(1)


def _cut(array: np.ndarray, column_bytes: int | None) -> Iterator[Tile]:
    if column_bytes is None:
        yield from (Tile(row, 0, array[row : row + 1]) for row in range(len(array)))
        return
    width = max(1, column_bytes // max(1, array[:, :1].nbytes))
    yield from (Tile(0, c, array[:, c : c + width]) for c in range(0, array.shape[1], width))
