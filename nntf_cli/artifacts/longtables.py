"""Tables of so many rows that they are written block by block, and never held as a whole."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np

from nntf_cli import memory
from nntf_cli.artifacts.tables import Cell, Table, csv_cell, format_table, json_value
from nntf_cli.progress import task

#: Some rows: a list of cells per column, all of one length.
Block = Sequence[Sequence[Cell]]

#: Types that csv writes as they are to be written.
_PLAIN = {int, float, type(None)}

#: Bytes of a cell in formats that need all rows at once to know how wide a column is.
_HELD = 200


@dataclass(frozen=True)
class LongTable:
    """Rows with named columns, made when they are written."""

    columns: Sequence[str]
    n_rows: int
    blocks: Callable[[], Iterator[Block]]
    title: str = ""  #: for people; CSV and JSON have no place for it
    measured: frozenset[str] = frozenset()  #: columns that people read with four decimals
    about: Mapping[str, Cell] = field(default_factory=dict)  #: what JSON says in every row besides


def cells(values: np.ndarray) -> list[Cell]:
    """Return an array as cells; what is not finite is empty."""
    listed: list[Cell] = values.tolist()
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        return [cell if known else None for cell, known in zip(listed, np.isfinite(values).tolist(), strict=True)]
    return listed


def writer(table: LongTable, fmt: str) -> Callable[[BinaryIO], None]:
    """Return what writes a table to a stream, as :func:`~nntf_cli.artifacts.tables.format_table` would.

    Parameters
    ----------
    table : LongTable
        What.
    fmt : {"text", "csv", "md", "tex", "json"}
        The first, third and fourth hold all rows.

    Raises
    ------
    LimitError
        When writing: the rows do not fit into memory.
    """
    return lambda stream: _write(table, fmt, stream)


def _write(table: LongTable, fmt: str, stream: BinaryIO) -> None:
    with task("writing the table", table.n_rows) as done:
        for text in {"csv": _csv, "json": _json}.get(fmt, _for_people(fmt))(table, done):
            stream.write(text.encode("utf-8", errors="backslashreplace"))


def _csv(table: LongTable, done: Callable[[float], None]) -> Iterator[str]:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(table.columns)
    for block in table.blocks():
        lines.writerows(zip(*(_csv_column(column) for column in block), strict=True))
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        done(len(block[0]))
    yield text.getvalue()


def _csv_column(column: Sequence[Cell]) -> Sequence[object]:
    """Return a column as csv writes it: numbers and None are what they are already."""
    return column if set(map(type, column)) <= _PLAIN else [csv_cell(cell) for cell in column]


def _json(table: LongTable, done: Callable[[float], None]) -> Iterator[str]:
    about = {name: json_value(value) for name, value in table.about.items()}
    before = "[\n"
    for block in table.blocks():
        rows = [
            {name: json_value(cell) for name, cell in zip(table.columns, row, strict=True)} | about
            for row in zip(*block, strict=True)
        ]
        if rows:
            yield before + json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)[2:-2]
            before = ",\n"
        done(len(rows))
    yield "[]\n" if before == "[\n" else "\n]\n"


def _for_people(fmt: str) -> Callable[[LongTable, Callable[[float], None]], Iterator[str]]:
    def text(table: LongTable, done: Callable[[float], None]) -> Iterator[str]:
        n_bytes = _HELD * table.n_rows * len(table.columns)
        memory.require(n_bytes, f"a table of {table.n_rows:,} rows in columns as wide as they must be", "take -t csv")
        rows = []
        for block in table.blocks():
            rows += [dict(zip(table.columns, row, strict=True)) for row in zip(*block, strict=True)]
            done(len(block[0]))
        yield format_table(Table(rows, table.columns, table.title, measured=table.measured, about=table.about), fmt)

    return text
