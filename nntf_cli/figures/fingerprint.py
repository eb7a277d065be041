"""Figures of one matrix: a fingerprint or a difference, alone or with what belongs to it."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from nntf_cli.figures.cells import fit_grid, quiet_of
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
    write_quiet,
)
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Matrix, Scale, axis_name, difference_names, scale_for
from nntf_cli.figures.style import DEFAULT_STYLE, Style, look
from nntf_cli.figures.text import SMALL, TITLE
from nntf_cli.figures.underneath import draw_underneath
from nntf_cli.model import Difference, Fingerprint


@look()
def draw_fingerprint(
    fingerprint: Fingerprint,
    *,
    style: Style = DEFAULT_STYLE,
    beside: Fingerprint | None = None,
    underneath: bool = True,
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
    underneath : bool
        Draw the samples moved and the accuracy per transition underneath, as far as they are known.

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
    _head(page, fingerprint, heatmap, bar, style, style.title)
    if beside is not None:
        check_drawable(beside)
        grid = fit_grid(beside.values.shape, side)
        left = page.extent.right + page.px(14) + row_label_room(page, beside, grid, ALL_LABELS)
        plain = Style(style.size, style.dpi)
        second, second_bar = _draw_with_bar(page, beside, scale_for([beside], plain), left, side, underneath=False)
        _head(page, beside, second, second_bar, style, _beside_title(beside))
    return page.finish()


def _beside_title(beside: Fingerprint) -> str | None:
    return "Hamming distance between snapshots" if beside.metric == "hamming" else None


def _draw_with_bar(
    page: Page, matrix: Matrix, scale: Scale, left: int, side: float, *, underneath: bool
) -> tuple[Heatmap, Box]:
    """Draw a matrix, its colour bar, what is underneath and the line on grey."""
    axis = matrix.axes.columns
    heatmap = draw_heatmap(page, matrix, scale, left, 0, side, labels=Labels(columns=False))
    box = heatmap.box
    bar = draw_bar(page, scale, box.right + page.px(9), 0, box.height)
    plot, lowest = heatmap.plot, box
    if underneath:
        plot, lowest = draw_underneath(page, axis, heatmap, box.bottom + page.px(9), side, bar.right - box.right)
    plot.set_xticks(heatmap.ticks, heatmap.tick_labels)
    named = isinstance(matrix, Fingerprint) and matrix.axes.is_cross
    label_columns(page, lowest, axis, heatmap, named=named)
    text = quiet_text(matrix)
    if text:
        top = page.extent.bottom + page.px(4)
        write_quiet(page, scale, [quiet_of(matrix)], box.left, top, bar.right - box.left, text)
    return heatmap, bar


def quiet_text(matrix: Matrix) -> str:
    """Return what grey means in the figure of ``matrix``; empty where nothing is grey."""
    quiet = quiet_of(matrix)
    if not quiet.any:
        return ""
    columns, rows = quiet.columns, quiet.rows
    count = f"{columns.sum():,} of {len(columns):,} transitions"
    if len(rows) != len(columns) or not np.array_equal(rows, columns):
        count = f"{rows.sum():,} of {len(rows):,} rows, {columns.sum():,} of {len(columns):,} columns"
    where = " in A or in B" if isinstance(matrix, Difference) else ""
    return f"grey: nothing moved{where} ({count})"


def _head(page: Page, matrix: Matrix, heatmap: Heatmap, bar: Box, style: Style, title: str | None) -> None:
    title = default_title(matrix) if title is None else title
    write_heading(page, heatmap.box, [(title, TITLE), (describe(matrix, heatmap), SMALL)], bar.right)


def default_title(matrix: Matrix) -> str:
    """Return a title made of the names of the runs."""
    if isinstance(matrix, Difference):
        a, b = difference_names(matrix)
        run = matrix.a.columns.run
        same = run and run == matrix.b.columns.run and a != run
        return f"{run}: {a} \u2212 {b}" if same else f"{a} \u2212 {b}"
    rows, columns = axis_name(matrix.axes.rows), axis_name(matrix.axes.columns)
    if matrix.axes.is_cross and (rows or columns):
        return f"{rows or 'A'} \u00d7 {columns or 'B'}"
    return columns or "training fingerprint"


def describe(matrix: Matrix, heatmap: Heatmap) -> str:
    """Return a line on what was measured: transitions, samples, classes, and what a pixel is."""
    axis, (n_rows, n_columns) = matrix.axes.columns, matrix.values.shape
    size = f"{n_columns:,}" if n_rows == n_columns else f"{n_rows:,} \u00d7 {n_columns:,}"
    unit = "snapshot" if matrix.metric == "hamming" else "transition"
    block = heatmap.grid.block
    mean = f" (a pixel: mean of {block} \u00d7 {block})" if block > 1 else ""
    parts = [f"{size} {unit}{'' if size == '1' else 's'}{mean}"]
    if axis.n_samples is not None:
        parts.append(f"{axis.n_samples:,} samples")
    if axis.n_classes is not None:
        parts.append(f"{axis.n_classes:,} classes")
    return ", ".join(parts)


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
    _head(page, difference, heatmap, bar, style, style.title)
    return page.finish()
