"""HDF5 as a store: only hard links, only data inside the file, only filters that ship with h5py."""

from __future__ import annotations

import io
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import cached_property
from math import ceil, prod
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.store import LABEL_NAMES, PANEL_BYTES, Block, Tile, reading
from nntf_cli.model import Scalar

if TYPE_CHECKING:
    from nntf_cli.files.chunks import Cut, PackedChunks

_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 6: "scaleoffset", 32000: "lzf"}
_MOST_ATTRIBUTE_BYTES = 4096
_MOST_OBJECTS = 1_000_000
_MOST_LINKS = 16
_LEAST_CHUNKS = 8  # from top to bottom of a block, where a chunk has several rows


class Hdf5Store:
    """A group of an HDF5 file opened for reading, without locking.

    Parameters
    ----------
    group : h5py.Group
        The group.
    where : str
        How messages name it.
    salvaging : bool
        Hand out arrays of which a part is not there; they refuse to be read as a whole.
    end : int, optional
        Where the file ends in truth, if it was made longer to be opened at all.
    """

    kind = "HDF5"

    def __init__(self, group: h5py.Group, where: str, *, salvaging: bool = False, end: int | None = None) -> None:
        self._group, self.where, self._salvaging, self._end = group, where, salvaging, end

    @classmethod
    def open(cls, path: str, data: bytes | None = None, *, salvaging: bool = False) -> Hdf5Store:
        """Open a file, or the bytes of one."""
        with reading(path):
            source = path if data is None else io.BytesIO(data)
            options = {} if data is not None else {"locking": False}
            return cls(h5py.File(source, "r", **options), path, salvaging=salvaging)

    def names(self) -> list[str]:
        """Return the names of all links, sorted as HDF5 sorts them."""
        with reading(self.where):
            return [_readable(name) for name in self._group]

    def _holds(self, path: str) -> bool:
        """Return whether ``path`` exists, refusing every link on the way that leaves the file."""
        with reading(f"{self.where}: {path}"):
            return _exists(self._group, path, f"{self.where}: {path}", _MOST_LINKS)

    def _type(self, path: str) -> Any:
        with reading(f"{self.where}: {path}"):
            return h5py.h5o.get_info(self._group.id, path.encode()).type

    def is_group(self, path: str) -> bool:
        """Return whether ``path`` is a group; links are refused."""
        return self._holds(path) and self._type(path) == h5py.h5o.TYPE_GROUP

    def group(self, path: str) -> Hdf5Store:
        """Return the group at ``path``."""
        where = f"{self.where}::{path}"
        with reading(where):
            return Hdf5Store(self._group[path], where, salvaging=self._salvaging, end=self._end)

    def array(self, path: str) -> Hdf5Array | None:
        """Return the dataset at ``path``, refusing what cannot be read safely."""
        if not self._holds(path):
            return None
        where = f"{self.where}: {path}"
        if self._type(path) != h5py.h5o.TYPE_DATASET:
            raise InputError("is not a dataset", "store an array under this name", where=where)
        with reading(where):
            dataset = self._group[path]
            _refuse_unsafe(dataset, where)
            try:
                _refuse_incomplete(dataset, where, self._end)
            except InputError as flaw:
                if not self._salvaging:
                    raise
                return Hdf5Array(dataset, where, flaw.bare(), self._end)
            return Hdf5Array(dataset, where)

    def attributes(self, path: str = "") -> dict[str, Scalar | None]:
        """Return all attributes; None for those that are not one number or short text."""
        if path and not self.is_group(path):
            return {}
        with reading(f"{self.where}: {path}" if path else self.where):
            attrs = (self._group[path] if path else self._group).attrs
            return {_readable(name): _scalar(attrs, name) for name in attrs}

    def runs(self) -> list[str]:
        """Return the paths of all groups that carry ``format`` or hold labels, in file order."""
        paths: list[str] = []
        with reading(self.where):
            self._group.id.links.visit(lambda name: _collect(paths, name))
            return [path for path in paths if self._holds_quietly(path) and _is_run(self._group[path])]

    def _holds_quietly(self, path: str) -> bool:
        try:
            return self.is_group(path)
        except InputError:
            return False


def _exists(group: h5py.Group, path: str, where: str, links_left: int) -> bool:
    names = path.split("/")
    for depth, name in enumerate(names):
        link = group.get(name, getlink=True) if name else None
        if link is None:
            return False
        if isinstance(link, h5py.SoftLink) and links_left:
            start = group.file["/"] if link.path.startswith("/") else group
            target = "/".join([link.path.lstrip("/"), *names[depth + 1 :]])
            if not _exists(start, target, where, links_left - 1):
                raise InputError("is a link that leads nowhere", "store the dataset itself", where=where)
            return True
        if not isinstance(link, h5py.HardLink):
            raise InputError(
                "is a link that leaves the file, or goes in circles", "store the dataset itself", where=where
            )
        if depth + 1 < len(names):
            group = group[name]
            if not isinstance(group, h5py.Group):
                return False
    return True


def _is_run(group: h5py.Group) -> bool:
    links = (group.get(name, getlink=True) for name in LABEL_NAMES)
    return "format" in group.attrs or any(isinstance(link, h5py.HardLink) for link in links)


def _readable(name: str | bytes) -> str:
    """Return a name as text; h5py returns bytes where it is not UTF-8, and then it is no name that we know."""
    return name if isinstance(name, str) else name.decode(errors="replace")


def _collect(paths: list[str], name: bytes) -> bool | None:
    paths.append(name.decode(errors="replace"))
    return True if len(paths) >= _MOST_OBJECTS else None


def _scalar(attrs: h5py.AttributeManager, name: str) -> Scalar | None:
    handle = attrs.get_id(name)
    if handle.shape != () or handle.dtype.itemsize > _MOST_ATTRIBUTE_BYTES:
        return None
    if handle.dtype.kind not in "biufSUO" or (
        handle.dtype.kind == "O" and h5py.check_string_dtype(handle.dtype) is None
    ):
        return None
    return plain(attrs[name])


def plain(value: Any) -> Scalar | None:
    """Return a numpy scalar or bytes as the Python value it stands for; None for anything else."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, np.generic):
        value = value.item()
        return plain(value) if isinstance(value, bytes) else value
    return value if isinstance(value, (bool, int, float, str)) else None


def _refuse_unsafe(dataset: h5py.Dataset, where: str) -> None:
    """Refuse data that lies outside the file, was never written, or that a filter we lack has packed."""
    if dataset.shape is None:
        raise InputError("holds no data", "store an array under this name", where=where)
    creation = dataset.id.get_create_plist()
    if dataset.is_virtual or creation.get_external_count():
        raise InputError("keeps its data outside the file", "copy the data into the file", where=where)
    filters = [creation.get_filter(i)[0] for i in range(creation.get_nfilters())]
    for code in filters:
        if code not in _FILTERS:
            raise InputError(
                f"is packed with filter {code}, which is not supported",
                "repack it with gzip where that filter is installed: h5repack -f GZIP=4 OLD.h5 NEW.h5",
                where=where,
            )
    if dataset.nbytes and not dataset.id.get_storage_size():
        raise InputError("was declared but never written", "write the snapshots", where=where)


def _refuse_incomplete(dataset: h5py.Dataset, where: str, end: int | None) -> None:
    """Refuse data of which a part is not there."""
    if dataset.chunks is None:
        offset = dataset.id.get_offset()  # None where the data lie beside the description
        if end is not None and offset is not None and offset + dataset.nbytes > end:
            _refuse_cut_off(where)
        return
    expected = prod(ceil(n / c) for n, c in zip(dataset.shape, dataset.chunks, strict=True))
    stored = dataset.id.get_num_chunks()
    if stored != expected:
        raise InputError(
            f"only {stored} of {expected} blocks were ever written",
            "cut the dataset to the snapshots that exist",
            where=where,
        )
    if dataset.fletcher32 or end is not None:
        _refuse_bad_chunks(dataset, where, end)


def _refuse_bad_chunks(dataset: h5py.Dataset, where: str, end: int | None) -> None:
    """Refuse checksummed chunks of under 5 bytes, which make HDF5 read outside its buffer, and those cut off."""
    sizes: list[int] = []
    ends: list[int] = []

    def note(info: Any) -> None:
        sizes.append(info.size)
        ends.append(info.byte_offset + info.size)

    dataset.id.chunk_iter(note)
    if dataset.fletcher32 and sizes and min(sizes) < 5:
        raise InputError("is damaged (a block is too short)", "make it again or restore a copy", where=where)
    if end is not None and ends and max(ends) > end:
        _refuse_cut_off(where)


def _refuse_cut_off(where: str) -> None:
    raise InputError("is damaged or truncated (the file ends too early)", "restore a copy", where=where)


class Hdf5Array:
    """A dataset of an HDF5 file; with a flaw, it can only be salvaged."""

    def __init__(
        self, dataset: h5py.Dataset, where: str, flaw: InputError | None = None, end: int | None = None
    ) -> None:
        self.dataset, self.where, self.flaw, self.end = dataset, where, flaw, end
        self.shape: tuple[int, ...] = dataset.shape
        self.dtype: np.dtype[Any] = dataset.dtype
        self.checksummed = bool(dataset.fletcher32)
        self._descriptor = dataset.file.id.get_vfd_handle() if dataset.file.driver == "sec2" else None
        self._length = 0 if self._descriptor is None else os.fstat(self._descriptor).st_size

    def read(self) -> np.ndarray:
        """Return the whole dataset; text as str."""
        if self.flaw is not None:
            raise self.flaw
        memory.require(self.dataset.nbytes, "reading it", memory.ELSEWHERE, where=self.where)
        with reading(self.where):
            if h5py.check_string_dtype(self.dtype) is not None:
                # h5py marks the bytes that it is given as ASCII, whatever they are
                return np.asarray(self.dataset.asstr("utf-8", errors="replace")[()], dtype=str)
            return np.asarray(self.dataset[()])

    def tiles(self, column_bytes: int | None = None, block: Block | None = None) -> Iterator[Tile]:
        """Yield blocks that begin and end where the chunks do, so that each is unpacked once."""
        if self.flaw is not None:
            raise self.flaw
        cuts, n_bytes = self.cuts(self._panel_bytes, column_bytes, block)
        ahead = self._packed.ahead(n_bytes) if self._packed else 0
        held = 2 + ahead if self._packed else 1
        remedy = "store it in smaller chunks" if self.dataset.chunks else memory.ELSEWHERE
        memory.require(held * n_bytes, "one block of it", remedy, where=self.where)
        with closing(self._cut(cuts, ahead)) as parts:
            for cut in cuts:
                with reading(self.where):
                    data = next(parts)
                self._refuse_if_cut()
                yield Tile(cut[0].start, cut[1].start, data)

    def _refuse_if_cut(self) -> None:
        """Refuse what was read if the file is shorter by now: beyond its end HDF5 reads zeros, which are a class."""
        if self._descriptor is not None and os.fstat(self._descriptor).st_size < self._length:
            raise InputError("was cut while it was read", "read it when nobody writes to it", where=self.where)

    @property
    def _panel_bytes(self) -> int:
        """The bytes of a tile, about; where blocks are unpacked ahead, three are held."""
        return PANEL_BYTES // 2 if self._packed else PANEL_BYTES

    @property
    def column_step(self) -> int:
        """The columns of a chunk; 1 where there are no chunks."""
        return (self.dataset.chunks or (1, 1))[1]

    def cuts(
        self, panel_bytes: int, column_bytes: int | None = None, block: Block | None = None
    ) -> tuple[list[Cut], int]:
        """Return the rectangles to read one after the other, and the bytes of the largest."""
        top, bottom, left, right = block or Block(0, self.shape[0], 0, self.shape[1])
        rows, columns, item = self._tile(panel_bytes, column_bytes)
        cuts = [
            (slice(row, min(row + rows, bottom)), slice(column, min(column + columns, right)))
            for column in range(left, right, columns)
            for row in range(top, bottom, rows)
        ]
        return cuts, rows * columns * item

    def blocks(self, n_bytes: int) -> list[Block]:
        """Return rectangles of whole tiles: of all rows if that is small enough, else one tile wide."""
        n_rows, n_columns = self.shape[:2]
        rows, columns, item = self._tile(self._panel_bytes, None)
        chunk_rows = (self.dataset.chunks or (1,))[0]
        # whoever compares the rows of a block needs the row before it, and so unpacks one more chunk
        least = rows if chunk_rows == 1 else max(rows, _LEAST_CHUNKS * chunk_rows)
        high = _multiple(n_bytes // (columns * item), least, n_rows)
        wide = columns if high < n_rows else _multiple(n_bytes // (n_rows * item), columns, n_columns)
        return [
            Block(top, min(top + high, n_rows), left, min(left + wide, n_columns))
            for left in range(0, n_columns, wide)
            for top in range(0, n_rows, high)
        ]

    def _tile(self, panel_bytes: int, column_bytes: int | None) -> tuple[int, int, int]:
        """Return rows, columns and bytes per entry of a tile."""
        n_rows, n_columns = self.shape[:2]
        chunk_rows, chunk_columns = (self.dataset.chunks or (1, 1))[:2]
        item = self.dtype.itemsize * prod(self.shape[2:])
        if column_bytes is not None:
            rows = n_rows
            columns = _multiple(column_bytes // max(1, n_rows * item), chunk_columns, n_columns)
        else:
            columns = n_columns
            if chunk_rows * n_columns * item > 4 * panel_bytes:
                columns = _multiple(panel_bytes // (chunk_rows * item), chunk_columns, n_columns)
            rows = _multiple(panel_bytes // max(1, columns * item), chunk_rows, n_rows)
        return rows, columns, item

    @cached_property
    def _packed(self) -> PackedChunks | None:
        """The chunks, where several threads are to unpack them."""
        if self.dataset.chunks is None:
            return None
        from nntf_cli.files.chunks import packed_chunks  # what is not compressed need not wait for it

        with reading(self.where):
            return packed_chunks(self.dataset)

    def _cut(self, cuts: Sequence[Cut], ahead: int) -> Generator[np.ndarray]:
        if self._packed:
            return self._packed.blocks(cuts, ahead)
        return (self.dataset[cut] for cut in cuts)


def _multiple(wanted: int, unit: int, most: int) -> int:
    """Return ``wanted`` rounded down to a multiple of ``unit``: at least one unit, at most ``most``."""
    return min(most, max(unit, wanted // unit * unit))
