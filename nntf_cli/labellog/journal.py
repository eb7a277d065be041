"""The journal of a recording: what is written while a training runs, beside the HDF5 file that is made from it.

A file of records that is only ever appended to, little-endian:

    preamble   8 bytes magic, 16 random bytes, crc32 of those 24
    record     "NNRC", kind u8, 3 zero bytes, bytes of payload u64, number u64, row u64, step i64, crc32; payload

The checksum covers head and payload and begins with the preamble's, so bytes of another journal never pass for records
of this one; numbers count from 0 without a gap. Kinds: facts of the run (JSON), an array of the run (its path, NPY), a
snapshot (scalars as JSON, the labels of each split). The journal is the truth from row ``base`` of the facts on: rows
before it are in the HDF5 file, rows after it are here whether or not the HDF5 file holds them too. A snapshot whose row
is not the next one replaces that row and all after it.
"""

from __future__ import annotations

import io
import json
import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from nntf_cli.errors import InputError
from nntf_cli.labellog.native import label_dtype

SUFFIX = ".journal"

MAGIC = b"NNTFJ\x01\r\n"
PREAMBLE = struct.Struct("<8s16sI")
HEAD = struct.Struct("<4sB3xQQQqI")
RECORD_MAGIC = b"NNRC"
FACTS, ARRAY, SNAPSHOT = 1, 2, 3

#: Facts that no later record changes.
FIXED = ("n-classes", "base", "splits", "run-uuid")

_LENGTH = struct.Struct("<I")
_SEARCHED = 2**20
_TRIES = 3


class Row(NamedTuple):
    """A snapshot in the journal."""

    step: int
    scalars: Mapping[str, float]
    offset: int  #: of its labels in the file


class Damage(Exception):
    """A record is no good."""


@dataclass
class Journal:
    """What a journal holds, as far as it is whole."""

    where: str
    salt: int = 0
    facts: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    prefix: int = 0  #: rows that are in the HDF5 file only
    rows: list[Row] = field(default_factory=list)
    n_records: int = 0
    end: int = 0  #: bytes that are good
    torn: int = 0  #: bytes after them, of a record that was never finished

    @property
    def splits(self) -> dict[str, int]:
        """Split -> number of samples, in the order in which labels are stored."""
        return self.facts["splits"]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored labels."""
        return label_dtype(self.facts["n-classes"]).newbyteorder("<")

    @property
    def n_rows(self) -> int:
        """Snapshots of the log, those of the HDF5 file included."""
        return self.prefix + len(self.rows)


def journal_path(path: str) -> str:
    """Return where the journal of a log is: beside the file itself, not beside a link to it."""
    return os.path.realpath(path) + SUFFIX


def has_journal(path: str) -> bool:
    """Return whether a log is being recorded, or its recording was interrupted."""
    return "\0" not in path and os.path.isfile(journal_path(path))


def preamble(salt: bytes) -> bytes:
    """Return the first bytes of a journal."""
    return PREAMBLE.pack(MAGIC, salt, zlib.crc32(MAGIC + salt))


def salt_of(start: bytes) -> int:
    """Return what checksums begin with, from the first bytes of a journal.

    Raises
    ------
    Damage
        They are not those of a journal.
    """
    if len(start) < PREAMBLE.size or start[:8] != MAGIC:
        raise Damage("does not begin as a journal")
    _, salt, checksum = PREAMBLE.unpack(start[: PREAMBLE.size])
    if zlib.crc32(MAGIC + salt) != checksum:
        raise Damage("the checksum of its beginning is wrong")
    return checksum


def record(salt: int, kind: int, number: int, payload: bytes, row: int = 0, step: int = 0) -> bytes:
    """Return a record as it is stored."""
    head = HEAD.pack(RECORD_MAGIC, kind, len(payload), number, row, step, 0)[:-4]
    checksum = zlib.crc32(payload, zlib.crc32(head, salt))
    return b"".join((head, _LENGTH.pack(checksum), payload))


def facts_payload(facts: Mapping[str, Any]) -> bytes:
    """Return the payload of a record of facts."""
    return json.dumps(facts).encode()


def array_payload(path: str, array: np.ndarray) -> bytes:
    """Return the payload of an array of the run."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=False)
    name = path.encode()
    return _LENGTH.pack(len(name)) + name + stream.getvalue()


def snapshot_payload(scalars: Mapping[str, float], labels: Sequence[np.ndarray]) -> bytes:
    """Return the payload of a snapshot; labels are in the order of the splits and of the journal's type."""
    text = json.dumps(dict(scalars)).encode()
    return b"".join((_LENGTH.pack(len(text)), text, *(np.ascontiguousarray(row).data for row in labels)))


def read_journal(descriptor: int, where: str, end: int | None = None) -> Journal:
    """Read all records of an open journal, labels excepted, and verify all checksums.

    Parameters
    ----------
    descriptor : int
        Of the file, opened for reading.
    where : str
        Its name in messages.
    end : int, optional
        Leave out what follows so many bytes.

    Raises
    ------
    InputError
        A record is damaged and others follow it. What only ends too early is left out, and counted in ``torn``.
    """
    for attempt in range(_TRIES):
        journal = Journal(where)
        try:
            _read(descriptor, journal, end)
            return journal
        except Damage as damage:
            # a recorder that writes at this moment changes the end under our hands: only what stays is damage
            if attempt == _TRIES - 1:
                raise InputError(
                    f"is damaged at byte {journal.end} ({damage})",
                    f"restore a copy, or move it away and go on with the file beside it, without {SUFFIX}",
                    where=where,
                ) from damage
    raise AssertionError("unreachable")


def _read(descriptor: int, journal: Journal, end: int | None) -> None:
    size = os.fstat(descriptor).st_size if end is None else end
    journal.salt = salt_of(os.pread(descriptor, PREAMBLE.size, 0))
    journal.end = PREAMBLE.size
    while journal.end < size:
        try:
            _take(descriptor, journal, size)
        except Damage:
            if journal.facts and not _good_record_follows(descriptor, journal, size):
                break
            raise
    journal.torn = size - journal.end
    if not journal.facts:
        raise Damage("it says nothing of the run")


def _take(descriptor: int, journal: Journal, size: int) -> None:
    """Read the next record and add what it says."""
    kind, row, step, number, payload = _record_at(descriptor, journal.end, size, journal.salt)
    if number != journal.n_records:
        raise Damage(f"record {number} where {journal.n_records} is expected")
    try:
        if kind == FACTS:
            _take_facts(journal, json.loads(payload))
        elif kind == ARRAY:
            length = _LENGTH.unpack_from(payload)[0]
            stream = io.BytesIO(payload[4 + length :])
            journal.arrays[payload[4 : 4 + length].decode()] = np.load(stream, allow_pickle=False)
        elif kind == SNAPSHOT:
            _take_snapshot(journal, row, step, payload)
        else:
            raise Damage(f"record of unknown kind {kind}; a newer nntf may know it")
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, struct.error) as error:
        raise Damage(f"record {number} makes no sense") from error
    journal.n_records += 1
    journal.end += HEAD.size + len(payload)


def _take_facts(journal: Journal, facts: dict[str, Any]) -> None:
    counts = (facts["n-classes"], facts["base"] + 1, facts["pid"], *facts["splits"].values())
    known = all(type(n) is int and 1 <= n < 2**32 for n in counts) and facts["splits"]
    if not known or not isinstance(facts["hparams"], dict) or not isinstance(facts["host"], str):
        raise ValueError
    if journal.facts and any(facts[name] != journal.facts[name] for name in FIXED):
        raise ValueError
    if not journal.facts:
        journal.prefix = facts["base"]
    journal.facts = facts


def _take_snapshot(journal: Journal, row: int, step: int, payload: bytes) -> None:
    length = _LENGTH.unpack_from(payload)[0]
    n_bytes = sum(journal.splits.values()) * journal.dtype.itemsize
    if row > journal.n_rows or len(payload) != 4 + length + n_bytes:
        raise Damage("a snapshot that does not fit")
    journal.prefix = min(journal.prefix, row)
    del journal.rows[row - journal.prefix :]
    offset = journal.end + HEAD.size + 4 + length
    journal.rows.append(Row(step, json.loads(payload[4 : 4 + length]), offset))


def _record_at(descriptor: int, offset: int, size: int, salt: int) -> tuple[int, int, int, int, bytes]:
    """Return kind, row, step, number and payload of the record at an offset.

    Raises
    ------
    Damage
        There is none, it is not whole, or its checksum is wrong.
    """
    head = os.pread(descriptor, min(HEAD.size, size - offset), offset)
    if len(head) < HEAD.size or head[:4] != RECORD_MAGIC:
        raise Damage("no record begins there")
    _, kind, length, number, row, step, checksum = HEAD.unpack(head)
    if length > size - offset - HEAD.size:
        raise Damage("a record is not whole")
    payload = pread(descriptor, length, offset + HEAD.size)
    if len(payload) < length or zlib.crc32(payload, zlib.crc32(head[:-4], salt)) != checksum:
        raise Damage("the checksum of a record is wrong")
    return kind, row, step, number, payload


def pread(descriptor: int, length: int, offset: int) -> bytes:
    """Return so many bytes from an offset on, fewer only where the file ends: one read returns 2 GB at most."""
    parts = []
    while length:
        part = os.pread(descriptor, length, offset)
        if not part:
            break
        parts.append(part)
        length, offset = length - len(part), offset + len(part)
    return b"".join(parts) if len(parts) != 1 else parts[0]


def _good_record_follows(descriptor: int, journal: Journal, size: int) -> bool:
    """Return whether, after what is no good, there is a record that only this journal can have."""
    offset = journal.end + 1
    while offset < size:
        piece = os.pread(descriptor, min(_SEARCHED, size - offset), offset)
        found = piece.find(RECORD_MAGIC)
        if found < 0:
            if len(piece) < _SEARCHED:
                return False
            offset += len(piece) - len(RECORD_MAGIC) + 1
            continue
        try:
            _record_at(descriptor, offset + found, size, journal.salt)
            return True
        except Damage:
            offset += found + 1
    return False
