"""What ``nntf samples`` writes: the table, streamed where it is long, and the pixel chart."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from nntf_cli.wording import plural, quantity

if TYPE_CHECKING:
    import numpy as np

    from nntf_cli.artifacts.columns import Column
    from nntf_cli.files.atomic import Writer
    from nntf_cli.model import LabelLog, Split
    from nntf_cli.samples import Histories

#: All columns, from the left; after numbers of classes stand their names.
COLUMNS = (
    "sample", "id", "true", "true_name", "n_changes", "last_change", "n_classes_visited", "final", "final_name",
    "n_forgotten", "first_learned", "never_learned", "share_correct", "most_wrong", "most_wrong_name",
    "most_wrong_share",
)  # fmt: skip

#: What a label takes while it is compared and drawn.
_BYTES_DRAWN = 64.0

_SHARES = frozenset({"share_correct", "most_wrong_share"})


@dataclass(frozen=True)
class Selected:
    """The samples of one split, or those of them that are of some classes."""

    run: LabelLog
    split: Split
    found: Histories
    classes: tuple[int, ...] | None = None  #: the true classes; None for all

    @cached_property
    def among(self) -> np.ndarray | None:
        """Their numbers; None for all."""
        return None if self.classes is None else self.found.of_classes(self.classes)

    @property
    def n(self) -> int:
        """How many there are."""
        return self.found.n_samples if self.among is None else len(self.among)

    @property
    def title(self) -> str:
        """Run, split and classes."""
        title, classes, names = f"{self.run.name} ({self.split.name})", self.classes or (), self.run.class_names or ()
        called = [names[k] if k < len(names) else str(k) for k in classes]
        return f"{title}, {plural(len(called), 'class')} {', '.join(called)}" if called else title


def summary(selected: Selected) -> str:
    """Return in a line how many samples are never learned, never forgotten, forgotten."""
    n, found = selected.n, selected.found
    text = f"{selected.title}: {quantity(n, 'sample')} in {quantity(len(found.step), 'snapshot')}: "
    if found.true is None:
        n_changed = int((found.fact("n_changes") > 0).sum())
        return text + f"{n_changed:,} changed at least once; there are no true classes, so nothing is right or wrong"
    tally = found.tally(selected.among)
    text += (
        f"{tally.never_learned:,} never learned, {tally.unforgettable:,} unforgettable (learned and never forgotten), "
    )
    text += f"{tally.forgotten:,} forgotten at least once"
    return text + (f", {tally.unlabelled:,} without a label" if tally.unlabelled else "")


def columns_of(run: LabelLog, found: Histories) -> dict[str, Column]:
    """Return all columns of all samples; those of which nothing is known are empty."""
    import numpy as np

    from nntf_cli.artifacts.columns import Column

    nothing = Column.empty(found.n_samples)
    given = {
        "sample": Column(np.arange(found.n_samples)),
        "id": nothing if found.ids is None else Column(found.ids),
        "true": nothing if found.true is None else Column(found.true),
    }
    columns: dict[str, Column] = {}
    for name in COLUMNS:
        base = name.removesuffix("_name")
        if base != name:
            numbers, names = columns[base], run.class_names
            columns[name] = nothing if names is None else Column(numbers.values, numbers.defined, names)
        else:
            columns[name] = given[name] if name in given else Column(*found.values(name))
    return columns


def _for_people(columns: dict[str, Column]) -> dict[str, Column]:
    """Return columns without those that are empty, and without what a column beside says, too."""
    kept = {name: column for name, column in columns.items() if not column.is_empty and name != "never_learned"}
    return {name: column for name, column in kept.items() if f"{name}_name" not in kept}


def table_writer(selected: Selected, rows: np.ndarray | None, form: str, field: str | None) -> Writer:
    """Return what writes the table of some samples, in their order.

    Parameters
    ----------
    selected : Selected
        What was found.
    rows : ndarray of int64 or None
        Numbers of samples; None for all, which only csv and json can hold.
    form : {"text", "csv", "md", "tex", "json"}
        How.
    field : str or None
        What they are in order of.
    """
    from nntf_cli.artifacts.columns import LongTable, table_writer

    columns = columns_of(selected.run, selected.found)
    if form in ("csv", "json"):
        about = {"run": selected.run.name, "split": selected.split.name}
        return table_writer(LongTable(columns, rows, about=about), form)
    assert rows is not None
    chosen = _for_people({name: column.taken(rows) for name, column in columns.items()})
    title = f"{selected.title}: {len(rows):,} of {quantity(selected.n, 'sample')}, in order of {field}"
    return table_writer(LongTable(chosen, title=title, measured=_SHARES), form)


def draw(selected: Selected, rows: np.ndarray, colour: str, what: str, picture: Literal["png", "svg", "pdf"]) -> Writer:
    """Return what writes the pixel chart of some samples, those alike side by side."""
    import numpy as np

    from nntf_cli import memory
    from nntf_cli.figures import Chart, draw_pixels, encode
    from nntf_cli.samples import labels_of, seriated

    found, run, split = selected.found, selected.run, selected.split
    n_bytes = _BYTES_DRAWN * len(rows) * run.n_snapshots
    memory.require(n_bytes, "drawing these samples", "choose fewer with --top, or --every", where=run.source)
    stored = labels_of(run, rows, split.name).T
    labels = np.where(stored == split.labels.missing, -1, stored.astype(np.int64))
    true = None if found.true is None else found.true[rows]
    compared, rank = labels, found.fact("n_changes")[rows]
    if true is not None:
        rank = -found.fact("n_correct")[rows]
        if colour == "correct":
            compared = np.where(labels < 0, -1, labels == true[:, None])
    order = seriated(compared, rank)
    names = rows[order] if found.ids is None else found.ids[rows[order]]
    chart = Chart(
        selected.title,
        run.step,
        labels[order],
        None if true is None else true[order],
        [str(name) for name in names.tolist()],
        run.class_names,
        selected.classes[0] if selected.classes is not None and len(selected.classes) == 1 else None,
        what,
    )
    content = encode(draw_pixels(chart, colour), picture)
    return lambda stream: stream.write(content)
