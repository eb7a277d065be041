"""Colour scales: which values get which colour, and what the colour bar says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Colormap, Normalize, PowerNorm, to_rgba

from nntf_cli.errors import MismatchError
from nntf_cli.figures.cells import extremes, quiet_of
from nntf_cli.figures.style import (
    COUNTS,
    DIVERGING,
    QUIET_BOTH,
    QUIET_DIFFERENCE,
    QUIET_ONE,
    SEQUENTIAL,
    Style,
)
from nntf_cli.figures.text import SMALL, shorten
from nntf_cli.figures.ticks import value_ticks
from nntf_cli.model import Axis, Difference, Fingerprint

Matrix = Fingerprint | Difference


@dataclass(frozen=True)
class Scale:
    """A colour for every value from ``norm.vmin`` to ``norm.vmax``; others get those of the ends."""

    norm: Normalize
    cmap: Colormap
    label: str  #: of the colour bar
    quiet_both: str = QUIET_BOTH  #: colour of cells in a quiet row and a quiet column
    quiet_one: str = QUIET_ONE  #: colour of other quiet cells
    whole: bool = False  #: the values are counts
    start: float | None = None  #: where the colour bar begins, unless at ``norm.vmin``
    short: str = ""  #: label of a bar that is too short for the other

    def paint(self, values: np.ndarray) -> np.ndarray:
        """Return the colours of ``values``, uint8 RGBA; white where a value is not finite."""
        finite = np.isfinite(values)
        rgba = self.cmap(self.norm(np.where(finite, values, 0.0)).filled(0.0), bytes=True)
        rgba[~finite] = 255
        return rgba

    def place(self, value: float) -> float:
        """Return where a value is on the colour bar, from 0 (bottom) to 1; the middle of a bar of one value."""
        first = self._first_share()
        return (float(self.norm(value)) - first) / (1 - first) if first < 1 else 0.5

    def bar(self, n: int) -> np.ndarray:
        """Return the colours of a bar of ``n`` pixels, from the top, uint8 RGBA."""
        first = self._first_share()
        return np.asarray(self.cmap(first + (1 - first) * (1 - (np.arange(n) + 0.5) / n), bytes=True))

    def _first_share(self) -> float:
        return 0.0 if self.start is None else float(self.norm(self.start))

    def ticks(self, height: float) -> tuple[list[float], list[float]]:
        """Return the values to label and their places on a bar of ``height`` points."""
        low, high = float(self.norm.vmin or 0), float(self.norm.vmax or 1)
        if isinstance(self.norm, PowerNorm):
            values = self._round_counts(high, height)
        else:
            most = min(6, max(1, int(height / (1.8 * SMALL))))
            values = value_ticks(low, high, most, whole=self.whole)
        return values, [self.place(value) for value in values]

    def _round_counts(self, high: float, height: float) -> list[float]:
        """Return the first count, round ones as far apart as there is room, and the end."""
        gap = max(0.1, 1.4 * SMALL / height)
        kept = [float(self.start or 0)]
        for value in (d * 10.0**p for p in range(19) for d in (1, 2, 5)):
            if kept[0] < value < high and self.place(value) - self.place(kept[-1]) >= gap:
                kept.append(value)
        if kept[-1] < high:
            crowded = len(kept) > 1 and 1 - self.place(kept[-1]) < 0.8 * gap
            kept = [*kept[:-1], high] if crowded else [*kept, high]
        return kept


def rgb(color: str) -> np.ndarray:
    """Return a colour as four uint8."""
    return np.round(np.array(to_rgba(color)) * 255).astype(np.uint8)


def scale_for(matrices: Sequence[Matrix], style: Style) -> Scale:
    """Return the one scale that all ``matrices`` are drawn on.

    Distances normalised by flows or by samples have the fixed range [0, 1]; counts start at 0 and end at the
    largest; differences and excesses are symmetric around 0, excesses from -0.5 to 0.5 at least. What is in a quiet
    row or column does not count.

    Raises
    ------
    MismatchError
        The matrices are not of one kind.
    """
    kinds = sorted({_kind(matrix) for matrix in matrices})
    if len(kinds) > 1:
        raise MismatchError(
            f"{kinds[0]} and {kinds[1]} cannot share a colour scale", "draw them in figures of their own"
        )
    first = matrices[0]
    fixed = isinstance(first, Fingerprint) and kinds[0] in (_FLOWS, _SHARES, _HAMMING_SHARES)
    low, high = (0.0, 1.0) if fixed else _range(matrices)
    if isinstance(first, Difference):
        end = max(-low, high) or 1.0
        cmap = style.colour_map(DIVERGING)
        unit = " (samples)" if kinds[0] == _DIFFERENCE_SAMPLES else ""
        short = "difference of distances" + (unit or " d")
        label = difference_label(first) + unit if len(matrices) == 1 else short
        return Scale(_norm(-end, end), cmap, label, QUIET_DIFFERENCE, QUIET_DIFFERENCE, short=short)
    if kinds[0] == _EXCESS:
        end = max(_EXCESS_END, -low, high)
        label = "excess over chance (d \u2212 noise floor)"
        return Scale(
            _norm(-end, end), style.colour_map(DIVERGING), label, QUIET_DIFFERENCE, QUIET_DIFFERENCE, short="excess"
        )
    if kinds[0] == _BARE and low < 0:
        end = max(-low, high)
        return Scale(_norm(-end, end), style.colour_map(DIVERGING), "value")
    if kinds[0] == _BARE and high <= 1:
        return Scale(_norm(0, 1), style.colour_map(SEQUENTIAL), "distance d")
    counts = kinds[0] in (_SAMPLES, _HAMMING, _BARE)
    cmap = style.colour_map(SEQUENTIAL if kinds[0] in (_FLOWS, _SHARES) else COUNTS)
    floors = all(isinstance(matrix, Fingerprint) and matrix.of == "floor" for matrix in matrices)
    label = "noise floor (d by chance)" if floors else _LABELS[kinds[0]]
    return Scale(_norm(0, high or 1), cmap, label, whole=counts and kinds[0] != _BARE)


_FLOWS, _SHARES, _SAMPLES = "distances (Eq. 1)", "distances by share of samples", "distances in samples"
_HAMMING, _HAMMING_SHARES = "Hamming distances", "Hamming distances by share of samples"
_EXCESS = "excesses over the noise floor"
_EXCESS_END = 0.5  #: of their scale at least, so that runs can be compared and noise looks like nothing
_BARE, _DIFFERENCE, _DIFFERENCE_SAMPLES = "bare matrices", "differences", "differences in samples"
_LABELS = {
    _FLOWS: "distance d (Eq. 1)",
    _SHARES: "distance d (share of samples)",
    _SAMPLES: "distance (samples)",
    _HAMMING: "Hamming distance (samples)",
    _HAMMING_SHARES: "Hamming distance (share of samples)",
    _BARE: "distance",
}


def _kind(matrix: Matrix) -> str:
    """Return what a matrix holds, in words; matrices of one kind may share a scale."""
    samples = matrix.normalize == "none" or (matrix.metric == "hamming" and matrix.normalize != "samples")
    if isinstance(matrix, Difference):
        return _DIFFERENCE_SAMPLES if samples else _DIFFERENCE
    if matrix.of == "excess":
        return _EXCESS
    if matrix.metric == "hamming":
        return _HAMMING if samples else _HAMMING_SHARES
    if matrix.metric is None and matrix.normalize is None:
        return _BARE
    return _SAMPLES if samples else _SHARES if matrix.normalize == "samples" else _FLOWS


def _norm(low: float, high: float) -> Normalize:
    return Normalize(low, high, clip=True)


def _range(matrices: Sequence[Matrix]) -> tuple[float, float]:
    """Return the least and largest value drawn in colour."""
    ends = [extremes(matrix.values, quiet_of(matrix)) for matrix in matrices]
    return min(low for low, _ in ends), max(high for _, high in ends)


def counts_scale(high: int, default: str, label: str, style: Style) -> Scale:
    """Return a square-root scale for 1 to ``high`` samples.

    Flows span three orders of magnitude within one run. The square root keeps the small ones of late training
    apart from 0 and from each other without making 10 look like half of 100, as a logarithm would; it also
    gives counts an even spread, for their scatter grows with their square root. The bar begins at 1, for cells
    in which nothing moved are white.
    """
    return Scale(PowerNorm(0.5, 0, max(high, 1), clip=True), style.colour_map(default), label, whole=True, start=1)


def axis_name(axis: Axis) -> str:
    """Return ``run (split)`` as far as these are known."""
    if axis.run and axis.split:
        return f"{axis.run} ({axis.split})"
    return axis.run or axis.split or ""


def difference_names(difference: Difference) -> tuple[str, str]:
    """Return what tells A and B apart: run, split or both; ("A", "B") where that is unknown."""
    a, b = difference.a.columns, difference.b.columns
    if a.run != b.run and a.run and b.run and a.split == b.split:
        return a.run, b.run
    if a.run == b.run and a.split and b.split and a.split != b.split:
        return a.split, b.split
    names = axis_name(a), axis_name(b)
    return names if all(names) and names[0] != names[1] else ("A", "B")


def difference_label(difference: Difference) -> str:
    """Return ``d(A) − d(B)`` with the names of A and B."""
    a, b = difference_names(difference)
    return f"d({shorten(a, 24)}) \u2212 d({shorten(b, 24)})"
