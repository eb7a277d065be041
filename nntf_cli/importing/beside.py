"""What the user gives beside the sources: true classes, ids, names of classes, scalars.

Scalars are CSV as Keras's CSVLogger writes it (keras/src/callbacks/csv_logger.py: ``epoch``, then a column for each
measure, ``NA`` where there was none) or Lightning's (lightning/fabric/loggers/csv_logs.py: ``metrics.csv`` with
``epoch`` and ``step``, training and validation on rows of their own, empty where there was nothing).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.store import open_regular
from nntf_cli.importing import columns
from nntf_cli.importing.items import ClassNames, Item, Remark, SampleIds, ScalarRows, TrueLabels
from nntf_cli.importing.onefile import read_column, read_labels
from nntf_cli.importing.textfiles import lines_of, number, table_of


def true_labels(path: str) -> Iterator[Item]:
    """Yield true classes: one for each sample, or columns id and label."""
    labels = read_labels(path, "true")
    values = np.ravel(labels.values) if labels.values.ndim == 2 and 1 in labels.values.shape else labels.values
    if values.ndim != 1:
        raise InputError(f"must hold a class for each sample, found {values.shape}", "give a list of them", where=path)
    yield TrueLabels(values, path, labels.ids)


def sample_ids(path: str) -> Iterator[Item]:
    """Yield the ids of the samples, in the order of the sources."""
    yield SampleIds(read_column(path), path)


def class_names(path: str) -> Iterator[Item]:
    """Yield the names of the classes, one on each line."""
    with open_regular(path) as stream:
        names = [line.strip() for _, line in lines_of(stream, path)]
    while names and not names[-1]:
        names.pop()
    if "" in names:
        raise InputError(f"line {names.index('') + 1} is empty", "name a class on each line", where=path)
    yield ClassNames(names, path)


def scalar_rows(path: str) -> Iterator[Item]:
    """Yield what a CSV file logged; columns that hold no numbers are left out."""
    with open_regular(path) as stream:
        names, rows = table_of(stream, path)
        if not names:
            raise InputError("has no header", "name its columns: epoch, loss, accuracy, ...", where=path)
        found: list[dict[str, float | None]] = []
        for _, cells in rows:
            if len(found) % 65536 == 0:
                memory.require(65536 * 100 * (3 + len(names)), "reading it", memory.ELSEWHERE, where=path)
            found.append({name: number(cell) for name, cell in zip(names, cells, strict=True)})
    keys = [name for name in names if columns.kind(name) == "step"]
    text = [name for name in names if all(row[name] is None for row in found)]
    if text and found:
        yield Remark(f"{path}: left out {', '.join(text[:5])}{', ...' if len(text) > 5 else ''}, which holds no number")
    yield ScalarRows([{n: v for n, v in row.items() if v is not None} for row in found], keys, path)
