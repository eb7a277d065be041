"""Tables too long for an object per row: columns as arrays, written some rows at a time."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np

from nntf_cli import memory
from nntf_cli.artifacts.tables import Cell, Table, csv_cell, format_table, json_value
from nntf_cli.progress import task

#: Rows that are formatted at a time, and bytes that their names may take: all of them take what the longest does.
_PIECE = 2**15
_NAME_BYTES = 2**26

#: Rows that are texts at a time, in JSON; and bytes of a cell where all of them are.
_OBJECTS = 2**12
_HELD = 200.0

#: Widest range of whole numbers whose texts are looked up in a table of all of them.
_WIDEST_RANGE = 2**12


@dataclass(frozen=True)
class Column:
    """One cell per row, all of one type: whole numbers, floats, truth values or text."""

    values: np.ndarray  #: (n,)
    defined: np.ndarray | None = None  #: (n,) bool, False where a cell is empty; None: nowhere
    texts: Sequence[str] | None = None  #: where given, the values are places in it; beyond it a cell is empty

    @classmethod
    def of(cls, values: np.ndarray) -> Column:
        """Return a column of an array; what is not finite is empty."""
        known = np.isfinite(values) if values.dtype.kind == "f" else None
        return cls(values, None if known is None or known.all() else known)

    @classmethod
    def empty(cls, n: int) -> Column:
        """Return a column of ``n`` empty cells."""
        return cls(np.zeros(n, dtype=np.int8), np.zeros(n, dtype=bool))

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


@dataclass(frozen=True)
class LongTable:
    """Columns with what a :class:`~nntf_cli.artifacts.tables.Table` has besides."""

    columns: Columns  #: by name, from the left; two at least
    rows: np.ndarray | None = None  #: which rows, in this order; all if not given
    title: str = ""  #: for people; CSV and JSON have no place for it
    measured: frozenset[str] = frozenset()  #: columns that people read with four decimals
    about: Mapping[str, Cell] = field(default_factory=dict)  #: what JSON says in every row besides

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.columns.values()))) if self.rows is None else len(self.rows)

    def pieces(self, size: int) -> Iterator[Columns]:
        """Yield the columns of ``size`` rows at a time."""
        for first in range(0, len(self), size):
            part: Any = slice(first, min(first + size, len(self)))
            part = part if self.rows is None else self.rows[part]
            yield {name: column.taken(part) for name, column in self.columns.items()}

    def whole(self) -> Table:
        """Return it with an object for each row."""
        cells = [column.cells() for columns in self.pieces(max(1, len(self))) for column in columns.values()]
        rows = [dict(zip(self.columns, row, strict=True)) for row in zip(*cells, strict=True)]
        return Table(rows, list(self.columns), self.title, measured=self.measured, about=self.about)


def table_writer(table: LongTable, fmt: str) -> Callable[[BinaryIO], None]:
    """Return what writes a table, byte for byte as :func:`~nntf_cli.artifacts.tables.format_table` would.

    Parameters
    ----------
    table : LongTable
        What.
    fmt : {"text", "csv", "md", "tex", "json"}
        The second and the last are written some rows at a time; the others must be whole to know how wide they are.

    Raises
    ------
    LimitError
        In such a format it does not fit into memory.
    """
    if fmt == "csv":
        return lambda stream: _write_csv(stream, table)
    if fmt == "json":
        return lambda stream: _write_json(stream, table)
    n_bytes = _HELD * len(table) * len(table.columns)
    memory.require(n_bytes, f"a table of {len(table):,} rows in columns as wide as they must be", "take -t csv")
    text = format_table(table.whole(), fmt).encode("utf-8", "backslashreplace")

    def write(stream: BinaryIO) -> None:
        stream.write(text)

    return write


def _write_csv(stream: BinaryIO, table: LongTable) -> None:
    stream.write(format_table(Table([], list(table.columns)), "csv").encode())
    longest = sum(max(map(len, column.texts), default=0) for column in table.columns.values() if column.texts)
    with task("writing the table", len(table)) as done:
        for piece in table.pieces(max(1, min(_PIECE, _NAME_BYTES // (4 * longest + 1)))):
            stream.write(_joined([_texts(column) for column in piece.values()]))
            done(len(next(iter(piece.values()))))


def _write_json(stream: BinaryIO, table: LongTable) -> None:
    """Write a list of objects; all look alike, so there is a form to be filled in."""
    told = {name: _json_text(value).replace("%", "%%") for name, value in table.about.items()}
    cells = {**dict.fromkeys(table.columns, "%s"), **told}
    lines = (f"    {json.dumps(name, ensure_ascii=False).replace('%', '%%')}: {cell}" for name, cell in cells.items())
    form, before = "  {\n" + ",\n".join(lines) + "\n  }", "[\n"
    with task("writing the table", len(table)) as done:
        for piece in table.pieces(_OBJECTS):
            texts = [_json_texts(column) for name, column in piece.items() if name not in told]
            text = before + ",\n".join([form % row for row in zip(*texts, strict=True)])
            stream.write(text.encode("utf-8", "backslashreplace"))
            before = ",\n"
            done(len(next(iter(piece.values()))))
    stream.write(b"[]\n" if before == "[\n" else b"\n]\n")


def _json_texts(column: Column) -> list[str]:
    cells = column.cells()
    if column.values.dtype.kind in "iu" and column.texts is None and column.defined is None:
        return list(map(str, cells))
    known = {cell: _json_text(cell) for cell in set(cells)} if column.values.dtype.kind != "f" else {}
    return [known[cell] for cell in cells] if known else [_json_text(cell) for cell in cells]


def _json_text(cell: Cell) -> str:
    return json.dumps(json_value(cell), ensure_ascii=False, allow_nan=False)


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
