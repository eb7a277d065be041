"""What ``nntf anomalies`` writes: its table, its figure, and in words what was chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nntf_cli.errors import InputError
from nntf_cli.wording import quantity

if TYPE_CHECKING:
    from nntf_cli.anomalies import Anomalies
    from nntf_cli.artifacts.columns import Column, Columns
    from nntf_cli.artifacts.tables import Cell
    from nntf_cli.files.atomic import Writer
    from nntf_cli.model import LabelLog, Split

#: How the p-values are adjusted.
CORRECTION = "Benjamini-Hochberg"

#: Most marks in a figure, those of the most important anomalies: more would cover it.
_MARKS = 500

#: Digits of p-values for people.
_DIGITS = 2


def title_of(found: Anomalies, log: LabelLog, split: Split) -> str:
    """Return in words what the table holds."""
    return f"anomalies of {log.name} ({split.name}); {_how(found, tried=True)}; p adjusted by {CORRECTION}"


def table_writer(found: Anomalies, log: LabelLog, split: Split, form: str) -> Writer:
    """Return what writes the table of anomalies; people are spared what is empty or beyond meaning.

    Raises
    ------
    LimitError
        It does not fit into memory.
    """
    from nntf_cli.artifacts.columns import LongTable, table_writer
    from nntf_cli.artifacts.tables import printable

    columns = _columns_of(found, log)
    if form in ("csv", "json"):
        return table_writer(LongTable(columns, about=_about(found, log, split)), form)
    empty = {"name": log.class_names is None, "lost": found.lost is None}
    shown = {name: column for name, column in columns.items() if not empty.get(name)}
    for name in ("p", "p_adjusted"):
        shown[name] = _rounded(found, name)
    title = printable(title_of(found, log, split))
    return table_writer(LongTable(shown, title=title, measured=frozenset({"expected"})), form)


def _columns_of(found: Anomalies, log: LabelLog) -> Columns:
    """Return all columns; without a full window there is no score, nor anything to be said of it."""
    from nntf_cli.anomalies import RULES
    from nntf_cli.artifacts.columns import Column

    nothing = Column.empty(len(found.score))
    columns = {
        "step": Column(log.step[found.snapshot]),
        "class": Column(found.class_),
        "name": Column(found.class_, texts=log.class_names) if log.class_names else nothing,
        "rule": Column(found.rule, texts=RULES),
    }
    for name in ("score", "lost", "size", "expected", "threshold", "p", "p_adjusted"):
        values = getattr(found, name)
        columns["n" if name == "size" else name] = nothing if values is None else Column(values, found.size >= 0)
    return columns


def _rounded(found: Anomalies, name: str) -> Column:
    import numpy as np

    from nntf_cli.artifacts.columns import Column

    values = [float(f"{p:.{_DIGITS}g}") for p in getattr(found, name).tolist()]
    return Column(np.array(values, dtype=np.float64), found.size >= 0)


def _about(found: Anomalies, log: LabelLog, split: Split) -> dict[str, Cell]:
    """Return what JSON says in every row besides."""
    return {
        "run": log.name,
        "split": split.name,
        "of": found.of,
        "windows_tried": ", ".join(map(str, found.tried)),
        "null": found.settings.null,
        "correction": CORRECTION,
        "window": found.window,
        "n_tests": found.n_tests,
        "alpha": found.settings.alpha if found.settings.auto else None,
    }


def _how(found: Anomalies, *, tried: bool = False) -> str:
    """Return in words what counts as an anomaly."""
    settings = found.settings
    parts = ["correct or wrong" if found.of == "correct" else "predicted class", f"window {found.window}"]
    if tried and len(found.tried) > 1:
        parts[-1] += f" of {', '.join(map(str, found.tried))}"
    if len(settings.rules) == 1:
        parts.append(f"{settings.rules[0]} rule")
    if found.given.value or not settings.auto:
        parts.append(f"threshold {found.given}")
    if settings.auto:
        parts.append(f"false discovery rate {settings.alpha:g}")
    return "; ".join([*parts, f"null {settings.null}"])


def chosen(found: Anomalies) -> str:
    """Return in words what ``--auto`` has chosen."""
    several = f", the one with the most anomalies of {', '.join(map(str, found.tried))}"
    text = f"--auto: window {found.window}{several if len(found.tried) > 1 else ''}; "
    are = "is a discovery" if found.n_discoveries == 1 else "are discoveries"
    text += f"{found.n_discoveries:,} of {quantity(found.n_tests, 'score')} {are}"
    if found.p_limit is not None and found.n_discoveries:
        text += f" (p up to {found.p_limit:.2g})"
    if found.given.value:
        text += f", {len(found.score):,} of them at least {found.given}"
    if not len(found.score):
        return text
    low, high = found.threshold.min(), found.threshold.max()
    return text + f"; scores from {low:,}{f' to {high:,}, by class,' if low < high else ''} on are anomalies"


def draw(found: Anomalies, log: LabelLog, split: Split, *, only_anomalous: bool) -> Any:
    """Return the figure of the classes, with a mark for each anomaly, or the most important ones.

    Raises
    ------
    InputError
        Only anomalous classes are asked for, and there is none.
    """
    import numpy as np

    from nntf_cli.anomalies import RULES
    from nntf_cli.classes import tally
    from nntf_cli.cli.classesoutput import Wanted, view_of
    from nntf_cli.figures import Mark, draw_classes

    picked = np.flatnonzero(found.score)
    only = np.unique(found.class_[picked]).tolist() if only_anomalous else None
    if only is not None and not only:
        remedy = "leave out --only-anomalous, or lower the threshold"
        raise InputError("has no anomaly, and so no class to draw", remedy, where=log.source)
    marked = picked[:_MARKS]
    places = (found.snapshot, found.class_, found.rule, found.score / found.score.max(initial=1))
    lost = [None] * len(marked) if found.lost is None else (found.lost[marked] / found.score[marked]).tolist()
    marks = [
        Mark(row, class_, RULES[rule], weight, share)
        for row, class_, rule, weight, share in zip(*(part[marked].tolist() for part in places), lost, strict=True)
    ]
    view, _ = view_of(log, tally(log, split.name), Wanted(show="error" if found.of == "correct" else "share"))
    several = f"{f'{len(picked):,}' if len(picked) else 'no'} anomal{'y' if len(picked) == 1 else 'ies'}"
    subtitle = f"{several}: {_how(found)}"
    if len(marked) < len(picked):
        subtitle += f"; marked are the first {len(marked):,}"
    return draw_classes(view, marks=marks, only=only, subtitle=subtitle)
