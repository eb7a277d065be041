"""What is no more than chance, in pictures of an excess over the noise floor: drawn pale, and explained."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nntf_cli.figures.cells import Grid, Quiet, block_means
from nntf_cli.figures.layout import Page
from nntf_cli.figures.scales import Matrix
from nntf_cli.figures.text import SMALL, wrap
from nntf_cli.model import Fingerprint

#: How much of its colour a cell keeps that does not stand out.
_LEFT = 0.18


def pale(rgba: np.ndarray, matrix: Matrix, grid: Grid, quiet: Quiet) -> np.ndarray:
    """Return the colours of blocks, nearer to white the fewer of their cells stand out from chance."""
    if not isinstance(matrix, Fingerprint) or matrix.notable is None:
        return rgba
    share = np.nan_to_num(block_means(matrix.notable, grid, quiet))
    strength = (_LEFT + (1 - _LEFT) * share)[:, :, None]
    return np.rint(255 - (255 - rgba.astype(np.float64)) * strength).astype(np.uint8)


def write_chance(page: Page, matrices: Sequence[Matrix], left: int, room: int) -> None:
    """Write under everything on the page what pale means, if any of the pictures is one of an excess."""
    judged = [m for m in matrices if isinstance(m, Fingerprint) and m.notable is not None]
    if not judged:
        return
    top = page.extent.bottom + page.px(4)
    for line in wrap(_explain(judged), SMALL, page.points(room)):
        page.text(left, top, line, size=SMALL)
        top += page.px(1.35 * SMALL)


def _explain(judged: Sequence[Fingerprint]) -> str:
    meaning = "pale: no more than chance (two-sided, false discovery rate 5 % by Benjamini and Hochberg)"
    if len(judged) > 1:
        return meaning
    farther, nearer, pairs = _count(judged[0])
    return f"{meaning}; of {pairs:,} pairs {farther:,} are farther apart than chance gives, {nearer:,} nearer"


def _count(excess: Fingerprint) -> tuple[int, int, int]:
    """Return the pairs that are farther apart and nearer than chance gives, and all pairs, each once."""
    notable, values = excess.notable, excess.values
    assert notable is not None
    farther = int(np.count_nonzero(notable & (values > 0)))
    nearer = int(np.count_nonzero(notable & (values < 0)))
    if excess.axes.is_cross:
        return farther, nearer, values.size
    return farther // 2, nearer // 2, len(values) * (len(values) - 1) // 2
