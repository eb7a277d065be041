"""Confusion: true classes downwards, the classes they are taken for to the right; at a snapshot, or how it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure

from nntf_cli.errors import ParameterError
from nntf_cli.figures.cells import enlarge
from nntf_cli.figures.heatmap import draw_bar, frame, show, write_heading
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Scale, rgb
from nntf_cli.figures.shown import MOST_CLASSES, ends_of_largest
from nntf_cli.figures.style import DEFAULT_STYLE, DIVERGING, FAINT, FLOWS, INK, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TITLE, class_labels, number, text_width, wrap
from nntf_cli.figures.transitions import name_classes
from nntf_cli.wording import quantity

_DIAGONAL = "#e9e9e9"
_ACROSS = "predicted class"
_LARGEST_CELL, _NAME = 30, 90  #: points: side of a cell, and length of a class's name, at most
_FILL = 0.88  #: of the width of a cell, for its number


@dataclass(frozen=True)
class ConfusionView:
    """What :func:`draw_confusion` draws: pairs of a true and a predicted class."""

    title: str  #: the run and its split
    true: np.ndarray  #: (K,) int64
    predicted: np.ndarray  #: (K,) int64, another class than ``true``
    n: np.ndarray  #: (K,) int64: samples, or by how many more or less
    share: np.ndarray  #: (K,) float64: the same, of all samples of the true class
    names: Sequence[str]  #: one per class
    is_change: bool = False  #: between two snapshots
    only: Sequence[int] | None = None  #: the true classes that were asked for; all if None


@look()
def draw_confusion(view: ConfusionView, *, subtitle: str = "", style: Style = DEFAULT_STYLE) -> Figure:
    """Draw which classes are taken for which, as a matrix with the number of samples in each cell.

    Colour is the share of the samples of the true class. A change is red where more, blue where fewer are taken for
    the other class. Of more than 25 classes those with the largest confusions are shown, and the figure says how
    many and what share of the wrong labels that is.

    Parameters
    ----------
    view : ConfusionView
        What to draw.
    subtitle : str
        A line under the title.
    style : Style
        ``size`` is the side of the matrix.

    Returns
    -------
    Figure
        Ready for :func:`~nntf_cli.figures.encode`.

    Raises
    ------
    ParameterError
        There are no classes.
    """
    if not len(view.names) or (view.only is not None and not len(view.only)):
        raise ParameterError("there is no class to draw")
    page = Page(style)
    rows, columns = _choose(view)
    counts, shares = _matrices(view, rows, columns)
    cell = max(1, min(page.px(_LARGEST_CELL), int(style.size * style.dpi / max(len(rows), len(columns)))))
    box = Box(0, 0, cell * len(columns), cell * len(rows))
    scale = _scale(view, shares, style)
    plot = page.axes(box, label="confusion")
    rgba = _paint(shares, counts, rows, columns, scale)
    show(plot, enlarge(rgba, cell, cell), (-0.5, len(columns) - 0.5, len(rows) - 0.5, -0.5))
    frame(page, plot)
    _write_numbers(plot, counts, rgba, page.points(cell), signed=view.is_change)
    labels = class_labels([*rows.tolist(), *columns.tolist()], view.names, SMALL, _NAME)
    down, across = ([labels[k] for k in shown.tolist()] for shown in (rows, columns))
    name_classes(page, plot, box, across, down, across=_ACROSS, down="true class")
    right = max(box.right, round((box.width + page.px(text_width(_ACROSS, LABEL))) / 2))  # of few classes
    bar = draw_bar(page, scale, right + page.px(9), 0, max(box.height, page.px(60)))
    _explain(page, view, rows, columns, counts, bar.right)
    heading = view.title if style.title is None else style.title
    write_heading(page, Box(0, 0, 1, 1), [(heading, TITLE), (subtitle, SMALL)], bar.right)
    return page.finish()


def _choose(view: ConfusionView) -> tuple[np.ndarray, np.ndarray]:
    """Return the true and the predicted classes to show, increasing."""
    every, weights = np.arange(len(view.names)), np.abs(view.n)
    if view.only is not None:
        rows = np.unique(np.asarray(view.only, dtype=np.int64))
        rows = rows if len(rows) <= MOST_CLASSES else _largest(view.true, weights)
        inside = np.isin(view.true, rows)
        columns = _largest(view.predicted[inside], weights[inside])
        return rows, columns if len(columns) else every[:MOST_CLASSES]
    if len(every) <= MOST_CLASSES:
        return every, every
    shown = ends_of_largest(view.true, view.predicted, weights) if len(view.n) else every[:MOST_CLASSES]
    return shown, shown


def _largest(classes: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the classes with most samples, as many as are shown, increasing."""
    known, place = np.unique(classes, return_inverse=True)
    totals = np.bincount(place.ravel(), weights, minlength=len(known))
    return np.sort(known[np.argsort(-totals, kind="stable")[:MOST_CLASSES]])


def _matrices(view: ConfusionView, rows: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return samples and shares between the classes shown."""
    inside = np.isin(view.true, rows) & np.isin(view.predicted, columns)
    place = np.searchsorted(rows, view.true[inside]), np.searchsorted(columns, view.predicted[inside])
    counts, shares = np.zeros((len(rows), len(columns)), dtype=np.int64), np.zeros((len(rows), len(columns)))
    counts[place], shares[place] = view.n[inside], view.share[inside]
    return counts, shares


def _scale(view: ConfusionView, shares: np.ndarray, style: Style) -> Scale:
    high = float(np.max(np.abs(shares), where=np.isfinite(shares), initial=0.0)) or 1.0
    if view.is_change:
        label, short = "change of the share of the samples of the class", "change of the share"
        return Scale(Normalize(-high, high, clip=True), style.colour_map(DIVERGING), label, short=short)
    label, short = "share of the samples of the class", "share of the class"
    return _ShareScale(PowerNorm(0.5, 0, high, clip=True), style.colour_map(FLOWS), label, short=short)


class _ShareScale(Scale):
    """Square root of a share: a few confusions are much larger than all others."""

    def ticks(self, height: float) -> tuple[list[float], list[float]]:
        """Return round shares, as many as there is room for."""
        gap, kept = 1.5 * SMALL / height, [0.0]
        for value in (digit * 10.0**power for power in range(-5, 1) for digit in (1, 2, 5)):
            if value <= (self.norm.vmax or 1.0) and self.place(value) - self.place(kept[-1]) >= gap:
                kept.append(value)
        return kept, [self.place(value) for value in kept]


def _paint(shares: np.ndarray, counts: np.ndarray, rows: np.ndarray, columns: np.ndarray, scale: Scale) -> np.ndarray:
    """Return the colour of each cell, uint8 RGBA: white where there is nothing, the diagonal grey."""
    rgba = scale.paint(shares)
    rgba[counts == 0] = 255
    rgba[rows[:, None] == columns] = rgb(_DIAGONAL)
    return rgba


def _write_numbers(plot: Plot, counts: np.ndarray, rgba: np.ndarray, cell: float, *, signed: bool) -> None:
    """Write numbers into cells; none that would not fit."""
    texts = {(i, j): _text(int(counts[i, j]), signed) for i, j in np.argwhere(counts).tolist()}
    fitting = (s for s in (9.0, 8.0, 7.0, 6.0) if all(text_width(text, s) <= _FILL * cell for text in texts.values()))
    size = next(fitting, 5.0)
    for (i, j), text in texts.items():
        if text_width(text, size) <= _FILL * cell and size * 1.1 <= cell:
            dark = float(rgba[i, j, :3] @ np.array([0.299, 0.587, 0.114])) < 140
            plot.text(j, i, text, fontsize=size, color="white" if dark else INK, ha="center", va="center_baseline")


def _text(count: int, signed: bool) -> str:
    return ("+" if signed and count > 0 else "") + number(count)


def _explain(
    page: Page, view: ConfusionView, rows: np.ndarray, columns: np.ndarray, counts: np.ndarray, right: int
) -> None:
    """Write what is shown, and what numbers and white are."""
    what = "samples more or fewer" if view.is_change else "samples"
    notes = [f"numbers: {what}; white: {'no change' if view.is_change else 'none'}, grey: the diagonal"]
    total, inside = int(np.abs(view.n).sum()), int(np.abs(counts).sum())
    if inside < total or len(rows) < len(view.names):
        wrong = "changes" if view.is_change else "wrong labels"
        percent = "under 1%" if 0 < 100 * inside < total else f"{100 * inside / max(total, 1):.0f}%"
        shown = len(np.union1d(rows, columns))
        notes.insert(0, f"{shown:,} of {quantity(len(view.names), 'class')}, {percent} of the {wrong}")
    top = page.extent.bottom + page.px(3)
    for line in wrap("; ".join(notes), SMALL, page.points(max(right, page.px(200)))):
        page.text(0, top, line, size=SMALL, color=FAINT)
        top += page.px(1.35 * SMALL)
