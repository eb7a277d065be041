"""Lines, records and tables out of text files, a piece at a time; whatever is wrong names its line."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, NamedTuple

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.store import open_regular
from nntf_cli.importing import columns

_LONGEST_LINE = 64 * 2**20

_NUMBER = re.compile(r"[ \t]*[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?[ \t]*")

#: A parsed value takes up to about so many times its text.
_JSON_FACTOR = 12


class Table(NamedTuple):
    """A CSV file: what its columns are called, and its rows, each with the number of its line."""

    columns: list[str]  #: empty where there is no header
    rows: Iterator[tuple[int, list[str]]]


def lines_of(stream: BinaryIO, where: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of UTF-8 text with their numbers, from 1.

    Raises
    ------
    InputError
        A line is too long or no UTF-8.
    """
    number = 0
    while line := stream.readline(_LONGEST_LINE):
        number += 1
        if len(line) == _LONGEST_LINE:
            raise InputError(f"line {number} is longer than 64 MiB", "write a record on each line", where=where)
        try:
            yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"line {number} is no UTF-8 text", "save it as UTF-8", where=where) from error


def records_of(path: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of a JSON Lines file with the numbers of their lines.

    Raises
    ------
    InputError
        A line holds something else.
    """
    with open_regular(path) as stream:
        for number, line in lines_of(stream, path):
            if line.strip():
                record = parsed_json(line, f"line {number}", path)
                if not isinstance(record, dict):
                    raise InputError(f"line {number} is no JSON object", "write a record on each line", where=path)
                yield number, record


def json_file(path: str) -> Any:
    """Return what a JSON file holds."""
    with open_regular(path) as stream:
        size = stream.seek(0, 2)
        memory.require(_JSON_FACTOR * size, "reading it", memory.ELSEWHERE, where=path)
        stream.seek(0)
        try:
            text = stream.read(size).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise InputError("is no UTF-8 text", "save it as UTF-8", where=path) from error
    return parsed_json(text, "", path)


def parsed_json(text: str, place: str, where: str) -> Any:
    """Return what JSON text stands for."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) and not place else place
        raise InputError(
            f"{line or 'it'} is no JSON ({getattr(error, 'msg', 'nested too deeply or a number too long')})",
            "was writing it interrupted?",
            where=where,
        ) from error


def table_of(stream: BinaryIO, where: str) -> Table:
    """Return a CSV file's columns and rows; separated by the comma, semicolon or tab that its first line has most of.

    Raises
    ------
    InputError
        It is empty, a row has another number of columns than the first line, or it is damaged.
    """
    lines = lines_of(stream, where)
    first = next(lines, None)
    if first is None or not first[1].strip():
        raise InputError("begins with an empty line", "give a header and a row for each sample", where=where)
    separator = max(",;\t", key=first[1].count)
    rows = _rows((line for _, line in chain([first], lines)), separator, where)
    line, cells = next(rows)
    if is_header(cells):
        return Table([cell.strip() for cell in cells], rows)
    return Table([], chain([(line, cells)], rows))


def _rows(lines: Iterable[str], separator: str, where: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, delimiter=separator, strict=True)
    width = 0
    try:
        for cells in reader:
            if not cells or (len(cells) == 1 and width > 1 and not cells[0].strip()):
                continue
            width = width or len(cells)
            if len(cells) != width:
                raise InputError(
                    f"line {reader.line_num} has {len(cells)} columns, the first line {width}",
                    "give every row the same columns",
                    where=where,
                )
            yield reader.line_num, cells
    except csv.Error as error:
        raise InputError(
            f"line {reader.line_num} is no CSV ({error})", "make it again or restore a copy", where=where
        ) from error


def is_header(cells: list[str]) -> bool:
    """Return whether the first line names columns: some cell is no number, or all are steps in order."""
    if len(cells) == 1:
        return columns.kind(cells[0]) != ""
    if not all(_NUMBER.fullmatch(cell) for cell in cells):
        return any(cell.strip() for cell in cells)
    values = [float(cell) for cell in cells]
    return len(values) > 1 and all(cell.strip().isdigit() for cell in cells) and values == sorted(set(values))


def number(text: str) -> float | None:
    """Return the number that text is, or None."""
    if _NUMBER.fullmatch(text):
        return float(text)
    return None
