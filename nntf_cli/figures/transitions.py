"""Transitions: who moved from which class to which, as one annotated matrix each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes as Plot
from matplotlib.figure import Figure

from nntf_cli.errors import InputError, ParameterError
from nntf_cli.figures.cells import enlarge, fit_grid
from nntf_cli.figures.heatmap import PAD, TICK, draw_bar, frame, show, write_heading
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.multiples import draw_multiples
from nntf_cli.figures.scales import Scale, counts_scale, rgb
from nntf_cli.figures.shown import ClassChoice, choose_classes, flow_matrix
from nntf_cli.figures.style import DEFAULT_STYLE, FAINT, FLOWS, INK, Style, look
from nntf_cli.figures.text import LABEL, SMALL, TITLE, class_labels, number, text_width, wrap
from nntf_cli.figures.titles import Titles
from nntf_cli.model import Flows

MOST_ANNOTATED = 6  #: transitions drawn with numbers; more are drawn as small multiples
_BESIDE = 3  #: annotated matrices in one row
_SHARES = (1.0, 0.85, 0.75)  #: of Style.size, for 1 to 3 matrices beside each other
_DIAGONAL = "#e9e9e9"
_FILL = 0.88  #: of the width of a cell, for its number
_NAME = 90  #: points of a class's name, at most


@look()
def draw_transitions(
    flows: Flows,
    which: Sequence[int] | None,
    *,
    class_names: Sequence[str] | None = None,
    style: Style = DEFAULT_STYLE,
    title: str = "",
) -> Figure:
    """Draw transitions: rows are the class before, columns the class after.

    Up to six are drawn with the number of samples in each cell, where it fits; more, or all, as small
    multiples in the order of time. Colour is the number of samples that moved, on one square-root scale for
    all; the diagonal, those that stayed, is grey, else it would outshine the flows. Of more than 25 classes,
    those with most flows in the transitions drawn are shown, and the figure says how many and what share of
    the moves that is.

    Parameters
    ----------
    flows : Flows
        The transitions of one split; ``stayed`` may be absent, then diagonals have no numbers.
    which : sequence of int, optional
        Indices of the transitions to draw; None for all, as small multiples.
    class_names : sequence of str, optional
        One per class.
    style : Style
        ``size`` is the side of a lone matrix; a page of small multiples is about twice as wide.
    title : str
        Heading, unless the style has one.

    Returns
    -------
    Figure
        Ready for :func:`encode`.

    Raises
    ------
    InputError
        There are no transitions.
    ParameterError
        An index is out of range, or there are not as many names as classes.
    LimitError
        There are more transitions than a page can hold.
    """
    chosen = _check(flows, which, class_names)
    heading = title if style.title is None else style.title
    classes = choose_classes(flows, chosen)
    labels = list(class_labels(classes.classes.tolist(), class_names, SMALL, _NAME).values())
    if which is None or len(chosen) > MOST_ANNOTATED:
        return draw_multiples(flows, chosen, classes, labels, style, heading)
    return _draw_annotated(flows, chosen, classes, labels, style, heading)


def _check(flows: Flows, which: Sequence[int] | None, class_names: Sequence[str] | None) -> list[int]:
    n = flows.n_transitions
    if n == 0:
        raise InputError("there is no transition to draw", "one needs at least two snapshots")
    if class_names is not None and len(class_names) != flows.n_classes:
        raise ParameterError(f"{len(class_names)} names were given for {flows.n_classes} classes")
    chosen = list(range(n)) if which is None else [int(i) for i in which]
    for i in chosen:
        if not 0 <= i < n:
            raise ParameterError(f"there is no transition {i}", f"they are numbered 0 to {n - 1}")
    if not chosen:
        raise ParameterError("no transition was chosen")
    return chosen


def transition_title(flows: Flows, i: int) -> str:
    """Return ``step 40 → 50, 132 moved``."""
    before, after = number(int(flows.from_step[i])), number(int(flows.to_step[i]))
    moved = int(flows.moved[i])
    return f"step {before} \u2192 {after}, {f'{moved:,} moved' if moved else 'nothing moved'}"


def _draw_annotated(
    flows: Flows, chosen: list[int], classes: ClassChoice, labels: list[str], style: Style, heading: str
) -> Figure:
    page = Page(style)
    beside = min(len(chosen), 2 if len(chosen) == 4 else _BESIDE)
    matrices = [flow_matrix(flows, i, classes) for i in chosen]
    scale = counts_scale(_largest_flow(matrices), FLOWS, "samples moved", style)
    grid = fit_grid((len(labels), len(labels)), style.size * style.dpi * _SHARES[beside - 1])
    cell = grid.columns.pixels
    size = _number_size(matrices, page.points(cell))
    room = max(page.points(grid.width) + 10, 120 if beside == 1 else 0)
    titles = Titles([transition_title(flows, i) for i in chosen], room)
    top = 0
    for k, (i, delta) in enumerate(zip(chosen, matrices, strict=True)):
        row, column = divmod(k, beside)
        if row and column == 0:
            top = page.extent.bottom + page.px(10 + 1.35 * LABEL)
        box = Box(column * (grid.width + page.px(14)), top, grid.width, grid.height)
        plot = _draw_matrix(page, box, delta, scale, size, f"transition {i}")
        name_classes(page, plot, box, labels, [] if column else labels, across="to class", down="from class")
        titles.write(page, k, box)
    right = (beside - 1) * (grid.width + page.px(14)) + grid.width
    draw_bar(page, scale, right + page.px(9), 0, grid.height)
    _write_notes(page, flows, classes, right)
    write_heading(page, Box(0, page.extent.top, 1, 1), [(heading, TITLE)], page.extent.right)
    return page.finish()


def _write_notes(page: Page, flows: Flows, classes: ClassChoice, room: int) -> None:
    """Write which classes are shown and what the diagonal is."""
    key = "white: none moved, grey: " + ("stayed in their class" if flows.stayed is not None else "the diagonal")
    text = "; ".join(note for note in (classes.note(), key) if note)
    top = page.extent.bottom + page.px(3)
    for line in wrap(text, SMALL, page.points(max(room, page.px(200)))):
        page.text(0, top, line, size=SMALL, color=FAINT)
        top += page.px(1.35 * SMALL)


def _largest_flow(matrices: list[np.ndarray]) -> int:
    """Return the largest entry off the diagonal of any matrix."""
    return max(int((delta - np.diag(np.diagonal(delta))).max()) for delta in matrices)


def paint_flows(delta: np.ndarray, scale: Scale) -> np.ndarray:
    """Return the colour of each cell, uint8 RGBA: white where nothing moved, the diagonal grey."""
    rgba = scale.paint(delta.astype(np.float64))
    rgba[delta == 0] = 255
    index = np.arange(len(delta))
    rgba[index, index] = rgb(_DIAGONAL)
    return rgba


def _draw_matrix(page: Page, box: Box, delta: np.ndarray, scale: Scale, size: float, label: str) -> Plot:
    n = len(delta)
    plot = page.axes(box, label=label)
    rgba = paint_flows(delta, scale)
    show(plot, enlarge(rgba, box.width // n, box.width // n), (-0.5, n - 0.5, n - 0.5, -0.5))
    frame(page, plot)
    _write_counts(plot, delta, rgba, size, page.points(box.width // n))
    return plot


def _number_size(matrices: list[np.ndarray], cell: float) -> float:
    """Return the largest type in which the longest number of all ``matrices`` fits a cell of ``cell`` points."""
    texts = {f"{count:,}" for delta in matrices for count in np.unique(delta[delta > 0]).tolist()}
    sizes = (9.0, 8.0, 7.0, 6.0)
    return next((s for s in sizes if all(text_width(text, s) <= _FILL * cell for text in texts)), 5.0)


def _write_counts(plot: Plot, delta: np.ndarray, rgba: np.ndarray, size: float, cell: float) -> None:
    """Write numbers into cells; none that would not fit."""
    for m, n in np.argwhere(delta > 0).tolist():
        text = f"{delta[m, n]:,}"
        if text_width(text, size) > _FILL * cell or size * 1.1 > cell:
            continue
        dark = float(rgba[m, n, :3] @ np.array([0.299, 0.587, 0.114])) < 140
        color = FAINT if m == n else "white" if dark else INK
        plot.text(n, m, text, fontsize=size, color=color, ha="center", va="center_baseline")


def name_classes(
    page: Page, plot: Plot, box: Box, columns: Sequence[str], rows: Sequence[str], *, across: str, down: str
) -> None:
    """Name the columns of a matrix of classes, turned where they would touch, and its rows unless there are no names.

    ``across`` and ``down`` say what columns and rows are.
    """
    cell = box.width // len(columns)
    every = max(1, -(-page.px(1.2 * SMALL) // cell))  # no more labels than lines of text fit
    widest = page.px(max(text_width(name, SMALL) for name in columns))
    turned = widest + page.px(4) > cell
    plot.tick_params(length=TICK, pad=PAD, width=0.6, labelsize=SMALL)
    plot.set_xticks(np.arange(0, len(columns), every), columns[::every], rotation=90 if turned else 0)
    below = page.px(TICK + PAD + 1) + (widest if turned else page.px(1.35 * SMALL))
    page.text(box.left + box.width / 2, box.bottom + below, across, align="center")
    ticks = np.arange(0, len(rows) or box.height // cell, every)
    plot.set_yticks(ticks, rows[::every] or [""] * len(ticks))
    if rows:
        reach = page.px(TICK + PAD + 2 + max(text_width(name, SMALL) for name in rows)) + page.px(1.25 * LABEL)
        page.text(box.left - reach, box.top + box.height / 2, down, turned=True)
