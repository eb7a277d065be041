"""A CSV file with a row for each sample and a column for each snapshot.

No program's layout in particular: what pandas writes of a table of predictions. Columns ``id`` and ``true`` (or
``target``, ``gold``, ``label``) are known by their names; the others are snapshots, of the number in which their
names differ. Without a header all columns are snapshots. A cell is a label, or scores as ``[0.1, 0.9]``; an empty one
is a missing prediction.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError
from nntf_cli.files.store import open_regular
from nntf_cli.importing import columns
from nntf_cli.importing.items import BY_SCORES, ClassCount, Item, Options, Remark, Snapshot, TrueLabels
from nntf_cli.importing.labels import by_largest, text_array
from nntf_cli.importing.numbering import steps_of
from nntf_cli.importing.onefile import ids_of, scores_in
from nntf_cli.importing.textfiles import table_of


class _Words(dict[str, int]):
    """The code of each text in a table, so that a cell takes four bytes."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path
        self.n_scores = 0  #: most scores in a cell

    def __missing__(self, cell: str) -> int:
        """Give a text a code, and scores, which are hardly ever the same, that of the largest."""
        text = cell.strip()
        if not text.startswith("["):
            return self.setdefault(cell, len(self))
        scores = scores_in(text, self._path)
        self.n_scores = max(self.n_scores, len(scores))
        return self.setdefault(str(int(by_largest(np.array([scores]), self._path)[0])), len(self))


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield the snapshots of a wide table; its cells are read row by row and kept as numbers of four bytes."""
    (path,) = sources
    with open_regular(path) as stream:
        names, rows = table_of(stream, path)
        ids: list[str] = []
        words, codes, n_rows = _Words(path), array("I"), 0
        sample = columns.find(names, "sample")
        if sample is None and names and not names[0]:
            sample = 0  # the index of a data frame, which pandas gives no name
        for _, cells in rows:
            if n_rows % 4096 == 0:
                memory.require(4096 * (8 * len(cells) + 200), "the next rows of it", memory.ELSEWHERE, where=path)
            n_rows += 1
            if sample is not None:
                ids.append(cells[sample])
                cells = [*cells[:sample], *cells[sample + 1 :]]
            codes.extend(map(words.__getitem__, cells))
    if not n_rows:
        raise InputError("labels no sample", "give a row for each sample", where=path)
    if words.n_scores:
        yield BY_SCORES
        yield ClassCount(words.n_scores)
    table = np.frombuffer(codes, dtype=np.uint32).reshape(n_rows, -1)
    rest = [name for i, name in enumerate(names) if i != sample]
    yield from _items(table, rest, text_array(words, path), ids_of(ids) if sample is not None else None, path, options)


def _items(
    table: np.ndarray, names: list[str], texts: np.ndarray, ids: list | None, path: str, options: Options
) -> Iterator[Item]:
    true = next((i for i, name in enumerate(names) if columns.kind(name) in ("true", "label")), None)
    snapshots = [i for i in range(table.shape[1]) if i != true]
    if not snapshots:
        raise InputError("has no column of a snapshot", "give a column for each", where=path)
    if names:
        steps = steps_of([names[i] for i in snapshots], path)
    else:
        if options.axis == 0:
            table, snapshots = table.T, list(range(table.shape[0]))
        else:
            yield Remark("there is no header: columns are taken for snapshots; if rows are, say --axis 0")
        steps = list(range(len(snapshots)))
    for column, step in sorted(zip(snapshots, steps, strict=True), key=lambda pair: pair[1]):
        where = f"{path}: column {names[column] if names else column + 1}"
        yield Snapshot(step, texts[table[:, column]], where, ids)
    if true is not None:
        yield TrueLabels(texts[table[:, true]], f"{path}: column {names[true]}", ids)
