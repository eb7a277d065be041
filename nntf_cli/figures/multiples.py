"""All transitions of a run on one page, as small multiples in the order of time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from nntf_cli.errors import LimitError
from nntf_cli.figures.cells import enlarge
from nntf_cli.figures.heatmap import draw_bar, show, write_heading
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import counts_scale, rgb
from nntf_cli.figures.shown import ClassChoice, flow_matrix
from nntf_cli.figures.style import FAINT, FLOWS, INK, QUIET_ONE, Style
from nntf_cli.figures.text import SMALL, TINY, TITLE, number, text_width, wrap
from nntf_cli.model import Flows
from nntf_cli.wording import quantity

MOST_TILES = 1_000  #: on one page
_MOST_LABELLED = 120  #: tiles with a step each; with more, rows of tiles have one
_FRAME, _DIAGONAL = "#9a9a9a", "#e9e9e9"
_WIDTH = 2.0  #: of the page of tiles, in units of Style.size
_LARGEST = 0.45  #: side of a tile, likewise
_SMALLEST_CELL = 2  #: pixels


class _Tiling(NamedTuple):
    """Where tiles are, in pixels."""

    cell: int
    side: int  #: of the matrix in a tile
    across: int
    pitch: int  #: from tile to tile
    line: int  #: from row to row of tiles
    head: int  #: above each row of tiles, for the steps

    def corner(self, k: int) -> tuple[int, int]:
        """Return left and top of the matrix of tile ``k``."""
        return (k % self.across) * self.pitch + 1, (k // self.across) * self.line + self.head + 1


def draw_multiples(
    flows: Flows, chosen: list[int], classes: ClassChoice, labels: list[str], style: Style, heading: str
) -> Figure:
    """Draw transitions as small multiples on one square-root scale, with the step each arrives at.

    Parameters are those of :func:`nntf_cli.figures.draw_transitions`, checked, and the classes to show.

    Raises
    ------
    LimitError
        There are more than ``MOST_TILES``.
    """
    if len(chosen) > MOST_TILES:
        raise LimitError(
            f"{len(chosen):,} transitions do not fit on one page, {MOST_TILES:,} do",
            "choose some of them, or take every tenth snapshot only",
        )
    page = Page(style)
    matrices = np.stack([flow_matrix(flows, i, classes) for i in chosen])
    diagonal = np.arange(len(classes.classes))
    matrices[:, diagonal, diagonal] = 0
    scale = counts_scale(int(matrices.max()), FLOWS, "samples moved", style)
    tiling = _tile(page, flows, chosen, len(labels), style)
    quiet = flows.moved[chosen] == 0
    rows = -(-len(chosen) // tiling.across)
    box = Box(0, 0, min(tiling.across, len(chosen)) * tiling.pitch, rows * tiling.line)
    plot = page.axes(box, label="transitions")
    plot.set_axis_off()
    canvas = np.full((box.height, box.width, 4), 255, dtype=np.uint8)
    for k, delta in enumerate(matrices):
        rgba = scale.paint(delta.astype(np.float64))
        rgba[delta == 0] = rgb(QUIET_ONE) if quiet[k] else 255
        if not quiet[k]:
            rgba[diagonal, diagonal] = rgb(_DIAGONAL)
        _frame_tile(canvas, enlarge(rgba, tiling.cell, tiling.cell), *tiling.corner(k))
    show(plot, canvas, (0, box.width, box.height, 0))
    _write_steps(page, flows, chosen, tiling)
    bar_height = min(box.height - tiling.head - page.px(4), page.px(4 * 72))
    bar = draw_bar(page, scale, box.right + page.px(4), tiling.head, max(bar_height, page.px(60)))
    _write_key(page, classes, labels, quiet, box, bar.right)
    _head(page, flows, chosen, tiling, heading, bar.right)
    return page.finish()


def _tile(page: Page, flows: Flows, chosen: list[int], n_classes: int, style: Style) -> _Tiling:
    """Choose the largest tiles that make a page of the wanted width and not higher than wide.

    A page whose tiles would be smaller than two pixels per cell grows instead.
    """
    n, width = len(chosen), style.size * style.dpi * _WIDTH
    gap = page.px(4)
    labelled = page.px(_widest_step(flows, chosen) + 3)
    cell = max(_SMALLEST_CELL, int(_LARGEST * style.size * style.dpi / n_classes))
    while True:
        side = n_classes * cell + 2
        single = n <= _MOST_LABELLED and side + gap >= labelled
        head = page.px(1.3 * TINY) if single else 0
        across = max(int(width / (side + gap)), 1)
        if cell == _SMALLEST_CELL:
            across = max(across, math.isqrt(n))
        shape = 0.75 if single else 0.9
        if cell == _SMALLEST_CELL or -(-n // across) * (side + gap + head) <= shape * width:
            across = -(-n // -(-n // across))
            return _Tiling(cell, side, across, side + gap, side + gap + head, head)
        cell -= 1


def _widest_step(flows: Flows, chosen: list[int]) -> float:
    return max(text_width(number(int(flows.to_step[i])), TINY) for i in (chosen[0], chosen[-1]))


def _frame_tile(canvas: np.ndarray, rgba: np.ndarray, left: int, top: int) -> None:
    """Copy a matrix to the page, with a line of one pixel around it."""
    height, width = rgba.shape[:2]
    canvas[top - 1 : top + height + 1, left - 1 : left + width + 1] = rgb(_FRAME)
    canvas[top : top + height, left : left + width] = rgba


def _write_steps(page: Page, flows: Flows, chosen: list[int], tiling: _Tiling) -> None:
    """Write the step above each tile; where these are many or small, that of the first before each row."""
    for k in range(0, len(chosen), 1 if tiling.head else tiling.across):
        left, top = tiling.corner(k)
        text = number(int(flows.to_step[chosen[k]]))
        if tiling.head:
            page.text(left - 1, top - tiling.head - 1, text, size=TINY, color=INK)
        else:
            middle = top + (tiling.side - page.px(1.25 * TINY)) / 2 - 1
            page.text(left - page.px(4), middle, text, size=TINY, color=INK, align="right")


def _write_key(page: Page, classes: ClassChoice, labels: list[str], quiet: np.ndarray, box: Box, right: int) -> None:
    """Write how to read a tile, and what grey means."""
    names = f"{labels[0]} to {labels[-1]}" if len(labels) > 1 else labels[0]
    if len(labels) <= 12:
        names = ", ".join(labels)
    how = f"in each tile: from class downwards, to class rightwards ({classes.note() or names}); white: none moved"
    top = box.bottom + page.px(3)
    for line in wrap(how, SMALL, page.points(max(right, page.px(330)))):
        page.text(0, top, line, size=SMALL, color=FAINT)
        top += page.px(1.4 * SMALL)
    if quiet.any():
        page.swatch(Box(0, top + page.px(0.15 * SMALL), page.px(SMALL), page.px(SMALL)), QUIET_ONE)
        text = f"grey: nothing moved ({int(quiet.sum()):,} of {quantity(len(quiet), 'transition')})"
        page.text(page.px(SMALL + 4), top, text, size=SMALL)


def _head(page: Page, flows: Flows, chosen: list[int], tiling: _Tiling, heading: str, right: int) -> None:
    first, last = number(int(flows.from_step[chosen[0]])), number(int(flows.to_step[chosen[-1]]))
    transitions, samples = quantity(len(chosen), "transition"), quantity(flows.n_samples, "sample")
    named = "each named by the step it arrives at" if tiling.head else "rows named by the step the first arrives at"
    note = f"{transitions}, steps {first} to {last}, {samples}; {named}"
    write_heading(page, Box(0, 0, 1, 1), [(heading, TITLE), (note, SMALL)], max(right, page.px(330)))
