"""Pixel chart of samples: a row for each, a column for each snapshot, its colour right or wrong, or the class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.figure import Figure

from nntf_cli.errors import ParameterError
from nntf_cli.figures.cells import Grid, Side, enlarge, fit_grid
from nntf_cli.figures.heatmap import PAD, TICK, frame, show, write_heading
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.palette import MISSING, RIGHT, WRONG, ClassColours, class_colours
from nntf_cli.figures.scales import rgb
from nntf_cli.figures.style import DEFAULT_STYLE, INK, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TITLE, class_labels, fit_end, text_width, wrap
from nntf_cli.figures.ticks import snapshots_label, step_ticks
from nntf_cli.wording import quantity

#: Points: of the tallest row and the widest column, of what a row must be tall to have a name, of a name.
_TALLEST, _WIDEST, _NAMED, _NAME_ROOM = 12.0, 24.0, 1.2 * SMALL, 110.0

_WORDS = 200.0  #: points that lines above and underneath may have, of charts that are narrower
_CORRECT = " (correct)"
_CURVE = 0.13  #: height of the panel underneath, in units of the width
_RULE = "#dddddd"


@dataclass(frozen=True)
class Chart:
    """The labels of some samples, in the order in which they are to be drawn."""

    name: str  #: of the run and its samples
    step: np.ndarray  #: (T,) int64
    labels: np.ndarray  #: (n, T) int64, -1 where missing
    true: np.ndarray | None = None  #: (n,) int64
    names: Sequence[str] | None = None  #: of the samples
    class_names: Sequence[str] | None = None
    one_class: int | None = None  #: the true class, where all have the same
    what: str = ""  #: which samples they are, in words

    @property
    def right(self) -> np.ndarray:
        """(n, T) float64: 1 where the label is correct, 0 where it is wrong, nan where it is missing."""
        assert self.true is not None
        return np.where(self.labels < 0, np.nan, self.labels == self.true[:, None])


class _Key(NamedTuple):
    """An entry of the legend."""

    colour: str
    text: str


@look()
def draw_pixels(chart: Chart, colour: str = "correct", *, style: Style = DEFAULT_STYLE) -> Figure:
    """Draw what became of samples, one row of pixels each, and underneath the share that is correct.

    Parameters
    ----------
    chart : Chart
        The samples, from the top. Every sample has whole pixels of its own; of more snapshots than there are pixels,
        several share a column, which then has the mean of right and wrong, or the most frequent class.
    colour : {"correct", "class"}
        Right and wrong are light blue and vermilion, which no kind of colour-blindness confuses. Of classes, the most
        frequent have a colour each, others are grey: no more than ten can be told apart. Where all samples are of
        one class that is light, so that what is wrong stands out; else a bar on the left has the true classes.
    style : Style
        ``size`` is the width, about.

    Returns
    -------
    Figure
        Ready for :func:`~nntf_cli.figures.encode`.

    Raises
    ------
    ParameterError
        There is no sample, or right and wrong are asked for without true classes.
    LimitError
        The figure would be too large.
    """
    if not chart.labels.size:
        raise ParameterError("there is no sample to draw")
    if colour == "correct" and chart.true is None:
        raise ParameterError("without true classes nothing is right or wrong", "colour by class")
    page = Page(style)
    grid = _grid(chart.labels.shape, style.size * style.dpi, page)
    box = Box(0, 0, grid.width, grid.height)
    room = page.points(max(box.width, page.px(_WORDS)))
    if colour == "correct":
        rgba, keys = _paint_right(chart, grid.columns), _keys_of_right(chart)
    else:
        colours = class_colours(chart.labels, chart.one_class)
        rgba, keys = _paint_classes(chart.labels, grid.columns, colours), _keys_of_classes(chart, colours, room)
        if chart.true is not None and chart.one_class is None:
            _draw_bar(page, box, grid, colours.paint(chart.true))
    plot = page.axes(box, label="samples")
    n_columns = grid.columns.n_blocks * grid.columns.block
    rgba = enlarge(rgba, grid.rows.pixels, grid.columns.pixels)
    show(plot, rgba, (-0.5, n_columns - 0.5, grid.rows.n - 0.5, -0.5))
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    frame(page, plot)
    _name_rows(page, plot, chart, grid, box)
    bottom, lowest = box, plot
    if chart.true is not None:
        plot.set_xticks([])
        bottom, lowest = _draw_share(page, chart, plot, box)
    _label_steps(page, lowest, chart.step, grid.columns, bottom)
    _write_keys(page, "predicted:" if colour == "class" else "", keys, grid, room)
    title = chart.name if style.title is None else style.title
    lines = [(title, TITLE), *((line, SMALL) for line in wrap(chart.what, SMALL, room))]
    write_heading(page, Box(0, page.extent.top, 1, 1), lines, page.px(room))
    return page.finish()


def _grid(shape: tuple[int, ...], width: float, page: Page) -> Grid:
    """Return how samples and snapshots map to pixels: a sample never shares a row with another one."""
    n_samples, n_snapshots = shape
    rows = fit_grid((n_samples, n_samples), width).rows
    rows = rows._replace(pixels=min(rows.pixels, page.px(_TALLEST)), block=1)
    columns = fit_grid((n_snapshots, n_snapshots), width).columns
    return Grid(rows, columns._replace(pixels=min(columns.pixels, page.px(_WIDEST))))


def _starts(side: Side) -> np.ndarray:
    return np.arange(0, side.n, side.block)


def _paint_right(chart: Chart, side: Side) -> np.ndarray:
    """Return (n, blocks) colours: between right and wrong where a block has both."""
    right, starts = chart.right, _starts(side)
    n_present = np.add.reduceat(np.isfinite(right).astype(np.int64), starts, axis=1)
    n_right = np.add.reduceat(np.nan_to_num(right), starts, axis=1)
    share = (n_right / np.maximum(n_present, 1))[..., None]
    mixed = np.round(share * rgb(RIGHT) + (1 - share) * rgb(WRONG)).astype(np.uint8)
    mixed[n_present == 0] = rgb(MISSING)
    return mixed


def _keys_of_right(chart: Chart) -> list[_Key]:
    keys = [_Key(RIGHT, "correct"), _Key(WRONG, "wrong")]
    return [*keys, _Key(MISSING, "no label")] if (chart.labels < 0).any() else keys


def _paint_classes(labels: np.ndarray, side: Side, colours: ClassColours) -> np.ndarray:
    """Return (n, blocks) colours: of a block, that of its most frequent class."""
    kinds = colours.kinds(labels)
    if side.block > 1:
        starts, most = _starts(side), np.zeros((len(labels), side.n_blocks), dtype=np.int64)
        winner = np.zeros(most.shape, dtype=np.int64)
        for kind in range(colours.n_kinds):
            n = np.add.reduceat((kinds == kind).astype(np.int64), starts, axis=1)
            winner[n > most] = kind
            most = np.maximum(n, most)
        kinds = winner
    return colours.rgba[kinds]


def _keys_of_classes(chart: Chart, colours: ClassColours, room: float) -> list[_Key]:
    right = [] if chart.one_class is None else [chart.one_class]
    room -= SMALL + 4 + bool(right) * text_width(_CORRECT, SMALL)
    labels = class_labels([k for k, _ in colours.shown] + right, chart.class_names, SMALL, room)
    keys = [_Key(RIGHT, labels[k] + _CORRECT) for k in right]
    keys += [_Key(colour, labels[k]) for k, colour in colours.shown]
    if colours.n_others:
        keys.append(_Key(colours.others, quantity(colours.n_others, "other")))
    return [*keys, _Key(MISSING, "no label")] if (chart.labels < 0).any() else keys


def _draw_bar(page: Page, box: Box, grid: Grid, rgba: np.ndarray) -> None:
    """Draw the true class of each sample on the left."""
    width = page.px(6)
    bar = Box(box.left - width - page.px(4), box.top, width, box.height)
    plot = page.axes(bar, label="true classes")
    show(plot, enlarge(rgba[:, None], grid.rows.pixels, width), (0, 1, grid.rows.n - 0.5, -0.5))
    plot.set_xticks([])
    plot.set_yticks([])
    frame(page, plot)
    page.text(bar.left + width / 2, bar.top - page.px(1.3 * SMALL), "true", size=SMALL, align="center")


def _name_rows(page: Page, plot: Plot, chart: Chart, grid: Grid, box: Box) -> None:
    """Write the name of each sample where rows are tall enough, else how many there are."""
    plot.set_yticks([])
    n, left = grid.rows.n, page.extent.left - page.px(4)
    if chart.names is None or page.points(grid.rows.pixels) < _NAMED:
        text = quantity(n, "sample")
        if page.px(text_width(text, LABEL)) > box.height:  # it hangs down to where the panel underneath has labels
            left -= page.px(TICK + PAD + text_width("0.5", SMALL))
        page.text(left - page.px(1.25 * LABEL), box.top + box.height / 2, text, turned=True)
        return
    for k, name in enumerate(chart.names):
        top = box.top + (k + 0.5) * grid.rows.pixels - page.px(1.25 * SMALL) / 2
        page.text(left, top, fit_end(name, SMALL, _NAME_ROOM), size=SMALL, align="right")


def _draw_share(page: Page, chart: Chart, above: Plot, box: Box) -> tuple[Box, Plot]:
    """Draw the share of these samples that is correct, snapshot by snapshot."""
    height = max(page.px(30), round(_CURVE * box.width))
    panel = Box(box.left, box.bottom + page.px(7), box.width, height)
    plot = page.axes(panel, label="share correct")
    n_present = np.maximum((chart.labels >= 0).sum(axis=0), 1)
    share = np.where((chart.labels >= 0).any(axis=0), np.nansum(chart.right, axis=0) / n_present, np.nan)
    plot.set_xlim(above.get_xlim())
    plot.set_ylim(0, 1.02)
    for level in (0.0, 0.5, 1.0):
        plot.axhline(level, color=_RULE, linewidth=0.5, zorder=0)
    plot.stairs(share, np.arange(len(share) + 1) - 0.5, baseline=None, color=INK, linewidth=0.9)
    plot.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    plot.spines["bottom"].set_visible(True)
    plot.spines["left"].set_visible(True)
    reach = page.px(TICK + PAD + 2) + page.px(text_width("0.5", SMALL))
    page.reserve(Box(panel.left - reach, panel.top, reach, panel.height))
    page.text(panel.right + page.px(5), panel.top + (panel.height - page.px(2.6 * SMALL)) // 2, "share", size=SMALL)
    page.text(panel.right + page.px(5), panel.top + panel.height // 2, "correct", size=SMALL)
    return panel, plot


def _label_steps(page: Page, plot: Plot, step: np.ndarray, side: Side, box: Box) -> None:
    def room(texts: list[str]) -> float:
        return page.px(max(text_width(text, SMALL) for text in texts)) + page.px(8)

    ticks, texts = step_ticks(step, side.pixels / side.block, room)
    plot.set_xticks(ticks, texts)
    half = page.px(max(text_width(text, SMALL) for text in texts)) // 2
    below = page.px(TICK + PAD + 1.35 * SMALL)
    page.reserve(Box(box.left - half, box.bottom, box.width + 2 * half, below))
    label = snapshots_label(step, side.block)
    page.text(box.left + box.width / 2, box.bottom + below, label, align="center")


def _write_keys(page: Page, head: str, keys: Sequence[_Key], grid: Grid, room: float) -> None:
    """Write the legend underneath, in as many lines as it takes."""
    side, left, top = page.px(SMALL), 0, page.extent.bottom + page.px(5)
    if head:
        left = page.text(left, top, head, size=SMALL).right + page.px(8)
    for colour, text in keys:
        shown = fit_end(text, SMALL, room - SMALL - 4)
        width = side + page.px(4) + page.px(text_width(shown, SMALL)) + page.px(10)
        if left and left + width > page.px(room + 10):
            left, top = 0, top + page.px(1.4 * SMALL)
        place = Box(left, top + page.px(0.15 * SMALL), side, side)
        if colour == MISSING:
            page.swatch(Box(place.left - 1, place.top - 1, side + 2, side + 2), _RULE)
        page.swatch(place, colour)
        page.text(left + side + page.px(4), top, shown, size=SMALL)
        left += width
    if grid.columns.block > 1:
        shown = "their most frequent class" if head else "the mean of right and wrong"
        text = f"a column is {grid.columns.block} snapshots, its colour {shown}"
        for line in wrap(text, SMALL, room):
            top += page.px(1.4 * SMALL)
            page.text(0, top, line, size=SMALL)
