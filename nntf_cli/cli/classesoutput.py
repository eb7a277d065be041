"""What ``nntf classes`` writes: the tables, block by block, and what its figures draw."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from nntf_cli.cli.boundary import note_line

if TYPE_CHECKING:
    import numpy as np

    from nntf_cli.artifacts.longtables import Block, LongTable
    from nntf_cli.classes import ClassTally, Confusion
    from nntf_cli.figures import ClassView, ConfusionView
    from nntf_cli.model import LabelLog, Split

#: Clusters unless told otherwise, and most curves in a figure.
_CLUSTERS, _MOST_CURVES = 4, 4

#: Rows that are made at a time.
_ROWS = 20_000

#: Columns that people are spared where true classes, or names, are not known.
_NEED_TRUE = ("n_true", "n_correct", "error", "precision")
_NEED_NAMES = ("name", "true_name", "predicted_name")

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


def class_table(counted: ClassTally, wanted: Wanted, only: Sequence[int] | None, for_people: bool) -> LongTable:
    """Return a table with a row per class and snapshot."""
    import numpy as np

    from nntf_cli.artifacts.longtables import LongTable
    from nntf_cli.artifacts.tables import printable

    clusters = _clusters(counted, wanted) if wanted.clusters is not None or wanted.sort == "cluster" else None
    order = _order(counted, wanted, wanted.sort, clusters) if wanted.sort else np.arange(counted.n_classes)
    if only is not None:
        order = order[np.isin(order, only)]
    columns = [
        "step", "class", "name", *(["cluster"] if clusters is not None else []), "n_true", "n_predicted", "share",
        "n_correct", "error", "precision", "inflow", "outflow",
    ]  # fmt: skip
    absent = _absent(for_people, counted.class_names is None, counted.n_true is None)
    shown = [column for column in columns if column not in absent]

    def blocks() -> Iterator[Block]:
        several = max(1, _ROWS // max(1, counted.n_snapshots))
        for first in range(0, len(order), several):
            filled = _columns_of(counted, order[first : first + several], clusters)
            yield [filled[column] for column in shown]

    title = printable(f"classes of {counted.run} ({counted.split})")
    about = {"run": counted.run, "split": counted.split}
    return LongTable(shown, len(order) * counted.n_snapshots, blocks, title, _MEASURED, about)


def _absent(for_people: bool, no_names: bool, no_true: bool) -> set[str]:
    """Return the columns that would be empty; programs get every column of every log."""
    if not for_people:
        return set()
    return {*(_NEED_NAMES if no_names else ()), *(_NEED_TRUE if no_true else ())}


def _columns_of(counted: ClassTally, classes: np.ndarray, clusters: np.ndarray | None) -> dict[str, list]:
    """Return the cells of some classes, all snapshots of one before the next."""
    import numpy as np

    from nntf_cli.artifacts.longtables import cells

    n_rows, n_snapshots = len(classes) * counted.n_snapshots, counted.n_snapshots
    nothing: list[None] = [None] * n_rows
    names = [counted.class_names[k] for k in classes.tolist()] if counted.class_names else [None] * len(classes)
    filled: dict[str, list] = {
        "step": np.tile(counted.step, len(classes)).tolist(),
        "class": np.repeat(classes, n_snapshots).tolist(),
        "name": [name for name in names for _ in range(n_snapshots)],
    }
    if clusters is not None:
        own = [int(k) + 1 if k >= 0 else None for k in clusters[classes]]
        filled["cluster"] = [cluster for cluster in own for _ in range(n_snapshots)]
    for name in ("n_true", "n_predicted", "n_correct"):
        counts = getattr(counted, name)
        filled[name] = nothing if counts is None else counts[:, classes].T.ravel().tolist()
    for name in ("share", "error", "precision"):
        known = name == "share" or counted.n_true is not None
        filled[name] = cells(counted.measure(name, classes).ravel()) if known else nothing
    for name in ("inflow", "outflow"):
        rows = getattr(counted, name)[:, classes].T.astype(object)
        rows[:, :1] = None
        filled[name] = rows.ravel().tolist()
    return filled


def confusion_table(found: Confusion, for_people: bool) -> LongTable:
    """Return a table with a row per pair of a true and a predicted class."""
    from nntf_cli.artifacts.longtables import LongTable, cells
    from nntf_cli.artifacts.tables import printable

    two = len(found.step) > 1
    columns = [
        *(("from_step", "to_step") if two else ("step",)), "true", "true_name", "predicted", "predicted_name",
        *(("n_from", "n_to", "change", "share_from", "share_to") if two else ("n", "share")),
    ]  # fmt: skip
    absent = _absent(for_people, found.class_names is None, False)
    shown = [column for column in columns if column not in absent]
    names = found.class_names or [None] * found.n_classes

    def blocks() -> Iterator[Block]:
        for first in range(0, len(found.true), _ROWS):
            part = slice(first, first + _ROWS)
            true, predicted = found.true[part].tolist(), found.predicted[part].tolist()
            filled: dict[str, list] = {
                "true": true,
                "predicted": predicted,
                "true_name": [names[k] for k in true],
                "predicted_name": [names[k] for k in predicted],
                "change": found.change[part].tolist(),
            }
            for k, end in enumerate(("_from", "_to") if two else ("",)):
                filled[f"n{end}"] = found.n[k, part].tolist()
                filled[f"share{end}"] = cells(found.share[k, part])
                filled[f"{end[1:]}_step" if two else "step"] = [int(found.step[k])] * len(true)
            yield [filled[column] for column in shown]

    title = printable(f"confusions of {found.run} ({found.split}), {_when(found)}")
    about = {"run": found.run, "split": found.split}
    return LongTable(shown, len(found.true), blocks, title, _MEASURED, about)


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


def view_of(log: LabelLog, counted: ClassTally, wanted: Wanted) -> tuple[ClassView, str]:
    """Return what :func:`~nntf_cli.figures.draw_classes` draws, and a subtitle.

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
    many = "es" if counted.n_classes > 1 else ""
    what = f"{_IN_WORDS[show]}; {counted.n_classes:,} class{many}, {counted.n_samples:,} samples"
    return view, what


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
