"""What is no more than chance, in pictures of an excess over the noise floor: drawn pale, and explained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nntf_cli.figures.cells import Grid, Quiet, block_means
from nntf_cli.figures.layout import Page
from nntf_cli.figures.scales import Matrix, axis_name
from nntf_cli.figures.text import SMALL, fit_end, text_width, wrap
from nntf_cli.model import Fingerprint

#: How much of its colour a cell keeps that does not stand out.
_LEFT = 0.18

_MEANING = "pale: no more than chance (two-sided, false discovery rate 5 % by Benjamini and Hochberg)"
_MOST_LISTED = 12  #: panels whose numbers are listed: two rows of them
_LEAST_NAME = 60  #: points of a panel's title that stand before its numbers


def pale(rgba: np.ndarray, matrix: Matrix, grid: Grid, quiet: Quiet) -> np.ndarray:
    """Return the colours of blocks, nearer to white the fewer of their cells stand out from chance."""
    if not isinstance(matrix, Fingerprint) or matrix.notable is None:
        return rgba
    share = np.nan_to_num(block_means(matrix.notable, grid, quiet))
    strength = (_LEFT + (1 - _LEFT) * share)[:, :, None]
    return np.rint(255 - (255 - rgba.astype(np.float64)) * strength).astype(np.uint8)


def write_chance(page: Page, matrices: Sequence[Matrix], left: int, room: int, titles: Sequence[str] = ()) -> None:
    """Write under everything on the page what pale means, if any of the pictures is one of an excess.

    And how many pairs are not: of several pictures, a line for each of the first ones, with its title, or the name of
    its run where titles are too long and runs are not called alike.
    """
    judged = [m for m in matrices if isinstance(m, Fingerprint) and m.notable is not None]
    if not judged:
        return
    text = _MEANING if len(judged) > 1 else f"{_MEANING}; {_count_in_words(judged[0])}"
    top = page.extent.bottom + page.px(4)
    for line in wrap(text, SMALL, page.points(room)) + _list_counts(judged, titles, page.points(room)):
        page.text(left, top, line, size=SMALL)
        top += page.px(1.35 * SMALL)


def _list_counts(judged: Sequence[Fingerprint], titles: Sequence[str], room: float) -> list[str]:
    """Return a line for each of several pictures, cut in its name where that is longer than the room."""
    if len(judged) == 1:
        return []
    runs = [" \u00d7 ".join(dict.fromkeys(map(axis_name, (m.axes.rows, m.axes.columns)))) for m in judged]
    counts = [f": {_count_in_words(matrix)}" for matrix in judged]
    shown = len(judged) if len(judged) <= _MOST_LISTED else _MOST_LISTED - 1
    rooms = [max(room - text_width(count, SMALL), _LEAST_NAME) for count in counts]
    fitting = all(text_width(title, SMALL) <= its for title, its in zip(titles, rooms, strict=False))
    names = titles if len(titles) == len(judged) and (fitting or len(set(runs)) < len(runs)) else runs
    lines = [fit_end(name, SMALL, its) + count for name, its, count in zip(names, rooms, counts, strict=True)]
    return lines[:shown] + [f"and {len(judged) - shown:,} more panels"] * (shown < len(judged))


def _count_in_words(excess: Fingerprint) -> str:
    farther, nearer, pairs = _count(excess)
    return f"of {pairs:,} pairs {farther:,} are farther apart than chance gives, {nearer:,} nearer"


def _count(excess: Fingerprint) -> tuple[int, int, int]:
    """Return the pairs that are farther apart and nearer than chance gives, and all pairs, each once."""
    notable, values = excess.notable, excess.values
    assert notable is not None
    farther = int(np.count_nonzero(notable & (values > 0)))
    nearer = int(np.count_nonzero(notable & (values < 0)))
    if excess.axes.is_cross:
        return farther, nearer, values.size
    return farther // 2, nearer // 2, len(values) * (len(values) - 1) // 2
