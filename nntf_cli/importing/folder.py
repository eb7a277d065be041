"""One file for each snapshot: .npy, .npz, .csv, .tsv or .txt, in a folder or named one by one.

No program's layout in particular: what ``numpy.save(f"epoch_{i}.npy", labels)`` or ``to_csv`` in a training loop
leave. The step is the number in which the names differ. A file holds labels (N,) or scores (N, C); a table may have
columns ``id``, ``label``, ``true`` or scores ``score_...``.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence

from nntf_cli.errors import InputError
from nntf_cli.importing.items import ClassNames, Item, Options, Snapshot, TrueLabels
from nntf_cli.importing.numbering import steps_of
from nntf_cli.importing.onefile import ENDINGS, read_labels


def files_in(folder: str) -> list[str]:
    """Return the files of a folder that may be snapshots.

    Raises
    ------
    InputError
        There are none, or of several kinds.
    """
    names = [name for name in sorted(os.listdir(folder)) if not name.startswith(".")]
    endings = Counter(os.path.splitext(name)[1].lower() for name in names)
    known = [ending for ending in ENDINGS if endings[ending]]
    if len(known) != 1:
        found = ", ".join(known) if known else (", ".join(names[:5]) or "nothing")
        raise InputError(
            f"holds {'files of several kinds' if known else 'no snapshots'} ({found})",
            "name the files, or say --from FORMAT" if known else f"a file for each, of {', '.join(ENDINGS)}, is read",
            where=folder,
        )
    return [os.path.join(folder, name) for name in names if name.lower().endswith(known[0])]


def read(sources: Sequence[str], options: Options) -> Iterator[Item]:
    """Yield a snapshot for each file."""
    files = [path for source in sources for path in (files_in(source) if os.path.isdir(source) else [source])]
    beginning = os.path.commonpath([os.path.dirname(os.path.abspath(path)) for path in files])
    stems = [os.path.splitext(os.path.relpath(path, beginning))[0] for path in files]
    for path, step in sorted(zip(files, steps_of(stems, sources[0]), strict=True), key=lambda pair: pair[1]):
        labels = read_labels(path)
        if labels.classes:
            yield ClassNames(labels.classes, path)
        yield Snapshot(step, labels.values, path, labels.ids)
        if labels.true is not None:
            yield TrueLabels(labels.true, path, labels.ids)
