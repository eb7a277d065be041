"""Panels underneath a fingerprint, column for column: samples moved, and accuracy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes as Plot

from nntf_cli.figures.heatmap import PAD, TICK, Heatmap
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import axis_name
from nntf_cli.figures.style import FAINT
from nntf_cli.figures.text import SMALL, number, squeeze
from nntf_cli.figures.ticks import value_ticks
from nntf_cli.model import Axis

_BARS, _RULE = "#5f6f80", "#dddddd"
LINES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # Okabe and Ito: told apart by colour-blind readers
_MOST_LINES = len(LINES)
_NAME_ROOM = 90  #: points for the name of a run beside a panel


def accuracies(axis: Axis, n: int) -> list[tuple[str, np.ndarray]]:
    """Return the accuracy curves known for ``n`` columns, with the split each belongs to.

    A scalar has one value per snapshot. Column i, a transition, is given that of the snapshot it arrives at,
    number i + 1; a column that is a snapshot its own.
    """
    curves = []
    for name in sorted(axis.scalars, key=lambda name: (name != "accuracy", name)):
        values = np.asarray(axis.scalars[name], dtype=np.float64)
        known = values.ndim == 1 and len(values) in (n, n + 1) and np.isfinite(values[-n:]).any()
        if known and (name == "accuracy" or name.endswith("_accuracy")):
            curves.append((name.removesuffix("accuracy").strip("_") or "training", values[-n:]))
    return curves[:_MOST_LINES]


def draw_underneath(
    page: Page, axis: Axis, heatmap: Heatmap, top: int, side: float, room: int, *, named: bool
) -> tuple[Plot, Box]:
    """Put the panels that are known underneath a heatmap, each exactly as wide as it.

    Parameters
    ----------
    page : Page
        Where to draw.
    axis : Axis
        What the columns of the heatmap are.
    heatmap : Heatmap
        What to align to.
    top : int
        Upper end of the first panel, pixels.
    side : float
        Size of the heatmap as the caller asked for it, pixels; the panels are a sixth of it high.
    room : int
        Width to the right of the panels for their names, pixels.
    named : bool
        Name the run too: that of the columns, where rows are of another one.

    Returns
    -------
    plot, box
        The lowest panel; the heatmap where nothing is known.
    """
    n = heatmap.grid.columns.n
    run = [axis_name(axis) or "columns"] if named else []
    room = max(room, page.px(_NAME_ROOM)) if named else room
    plot, box = heatmap.plot, heatmap.box
    height = max(round(side / 6), page.px(40))
    curves = accuracies(axis, n)
    if axis.moved is not None and len(axis.moved) == n:
        box = Box(box.left, top, box.width, height)
        plot = _panel(page, heatmap, box, "samples moved")
        _draw_moved(plot, axis.moved, box.width / n)
        write_beside(page, box, ["samples", "moved" + "," * named, *run], [FAINT] * 3, room)
        top = box.bottom + page.px(7)
    if curves:
        box = Box(box.left, top, box.width, height)
        plot = _panel(page, heatmap, box, "accuracy")
        draw_curves(plot, [values for _, values in curves], box.width / n)
        words = ["accuracy" + "," * named, *run, *(name for name, _ in curves)]
        write_beside(page, box, words, [FAINT] * (1 + len(run)) + list(LINES), room)
    return plot, box


def _panel(page: Page, heatmap: Heatmap, box: Box, label: str) -> Plot:
    plot = page.axes(box, label=label)
    plot.set_xlim(heatmap.plot.get_xlim())
    plot.set_xticks(heatmap.ticks, [""] * len(heatmap.ticks))
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    plot.spines["bottom"].set_visible(True)
    plot.spines["left"].set_visible(True)
    return plot


def write_beside(page: Page, box: Box, words: Sequence[str], colors: Sequence[str], room: int) -> None:
    """Write words to the right of a panel, a line each, in at most ``room`` pixels."""
    top = box.top + max(0, (box.height - len(words) * page.px(1.3 * SMALL)) // 2)
    for word, color in zip(words, colors, strict=False):
        text, size = squeeze(word, SMALL, page.points(room))
        page.text(box.right + page.px(5), top, text, size=size, color=color)
        top += page.px(1.3 * SMALL)


def _set_range(plot: Plot, low: float, high: float, *, whole: bool) -> None:
    ticks = value_ticks(low, high, 3, whole=whole)
    plot.set_ylim(low, high)
    plot.set_yticks(ticks, [number(tick) for tick in ticks])
    for tick in ticks:
        plot.axhline(tick, color=_RULE, linewidth=0.5, zorder=0)


def _draw_moved(plot: Plot, moved: np.ndarray, cell: float) -> None:
    """Draw bars where they are wide enough to be told apart, else one filled outline."""
    n = len(moved)
    if cell >= 4:
        plot.bar(np.arange(n), moved, width=0.8 if cell >= 6 else 1.0, color=_BARS, linewidth=0)
    else:
        plot.stairs(moved, np.arange(n + 1) - 0.5, fill=True, color=_BARS, linewidth=0)
    _set_range(plot, 0.0, max(1.0, 1.05 * float(moved.max())), whole=True)


def draw_curves(plot: Plot, curves: Sequence[np.ndarray], cell: float) -> None:
    """Draw shares over snapshots that are ``cell`` pixels apart, each in its colour of ``LINES``."""
    marker = "o" if cell >= 8 else None
    for values, color in zip(curves, LINES, strict=False):
        alone = marker or ("." if np.isnan(values).any() else None)  # a point between two gaps has no line
        plot.plot(
            np.arange(len(values)), values, color=color, linewidth=1.0, marker=alone, markersize=2.2,
            clip_on=False,
        )  # fmt: skip
    finite = np.concatenate([values[np.isfinite(values)] for values in curves])
    low, high = float(finite.min()), float(finite.max())
    pad = max(0.08 * (high - low), 0.01)
    top = 1.0 if high <= 1 else np.inf
    _set_range(plot, max(low - pad, 0.0) if low >= 0 else low - pad, min(high + pad, top), whole=False)
