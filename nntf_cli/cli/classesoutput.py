"""What ``nntf classes`` writes: the tables, and what its figures draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from nntf_cli.cli.boundary import note_line
from nntf_cli.wording import quantity

if TYPE_CHECKING:
    import numpy as np

    from nntf_cli.artifacts.columns import Columns
    from nntf_cli.classes import ClassTally, Confusion
    from nntf_cli.figures import ClassView, ConfusionView
    from nntf_cli.files.atomic import Writer
    from nntf_cli.model import LabelLog, Split

#: Clusters unless told otherwise, and most curves in a figure.
_CLUSTERS, _MOST_CURVES = 4, 4

#: Bytes of a row of the table of classes while it is made; and of a cell for people, who need all rows at once.
_ROW_BYTES = 100

_MEASURED = frozenset({"share", "error", "precision", "share_from", "share_to"})

_IN_WORDS = {
    "error": "error rate",
    "share": "share of samples predicted as each class",
    "inflow": "samples that came from other classes since the snapshot before",
    "outflow": "samples that went to other classes since the snapshot before",
    "precision": "precision",
}


@dataclass(frozen=True)
class Wanted:
    """What was asked for; None where the data decide."""

    show: str | None = None
    sort: str | None = None
    clusters: int | None = None
    seed: int = 0

    def measure(self, counted: ClassTally) -> str:
        """Return what is shown."""
        return self.show or ("share" if counted.n_true is None else "error")


def require_what_is_needed(log: LabelLog, split: Split, wanted: Wanted) -> None:
    """Refuse what cannot be told without true classes, before anything is counted.

    Raises
    ------
    InputError
        There are none.
    """
    if wanted.show in ("error", "precision"):
        log.true_classes(split, f"--show {wanted.show}", "--show share, inflow or outflow")
    if wanted.sort in ("error", "cluster"):
        log.true_classes(split, f"--sort {wanted.sort}", "--sort name or change")
    if wanted.clusters is not None:
        log.true_classes(split, "--clusters", "--sort change")


def note_what_is_unknown(counted: ClassTally) -> None:
    """Say which columns are empty."""
    if counted.n_true is None:
        note_line(
            f"{counted.source}: has no true classes of split '{counted.split}': n_true, n_correct, error and precision "
            "are unknown"
        )


def _clusters(counted: ClassTally, wanted: Wanted) -> np.ndarray:
    from nntf_cli.classes import cluster_classes

    return cluster_classes(counted.measure("error"), wanted.clusters or _CLUSTERS, wanted.seed)


def _order(counted: ClassTally, wanted: Wanted, by: str, clusters: np.ndarray | None) -> np.ndarray:
    from nntf_cli.classes import order_classes

    return order_classes(
        by,
        counted.n_classes,
        error=counted.measure("error") if by in ("error", "cluster") else None,
        shown=counted.measure(wanted.measure(counted)) if by == "change" else None,
        clusters=clusters,
        names=counted.class_names,
    )


# -- tables


def class_table(counted: ClassTally, wanted: Wanted, only: Sequence[int] | None, form: str) -> Writer:
    """Return what writes a table with a row per class and snapshot.

    Raises
    ------
    LimitError
        It does not fit into memory.
    """
    import numpy as np

    from nntf_cli import memory

    clusters = _clusters(counted, wanted) if wanted.clusters is not None or wanted.sort == "cluster" else None
    order = _order(counted, wanted, wanted.sort, clusters) if wanted.sort else np.arange(counted.n_classes)
    if only is not None:
        order = order[np.isin(order, only)]
    memory.require(
        _ROW_BYTES * len(order) * counted.n_snapshots, "the table", "choose classes with --class, or --every"
    )
    columns = _columns_of(counted, order, clusters)
    return _table_writer(columns, form, f"classes of {counted.run} ({counted.split})", counted)


def _columns_of(counted: ClassTally, order: np.ndarray, clusters: np.ndarray | None) -> Columns:
    """Return all columns, the snapshots of one class before those of the next."""
    import numpy as np

    from nntf_cli.artifacts.columns import Column

    n_snapshots, knows = counted.n_snapshots, counted.n_true is not None
    classes = np.repeat(order, n_snapshots)
    nothing = Column.empty(len(classes))

    def samples(name: str) -> Column:
        return Column(getattr(counted, name)[:, order].T.ravel())

    def share(name: str) -> Column:
        return Column.of(counted.measure(name, order).ravel())

    later = np.tile(np.arange(n_snapshots) > 0, len(order))  # than the first, which has no snapshot before
    columns = {
        "step": Column(np.tile(counted.step, len(order))),
        "class": Column(classes),
        "name": Column(classes, texts=counted.class_names) if counted.class_names else nothing,
    }
    if clusters is not None:
        columns["cluster"] = Column(clusters[classes] + 1, clusters[classes] >= 0)
    return columns | {
        "n_true": samples("n_true") if knows else nothing,
        "n_predicted": samples("n_predicted"),
        "share": share("share"),
        "n_correct": samples("n_correct") if knows else nothing,
        "error": share("error") if knows else nothing,
        "precision": share("precision") if knows else nothing,
        "inflow": replace(samples("inflow"), defined=later),
        "outflow": replace(samples("outflow"), defined=later),
    }


def confusion_table(found: Confusion, form: str) -> Writer:
    """Return what writes a table with a row per pair of a true and a predicted class."""
    import numpy as np

    from nntf_cli.artifacts.columns import Column

    n, two = len(found.true), len(found.step) > 1
    ends = ("_from", "_to") if two else ("",)
    columns = {
        f"{end[1:]}_step" if two else "step": Column(np.full(n, step))
        for end, step in zip(ends, found.step, strict=True)
    }
    for name, classes in (("true", found.true), ("predicted", found.predicted)):
        columns[name] = Column(classes)
        nothing = Column.empty(n)
        columns[f"{name}_name"] = Column(classes, texts=found.class_names) if found.class_names else nothing
    columns |= {f"n{end}": Column(samples) for end, samples in zip(ends, found.n, strict=True)}
    if two:
        columns["change"] = Column(found.change)
    shares = zip(ends, found.share, strict=True)
    columns |= {f"share{end}": Column.of(share) for end, share in shares}
    return _table_writer(columns, form, f"confusions of {found.run} ({found.split}), {_when(found)}", found)


def _table_writer(columns: Columns, form: str, title: str, counted: ClassTally | Confusion) -> Writer:
    """Return what writes columns; people are spared those that are empty."""
    from nntf_cli.artifacts.columns import LongTable, table_writer
    from nntf_cli.artifacts.tables import printable

    if form not in ("csv", "json"):
        columns = {name: column for name, column in columns.items() if not (len(column) and column.is_empty)}
    about = {"run": counted.run, "split": counted.split}
    return table_writer(LongTable(columns, title=printable(title), measured=_MEASURED, about=about), form)


def _when(found: Confusion) -> str:
    steps = found.step.tolist()
    return f"step {steps[0]} to {steps[1]}" if len(steps) > 1 else f"step {steps[0]}"


def rows_of_steps(log: LabelLog, steps: Sequence[int]) -> list[int]:
    """Return the snapshots with these steps.

    Raises
    ------
    click.BadParameter
        There is none with one of them.
    """
    import numpy as np

    rows = np.searchsorted(log.step, steps).tolist()
    for row, step in zip(rows, steps, strict=True):
        if row == log.n_snapshots or log.step[row] != step:
            near = log.step[max(0, row - 1) : row + 1].tolist()
            raise click.BadParameter(
                f"there is no snapshot of step {step}; near it is {' and '.join(map(str, near))}, and steps run from "
                f"{log.step[0]} to {log.step[-1]}",
                param_hint="'--confusion'",
            )
    return rows


# -- figures


def view_of(
    log: LabelLog, counted: ClassTally, wanted: Wanted, only: Sequence[int] | None = None
) -> tuple[ClassView, str]:
    """Return what :func:`~nntf_cli.figures.draw_classes` draws, all classes or ``only`` some of them, and a subtitle.

    Other splits of the log are counted too, for the curves of their errors.
    """
    import numpy as np

    from nntf_cli.figures import ClassView

    knows, show = counted.n_true is not None, wanted.measure(counted)
    by = wanted.sort or ("cluster" if knows else None)
    clusters = _clusters(counted, wanted) if by == "cluster" else None
    view = ClassView(
        title=f"{counted.run} ({counted.split})",
        measure=show,
        step=counted.step,
        values=counted.measure(show),
        names=counted.class_names or [str(k) for k in range(counted.n_classes)],
        order=_order(counted, wanted, by, clusters) if by else np.arange(counted.n_classes),
        clusters=clusters,
        curves=_error_curves(log, counted),
    )
    return view, f"{_IN_WORDS[show]}; {_how_many(counted, only)}"


def _how_many(counted: ClassTally, only: Sequence[int] | None) -> str:
    """Return ``10 classes, 5,388 samples``, or ``2 of 10 classes, 5,388 samples in all``."""
    of = len(only or ())
    some = 0 < of < counted.n_classes
    classes = f"{of:,} of " * some + quantity(counted.n_classes, "class")
    return f"{classes}, {quantity(counted.n_samples, 'sample')}{' in all' * some}"


def _error_curves(log: LabelLog, counted: ClassTally) -> list[tuple[str, np.ndarray]]:
    """Return the error rate of each split: from its labels, else from the accuracy that was logged."""
    import numpy as np

    from nntf_cli.classes import tally

    curves: dict[str, np.ndarray] = {}
    for name in sorted(log.splits, key=lambda name: (name != "train", name != counted.split)):
        if log.splits[name].true is not None and len(curves) < _MOST_CURVES:
            curves[name] = (counted if name == counted.split else tally(log, name)).overall_error()
    for scalar, values in log.scalars.items():
        if scalar == "accuracy" or scalar.endswith("_accuracy"):
            name = scalar.removesuffix("accuracy").removesuffix("_") or "train"
            known = values[np.isfinite(values)]
            if name not in curves and len(known) and 0 <= known.min() and known.max() <= 1:
                curves[name] = 1 - values
    return list(curves.items())[:_MOST_CURVES]


def confusion_view(found: Confusion, only: Sequence[int] | None) -> tuple[ConfusionView, str]:
    """Return what :func:`~nntf_cli.figures.draw_confusion` draws, and a subtitle."""
    from nntf_cli.figures import ConfusionView

    two = len(found.step) > 1
    view = ConfusionView(
        title=f"{found.run} ({found.split})",
        true=found.true,
        predicted=found.predicted,
        n=found.change,
        share=found.share[1] - found.share[0] if two else found.share[0],
        names=found.class_names or [str(k) for k in range(found.n_classes)],
        is_change=two,
        only=only,
    )
    return view, f"which classes are taken for which: {'change from ' * two}{_when(found)}"
