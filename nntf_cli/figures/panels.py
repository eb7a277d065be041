"""Several matrices in one figure, on one colour scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from nntf_cli.errors import ParameterError
from nntf_cli.figures.cells import fit_grid
from nntf_cli.figures.chance import write_chance
from nntf_cli.figures.greys import write_greys
from nntf_cli.figures.heatmap import (
    Heatmap,
    Labels,
    check_drawable,
    draw_bar,
    draw_heatmap,
    row_label_room,
    write_heading,
)
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Matrix, scale_for
from nntf_cli.figures.style import DEFAULT_STYLE, Style, look
from nntf_cli.figures.text import LABEL, TITLE
from nntf_cli.figures.ticks import axis_steps
from nntf_cli.figures.titles import Title, Titles
from nntf_cli.model import Difference, Fingerprint

MOST_COLUMNS = 6
_SHARES = (1.0, 0.75, 0.62, 0.52, 0.46, 0.42)  #: of Style.size, for 1 to 6 panels beside each other
_NARROWEST = 72  #: points from panel to panel at least, for titles
_LEGEND = 216  #: points that a legend may have under panels that are narrower


@look()
def draw_panels(
    matrices: Sequence[Fingerprint] | Sequence[Difference],
    titles: Sequence[Title],
    *,
    differences: Sequence[Matrix] = (),
    difference_titles: Sequence[Title] = (),
    subtitle: str = "",
    style: Style = DEFAULT_STYLE,
) -> Figure:
    """Draw matrices beside each other on one colour scale, with one colour bar.

    Parameters
    ----------
    matrices : sequence of Fingerprint or of Difference
        What to draw, of one kind; they may differ in size. More than six wrap into several rows.
    titles : sequence of str or of sequence of str
        One per matrix; a sequence has one line each. A line too long for its panel is made smaller, then cut in
        its middle, so that the value it ends in stays.
    differences : sequence of Difference or of Fingerprint
        What comes of comparing them, or their excess over the noise floor, on a scale of their own. A single one
        stands to the right of up to five matrices; others below: between the panels they compare where there is one
        less of them, or half as many, as of ``matrices``; else from the left.
    difference_titles : sequence of str or of sequence of str
        One per difference.
    subtitle : str
        What all panels have in common: a line under the title of the figure, or in its place.
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
    _check(matrices, titles)
    _check(differences, difference_titles)
    if not matrices:
        raise ParameterError("there is nothing to draw")
    page = Page(style)
    n = len(matrices)
    beside = len(differences) == 1 and n < MOST_COLUMNS
    side = style.size * style.dpi * _SHARES[_n_columns(n) - 1 + beside]
    pitch = _pitch(page, [*matrices, *differences], side)
    group = _Group(page, matrices, titles, style, side, pitch)
    plain = Style(style.size, style.dpi) if isinstance(matrices[0], Fingerprint) else style
    if beside:
        compared = _Group(page, differences, difference_titles, plain, side, pitch + page.px(30))
        _draw_one_row(page, group, compared, side)
    else:
        group.draw(_places(n))
        group.explain(page.extent.bottom + page.px(3), page.px(_LEGEND))
        if differences:
            compared = _Group(page, differences, difference_titles, plain, side, pitch)
            compared.draw(_difference_places(len(differences), n), top=page.extent.bottom + page.px(6))
            compared.explain(page.extent.bottom + page.px(3), page.px(_LEGEND))
    _write_title(page, style.title or "", subtitle)
    return page.finish()


def _check(matrices: Sequence[Matrix], titles: Sequence[Title]) -> None:
    if len(matrices) != len(titles):
        raise ParameterError(f"{len(titles)} titles were given for {len(matrices)} panels")
    for matrix in matrices:
        check_drawable(matrix)


def _write_title(page: Page, title: str, subtitle: str) -> None:
    extent = page.extent
    lines = [(title, TITLE + 1), (subtitle, LABEL)] if title else [(subtitle, TITLE)]
    write_heading(page, Box(0, extent.top, 1, 1), lines, extent.right)


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
    return max(max(grid.width for grid in grids) + max(rooms) + page.px(12), page.px(_NARROWEST))


def _alike(matrices: Sequence[Matrix]) -> bool:
    """Whether the rows of all matrices are at the same steps, so that one set of labels serves all."""
    first, _ = axis_steps(matrices[0].axes.rows, len(matrices[0].values))
    return all(np.array_equal(first, axis_steps(m.axes.rows, len(m.values))[0]) for m in matrices[1:]) and not any(
        isinstance(m, Fingerprint) and m.axes.is_cross for m in matrices
    )


class _Group:
    """Panels on one colour scale, with titles of one size."""

    def __init__(
        self, page: Page, matrices: Sequence[Matrix], titles: Sequence[Title], style: Style, side: float, pitch: int
    ) -> None:
        self._page, self.matrices, self._side, self._pitch = page, matrices, side, pitch
        self._names = [title if isinstance(title, str) else ", ".join(title) for title in titles]
        self._scale = scale_for(matrices, style)
        self.titles = Titles(titles, page.points(pitch - page.px(14)))
        self._drawn: list[Heatmap] = []
        self.right = 0  #: of the colour bar, or of the panels where these reach further

    def draw(
        self,
        places: list[tuple[int, float]],
        *,
        left: int = 0,
        top: int = 0,
        n_lines: int | None = None,
        labelled: bool = True,
    ) -> None:
        """Draw the panels and their colour bar.

        ``places`` are row and column of each; ``n_lines`` is how many lines of titles to leave room for, if not
        those of the titles. Rows are labelled before each row of panels unless ``labelled`` is False, and
        before every panel where these differ.
        """
        page, alike = self._page, _alike(self.matrices)
        lead = self.titles.height(page, self.titles.n_lines if n_lines is None else n_lines)
        for k, (matrix, (row, column)) in enumerate(zip(self.matrices, places, strict=True)):
            first = k == 0 or row > places[k - 1][0]
            if k and first:
                top = page.extent.bottom + page.px(6)
            labels = Labels(rows=not alike or (first and labelled))
            x = left + round(column * self._pitch)
            heatmap = draw_heatmap(page, matrix, self._scale, x, top + lead, self._side, labels=labels)
            self.titles.write(page, k, heatmap.box)
            self._drawn.append(heatmap)
        boxes = [heatmap.box for heatmap in self._drawn]
        right = max(box.right for box in boxes)
        height = max(box.height for box, place in zip(boxes, places, strict=True) if place[0] == 0)
        self.right = draw_bar(page, self._scale, right + page.px(9), boxes[0].top, height).right

    def explain(self, top: int, least: int) -> None:
        """Write what grey means, in a text as wide as the panels and at least ``least`` pixels."""
        left = self._drawn[0].box.left
        # of what several panels say about one run, once is enough
        panels = {
            id(matrix.axes): (matrix, heatmap.grid) for matrix, heatmap in zip(self.matrices, self._drawn, strict=True)
        }
        drawn = list(panels.values())
        room = max(self.right - left, least)
        write_greys(self._page, self._scale, drawn, left, top, room)
        write_chance(self._page, self.matrices, left, room, self._names)


def _draw_one_row(page: Page, group: _Group, compared: _Group, side: float) -> None:
    """Draw matrices and to their right, as one more panel, the one difference."""
    n = len(group.matrices)
    n_lines = max(group.titles.n_lines, compared.titles.n_lines)
    group.draw([(0, float(k)) for k in range(n)], n_lines=n_lines)
    (difference,) = compared.matrices
    labels = Labels(rows=not _alike([*group.matrices, difference]))
    grid = fit_grid(difference.values.shape, side)
    left = page.extent.right + page.px(14) + row_label_room(page, difference, grid, labels)
    compared.draw([(0, 0.0)], left=left, n_lines=n_lines, labelled=labels.rows)
    top = page.extent.bottom + page.px(3)
    group.explain(top, 0)
    compared.explain(top, page.px(120))
