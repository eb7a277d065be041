"""How figures look, independent of the user's matplotlib settings, and how they become bytes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import matplotlib
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from nntf_cli.errors import ParameterError
from nntf_cli.figures.text import FONT

SEQUENTIAL = "viridis"  #: distances in [0, 1]
COUNTS = "magma"  #: distances in samples
DIVERGING = "RdBu_r"  #: differences
FLOWS = "YlGnBu"  #: samples that moved between two classes

#: Off every colour scale: nothing moved in both transitions, in one of them.
QUIET_BOTH, QUIET_ONE = "#ebebeb", "#cccccc"
#: Nothing moved, in a difference: darker than the near white in the middle of its colour map.
QUIET_DIFFERENCE = "#c8c8c8"
INK, FAINT = "#1a1a1a", "#666666"

_SETTINGS: dict[Any, Any] = {
    "font.family": [FONT],
    "text.hinting": "none",  # so that text is as wide as it was measured, in every format
    "text.parse_math": False,  # a `$` in a run's name is a dollar sign
    "axes.unicode_minus": True,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "image.composite_image": False,
    "svg.hashsalt": "nntf",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}
_METADATA: dict[str, dict[str, None]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None},
}


@dataclass(frozen=True)
class Style:
    """What the caller may choose about a figure.

    Raises
    ------
    ParameterError
        A size or resolution is out of range, or matplotlib has no such colour map.
    """

    size: float = 4.5  #: side of a lone heatmap, inches; several in one figure get a share of it each
    dpi: int = 150  #: pixels per inch
    cmap: str | None = None  #: name of a matplotlib colour map, instead of our own choice
    title: str | None = None  #: instead of the title made from the data; "" for none

    def __post_init__(self) -> None:
        """Check the values."""
        if not 0.5 <= self.size <= 50:
            raise ParameterError(f"a panel of {self.size:g} inches cannot be drawn", "use 0.5 to 50")
        if not 30 <= self.dpi <= 2400:
            raise ParameterError(f"{self.dpi:g} pixels per inch cannot be drawn", "use 30 to 2400")
        if self.cmap is not None and self.cmap not in matplotlib.colormaps:
            raise ParameterError(
                f"there is no colour map '{self.cmap}'",
                "known are viridis, cividis, magma, inferno, Greys, RdBu_r, PuOr and others of matplotlib",
            )

    def colour_map(self, default: str) -> Colormap:
        """Return the colour map asked for, else the one called ``default``."""
        return matplotlib.colormaps[self.cmap or default]


DEFAULT_STYLE = Style()


@contextmanager
def look() -> Iterator[None]:
    """Set matplotlib to our own settings, whatever a ``matplotlibrc`` said, and back afterwards.

    Usable as a decorator. Characters that DejaVu Sans lacks are drawn as boxes, without a warning each.
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from")
        yield


@look()
def encode(figure: Figure, fmt: Literal["png", "svg", "pdf"], dpi: float | None = None) -> bytes:
    """Return a figure as the bytes of a file; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure
        As one of the ``draw_`` functions returned it.
    fmt : {"png", "svg", "pdf"}
        The format. Text is outlines in SVG, so that it needs no font, and text in PDF; heatmaps are embedded
        pixel by pixel, not smoothed.
    dpi : float, optional
        Pixels per inch; that of the figure's style unless given. Cells are a whole number of pixels only at
        the style's own or a whole multiple of it.

    Raises
    ------
    ParameterError
        The format is none of the three.
    """
    if fmt not in _METADATA:
        raise ParameterError(f"'{fmt}' is not a picture format", "use png, svg or pdf")
    buffer = BytesIO()
    figure.savefig(buffer, format=fmt, dpi=dpi or figure.dpi, metadata=_METADATA[fmt])
    return buffer.getvalue()
