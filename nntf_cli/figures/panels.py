"""Several matrices in one figure, on one colour scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from nntf_cli.errors import ParameterError
from nntf_cli.figures.cells import fit_grid, quiet_of
from nntf_cli.figures.heatmap import (
    Heatmap,
    Labels,
    check_drawable,
    draw_bar,
    draw_heatmap,
    row_label_room,
    write_heading,
    write_quiet,
)
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Matrix, Scale, scale_for
from nntf_cli.figures.style import DEFAULT_STYLE, Style, look
from nntf_cli.figures.text import LABEL, TITLE
from nntf_cli.figures.ticks import axis_steps
from nntf_cli.model import Difference, Fingerprint

MOST_COLUMNS = 6
_SHARES = (1.0, 0.75, 0.62, 0.52, 0.46, 0.42)  #: of Style.size, for 1 to 6 panels beside each other


@look()
def draw_panels(
    matrices: Sequence[Fingerprint] | Sequence[Difference],
    titles: Sequence[str],
    *,
    differences: Sequence[Difference] = (),
    difference_titles: Sequence[str] = (),
    style: Style = DEFAULT_STYLE,
) -> Figure:
    """Draw matrices beside each other on one colour scale, with one colour bar.

    Parameters
    ----------
    matrices : sequence of Fingerprint or of Difference
        What to draw, of one kind; they may differ in size. More than six wrap into several rows.
    titles : sequence of str
        One per matrix.
    differences : sequence of Difference
        Drawn below, on a scale of their own: between the panels they compare where there is one less of
        them, or half as many, as of ``matrices``; else from the left.
    difference_titles : sequence of str
        One per difference.
    style : Style
        ``size`` is shared out: two panels beside each other are 0.75 of it each, six 0.42.

    Returns
    -------
    Figure
        Ready for :func:`encode`.

    Raises
    ------
    ParameterError
        There is nothing to draw, or not one title per panel.
    InputError
        A matrix has no cells.
    MismatchError
        The matrices are not of one kind.
    LimitError
        The figure would be too large.
    """
    for drawn, names in ((matrices, titles), (differences, difference_titles)):
        if len(drawn) != len(names):
            raise ParameterError(f"{len(names)} titles were given for {len(drawn)} panels")
        for matrix in drawn:
            check_drawable(matrix)
    if not matrices:
        raise ParameterError("there is nothing to draw")
    page = Page(style)
    n_columns = _n_columns(len(matrices))
    side = style.size * style.dpi * _SHARES[n_columns - 1]
    pitch = _pitch(page, [*matrices, *differences], side)
    end = _draw_rows(page, matrices, titles, scale_for(matrices, style), side, pitch, _places(len(matrices)), 0)
    if differences:
        plain = Style(style.size, style.dpi) if isinstance(matrices[0], Fingerprint) else style
        places = _difference_places(len(differences), len(matrices))
        top = end + page.px(6)
        _draw_rows(page, differences, difference_titles, scale_for(differences, plain), side, pitch, places, top)
    if style.title:
        extent = page.extent
        write_heading(page, Box(0, extent.top, 1, 1), [(style.title, TITLE + 1)], extent.right)
    return page.finish()


def _n_columns(n: int) -> int:
    """Return how many panels stand beside each other, so that no row is nearly empty."""
    n_rows = -(-n // MOST_COLUMNS)
    return -(-n // n_rows)


def _places(n: int) -> list[tuple[int, float]]:
    """Return the row and column of each panel."""
    wide = _n_columns(n)
    return [(k // wide, float(k % wide)) for k in range(n)]


def _difference_places(n: int, n_matrices: int) -> list[tuple[int, float]]:
    """Return the row and column of each difference; half columns are between two panels."""
    if n_matrices <= MOST_COLUMNS:
        if n == n_matrices - 1:
            return [(0, k + 0.5) for k in range(n)]
        if 2 * n == n_matrices:
            return [(0, 2 * k + 0.5) for k in range(n)]
    wide = _n_columns(max(n_matrices, 1))
    return [(k // wide, float(k % wide)) for k in range(n)]


def _pitch(page: Page, matrices: Sequence[Matrix], side: float) -> int:
    """Return the distance from panel to panel, pixels."""
    labels = Labels(rows=not _alike(matrices))
    grids = [fit_grid(matrix.values.shape, side) for matrix in matrices]
    rooms = [row_label_room(page, matrix, grid, labels) for matrix, grid in zip(matrices, grids, strict=True)]
    return max(grid.width for grid in grids) + max(rooms) + page.px(12)


def _alike(matrices: Sequence[Matrix]) -> bool:
    """Whether the rows of all matrices are at the same steps, so that one set of labels serves all."""
    first, _ = axis_steps(matrices[0].axes.rows, len(matrices[0].values))
    return all(np.array_equal(first, axis_steps(m.axes.rows, len(m.values))[0]) for m in matrices[1:]) and not any(
        isinstance(m, Fingerprint) and m.axes.is_cross for m in matrices
    )


def _draw_rows(
    page: Page,
    matrices: Sequence[Matrix],
    titles: Sequence[str],
    scale: Scale,
    side: float,
    pitch: int,
    places: list[tuple[int, float]],
    top: int,
) -> int:
    """Draw panels with their colour bar; return where the next thing may begin."""
    drawn: list[Heatmap] = []
    alike = _alike(matrices)
    heading = page.px(5 + 1.35 * LABEL)
    heights = [fit_grid(matrix.values.shape, side).height for matrix in matrices]
    for k, (matrix, title) in enumerate(zip(matrices, titles, strict=True)):
        row, column = places[k]
        if k and row > places[k - 1][0]:
            top = page.extent.bottom + page.px(6)
        first = k == 0 or row > places[k - 1][0]
        labels = Labels(rows=first or not alike)
        left = round(column * pitch)
        drawn.append(draw_heatmap(page, matrix, scale, left, top + heading, side, labels=labels))
        box = drawn[-1].box
        write_heading(page, box, [(title, LABEL)], max(box.right, box.left + pitch - page.px(14)))
    right = max(heatmap.box.right for heatmap in drawn)
    first_row = [height for height, place in zip(heights, places, strict=True) if place[0] == 0]
    draw_bar(page, scale, right + page.px(9), drawn[0].box.top, max(first_row))
    _write_quiet_panels(page, matrices, scale, drawn[0].box.left, right - drawn[0].box.left)
    return page.extent.bottom


def _write_quiet_panels(page: Page, matrices: Sequence[Matrix], scale: Scale, left: int, room: int) -> None:
    """Write what grey means, with a number for each panel as long as they are few."""
    marks = [quiet_of(matrix) for matrix in matrices]
    quiet = [mark.columns for mark in marks]
    counts = [int(marks.sum()) for marks in quiet]
    if not any(counts):
        return
    sizes = {len(marks) for marks in quiet}
    most = max(range(len(counts)), key=counts.__getitem__)
    text = f"up to {counts[most]:,} of {len(quiet[most]):,} transitions"
    if len(matrices) <= MOST_COLUMNS and len(sizes) == 1:
        text = f"{_listed(counts)} of {sizes.pop():,} transitions"
    top = page.extent.bottom + page.px(3)
    where = " in A or in B" if isinstance(matrices[0], Difference) else ""
    text = f"grey: nothing moved{where} ({text})"
    write_quiet(page, scale, marks, left, top, max(room, page.px(3 * 72)), text)


def _listed(counts: list[int]) -> str:
    texts = [f"{count:,}" for count in counts]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]
