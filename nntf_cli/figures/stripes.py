"""Stripes, one per class, time to the right: where each is on the page, and their pixels."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nntf_cli.figures.cells import Grid, Side, defined_means, enlarge, fit_grid
from nntf_cli.figures.layout import Page
from nntf_cli.figures.scales import Scale, rgb
from nntf_cli.figures.style import QUIET_ONE
from nntf_cli.figures.text import SMALL, TINY

#: Heights in units of the width: of stripes that have a name each, of all others, and of few that are made taller.
_NAMED, _UNNAMED, _FEW = 2.4, 1.5, 0.5
_TALLEST = 15  #: of a stripe, points

#: Between clusters, points; and pixels of a stripe from which on the last one is left white, to tell it from the next.
GAP = 3
_APART = 6


@dataclass(frozen=True)
class Part:
    """Stripes without a gap: the classes of one cluster, or all."""

    cluster: int | None
    classes: np.ndarray  #: (K,) int64, from the top
    top: int  #: pixels
    side: Side  #: how classes map to pixels

    @property
    def bottom(self) -> int:
        """The first pixel row below."""
        return self.top + self.side.length

    def middle(self, k: int) -> float:
        """Return where the middle of the stripe of the k-th class is, pixels."""
        return self.top + (k // self.side.block + 0.5) * self.side.pixels


def arrange(page: Page, order: np.ndarray, clusters: np.ndarray | None, width: float, top: int) -> list[Part]:
    """Place the stripes of all classes below each other, those of a cluster together.

    Parameters
    ----------
    page : Page
        For lengths.
    order : ndarray of int64
        The classes to show, from the top.
    clusters : ndarray of int64, shape (C,), optional
        The cluster of every class.
    width : float
        Of a stripe, pixels.
    top : int
        Where the first one is.
    """
    pixels, block = _stripe_height(page, len(order), width)
    cuts = [0, len(order)]
    if clusters is not None:
        cuts[1:1] = (np.flatnonzero(np.diff(clusters[order])) + 1).tolist()
    parts = []
    for first, last in zip(cuts, cuts[1:], strict=False):
        classes = order[first:last]
        cluster = None if clusters is None else int(clusters[classes[0]])
        parts.append(Part(cluster, classes, top, Side(len(classes), pixels, block)))
        top = parts[-1].bottom + page.px(GAP)
    return parts


def _stripe_height(page: Page, n: int, width: float) -> tuple[int, int]:
    """Return pixels per class, and classes per pixel; one of them is 1."""
    line = page.px(1.35 * TINY)
    if n * line <= _NAMED * width:
        return max(line, min(page.px(_TALLEST), int(_FEW * width / n))), 1
    side = fit_grid((n, n), _UNNAMED * width).rows
    return side.pixels, side.block


def named(page: Page, parts: Sequence[Part], first: Sequence[int] = ()) -> list[tuple[int, float]]:
    """Return the classes whose names have room beside their stripes, and where these are.

    All have where stripes are as high as a line. Else those of ``first`` go before, as far as they do not touch, and
    others stand at even distances, from the first of each cluster.
    """
    line = page.px(1.35 * TINY)
    middles = {int(one): part.middle(k) for part in parts for k, one in enumerate(part.classes)}
    wanted = [one for one in first if one in middles]
    for part in parts:
        wanted += part.classes[:: max(1, -(-line // part.side.pixels)) * part.side.block].tolist()
    chosen: dict[int, float] = {}
    taken: list[float] = []  # where names are, sorted
    for one in wanted:
        middle = middles[one]
        place = bisect_left(taken, middle)
        if all(abs(middle - other) >= line for other in taken[max(0, place - 1) : place + 1]):
            chosen[one] = middle
            taken.insert(place, middle)
    return list(chosen.items())


def paint(parts: Sequence[Part], values: np.ndarray, columns: Side, scale: Scale) -> np.ndarray:
    """Return the picture of all stripes, uint8 RGBA: white between parts, grey where a value is undefined."""
    top = parts[0].top
    canvas = np.full((parts[-1].bottom - top, columns.length, 4), 255, dtype=np.uint8)
    for part in parts:
        rows = canvas[part.top - top : part.bottom - top]
        rows[:] = paint_rows(values[part.classes], part.side, columns, scale)
        if part.side.pixels >= _APART:
            rows[part.side.pixels - 1 : -1 : part.side.pixels] = 255
    return canvas


def paint_rows(values: np.ndarray, rows: Side, columns: Side, scale: Scale) -> np.ndarray:
    """Return the picture of some stripes; those that share a pixel are averaged."""
    cells = defined_means(values, Grid(rows, columns))
    rgba = scale.paint(cells)
    rgba[~np.isfinite(cells)] = rgb(QUIET_ONE)
    return enlarge(rgba, rows.pixels, columns.pixels)


def mean_stripe(page: Page) -> int:
    """Return the height of a stripe that is the mean of a cluster, pixels."""
    return page.px(1.5 * SMALL)
