"""Tables for people (text, Markdown, TeX) and for programs (CSV, JSON)."""

from __future__ import annotations

import csv
import io
import json
import math
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from nntf_cli.artifacts.cells import left, right, width
from nntf_cli.model import Band, Scalar

FORMATS = ("text", "csv", "md", "tex", "json")

#: Endings of table files that are not a format's own name.
ENDINGS = {"txt": "text", "markdown": "md", "latex": "tex"}

Cell = Scalar | Band | None

#: A spreadsheet takes text that starts so for a formula (OWASP: CSV injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

#: Cells of a line of text, beyond which notes are given lines of their own.
_WIDEST = 160

_TEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        # LaTeX's default encoding has other characters in their places
        "|": r"\textbar{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
    }
)


@dataclass(frozen=True)
class Table:
    """Rows with named columns; None is an empty cell."""

    rows: Sequence[Mapping[str, Cell]]
    columns: Sequence[str]
    title: str = ""  #: says by which convention the numbers were made
    bold: Collection[tuple[int, str]] = field(default_factory=frozenset)  #: (row, column)
    measured: Collection[str] = frozenset()  #: columns that people read with four decimals; others have six digits
    about: Mapping[str, Cell] = field(default_factory=dict)  #: what JSON says in every row besides


def format_table(table: Table, fmt: str) -> str:
    """Return the table as text that ends in a newline.

    Numbers keep full precision in ``csv`` and ``json`` and have four decimals elsewhere.

    Parameters
    ----------
    table : Table
        What.
    fmt : {"text", "csv", "md", "tex", "json"}
        Aligned text; comma-separated values; a Markdown table; a booktabs table to paste; a list of objects.
    """
    return {"text": _text, "csv": _csv, "md": _markdown, "tex": _tex, "json": _json}[fmt](table)


def _rounded(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4f}" if math.isfinite(value) else str(value)
    return printable(str(value))


def printable(text: str) -> str:
    """Return text without control characters and marks that reorder it: names come from files."""
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf") else "\N{REPLACEMENT CHARACTER}" for c in text)


def as_given(value: Cell) -> str:
    """Return a hyperparameter for people: 0.0005 stays, 0.30000000000000004 is 0.3."""
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))


def _grid(table: Table) -> list[list[str]]:
    measured = [column in table.measured for column in table.columns]
    return [
        [_rounded(row.get(c)) if m else as_given(row.get(c)) for c, m in zip(table.columns, measured, strict=True)]
        for row in table.rows
    ]


def _text(table: Table) -> str:
    lines = _lines([list(table.columns), *_grid(table)], table)
    if max(map(width, lines)) > _WIDEST:
        lines = _lines([list(table.columns), *_one_note_a_line(_grid(table))], table)
    return "\n".join(([table.title] if table.title else []) + lines) + "\n"


def _one_note_a_line(grid: list[list[str]]) -> list[list[str]]:
    """Return rows whose last cell, where it is a list of notes, goes on in rows of its own."""
    stacked = []
    for *row, last in grid:
        first, *others = last.split("; ")
        stacked += [[*row, first], *([""] * len(row) + [other] for other in others)]
    return stacked


def _lines(grid: list[list[str]], table: Table) -> list[str]:
    widths = [max(width(row[i]) for row in grid) for i in range(len(table.columns))]
    sides = [right if _is_numeric(table, column) else left for column in table.columns]
    return ["  ".join(side(cell, n) for cell, n, side in zip(row, widths, sides, strict=True)).rstrip() for row in grid]


def _is_numeric(table: Table, column: str) -> bool:
    values = [row.get(column) for row in table.rows]
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(value, (int, float)) for value in given)


def _csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.columns)
    writer.writerows([csv_cell(row.get(column)) for column in table.columns] for row in table.rows)
    return text.getvalue()


def csv_cell(value: Cell) -> str:
    """Return a cell for CSV, full precision, and no formula."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    text = str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text


def _markdown(table: Table) -> str:
    def cells(row: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |"

    marks = ["---:" if _is_numeric(table, column) else "---" for column in table.columns]
    body = [cells(row) for row in _emphasized(table, "**{}**", str)]
    head = [table.title, ""] if table.title else []
    return "\n".join([*head, cells(table.columns), cells(marks), *body]) + "\n"


def _emphasized(table: Table, bold: str, escape: Callable[[str], str]) -> list[list[str]]:
    return [
        [
            bold.format(escape(cell)) if (i, column) in table.bold and cell else escape(cell)
            for column, cell in zip(table.columns, row, strict=True)
        ]
        for i, row in enumerate(_grid(table))
    ]


def _tex(table: Table) -> str:
    def escape(text: str) -> str:
        return text.translate(_TEX)

    align = "".join("r" if _is_numeric(table, column) else "l" for column in table.columns)
    rows = _emphasized(table, r"\textbf{{{}}}", escape)
    lines = [
        *([f"% {table.title}"] if table.title else []),
        rf"\begin{{tabular}}{{{align}}}",
        r"\toprule",
        " & ".join(map(escape, table.columns)) + r" \\",
        r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _json(table: Table) -> str:
    about = {name: json_value(value) for name, value in table.about.items()}
    rows = [{column: json_value(row.get(column)) for column in table.columns} | about for row in table.rows]
    return json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def json_value(value: Cell) -> Scalar | None:
    """Return a cell for JSON, which has no infinity."""
    if isinstance(value, Band):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
