"""Figure of a matrix binarised to a band: the recurrence matrix B."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure

from nntf_cli.figures.cells import Quiet, fit_grid, quiet_of
from nntf_cli.figures.fingerprint import HEADING, default_title, describe
from nntf_cli.figures.heatmap import Heatmap, check_drawable, draw_heatmap, frame, pixels_of, write_heading
from nntf_cli.figures.layout import Page
from nntf_cli.figures.scales import Matrix, Scale
from nntf_cli.figures.style import DEFAULT_STYLE, FAINT, INK, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TITLE, fit
from nntf_cli.model import Band, Difference, Fingerprint
from nntf_cli.wording import quantity


@look()
def draw_band(matrix: Fingerprint | Difference, band: Band, *, style: Style = DEFAULT_STYLE) -> Figure:
    """Draw the recurrence matrix B: cells whose value lies in ``band`` black, the others white.

    Quiet transitions are drawn as Eq. 1 has them, for recurrence measures count them so; the caption says how
    many there are. Where a pixel stands for a block of cells it is the darker, the more of them are in the
    band. The caption also gives the recurrence rate RR, the share of cells in the band; the main diagonal is
    left out unless rows and columns are of different runs.

    Raises
    ------
    InputError
        There are no transitions.
    LimitError
        The figure would be too large.
    """
    check_drawable(matrix)
    page = Page(style)
    cmap = style.colour_map("Greys") if style.cmap else ListedColormap([[1 - k / 255] * 3 for k in range(256)])
    scale = Scale(Normalize(0, 1), cmap, "")
    n_rows, n_columns = matrix.values.shape
    grid = fit_grid(matrix.values.shape, style.size * style.dpi)
    nothing = Quiet(np.zeros(n_rows, dtype=bool), np.zeros(n_columns, dtype=bool))
    counted = _BandCounter(band)
    rgba = pixels_of(matrix, grid, scale, quiet=nothing, change=counted)
    heatmap = draw_heatmap(page, matrix, scale, 0, 0, style.size * style.dpi, rgba=rgba)
    frame(page, heatmap.plot)
    title = default_title(matrix) if style.title is None else style.title
    lines = [(title, TITLE), (_band_text(matrix, band), LABEL), (describe(matrix, grid), SMALL)]
    write_heading(page, heatmap.box, lines, max(heatmap.box.right, page.px(HEADING)))
    _write_caption(page, heatmap, counted.n, matrix, band)
    return page.finish()


def _band_text(matrix: Matrix, band: Band) -> str:
    """Return ``recurrence: 0.40 ≤ d < 0.60``, with the sign that tells whether the upper edge belongs to it."""
    value = "d"
    if isinstance(matrix, Difference):
        value = "difference"
    elif matrix.metric == "hamming":
        value = "Hamming distance"
    elif matrix.of != "distance":
        value = "noise floor" if matrix.of == "floor" else "excess"
    below = "\u2264" if band.closed else "<"
    return f"recurrence: {_edge(band.lo)} \u2264 {value} {below} {_edge(band.hi)}"


def _edge(value: float) -> str:
    """Return an edge with two decimals, as the tables print it, or more where two would hide some."""
    text = f"{value:.2f}" if abs(value - round(value, 2)) < 1e-9 else f"{value:.6g}"
    return text.replace("-", "\u2212")


class _BandCounter:
    """Binarises strips of a matrix and counts what it finds."""

    def __init__(self, band: Band) -> None:
        self._band = band
        self.n = 0

    def __call__(self, strip: np.ndarray) -> np.ndarray:
        inside = self._band.holds(strip)
        self.n += int(np.count_nonzero(inside))
        return inside


def _write_caption(page: Page, heatmap: Heatmap, n: int, matrix: Matrix, band: Band) -> None:
    n_rows, n_columns = matrix.values.shape
    total, kind = n_rows * n_columns, "cells"
    if n_rows == n_columns and not (isinstance(matrix, Fingerprint) and matrix.axes.is_cross):
        diagonal = np.diagonal(matrix.values)
        n, total, kind = (
            n - int(np.count_nonzero(band.holds(diagonal))),
            total - n_rows,
            "cells off the diagonal",
        )
    rate = f"RR = {n / total:.4f}" if total else "RR is undefined"
    lines = [f"{rate} ({n:,} of {total:,} {kind})"]
    n_quiet = int(quiet_of(matrix).columns.sum())
    if n_quiet:
        lines.append(f"nothing moved in {n_quiet:,} of {quantity(n_columns, 'transition')}")
    for line in lines:
        top = page.extent.bottom + page.px(3)
        room = page.points(max(heatmap.box.width, page.px(150)))
        size = LABEL if line is lines[0] else SMALL
        page.text(heatmap.box.left, top, fit(line, size, room), size=size, color=INK if size == LABEL else FAINT)
