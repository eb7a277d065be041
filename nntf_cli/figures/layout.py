"""Placement to the pixel: boxes go on a page in any order, and the page grows to hold them."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.text import Text

from nntf_cli.errors import LimitError
from nntf_cli.figures.style import INK, Style
from nntf_cli.figures.text import LABEL, text_width

MAX_PIXELS = 150_000_000  #: of a page: 600 MB while it is drawn
MAX_SIDE = 2**16 - 1  #: of a page, what matplotlib's renderer can do
_INSET = 1e-6  #: pixels; keeps rounding errors from adding a row or column of pixels to an image


class Box(NamedTuple):
    """A rectangle on a page: whole pixels, counted from the top left, which may be negative."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The first pixel column to the right of the box."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The first pixel row below the box."""
        return self.top + self.height


def _check_size(width: int, height: int) -> None:
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise LimitError(
            f"the figure would be at least {width:,} x {height:,} pixels, and {MAX_PIXELS:,} is the limit",
            "choose a smaller size or resolution, or fewer panels",
        )


class Page:
    """A figure under construction.

    Everything is put where the caller says, in pixels from an origin of the caller's choice; :meth:`finish`
    makes the figure as large as what is on it, plus a margin. So nothing is cut, and all is on whole pixels.
    """

    def __init__(self, style: Style) -> None:
        _check_size(round(style.size * style.dpi), round(style.size * style.dpi))
        self.dpi = style.dpi
        self.figure = Figure(dpi=style.dpi, facecolor="white")
        FigureCanvasAgg(self.figure)
        self._axes: list[tuple[Axes, Box]] = []
        self._texts: list[tuple[Text, float, float]] = []
        self._swatches: list[tuple[Rectangle, Box]] = []
        self._edges: list[tuple[float, float, float, float]] = []

    def px(self, points: float) -> int:
        """Return a length in points as whole pixels."""
        return round(points * self.dpi / 72)

    def points(self, pixels: float) -> float:
        """Return a length in pixels as points."""
        return pixels * 72 / self.dpi

    def reserve(self, box: Box) -> None:
        """Have the page hold ``box``, though nothing is put there by the page itself."""
        self._edges.append((box.left, box.top, box.right, box.bottom))

    def axes(self, box: Box, label: str = "") -> Axes:
        """Put empty axes on the page that cover ``box`` exactly, with a name to find them by.

        Raises
        ------
        LimitError
            The page has become too large to draw.
        """
        axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0), label=label)
        axes.set_facecolor("none")
        for spine in axes.spines.values():
            spine.set_visible(False)
            spine.set_position(("outward", self.points(1)))  # where ticks begin: clear of the cells
        self._axes.append((axes, box))
        self.reserve(box)
        _check_size(self.extent.width, self.extent.height)
        return axes

    def text(
        self,
        left: float,
        top: float,
        text: str,
        *,
        size: float = LABEL,
        color: str = INK,
        align: Literal["left", "center", "right"] = "left",
        turned: bool = False,
        bold: bool = False,
    ) -> Box:
        """Write a line of text.

        ``left`` and ``top`` are the upper left corner of the line, or with another ``align`` the upper middle
        or right one. ``turned`` text runs upwards; then ``top`` is its middle.

        Returns
        -------
        Box
            What the text covers, for placing the next thing.
        """
        length, line = math.ceil(text_width(text, size, bold=bold) * self.dpi / 72), self.px(1.25 * size)
        if turned:
            box = Box(round(left), round(top - length / 2), line, length)
        else:
            shift = {"left": 0.0, "center": 0.5, "right": 1.0}[align] * length
            box = Box(round(left - shift), round(top), length, line)
        artist = self.figure.text(
            0, 0, text, fontsize=size, color=color, rotation=90 if turned else 0, rotation_mode="anchor",
            ha="left", va="baseline", weight="bold" if bold else "normal",
        )  # fmt: skip
        if turned:
            self._texts.append((artist, box.left + 0.8 * line, box.bottom))
        else:
            self._texts.append((artist, box.left, box.top + 0.8 * line))
        self.reserve(box)
        return box

    def swatch(self, box: Box, color: str) -> None:
        """Fill a box with a colour."""
        patch = Rectangle((0, 0), 1, 1, facecolor=color, edgecolor="none", transform=self.figure.transFigure)
        self.figure.add_artist(patch)
        self._swatches.append((patch, box))
        self.reserve(box)

    @property
    def extent(self) -> Box:
        """The smallest box that holds everything put on the page so far."""
        left, top, right, bottom = (list(edge) for edge in zip(*self._edges, strict=True))
        x, y = math.floor(min(left)), math.floor(min(top))
        return Box(x, y, math.ceil(max(right)) - x, math.ceil(max(bottom)) - y)

    def finish(self) -> Figure:
        """Set the figure's size, move everything to its place and return the figure.

        Raises
        ------
        LimitError
            The page would be too large to draw.
        """
        margin, extent = self.px(8), self.extent
        width, height = extent.width + 2 * margin, extent.height + 2 * margin
        _check_size(width, height)
        full_width, full_height = width + _INSET, height + _INSET
        self.figure.set_size_inches(full_width / self.dpi, full_height / self.dpi)
        x0, y0 = margin - extent.left, margin - extent.top

        def place(box: Box, inset: float) -> tuple[float, float, float, float]:
            left, bottom = box.left + x0 + inset, height - (box.bottom + y0) + inset
            return (
                left / full_width,
                bottom / full_height,
                (box.width - 2 * inset) / full_width,
                (box.height - 2 * inset) / full_height,
            )

        for axes, box in self._axes:
            axes.set_position(place(box, _INSET))
        for patch, box in self._swatches:
            patch.set_bounds(*place(box, 0))
        for artist, x, y in self._texts:
            artist.set_position(((x + x0) / full_width, (height - (y + y0)) / full_height))
        return self.figure
