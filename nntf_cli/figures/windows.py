"""Figure of measures over time: a stripe of colours for each band of distances, a column for each window."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from nntf_cli.errors import ParameterError
from nntf_cli.figures.cells import Grid, Side, defined_means, enlarge, fit_grid
from nntf_cli.figures.heatmap import PAD, TICK, draw_bar, frame, show, write_heading
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Scale, rgb
from nntf_cli.figures.style import COUNTS, DEFAULT_STYLE, QUIET_ONE, SEQUENTIAL, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TITLE, fit_end, number, text_width, wrap
from nntf_cli.figures.ticks import step_ticks, value_ticks

_SHARES = (1.0, 0.8, 0.7)  #: of Style.size, the width of one panel beside no, one or two others
_HEIGHT = 0.42  #: of a panel, in units of its width

_GREY = "grey: undefined, the band holds no point of the window, or no line"

#: What a measure is called on its colour bar, and whether it is a share.
_NAMES = {
    "lam": ("laminarity (lam)", True),
    "det": ("determinism (det)", True),
    "ent": ("entropy (ent)", False),
    "entr": ("entropy (entr)", False),
}


@dataclass(frozen=True)
class Windowed:
    """Measures of one run in windows."""

    name: str
    ends: np.ndarray  #: (windows,) int64: where each window ends
    unit: str  #: "step", or "transition" where steps are not known
    edges: np.ndarray  #: (bands + 1,) float64: of the bands, lowest first
    values: Mapping[str, np.ndarray]  #: measure -> (bands, windows) float64, nan where undefined
    upwards: str = "band of distances"  #: what the bands are of


@look()
def draw_windows(
    runs: Sequence[Windowed], measures: Sequence[str], *, subtitle: str = "", style: Style = DEFAULT_STYLE
) -> Figure:
    """Draw measures of recurrence over time, one row of panels per run and one column per measure.

    A panel has time to the right, at the end of each window, and the bands of distances upwards. Shares have the
    scale [0, 1]; entropies one from 0 to the largest of all runs. Where a measure is undefined, because the
    band holds no point of the window or no line, the cell is grey.

    Parameters
    ----------
    runs : sequence of Windowed
        From the top.
    measures : sequence of str
        Which of their values, from the left.
    subtitle : str
        A line under the title, on the windows.
    style : Style
        ``size`` is the width of a panel that stands alone.

    Returns
    -------
    Figure
        Ready for :func:`~nntf_cli.figures.encode`.

    Raises
    ------
    ParameterError
        There is nothing to draw.
    LimitError
        The figure would be too large.
    """
    if not runs or not measures or not all(run.ends.size for run in runs):
        raise ParameterError("there is no window to draw")
    page = Page(style)
    width = style.size * style.dpi * _SHARES[min(len(measures), len(_SHARES)) - 1]
    left = right = 0
    for measure in measures:
        left = right + (page.px(14) if right else 0)
        scale = _scale(measure, runs, style)
        right = _draw_column(page, runs, measure, scale, left, width, labelled=measure == measures[0])
    _explain(page, runs, measures, right)
    title = style.title if style.title is not None else runs[0].name if len(runs) == 1 else "recurrence over time"
    write_heading(page, Box(0, page.extent.top, 1, 1), [(title, TITLE), (subtitle, SMALL)], right)
    return page.finish()


def _scale(measure: str, runs: Sequence[Windowed], style: Style) -> Scale:
    label, is_share = _NAMES.get(measure, (measure, False))
    values = np.concatenate([run.values[measure].ravel() for run in runs])
    highest = float(np.max(values, where=np.isfinite(values), initial=0.0))
    high = 1.0 if is_share else highest or 1.0
    return Scale(Normalize(0, high, clip=True), style.colour_map(SEQUENTIAL if is_share else COUNTS), label)


def _draw_column(
    page: Page, runs: Sequence[Windowed], measure: str, scale: Scale, left: int, width: float, *, labelled: bool
) -> int:
    """Draw one measure of all runs below each other, and its colour bar; return where they end on the right."""
    top, boxes = 0, []
    for run in runs:
        box = _draw_panel(page, run, run.values[measure], scale, left, top, width, labelled=labelled)
        if labelled and len(runs) > 1:
            name = fit_end(run.name, LABEL, page.points(width))
            page.text(box.left, box.top - page.px(1.4 * LABEL), name)
        boxes.append(box)
        top = box.bottom + page.px(TICK + PAD + 1.35 * SMALL + (1.9 * LABEL if len(runs) > 1 else 0))
    last, widest = boxes[-1], max(boxes, key=lambda box: box.width)
    below = last.bottom + page.px(TICK + PAD + 1.35 * SMALL)
    page.text(last.left + last.width / 2, below, f"{runs[-1].unit} at the end of the window", align="center")
    return draw_bar(page, scale, widest.right + page.px(9), boxes[0].top, boxes[0].height).right


def _draw_panel(
    page: Page, run: Windowed, values: np.ndarray, scale: Scale, left: int, top: int, width: float, *, labelled: bool
) -> Box:
    grid = _grid(values.shape, width)
    box = Box(left, top, grid.width, grid.height)
    plot = page.axes(box, label=f"windows of {run.name}")
    cells = defined_means(values, grid)[::-1]
    rgba = scale.paint(cells)
    rgba[~np.isfinite(cells)] = rgb(QUIET_ONE)
    n_rows, n_columns = grid.rows.n_blocks * grid.rows.block, grid.columns.n_blocks * grid.columns.block
    show(plot, enlarge(rgba, grid.rows.pixels, grid.columns.pixels), (-0.5, n_columns - 0.5, n_rows - 0.5, -0.5))
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    _label_time(page, plot, run, grid.columns, box)
    _label_bands(page, plot, run, grid.rows, box, labelled=labelled)
    frame(page, plot)
    return box


def _grid(shape: tuple[int, ...], width: float) -> Grid:
    """Return how bands and windows map to pixels; unlike those of a matrix, cells need not be square."""
    n_bands, n_windows = shape
    return Grid(fit_grid((n_bands, n_bands), width * _HEIGHT).rows, fit_grid((n_windows, n_windows), width).columns)


def _label_time(page: Page, plot: Plot, run: Windowed, side: Side, box: Box) -> None:
    def room(texts: list[str]) -> float:
        return page.px(max(text_width(text, SMALL) for text in texts)) + page.px(8)

    ticks, texts = step_ticks(run.ends, side.pixels / side.block, room)
    plot.set_xticks(ticks, texts)
    half = page.px(max(text_width(text, SMALL) for text in texts)) // 2
    page.reserve(Box(box.left - half, box.bottom, box.width + 2 * half, page.px(TICK + PAD + 1.35 * SMALL)))


def _label_bands(page: Page, plot: Plot, run: Windowed, side: Side, box: Box, *, labelled: bool) -> None:
    """Put ticks on the edges of bands; the lowest band is at the bottom."""
    low, high = float(run.edges[0]), float(run.edges[-1])
    values = value_ticks(low, high, max(1, min(5, int(page.points(box.height) / (1.8 * SMALL)))))
    texts = [number(value) for value in values]
    places = [side.n * (high - value) / (high - low) - 0.5 for value in values]
    plot.set_yticks(places, texts if labelled else [""] * len(values))
    if labelled:
        reach = page.px(TICK + PAD + 2) + page.px(max((text_width(text, SMALL) for text in texts), default=0.0))
        page.text(box.left - reach - page.px(1.25 * LABEL), box.top + box.height / 2, run.upwards, turned=True)


def _explain(page: Page, runs: Sequence[Windowed], measures: Sequence[str], right: int) -> None:
    """Write what grey means, if there is any."""
    if all(np.isfinite(run.values[measure]).all() for run in runs for measure in measures):
        return
    top, side = page.extent.bottom + page.px(4), page.px(SMALL)
    page.swatch(Box(0, top + page.px(0.15 * SMALL), side, side), QUIET_ONE)
    indent = side + page.px(4)
    for line in wrap(_GREY, SMALL, page.points(right - indent)):
        page.text(indent, top, line, size=SMALL)
        top += page.px(1.35 * SMALL)
