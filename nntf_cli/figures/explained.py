"""What is behind a spot of the fingerprint, as bars."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.figure import Figure

from nntf_cli.figures.heatmap import write_heading
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.style import DEFAULT_STYLE, FAINT, INK, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TITLE, class_labels, number, text_width, wrap
from nntf_cli.wording import plural, quantity

#: More in I, more in J (Okabe and Ito's blue and orange, apart for every eye), and as many in both.
MORE_I, MORE_J, COMMON = "#0072b2", "#e69f00", "#b8b8b8"

_ROW, _BAR = 13.0, 0.68  #: points from bar to bar, and of them a bar
_WIDTH = 0.9  #: of Style.size, all bars
_NAME = 105  #: points of a class's name, at most


@dataclass(frozen=True)
class Bars:
    """The flows of one transition, or of two, largest contribution first."""

    title: str
    flows: Sequence[tuple[int, int]]  #: class before and after, of those shown
    count_i: np.ndarray  #: (F,) int64, of all flows, those shown first
    count_j: np.ndarray | None = None  #: likewise; None where there is one transition only
    head_i: str = ""  #: what I is
    head_j: str = ""  #: what J is
    is_share: bool = True  #: d is normalized by flows, and so a share of what is drawn
    class_names: Sequence[str] | None = None
    marked: Collection[int] = ()  #: rows of flows that were asked for


@look()
def draw_explained(bars: Bars, *, style: Style = DEFAULT_STYLE) -> Figure:
    """Draw flows as bars: those of I to the left, those of J to the right, what both have in common in grey.

    So d (Eq. 1) is the share of colour in all that is drawn, flows not shown included; a line underneath says
    what those are. Flows of one transition are bars to the right.

    Parameters
    ----------
    bars : Bars
        What; without any flow there is a line that says so.
    style : Style
        ``size`` is about the width.

    Returns
    -------
    Figure
        Ready for :func:`~nntf_cli.figures.encode`.

    Raises
    ------
    LimitError
        The figure would be too large.
    """
    page = Page(style)
    n = len(bars.flows)
    width = round(_WIDTH * style.size * style.dpi)
    box = Box(0, 0, width, max(1, n) * page.px(_ROW))
    plot = page.axes(box, label="flows")
    _draw_bars(page, plot, box, bars)
    _name_flows(page, bars)
    top = _write_heads(page, box, bars)
    _write_key(page, box, bars)
    extent = page.extent
    write_heading(page, Box(extent.left, top, 1, 1), [(bars.title, TITLE)], extent.right)
    return page.finish()


def _draw_bars(page: Page, plot: Plot, box: Box, bars: Bars) -> None:
    n, one_sided = len(bars.flows), bars.count_j is None
    i = bars.count_i[:n]
    j = np.zeros_like(i) if bars.count_j is None else bars.count_j[:n]
    most = max(1, int(i.max(initial=0)), int(j.max(initial=0)))
    plot.set_xlim(0 if one_sided else -most, most)
    plot.set_ylim(max(1, n) - 0.5, -0.5)
    plot.set_xticks([])
    plot.set_yticks([])
    rows = np.arange(n)
    if one_sided:
        plot.barh(rows, i, _BAR, color=MORE_I, label="moved")
    else:
        common = np.minimum(i, j)
        plot.barh(rows, -common, _BAR, color=COMMON, label="common")
        plot.barh(rows, common, _BAR, color=COMMON)
        plot.barh(rows, common - i, _BAR, left=-common, color=MORE_I, label="more in I")
        plot.barh(rows, j - common, _BAR, left=common, color=MORE_J, label="more in J")
    plot.axvline(0, color=INK, linewidth=0.8)
    zero = box.left if one_sided else box.left + box.width / 2
    scale = box.width / (most if one_sided else 2 * most)
    for row in range(n):
        if not one_sided:
            _write_count(page, zero + scale * int(j[row]), row, int(j[row]), rightwards=True)
        end = zero + scale * int(i[row]) * (1 if one_sided else -1)
        _write_count(page, end, row, int(i[row]), rightwards=one_sided)


def _write_count(page: Page, end: float, row: int, count: int, *, rightwards: bool) -> None:
    gap = page.px(3)
    top = row * page.px(_ROW) + (page.px(_ROW) - page.px(1.3 * SMALL)) / 2
    page.text(end + gap if rightwards else end - gap, top, f"{count:,}", size=SMALL,
              align="left" if rightwards else "right", color=INK if count else FAINT)  # fmt: skip


def _name_flows(page: Page, bars: Bars) -> None:
    """Write from which class to which, to the left of all that is on the page."""
    labels = class_labels([k for flow in bars.flows for k in flow], bars.class_names, LABEL, _NAME)
    names = [(labels[before], labels[after]) for before, after in bars.flows]
    right = page.extent.left - page.px(10)
    bold = [row in bars.marked for row in range(len(names))]
    widths = (text_width(after, LABEL, bold=b) for (_, after), b in zip(names, bold, strict=True))
    widest = page.px(max(widths, default=0.0))
    arrow = page.px(text_width(" \u2192 ", LABEL))
    for row, (before, after) in enumerate(names):
        top = row * page.px(_ROW) + (page.px(_ROW) - page.px(1.3 * LABEL)) / 2
        page.text(right - widest, top, after, bold=bold[row])
        page.text(right - widest - arrow / 2, top, "\u2192", align="center")
        page.text(right - widest - arrow, top, before, align="right", bold=bold[row])


def _write_heads(page: Page, box: Box, bars: Bars) -> int:
    """Write what each side is above it; return where that begins."""
    top, gap = box.top - page.px(4 + 1.35 * LABEL), page.px(8)
    if bars.count_j is None:
        page.text(box.left, top, bars.head_i)
        return top
    middle = box.left + box.width / 2
    page.text(middle - gap, top, bars.head_i, align="right", color=MORE_I)
    page.text(middle + gap, top, bars.head_j, color=_DARK_J)
    return top


_DARK_J = "#a06c00"  #: the orange of J, dark enough to be read


def _write_key(page: Page, box: Box, bars: Bars) -> None:
    """Write what the colours are, and what is not shown."""
    top, left, right = box.bottom + page.px(6), page.extent.left, page.extent.right
    side = page.px(SMALL)
    for color, text in _key(bars):
        if color:
            page.swatch(Box(left, top + page.px(0.15 * SMALL), side, side), color)
        indent = side + page.px(4) if color else 0
        for line in wrap(text, SMALL, page.points(max(right - left, page.px(200)) - indent)):
            page.text(left + indent, top, line, size=SMALL, color=INK if color else FAINT)
            top += page.px(1.35 * SMALL)


def _key(bars: Bars) -> list[tuple[str, str]]:
    n, i = len(bars.flows), bars.count_i
    n_others = len(i) - n
    several = quantity(n_others, "other flow")
    asked = [("", "bold: what was asked for")] if bars.marked else []
    if bars.count_j is None:
        moved = int(i[n:].sum())
        rest = [("", f"{several}: {number(moved)} {plural(moved, 'sample')}")] if n_others else []
        return asked + rest if len(i) else [("", "nothing moved")]
    j = bars.count_j
    common = np.minimum(i, j)
    share = "; d is the share of colour" if bars.is_share else ""
    lines = [
        (MORE_I, f"more in I than in J: {number(int((i - common).sum()))}"),
        (MORE_J, f"more in J than in I: {number(int((j - common).sum()))}"),
        (COMMON, f"as many in both: {number(int(common.sum()))} on either side{share}"),
    ]
    if n_others:
        apart, alike = number(int(np.abs(i - j)[n:].sum())), number(int(common[n:].sum()))
        lines.append(("", f"{several}, counted in but not drawn: difference {apart}, in both {alike}"))
    return lines + asked
