"""Tables too long for an object per row: columns as arrays, written some rows at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from nntf_cli.artifacts.longtables import Block, LongTable
from nntf_cli.artifacts.tables import Cell, Table, csv_cell, format_table
from nntf_cli.progress import task

#: Rows that are formatted at a time, and bytes that their names may take: all of them take what the longest does.
_PIECE = 2**15
_NAME_BYTES = 2**26

#: Rows that are objects at a time, in other formats.
_OBJECTS = 2**12

#: Widest range of whole numbers whose texts are looked up in a table of all of them.
_WIDEST_RANGE = 2**12


@dataclass(frozen=True)
class Column:
    """One cell per row, all of one type: whole numbers, floats, truth values or text."""

    values: np.ndarray  #: (n,)
    defined: np.ndarray | None = None  #: (n,) bool, False where a cell is empty; None: nowhere
    texts: Sequence[str] | None = None  #: where given, the values are places in it; beyond it a cell is empty

    def __len__(self) -> int:
        """Return n."""
        return len(self.values)

    def taken(self, rows: np.ndarray | slice) -> Column:
        """Return some cells."""
        return Column(self.values[rows], None if self.defined is None else self.defined[rows], self.texts)

    @property
    def is_empty(self) -> bool:
        """Whether no cell holds anything."""
        return self.defined is not None and not self.defined.any()

    def cells(self) -> list[Cell]:
        """Return the cells as Python objects."""
        values: list[Any] = self.values.tolist()
        if self.texts is not None:
            values = [self.texts[value] if 0 <= value < len(self.texts) else None for value in values]
        if self.defined is None:
            return values
        return [value if known else None for value, known in zip(values, self.defined.tolist(), strict=True)]


Columns = Mapping[str, Column]


def long_table(columns: Columns, rows: np.ndarray | None = None, **details: Any) -> LongTable:
    """Return columns as a table of which some rows at a time are made into objects.

    Parameters
    ----------
    columns : mapping of str to Column
        By name, from the left.
    rows : ndarray of int64, optional
        Which rows, in this order; all if not given.
    **details
        Title and other details of a :class:`~nntf_cli.artifacts.longtables.LongTable`.
    """

    def blocks() -> Iterator[Block]:
        for piece in _pieces(columns, rows, _OBJECTS):
            yield [column.cells() for column in piece.values()]

    return LongTable(list(columns), _n_rows(columns, rows), blocks, **details)


def write_csv(stream: BinaryIO, columns: Columns, rows: np.ndarray | None = None) -> None:
    """Write columns as CSV, byte for byte as :func:`~nntf_cli.artifacts.tables.format_table` would.

    Parameters
    ----------
    stream : binary stream
        Where to.
    columns : mapping of str to Column
        By name, from the left; two at least.
    rows : ndarray of int64, optional
        Which rows, in this order; all if not given.
    """
    stream.write(format_table(Table([], list(columns)), "csv").encode())
    longest = sum(max(map(len, column.texts), default=0) for column in columns.values() if column.texts)
    n_rows, size = _n_rows(columns, rows), max(1, min(_PIECE, _NAME_BYTES // (4 * longest + 1)))
    with task("writing the table", n_rows) as done:
        for piece in _pieces(columns, rows, size):
            stream.write(_joined([_texts(column) for column in piece.values()]))
            done(min(size, n_rows))


def _n_rows(columns: Columns, rows: np.ndarray | None) -> int:
    return len(next(iter(columns.values()))) if rows is None else len(rows)


def _pieces(columns: Columns, rows: np.ndarray | None, size: int) -> Iterator[Columns]:
    n = _n_rows(columns, rows)
    for first in range(0, n, size):
        part: Any = slice(first, min(first + size, n)) if rows is None else rows[first : first + size]
        yield {name: column.taken(part) for name, column in columns.items()}


def _texts(column: Column) -> np.ndarray:
    """Return the cells as bytes, filled up with zeros on the right; empty ones are zeros."""
    values = column.values
    if column.texts is not None:
        texts = column.texts
        made = _looked_up(values, lambda known: [_quoted(texts[k]) if 0 <= k < len(texts) else b"" for k in known])
    elif values.dtype.kind in "iu" and len(values) and int(values.max()) - int(values.min()) >= _WIDEST_RANGE:
        made = values.astype("S")
    elif values.dtype.kind in "iu":
        made = _looked_up(values, lambda known: [b"%d" % k for k in known])
    elif values.dtype.kind == "U":
        made = np.array([_quoted(text) for text in values.tolist()], dtype="S")  # names of samples do not repeat
    else:
        made = _looked_up(values, lambda known: [_quoted(k) for k in known])
    if column.defined is not None and not column.defined.all():
        made = np.where(column.defined, made, b"")
    return made


def _looked_up(values: np.ndarray, texts: Callable[[list[Any]], list[bytes]]) -> np.ndarray:
    """Make the text of each distinct value, once."""
    if values.dtype.kind in "iu" and len(values):
        low, high = int(values.min()), int(values.max())
        if high - low < _WIDEST_RANGE:
            return np.array(texts(list(range(low, high + 1))), dtype="S")[values - low]
    known, place = np.unique(values, return_inverse=True)
    return np.array(texts(known.tolist()), dtype="S")[place]


def _quoted(cell: Cell) -> bytes:
    """Return a cell as it stands in CSV; a zero byte, which readers of CSV choke on, is marked as unreadable."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([csv_cell(cell), ""])
    return (
        line.getvalue()
        .removesuffix(",\n")
        .replace("\0", "\N{REPLACEMENT CHARACTER}")
        .encode("utf-8", "backslashreplace")
    )


def _joined(texts: list[np.ndarray]) -> bytes:
    """Set cells side by side with commas between and line ends after, and leave out what they were filled up with."""
    n = len(texts[0])
    widths = [text.dtype.itemsize for text in texts]
    lines = np.zeros((n, sum(widths) + len(widths)), dtype=np.uint8)
    place = 0
    for text, width in zip(texts, widths, strict=True):
        lines[:, place : place + width] = np.ascontiguousarray(text).view(np.uint8).reshape(n, width)
        lines[:, place + width] = ord(",")
        place += width + 1
    lines[:, -1] = ord("\n")
    return lines[lines != 0].tobytes()
