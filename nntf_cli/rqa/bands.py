"""The bands that tile the range of distances, in the paper's convention and in the literature's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property

import numpy as np

from nntf_cli.errors import InputError, ParameterError
from nntf_cli.model import Band, Difference, Fingerprint

CONVENTIONS = ("paper", "standard")
EDGES = ("half-open", "closed")
BORDERS = ("none", "kelo")

#: Permutations where none are asked for in numbers, and the longest side of a matrix that they are made for then.
PERMUTATIONS, MOST_PERMUTED = 199, 500

_MOST_BANDS = 1000


@dataclass(frozen=True)
class Settings:
    """How recurrence is quantified.

    Parameters
    ----------
    convention : {"paper", "standard"}
        "paper": the measures of Ferreira et al. (2022) to the last digit, edges included. "standard": those of the
        recurrence literature (Webber & Zbilut 1994; Marwan et al. 2007).
    width : str or float
        Width of a band as a share of the range; 1 / width must be a whole number, and in the paper convention
        width a multiple of 0.01.
    l_min : int
        Shortest line that counts, in points.
    v_min : int, optional
        The same for vertical lines, if it differs.
    band : Band, optional
        Measure this one band instead of tiling the range.
    value_range : (float, float), optional
        What the bands tile; [0, 1] if not given, and then values outside are refused.
    edges : {"half-open", "closed"}
        Standard convention: "half-open" puts every entry into exactly one band (edges i / n_bands, the last band
        closed); "closed" takes the paper's float edges, both included.
    theiler : int, optional
        Standard convention: leave out the diagonals with |i - j| below it, in RR and all measures of diagonal
        lines. Not given: 1, the main diagonal, of a square matrix (even if it crosses two runs), and 0, nothing,
        of another.
    theiler_vertical : int, optional
        Standard convention: take the cells with |i - j| below it for not recurrent in vertical lines and the gaps
        between them. Not given: 0.
    border : {"none", "kelo"}
        Standard convention: "kelo" keeps only the longest of the diagonal lines that the border of the matrix cuts;
        see :func:`~nntf_cli.rqa.lines.keep_longest`.
    permutations : int, optional
        How often the matrix is shuffled to tell how significant LAM and DET are; 0 for not at all. None stands for
        199 where no side is longer than 500, and 0 otherwise.
    seed : int
        Of the permutations.

    Raises
    ------
    ParameterError
        A value that makes no sense.
    """

    convention: str = "paper"
    width: str | float = "0.05"
    l_min: int = 2
    v_min: int | None = None
    band: Band | None = None
    value_range: tuple[float, float] | None = None
    edges: str = "half-open"
    theiler: int | None = None
    theiler_vertical: int | None = None
    border: str = "none"
    permutations: int | None = 0
    seed: int = 0

    def theiler_windows(self, shape: tuple[int, ...]) -> tuple[int, int]:
        """Return the Theiler windows of diagonal and of vertical lines for a matrix of this shape."""
        default = int(self.convention == "standard" and shape[0] == shape[1])
        return default if self.theiler is None else self.theiler, self.theiler_vertical or 0

    def apart(self, shape: tuple[int, ...]) -> int:
        """Return how far from the main diagonal RR begins to count: even the paper's leaves the diagonal out."""
        return int(shape[0] == shape[1]) if self.convention == "paper" else self.theiler_windows(shape)[0]

    def n_permutations(self, shape: tuple[int, ...]) -> int:
        """Return how often a matrix of this shape is shuffled."""
        if self.permutations is None:
            return PERMUTATIONS if max(shape) <= MOST_PERMUTED else 0
        return self.permutations

    def outside(self, matrix: Fingerprint | Difference) -> int:
        """Return how many entries lie outside the range that the bands tile."""
        low, high = self._range
        return int(np.count_nonzero((matrix.values < low) | (matrix.values > high)))

    def __post_init__(self) -> None:
        """Check the values against each other."""
        if self.convention not in CONVENTIONS:
            raise ParameterError(f"unknown convention {self.convention!r}", f"one of {', '.join(CONVENTIONS)}")
        if self.edges not in EDGES:
            raise ParameterError(f"unknown edges {self.edges!r}", f"one of {', '.join(EDGES)}")
        if self.border not in BORDERS:
            raise ParameterError(f"unknown border {self.border!r}", f"one of {', '.join(BORDERS)}")
        windowed = self.theiler is not None or self.theiler_vertical is not None
        if self.convention == "paper" and (windowed or self.border != "none"):
            raise ParameterError("Theiler windows and border corrections go with the standard convention")
        if min(self.theiler or 0, self.theiler_vertical or 0, self.permutations or 0, self.seed) < 0:
            raise ParameterError("Theiler windows, permutations and seeds are whole numbers from 0 on")
        if self.l_min < 1 or (self.v_min is not None and self.v_min < 1):
            raise ParameterError("the shortest line that counts must have at least 1 point")
        if self.value_range is not None and not self.value_range[0] < self.value_range[1]:
            raise ParameterError("the range is empty", "give LO:HI with LO below HI")
        self.bands  # noqa: B018 - fails here rather than in the middle of the work

    @property
    def shortest_vertical(self) -> int:
        """v_min, which is l_min unless given."""
        return self.l_min if self.v_min is None else self.v_min

    @cached_property
    def bands(self) -> tuple[Band, ...]:
        """The bands, lowest first."""
        if self.band is not None:
            closed = self.convention == "paper" or self.edges == "closed" or self.band.hi == self._range[1]
            return (Band(self.band.lo, self.band.hi, closed),)
        width = _exact(self.width)
        n_bands = int(1 / width)
        half_open = self.edges == "half-open" and (self.convention == "standard" or self._range != (0.0, 1.0))
        if width % Fraction(1, 100) and (self.convention == "paper" or not half_open):
            raise ParameterError(
                f"--bands {self.width}: the paper's edges are rounded to 0.01",
                "give a multiple of 0.01, or --convention standard with half-open edges",
            )
        # of other ranges the paper says nothing; of a difference or an excess 0 is an edge, and much of it is 0
        return (
            _standard_bands(n_bands, *self._range) if half_open else _paper_bands(float(width), n_bands, *self._range)
        )

    @property
    def _range(self) -> tuple[float, float]:
        return self.value_range or (0.0, 1.0)

    def refuse_early(self, matrix: Fingerprint | Difference) -> Callable[[], None] | None:
        """Check a matrix as far as counting its lines would not, and return what to do where a value is in no band.

        Bands that tile [0, 1] hold all values that are allowed: to look for others beforehand would only take time.
        """
        if self.value_range is None and self.band is None:
            self._check_type(matrix)
            return lambda: self.check(matrix)
        self.check(matrix)
        return None

    def check(self, matrix: Fingerprint | Difference) -> None:
        """Refuse a matrix whose values the bands cannot hold.

        Raises
        ------
        InputError
            The matrix is empty, holds nan, or values outside [0, 1] and no range is given.
        """
        self._check_type(matrix)
        values, where = matrix.rows, matrix.origin
        if not isinstance(values, np.ndarray):
            return  # distances that are computed on the way lie in [0, 1]
        low, high = float(np.min(values)), float(np.max(values))
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError("the matrix holds nan or infinity", "compute it again from the label log", where=where)
        if self.value_range is None and self.band is None and not 0 <= low <= high <= 1:
            raise InputError(
                f"values run from {low:.6g} to {high:.6g}, outside [0, 1]",
                f"say which range the bands shall tile, for instance --range {_covering(low, high)}",
                where=where,
            )

    @staticmethod
    def _check_type(matrix: Fingerprint | Difference) -> None:
        values, where = matrix.rows, matrix.origin
        if not isinstance(values, np.ndarray):
            return  # distances that are computed on the way lie in [0, 1]
        if values.dtype != np.float64:
            raise InputError(
                "holds 32-bit values, which near the edge of a band may be on the wrong side of it",
                "give the label log, or compute the matrix without --dtype float32",
                where=where,
            )
        if values.size == 0:
            raise InputError("the matrix is empty", "compute it from at least two snapshots", where=where)


def _covering(low: float, high: float) -> str:
    """Return round numbers LO:HI that hold all values; a difference is best seen around 0."""
    if low < 0:
        bound = 1 if max(-low, high) <= 1 else math.ceil(max(-low, high))
        return f"{-bound}:{bound}"
    return f"0:{max(1, math.ceil(high))}"


@cache
def _exact(width: str | float) -> Fraction:
    try:
        exact = Fraction(str(width).strip())
    except (ValueError, ZeroDivisionError):
        exact = Fraction(0)
    if 0 < exact < Fraction(1, _MOST_BANDS):
        raise ParameterError(f"--bands {width}: more than {_MOST_BANDS} bands", "give a larger width")
    if exact <= 0 or (1 / exact).denominator != 1:
        raise ParameterError(f"--bands {width}: 1 / width must be a whole number", "for instance 0.05 for 20 bands")
    return exact


@cache
def _standard_bands(n_bands: int, lo: float, hi: float) -> tuple[Band, ...]:
    """Edges are the correctly rounded quotients i / n_bands: ``i * 0.05`` is wrong at seven of twenty."""
    edges = [lo + (hi - lo) * (i / n_bands) for i in range(n_bands)] + [hi]
    return tuple(Band(edges[i], edges[i + 1], closed=i + 1 == n_bands) for i in range(n_bands))


@cache
def _paper_bands(width: float, n_bands: int, lo: float, hi: float) -> tuple[Band, ...]:
    """Edges as the authors' program computes them: 0.35 + 0.05 is 0.39999999999999997, so 0.4 is outside."""
    bands = []
    for i in range(n_bands):
        edge = round(i * width, 2)
        bands.append(Band(lo + (hi - lo) * edge, lo + (hi - lo) * (edge + width)))
    return tuple(bands)
