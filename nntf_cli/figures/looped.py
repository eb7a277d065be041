"""The loops of a training, as frames on its fingerprint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from matplotlib.axes import Axes as Plot
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from nntf_cli.figures.cells import fit_grid
from nntf_cli.figures.fingerprint import draw_fingerprint
from nntf_cli.figures.heatmap import check_drawable
from nntf_cli.figures.style import DEFAULT_STYLE, INK, Style, look
from nntf_cli.figures.text import SMALL, text_width
from nntf_cli.model import Fingerprint
from nntf_cli.wording import quantity

#: Colours and widths of frames around loops and rounds, one on the other: seen on dark and on light.
_LOOP, _ROUND = (("black", 2.8), ("white", 1.4)), (("black", 1.4), ("white", 0.6))

_MOST_ROUNDS = 100  #: that a matrix has room for, to be told apart
_PAD, _GAP = 1.2, 3.0  #: points around the text of a label, and from a label to its frame


class _Span(NamedTuple):
    """First and last transition of a loop, and its period."""

    first: int
    last: int
    period: int


class _Area(NamedTuple):
    """A rectangle, points from the upper left corner of the matrix."""

    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: _Area) -> bool:
        """Whether both have a point in common."""
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def is_in(self, other: _Area) -> bool:
        """Whether it lies in another one."""
        inside = other.left <= self.left and self.right <= other.right
        return inside and other.top <= self.top and self.bottom <= other.bottom


@look()
def draw_looped(
    fingerprint: Fingerprint, spans: Sequence[tuple[int, int, int]], *, style: Style = DEFAULT_STYLE
) -> Figure:
    """Draw a fingerprint with a frame around each loop and, along the main diagonal, one around each of its rounds.

    Beside a frame stands how often the loop repeats, as far as there is room: a label is on no other one, on no frame
    and not beyond the matrix. A line under the title says how many loops there are, and how many of them are named.

    Parameters
    ----------
    fingerprint : Fingerprint
        Of one run.
    spans : sequence of (int, int, int)
        First and last transition of each loop, and its period; those to be named first come first.
    style : Style
        As of :func:`~nntf_cli.figures.draw_fingerprint`.

    Returns
    -------
    Figure
        Ready for :func:`~nntf_cli.figures.encode`.

    Raises
    ------
    InputError
        There are no transitions.
    LimitError
        The figure would be too large.
    """
    check_drawable(fingerprint)
    loops = [_Span(*span) for span in spans]
    side = fit_grid(fingerprint.shape, style.size * style.dpi).columns
    cell = side.length / side.n_blocks / side.block * 72 / style.dpi
    frames = {loop: [loop, *_rounds(loop, fingerprint.shape[0])] for loop in loops}
    labels = _place_labels(loops, [frame for several in frames.values() for frame in several], cell, side.n * cell)
    figure = draw_fingerprint(fingerprint, style=style, subtitle=_how_many(len(loops), len(labels)))
    plot = next(axes for axes in figure.axes if axes.get_label() == "heatmap")
    for loop in reversed(loops):
        for one in frames[loop][1:]:
            _frame(plot, one, _ROUND)
        _frame(plot, loop, _LOOP)
    for loop, area in labels.items():
        middle = (area.left + area.right) / 2 / cell - 0.5, (area.top + area.bottom) / 2 / cell - 0.5
        plot.text(*middle, _name(loop), fontsize=SMALL, color=INK, ha="center", va="center_baseline",
                  bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": _PAD})  # fmt: skip
    return figure


def _how_many(n: int, n_named: int) -> str:
    several = quantity(n, "loop") if n else "no loops"
    return several if n == n_named else f"{several}, {n_named or 'none'} of them named"


def _name(loop: _Span) -> str:
    return f"every {loop.period}"


def _rounds(loop: _Span, n: int) -> list[_Span]:
    """Return the rounds of a loop; none where they could not be told apart."""
    if loop.period * _MOST_ROUNDS < n:
        return []
    begins = range(loop.first, loop.last + 1, loop.period)
    return [_Span(begin, min(begin + loop.period - 1, loop.last), loop.period) for begin in begins]


def _area(span: _Span, cell: float) -> _Area:
    low, high = span.first * cell, (span.last + 1) * cell
    return _Area(low, low, high, high)


def _place_labels(loops: Sequence[_Span], frames: Sequence[_Span], cell: float, side: float) -> dict[_Span, _Area]:
    """Return where labels are, of the loops that have room for one, points."""
    lines, page = [_area(frame, cell) for frame in frames], _Area(0, 0, side, side)
    placed: dict[_Span, _Area] = {}
    for loop in loops:
        for area in _places(_area(loop, cell), text_width(_name(loop), SMALL)):
            on_a_line = any(area.meets(line) and not area.is_in(line) for line in lines)
            if area.is_in(page) and not on_a_line and not any(area.meets(other) for other in placed.values()):
                placed[loop] = area
                break
    return placed


def _places(frame: _Area, length: float) -> Iterator[_Area]:
    """Yield where a label may be: above the frame, to the right of it, in its corner that is far from the diagonal."""
    width, height = length + 2 * _PAD, 1.2 * SMALL + 2 * _PAD
    above = frame.top - _GAP - height
    yield _Area(frame.right - width, above, frame.right, above + height)
    beside = frame.right + _GAP
    yield _Area(beside, frame.top, beside + width, frame.top + height)
    right, top = frame.right - _GAP, frame.top + _GAP
    yield _Area(right - width, top, right, top + height)


def _frame(plot: Plot, span: _Span, lines: Sequence[tuple[str, float]]) -> None:
    side = span.last - span.first + 1
    for color, width in lines:
        corner = (span.first - 0.5, span.first - 0.5)
        plot.add_patch(Rectangle(corner, side, side, fill=False, edgecolor=color, linewidth=width))
