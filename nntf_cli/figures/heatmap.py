"""One matrix as a heatmap with its axes, and the colour bar beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.image import AxesImage

from nntf_cli.errors import InputError
from nntf_cli.figures.cells import Grid, Quiet, Side, block_means, enlarge, fit_grid, quiet_of, quiet_share
from nntf_cli.figures.chance import pale
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Matrix, Scale, axis_name, rgb
from nntf_cli.figures.style import FAINT
from nntf_cli.figures.text import LABEL, SMALL, fit, number, squeeze, text_width
from nntf_cli.figures.ticks import axis_steps, step_ticks
from nntf_cli.model import Axis, Fingerprint

TICK, PAD = 2.5, 2.0  #: length of a tick and its distance from its label, points


@dataclass(frozen=True)
class Heatmap:
    """A heatmap that was put on a page."""

    plot: Plot
    box: Box  #: of the cells alone
    grid: Grid
    ticks: np.ndarray  #: the columns that have a tick
    tick_labels: list[str]
    axis_label: str  #: of the columns


@dataclass(frozen=True)
class Labels:
    """Which labels a heatmap gets, beside its ticks."""

    rows: bool = True
    columns: bool = True


ALL_LABELS = Labels()


def check_drawable(matrix: Matrix) -> None:
    """Refuse a matrix without cells, or with one that has no colour.

    Raises
    ------
    InputError
        The matrix has no rows or no columns (the log has fewer than two snapshots), or holds nan or infinity.
    """
    if matrix.values.size == 0:
        raise InputError(
            "there is no transition to draw",
            "a fingerprint needs at least two snapshots",
            where=matrix.origin,
        )
    if not (np.isfinite(matrix.values.min()) and np.isfinite(matrix.values.max())):
        raise InputError("the matrix holds nan or infinity", "compute it again from the label log", where=matrix.origin)


def pixels_of(
    matrix: Matrix,
    grid: Grid,
    scale: Scale,
    *,
    quiet: Quiet | None = None,
    change: Callable[[np.ndarray], np.ndarray] | None = None,
) -> np.ndarray:
    """Return the picture of a matrix, one uint8 RGBA value per pixel; row 0 is at the top.

    Cells in quiet rows and columns are grey, and not in the mean of a block that has other cells too. Those of an
    excess that do not stand out from chance are pale.
    """
    quiet = quiet_of(matrix) if quiet is None else quiet
    rgba = pale(scale.paint(block_means(matrix.values, grid, quiet, change)), matrix, grid, quiet)
    off, both = quiet_share(grid, quiet)
    rgba[off] = rgb(scale.quiet_one)
    rgba[both] = rgb(scale.quiet_both)
    return enlarge(rgba, grid.rows.pixels, grid.columns.pixels)


def show(plot: Plot, rgba: np.ndarray, extent: tuple[float, float, float, float]) -> None:
    """Fill a plot with an image, pixel by pixel; ``extent`` is its left, right, bottom and top."""
    image = AxesImage(plot, interpolation="none", origin="upper", extent=extent)
    image.set_data(rgba)
    plot.add_image(image)
    plot.set_xlim(extent[0], extent[1])
    plot.set_ylim(extent[2], extent[3])


def row_label_room(page: Page, matrix: Matrix, grid: Grid, labels: Labels) -> int:
    """Return how far tick labels and axis label reach to the left of a heatmap, in pixels."""
    if not labels.rows:
        return page.px(TICK)
    texts = _ticks(page, matrix.axes.rows, grid.rows, upright=True)[1]
    return page.px(TICK + PAD + 2) + _widest(page, texts) + page.px(1.5 * LABEL)


def draw_heatmap(
    page: Page,
    matrix: Matrix,
    scale: Scale,
    left: int,
    top: int,
    side: float,
    *,
    labels: Labels = ALL_LABELS,
    rgba: np.ndarray | None = None,
) -> Heatmap:
    """Put a matrix on a page with its upper left cell at ``left``, ``top``, about ``side`` pixels large.

    The first transition is at the upper left, in the order of a matrix and of the published figures; so time
    runs right, and panels underneath can share it. Ticks are at steps, or at indices where steps are unknown.
    """
    grid = fit_grid(matrix.values.shape, side)
    box = Box(left, top, grid.width, grid.height)
    plot = page.axes(box, label="heatmap")
    rows, columns = grid.rows.n_blocks * grid.rows.block, grid.columns.n_blocks * grid.columns.block
    pixels = pixels_of(matrix, grid, scale) if rgba is None else rgba
    show(plot, pixels, (-0.5, columns - 0.5, rows - 0.5, -0.5))
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    ticks, texts, name = _ticks(page, matrix.axes.columns, grid.columns, upright=False)
    heatmap = Heatmap(plot, box, grid, ticks, texts, name)
    plot.set_xticks(ticks, texts if labels.columns else [""] * len(ticks))
    if labels.columns:
        label_columns(page, box, matrix.axes.columns, heatmap, named=_is_cross(matrix))
    _label_rows(page, plot, matrix, heatmap, labels.rows)
    return heatmap


def label_columns(page: Page, box: Box, axis: Axis, heatmap: Heatmap, *, named: bool) -> None:
    """Write what the columns are under ``box``, below the tick labels that matplotlib writes."""
    below = page.px(TICK + PAD + 1.35 * SMALL)
    half = _widest(page, heatmap.tick_labels) // 2
    page.reserve(Box(box.left - half, box.bottom, box.width + 2 * half, below))
    name = _axis_label(axis, heatmap.axis_label, named)
    text = fit(name, LABEL, page.points(max(box.width, page.px(60))))
    page.text(box.left + box.width / 2, box.bottom + below, text, align="center")


def _label_rows(page: Page, plot: Plot, matrix: Matrix, heatmap: Heatmap, wanted: bool) -> None:
    box = heatmap.box
    ticks, texts, name = _ticks(page, matrix.axes.rows, heatmap.grid.rows, upright=True)
    plot.set_yticks(ticks, texts if wanted else [""] * len(ticks))
    if not wanted:
        return
    reach = page.px(TICK + PAD + 2) + _widest(page, texts)
    label = _axis_label(matrix.axes.rows, name, _is_cross(matrix))
    text = fit(label, LABEL, page.points(max(box.height, page.px(60))))
    page.text(box.left - reach - page.px(1.25 * LABEL), box.top + box.height / 2, text, turned=True)


def _axis_label(axis: Axis, name: str, named: bool) -> str:
    run = axis_name(axis)
    return f"{name} of {run}" if named and run else name


def _is_cross(matrix: Matrix) -> bool:
    return isinstance(matrix, Fingerprint) and matrix.axes.is_cross


def _widest(page: Page, texts: list[str]) -> int:
    return page.px(max((text_width(text, SMALL) for text in texts), default=0.0))


def _ticks(page: Page, axis: Axis, side: Side, *, upright: bool) -> tuple[np.ndarray, list[str], str]:
    steps, name = axis_steps(axis, side.n)

    def room(texts: list[str]) -> float:
        return page.px(1.8 * SMALL) if upright else _widest(page, texts) + page.px(8)

    rows, texts = step_ticks(steps, side.pixels / side.block, room)
    return rows, texts, name


def frame(page: Page, plot: Plot) -> None:
    """Draw a line one pixel wide around a plot, outside of its cells."""
    for spine in plot.spines.values():
        spine.set_visible(True)
        spine.set_linewidth(page.points(1))
        spine.set_edgecolor(FAINT)


def draw_bar(page: Page, scale: Scale, left: int, top: int, height: int) -> Box:
    """Put a colour bar on a page; the box returned includes its labels."""
    width = max(page.px(7), 3)
    box = Box(left, top, width, height)
    plot = page.axes(box, label="colour bar")
    show(plot, np.repeat(scale.bar(height)[:, None], width, axis=1), (0, 1, 0, 1))
    values, places = scale.ticks(page.points(height))
    texts = [number(value) for value in values]
    plot.yaxis.tick_right()
    plot.set_xticks([])
    plot.set_yticks(places, texts)
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    reach = page.px(TICK + PAD + 3) + _widest(page, texts)
    room = page.points(max(height, page.px(60)))
    wanted = scale.label if not scale.short or text_width(scale.label, LABEL) <= room else scale.short
    label, size = squeeze(wanted, LABEL, room)
    plot.set_label(f"colour bar: {label}")
    # what is longer than the bar hangs down, for above it are headings
    middle = top + max(height, page.px(text_width(label, size)) + 1) / 2
    text = page.text(box.right + reach, middle, label, size=size, turned=True)
    return Box(left, top, text.right - left, max(height, text.height))


def write_heading(page: Page, box: Box, lines: list[tuple[str, float]], right: int) -> None:
    """Write a title and lines under it above ``box``, made to end at ``right``; empty ones are left out."""
    shown = [(text, size) for text, size in lines if text]
    top = box.top - page.px(5) - sum(page.px(1.35 * size) for _, size in shown)
    for text, size in shown:
        room = page.points(max(right - box.left, page.px(120)))
        line, fitted = squeeze(text, size, room)
        page.text(box.left, top, line, size=fitted, color=FAINT if size <= SMALL else "black")
        top += page.px(1.35 * size)
