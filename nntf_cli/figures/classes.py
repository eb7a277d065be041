"""How classes fare while a classifier trains: a stripe for each, time to the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.colors import Normalize, PowerNorm
from matplotlib.figure import Figure

from nntf_cli.errors import ParameterError
from nntf_cli.figures.cells import Side, fit_grid
from nntf_cli.figures.heatmap import PAD, TICK, draw_bar, frame, show, write_heading
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Scale, counts_scale
from nntf_cli.figures.stripes import GAP, Part, arrange, mean_stripe, named, paint, paint_rows
from nntf_cli.figures.style import DEFAULT_STYLE, FAINT, FLOWS, INK, QUIET_ONE, SEQUENTIAL, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TINY, TITLE, class_labels, text_width, wrap
from nntf_cli.figures.ticks import snapshots_label, step_ticks
from nntf_cli.figures.underneath import LINES, draw_curves, write_beside
from nntf_cli.wording import quantity

WRONG = "magma_r"  #: error rates: what is dark is wrong

_SMALLEST, _LARGEST = 2.5, 8.0  #: width of marks, points

#: Inside and edge of marks: unknown what became of their samples, most right, half of them or more wrong. Each is seen
#: on what is dark and on what is light, and they are told apart by lightness.
_MARKS = {None: ("#56b4e9", INK), False: ("white", INK), True: (INK, "white")}

_BARS = {
    "error": "error rate",
    "share": "share of samples predicted as the class",
    "inflow": "samples that came from other classes",
    "outflow": "samples that went to other classes",
    "precision": "precision",
}
_WHY_GREY = {
    "error": "no sample of the class has a label",
    "share": "no sample has a label",
    "inflow": "no snapshot before",
    "outflow": "no snapshot before",
    "precision": "nothing predicted as the class",
}
_ROOM = 110  #: points, for the name of a class


@dataclass(frozen=True)
class Mark:
    """Something that happened to a class at a snapshot."""

    row: int  #: index of the snapshot
    class_: int
    rule: Literal["left", "right"]  #: drawn as a triangle pointing down, or up
    weight: float  #: from 0 to 1: how large it is
    lost: float | None = None  #: share of its samples that became wrong, the others right; None where unknown

    @property
    def is_loss(self) -> bool | None:
        """Whether half of its samples or more became wrong."""
        return None if self.lost is None else self.lost >= 0.5


@dataclass(frozen=True)
class ClassView:
    """What :func:`draw_classes` draws: C classes at T snapshots."""

    title: str  #: the run and its split
    measure: str  #: "error", "share", "inflow", "outflow" or "precision"
    step: np.ndarray  #: (T,) int64
    values: np.ndarray  #: (C, T) float64, nan where undefined
    names: Sequence[str]  #: one per class
    order: np.ndarray  #: (C,) int64: the classes from the top
    clusters: np.ndarray | None = None  #: (C,) int64: cluster of each class from 0, easy to hard; -1 for none
    curves: Sequence[tuple[str, np.ndarray]] = ()  #: up to four splits, and their error rate, (T,) float64


@look()
def draw_classes(
    view: ClassView,
    *,
    marks: Sequence[Mark] = (),
    only: Sequence[int] | None = None,
    subtitle: str = "",
    style: Style = DEFAULT_STYLE,
) -> Figure:
    """Draw a stripe for each class, coloured by a measure, time to the right.

    Above are, column for column, the error rate of all samples of each split, and one stripe for the mean of each
    cluster, unless only some classes are shown. Classes of a cluster stand together; a bracket says which. Where there
    are more classes than lines of text, only some are named, first those with the largest marks; where there are more
    than pixels, neighbours in the same cluster share one and are averaged. After the small multiples of DeepTracker
    (Liu et al., ACM TIST 10(1), 2018).

    Parameters
    ----------
    view : ClassView
        What to draw.
    marks : sequence of Mark
        Triangles on the stripes: down for the rule "left", up for "right", as wide as their weight; black where half
        of the samples or more became wrong, else white. Those of classes that are not shown are left out.
    only : sequence of int, optional
        The classes to show, in the order of the view; all unless given. Clusters keep their numbers.
    subtitle : str
        A line under the title.
    style : Style
        ``size`` is the width of a stripe.

    Returns
    -------
    Figure
        Ready for :func:`~nntf_cli.figures.encode`.

    Raises
    ------
    ParameterError
        There is no class to draw.
    LimitError
        The figure would be too large.
    """
    shown = view.order if only is None else view.order[np.isin(view.order, np.asarray(only, dtype=np.int64))]
    if not len(shown) or not len(view.step):
        raise ParameterError("there is no class to draw")
    page = Page(style)
    columns = fit_grid((len(view.step),) * 2, style.size * style.dpi).columns
    scale = _scale(view, shown, style)
    top = _draw_errors(page, view, columns)
    clusters = _clusters(view)
    means = _draw_means(page, view, columns, scale, top) if len(shown) == len(view.order) else 0
    parts = arrange(page, shown, clusters, columns.length, means or top)
    plot, box = _draw_stripes(page, view, parts, columns, scale)
    left, n_named = _name_classes(page, view, parts, marks)
    if clusters is not None:
        _bracket(page, parts, left)
    _put_marks(plot, parts, marks)
    bar_top = top if means else box.top
    height = min(box.bottom - bar_top, page.px(4 * 72))
    bar = draw_bar(page, scale, box.right + page.px(9), bar_top, max(height, page.px(60)))
    _explain(page, view, parts, n_named, marks, bar.right)
    heading = view.title if style.title is None else style.title
    write_heading(page, Box(0, page.extent.top, 1, 1), [(heading, TITLE), (subtitle, SMALL)], bar.right)
    return page.finish()


class _ErrorScale(Scale):
    """Square root of a share: late in training errors are small, and their differences are what is looked for."""

    def ticks(self, height: float) -> tuple[list[float], list[float]]:
        """Return round shares, as many as there is room for."""
        gap = 1.5 * SMALL / height
        kept = [0.0]
        for value in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0):
            if self.place(value) - self.place(kept[-1]) >= gap and (value == 1 or 1 - self.place(value) >= gap):
                kept.append(value)
        return kept, [self.place(value) for value in kept]


def _scale(view: ClassView, shown: np.ndarray, style: Style) -> Scale:
    label = _BARS[view.measure]
    if view.measure == "error":
        return _ErrorScale(PowerNorm(0.5, 0, 1, clip=True), style.colour_map(WRONG), label)
    if view.measure == "precision":
        return Scale(Normalize(0, 1, clip=True), style.colour_map("magma"), label)
    values = view.values[shown]
    high = float(np.max(values, where=np.isfinite(values), initial=0.0))
    if view.measure == "share":
        return Scale(Normalize(0, high or 1.0, clip=True), style.colour_map(SEQUENTIAL), label, short="share")
    return replace(counts_scale(int(high), FLOWS, label, style), short=f"{view.measure} (samples)")


def _draw_errors(page: Page, view: ClassView, columns: Side) -> int:
    """Draw the error rate of each split; return where the next thing begins."""
    curves = [(name, values) for name, values in view.curves if np.isfinite(values).any()][: len(LINES)]
    if not curves:
        return 0
    box = Box(0, 0, columns.length, page.px(52))
    plot = page.axes(box, label="error of all samples")
    plot.set_xlim(-0.5, columns.n_blocks * columns.block - 0.5)
    plot.set_xticks([])
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    plot.spines["bottom"].set_visible(True)
    plot.spines["left"].set_visible(True)
    draw_curves(plot, [values for _, values in curves], columns.pixels / columns.block)
    ticks = [text.get_text() for text in plot.get_yticklabels()]
    reach = page.px(TICK + PAD + 2 + max(text_width(text, SMALL) for text in ticks))
    page.reserve(Box(-reach, 0, reach, box.height))
    words = ["error of all samples", *(name for name, _ in curves)]
    write_beside(page, box, words, [FAINT, *LINES], page.px(90))
    return box.bottom + page.px(10)


def _clusters(view: ClassView) -> np.ndarray | None:
    """Return the clusters unless they say nothing: that of all classes, or one of each."""
    n = 0 if view.clusters is None else len(np.unique(view.clusters[view.clusters >= 0]))
    return view.clusters if 1 < n < len(view.order) else None


def _draw_means(page: Page, view: ClassView, columns: Side, scale: Scale, top: int) -> int:
    """Draw a stripe for the mean of each cluster; return where the next thing begins, 0 where there are no clusters."""
    clusters = _clusters(view)
    if clusters is None:
        return 0
    numbers = np.unique(clusters[clusters >= 0]).tolist()
    height, gap = mean_stripe(page), page.px(1)
    for k, cluster in enumerate(numbers):
        members = np.flatnonzero(clusters == cluster)
        box = Box(0, top + k * (height + gap), columns.length, height)
        plot = page.axes(box, label=f"mean of cluster {cluster + 1}")
        one = Side(len(members), height, len(members)) if len(members) > 1 else Side(1, height, 1)
        show(plot, paint_rows(view.values[members], one, columns, scale), _extent(columns, height))
        plot.set_xticks([])
        plot.set_yticks([])
        text = f"cluster {cluster + 1}: {quantity(len(members), 'class')}"
        page.text(-page.px(5), box.top + (height - page.px(1.25 * SMALL)) / 2, text, size=SMALL, align="right")
    return top + len(numbers) * (height + gap) + page.px(2 * GAP)


def _extent(columns: Side, height: int) -> tuple[float, float, float, float]:
    return -0.5, columns.n_blocks * columns.block - 0.5, height, 0


def _draw_stripes(page: Page, view: ClassView, parts: Sequence[Part], columns: Side, scale: Scale) -> tuple[Plot, Box]:
    """Draw all classes on one plot, whose vertical unit is the pixel, and steps underneath."""
    top = parts[0].top
    box = Box(0, top, columns.length, parts[-1].bottom - top)
    plot = page.axes(box, label="classes")
    show(plot, paint(parts, view.values, columns, scale), _extent(columns, box.height))
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    plot.set_yticks([])

    def room(texts: list[str]) -> float:
        return page.px(max(text_width(text, SMALL) for text in texts)) + page.px(8)

    ticks, texts = step_ticks(view.step, columns.pixels / columns.block, room)
    plot.set_xticks(ticks, texts)
    if len(parts) == 1:
        frame(page, plot)
    half, below = round(room(texts) / 2), page.px(TICK + PAD + 1.35 * SMALL)
    page.reserve(Box(-half, box.bottom, box.width + 2 * half, below))
    page.text(box.width / 2, box.bottom + below, snapshots_label(view.step, columns.block), align="center")
    return plot, box


def _name_classes(page: Page, view: ClassView, parts: Sequence[Part], marks: Sequence[Mark]) -> tuple[int, int]:
    """Write names to the left of the stripes; return where the longest begins, and how many there are."""
    left, places = 0, named(page, parts, [mark.class_ for mark in sorted(marks, key=lambda mark: -mark.weight)])
    labels = class_labels([one for one, _ in places], view.names, TINY, _ROOM)
    for one, middle in places:
        box = page.text(-page.px(5), middle - page.px(1.25 * TINY) / 2, labels[one], size=TINY, align="right")
        left = min(left, box.left)
    return left, len(places)


def _bracket(page: Page, parts: Sequence[Part], left: int) -> None:
    """Draw a line beside the classes of each cluster, with its number."""
    width, x = max(1, page.px(1)), left - page.px(6)
    for part in parts:
        if part.cluster is not None and part.cluster >= 0:
            page.swatch(Box(x - width, part.top, width, part.bottom - part.top), FAINT)
            middle = (part.top + part.bottom - page.px(1.25 * LABEL)) / 2
            page.text(x - page.px(4), middle, str(part.cluster + 1), color=INK, align="right")


def _put_marks(plot: Plot, parts: Sequence[Part], marks: Sequence[Mark]) -> None:
    """Draw a triangle for each mark of a class that is shown, the largest undermost; two at one place apart."""
    places = {
        int(one): (part.middle(k) - parts[0].top, part.side.pixels / 4)
        for part in parts
        for k, one in enumerate(part.classes)
    }
    shown = sorted((mark for mark in marks if mark.class_ in places), key=lambda mark: -mark.weight)
    taken = {rule: {(mark.row, mark.class_) for mark in shown if mark.rule == rule} for rule in ("left", "right")}
    both = taken["left"] & taken["right"]
    plot.set_autoscale_on(False)
    for rule, shape, aside in (("left", "v", -1), ("right", "^", 1)):
        several = [mark for mark in shown if mark.rule == rule]
        down = [
            places[mark.class_][0] + aside * ((mark.row, mark.class_) in both) * places[mark.class_][1]
            for mark in several
        ]
        widths = _SMALLEST + (_LARGEST - _SMALLEST) * np.clip([mark.weight for mark in several], 0, 1)
        colours = [_MARKS[mark.is_loss] for mark in several]
        # all at once: there may be tens of thousands
        plot.scatter(
            [mark.row for mark in several], down, widths**2, marker=shape, facecolors=[inside for inside, _ in colours],
            edgecolors=[edge for _, edge in colours], linewidths=0.5, clip_on=False, label=rule,
        )  # fmt: skip


def _explain(
    page: Page, view: ClassView, parts: Sequence[Part], n_named: int, marks: Sequence[Mark], right: int
) -> None:
    """Write what grey, clusters, names, shared pixels and marks mean, as far as they occur."""
    top, room = page.extent.bottom + page.px(4), page.points(max(right, page.px(200)))
    shown = np.concatenate([part.classes for part in parts])
    if not np.isfinite(view.values[shown]).all():
        side = page.px(SMALL)
        page.swatch(Box(0, top + page.px(0.15 * SMALL), side, side), QUIET_ONE)
        page.text(side + page.px(4), top, f"grey: undefined, {_WHY_GREY[view.measure]}", size=SMALL)
        top += page.px(1.35 * SMALL)
    notes = []
    if parts[0].cluster is not None:
        alone = len(shown) < len(view.order)
        which, above = ("all classes by their", "") if alone else ("classes with like", "; above, the mean of each")
        notes.append(f"clusters of {which} error curves (k-means), easy to hard{above}")
    if n_named < len(shown):
        notes.append(f"{n_named:,} of {quantity(len(shown), 'class')} {'is' if n_named == 1 else 'are'} named")
    if parts[0].side.block > 1:
        notes.append(f"a row of pixels is the mean of up to {parts[0].side.block} classes")
    lines = wrap("; ".join(notes), SMALL, room)
    for line in _about_marks(marks):
        lines += wrap(line, SMALL, room)
    for line in lines:
        page.text(0, top, line, size=SMALL, color=FAINT)
        top += page.px(1.35 * SMALL)


def _about_marks(marks: Sequence[Mark]) -> list[str]:
    """Return what marks mean, a paragraph each; down and up are rules, not worse and better."""
    rules = {
        "left": "\u25bc left rule: samples that changed after a rest",
        "right": "\u25b2 right rule: samples that changed, then rested",
    }
    lines = [text for rule, text in rules.items() if any(mark.rule == rule for mark in marks)]
    if lines:
        lines[-1] += "; the larger, the more samples"
    if any(mark.lost is not None for mark in marks):
        lines.append("black: half of them or more became wrong; white: most became right")
    return lines
