"""Figures of one matrix: a fingerprint or a difference, alone or with what belongs to it."""

from __future__ import annotations

from matplotlib.figure import Figure

from nntf_cli.figures.cells import Grid, fit_grid
from nntf_cli.figures.chance import write_chance
from nntf_cli.figures.greys import write_greys
from nntf_cli.figures.heatmap import (
    ALL_LABELS,
    Heatmap,
    Labels,
    check_drawable,
    draw_bar,
    draw_heatmap,
    label_columns,
    row_label_room,
    write_heading,
)
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Matrix, Scale, axis_name, difference_names, scale_for
from nntf_cli.figures.style import DEFAULT_STYLE, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TITLE
from nntf_cli.figures.underneath import draw_underneath
from nntf_cli.model import Axis, Difference, Fingerprint
from nntf_cli.wording import plural

HEADING = 270  #: points that a heading may have above a picture that is narrower
_WHAT = {"floor": ": distance by chance", "excess": ": distance beyond chance"}
_BETWEEN = {"flows": "distance between transitions", "hamming": "Hamming distance between snapshots"}


@look()
def draw_fingerprint(
    fingerprint: Fingerprint,
    *,
    style: Style = DEFAULT_STYLE,
    beside: Fingerprint | None = None,
    underneath: bool = True,
    subtitle: str = "",
) -> Figure:
    """Draw a fingerprint as a heatmap, transition 0 at the upper left.

    Each cell is a whole number of pixels; where there are more cells than pixels, a pixel is the mean of a
    block of them. Distances in [0, 1] have a fixed colour scale, so that figures can be compared; counts of
    samples one from 0 to the largest. Transitions in which nothing moved are grey, for their distances (0 to
    each other, 1 to all else) say nothing about the run.

    Parameters
    ----------
    fingerprint : Fingerprint
        What to draw. Cross fingerprints have A downwards and B to the right.
    style : Style
        Size, resolution, colours and title.
    beside : Fingerprint, optional
        Another matrix to the right with a colour scale of its own: the Hamming fingerprint of the same run.
        The title then stands above both.
    underneath : bool
        Draw the samples moved and the accuracy per transition underneath, as far as they are known.
    subtitle : str
        A line under the title of a matrix that stands alone.

    Returns
    -------
    Figure
        Ready for :func:`encode`.

    Raises
    ------
    InputError
        There are no transitions.
    LimitError
        The figure would be too large.
    """
    check_drawable(fingerprint)
    page = Page(style)
    side = style.size * style.dpi
    scale = scale_for([fingerprint], style)
    heatmap, bar = _draw_with_bar(page, fingerprint, scale, 0, side, underneath=underneath)
    title = default_title(fingerprint) if style.title is None else style.title
    if beside is None:
        _head(page, fingerprint, heatmap, bar, title, subtitle)
    else:
        second = _draw_beside(page, beside, side, style)
        _head_both(page, [(fingerprint, heatmap, bar), (beside, *second)], title)
    return page.finish()


def _draw_beside(page: Page, beside: Fingerprint, side: float, style: Style) -> tuple[Heatmap, Box]:
    """Draw a second matrix to the right of all that is on the page."""
    check_drawable(beside)
    grid = fit_grid(beside.values.shape, side)
    left = page.extent.right + page.px(14) + row_label_room(page, beside, grid, ALL_LABELS)
    scale = scale_for([beside], Style(style.size, style.dpi))
    return _draw_with_bar(page, beside, scale, left, side, underneath=False)


def _draw_with_bar(
    page: Page, matrix: Matrix, scale: Scale, left: int, side: float, *, underneath: bool
) -> tuple[Heatmap, Box]:
    """Draw a matrix, its colour bar, what is underneath and the line on grey."""
    axis = matrix.axes.columns
    named = isinstance(matrix, Fingerprint) and matrix.axes.is_cross
    heatmap = draw_heatmap(page, matrix, scale, left, 0, side, labels=Labels(columns=False))
    box = heatmap.box
    bar = draw_bar(page, scale, box.right + page.px(9), 0, box.height)
    plot, lowest = heatmap.plot, box
    if underneath:
        plot, lowest = draw_underneath(
            page, axis, heatmap, box.bottom + page.px(9), side, bar.right - box.right, named=named
        )
    plot.set_xticks(heatmap.ticks, heatmap.tick_labels)
    label_columns(page, lowest, axis, heatmap, named=named)
    room = max(bar.right - box.left, page.px(HEADING))
    write_greys(page, scale, [(matrix, heatmap.grid)], box.left, page.extent.bottom + page.px(4), room)
    write_chance(page, [matrix], box.left, room)
    return heatmap, bar


def _head(page: Page, matrix: Matrix, heatmap: Heatmap, bar: Box, title: str, subtitle: str = "") -> None:
    lines = [(title, TITLE), (subtitle, LABEL), (describe(matrix, heatmap.grid), SMALL)]
    write_heading(page, heatmap.box, lines, max(bar.right, heatmap.box.left + page.px(HEADING)))


def _head_both(page: Page, drawn: list[tuple[Fingerprint, Heatmap, Box]], title: str) -> None:
    """Write what each of two matrices is above it, and above both the title, which names the run."""
    names = [default_title(matrix) for matrix, _, _ in drawn]
    for (matrix, heatmap, bar), name in zip(drawn, names, strict=True):
        what = _BETWEEN.get(matrix.metric or "", "distance")
        heading = what if len(set(names)) == 1 else f"{what}, {name}"
        write_heading(page, heatmap.box, [(heading, LABEL), (describe(matrix, heatmap.grid), SMALL)], bar.right)
    extent = page.extent
    write_heading(page, Box(drawn[0][1].box.left, extent.top, 1, 1), [(title, TITLE + 1)], extent.right)


def default_title(matrix: Matrix) -> str:
    """Return a title made of the names of the runs."""
    if isinstance(matrix, Difference):
        a, b = difference_names(matrix)
        run = matrix.a.columns.run
        same = run and run == matrix.b.columns.run and a != run
        return f"{run}: {a} \u2212 {b}" if same else f"{a} \u2212 {b}"
    rows, columns = axis_name(matrix.axes.rows), axis_name(matrix.axes.columns)
    what = _WHAT.get(matrix.of, "")
    if matrix.axes.is_cross and (rows or columns):
        return f"{rows or 'A'} \u00d7 {columns or 'B'}{what}"
    return f"{columns or 'training fingerprint'}{what}"


def describe(matrix: Matrix, grid: Grid) -> str:
    """Return a line on what was measured: transitions, samples, classes, and what a pixel is."""
    n_rows, n_columns = matrix.values.shape
    size = f"{n_columns:,}" if n_rows == n_columns else f"{n_rows:,} \u00d7 {n_columns:,}"
    unit = "snapshot" if matrix.metric == "hamming" else "transition"
    mean = f" (a pixel: mean of {grid.rows.block} \u00d7 {grid.columns.block})" if grid.is_averaged else ""
    parts = [f"{size} {plural(n_rows * n_columns, unit)}{mean}"]
    runs = _runs(matrix)
    parts.append(_both([run.n_samples for run in runs], "sample"))
    parts.append(_both([run.n_classes for run in runs], "class"))
    return ", ".join(part for part in parts if part)


def _runs(matrix: Matrix) -> tuple[Axis, Axis]:
    """Return the two runs that a matrix was made of, in the order of its title."""
    if isinstance(matrix, Difference):
        return matrix.a.columns, matrix.b.columns
    return matrix.axes.rows, matrix.axes.columns


def _both(counts: list[int | None], unit: str) -> str:
    """Return ``1,200 samples``, or ``1,200 and 597 samples`` of two runs; empty unless all are known."""
    known = [count for count in dict.fromkeys(counts) if count is not None]
    if None in counts:
        return ""
    return f"{' and '.join(f'{count:,}' for count in known)} {plural(sum(known), unit)}"


@look()
def draw_difference(difference: Difference, *, style: Style = DEFAULT_STYLE) -> Figure:
    """Draw a differentiation matrix (Eq. 2) on a diverging scale, symmetric around 0.

    The scale ends at the largest absolute value of a cell drawn in colour; at 1 where all are 0. Cells of
    transitions in which nothing moved, in either run, are grey. Otherwise like :func:`draw_fingerprint`.

    Raises
    ------
    InputError
        There are no transitions.
    LimitError
        The figure would be too large.
    """
    check_drawable(difference)
    page = Page(style)
    scale = scale_for([difference], style)
    heatmap, bar = _draw_with_bar(page, difference, scale, 0, style.size * style.dpi, underneath=False)
    _head(page, difference, heatmap, bar, default_title(difference) if style.title is None else style.title)
    return page.finish()
