"""The table of contents of a zip file, made again: it stands at the end, and is the first that a cut takes away."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO

_HEADER = struct.Struct("<4sHHHHHIIIHH")
_MAGIC = b"PK\x03\x04"
_SIZES_FOLLOW = 0x8  #: flag: not known yet when the header was written
_EMPTY = b"PK\x05\x06" + bytes(18)
_ZIP64 = 1
_IN_ZIP64 = 0xFFFFFFFF


def reopened(path: str) -> zipfile.ZipFile:
    """Open an archive by what stands before each member; those that are not whole are left out.

    What is in them is verified by their checksums when it is read, as ever.
    """
    stream = open(path, "rb")  # noqa: SIM115  the archive closes it
    try:
        archive = zipfile.ZipFile(io.BytesIO(_EMPTY))
        for info in _members(stream):
            archive.filelist.append(info)
            archive.NameToInfo[info.filename] = info
        archive.fp = stream
        return archive
    except BaseException:
        stream.close()
        raise


def _members(stream: BinaryIO) -> Iterator[zipfile.ZipInfo]:
    size, offset = os.fstat(stream.fileno()).st_size, 0
    while True:
        stream.seek(offset)
        head = stream.read(_HEADER.size)
        if len(head) < _HEADER.size or not head.startswith(_MAGIC):
            return
        _, _, flags, method, _, _, checksum, packed, unpacked, n_name, n_extra = _HEADER.unpack(head)
        name, extra = stream.read(n_name), stream.read(n_extra)
        unpacked, packed = _sizes(extra, unpacked, packed)
        begin = offset + _HEADER.size + n_name + n_extra
        if flags & _SIZES_FOLLOW or begin + packed > size:
            return
        info = zipfile.ZipInfo(name.decode("utf-8", errors="replace"))
        info.orig_filename = name.decode("utf-8" if flags & 0x800 else "cp437", errors="replace")
        info.compress_type, info.flag_bits, info.CRC = method, flags, checksum
        info.compress_size, info.file_size, info.header_offset = packed, unpacked, offset
        yield info
        offset = begin + packed


def _sizes(extra: bytes, unpacked: int, packed: int) -> tuple[int, int]:
    """Return the sizes; where they do not fit their places, they stand in a field of their own."""
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == _ZIP64 and length >= 16 and packed == unpacked == _IN_ZIP64:
            unpacked, packed = struct.unpack_from("<QQ", extra, 4)
        extra = extra[4 + length :]
    return unpacked, packed
