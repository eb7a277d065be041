"""What grey means: the lines under a picture that explain transitions in which nothing moved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nntf_cli.figures.cells import Grid, Quiet, quiet_of, quiet_share
from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.scales import Matrix, Scale
from nntf_cli.figures.text import SMALL, wrap
from nntf_cli.model import Difference, Fingerprint
from nntf_cli.wording import quantity

_MOST_LISTED = 6  #: panels whose numbers are listed; of more, the largest is given


def write_greys(page: Page, scale: Scale, drawn: Sequence[tuple[Matrix, Grid]], left: int, top: int, room: int) -> None:
    """Write what grey means in the pictures ``drawn``, behind a sample of each grey that is in them.

    Parameters
    ----------
    page : Page
        Where to write.
    scale : Scale
        What the pictures were painted with.
    drawn : sequence of (matrix, grid)
        The pictures, of one kind.
    left, top : int
        Upper left corner of the text, pixels.
    room : int
        Its width, pixels; longer text has several lines.
    """
    marks = [quiet_of(matrix) for matrix, _ in drawn]
    if not any(mark.any for mark in marks):
        return
    shares = [quiet_share(grid, mark) for (_, grid), mark in zip(drawn, marks, strict=True)]
    one = any(bool((off & ~both).any()) for off, both in shares)
    both = any(bool(both.any()) for _, both in shares)
    text = _explain(drawn[0][0], marks, one, both, mixed=any(map(_is_mixed, (grid for _, grid in drawn), marks)))
    side = page.px(SMALL)
    for color in dict.fromkeys([scale.quiet_one] * one + [scale.quiet_both] * both):
        page.swatch(Box(left, top + page.px(0.15 * SMALL), side, side), color)
        left, room = left + side, room - side
    indent = page.px(4) if one or both else 0
    for line in wrap(text, SMALL, page.points(room - indent)):
        page.text(left + indent, top, line, size=SMALL)
        top += page.px(1.35 * SMALL)


def _is_mixed(grid: Grid, quiet: Quiet) -> bool:
    """Whether a block has quiet and other rows, or columns: then the quiet ones are not to be seen."""
    for marks, side in zip(quiet, grid, strict=True):
        starts = np.arange(0, side.n, side.block)
        n_quiet = np.add.reduceat(marks.astype(np.int64), starts)
        if np.any((n_quiet > 0) & (n_quiet < np.diff(np.append(starts, side.n)))):
            return True
    return False


def _explain(matrix: Matrix, marks: Sequence[Quiet], one: bool, both: bool, *, mixed: bool) -> str:
    """Return the text, for pictures in which the greys ``one`` and ``both`` occur."""
    where = " in A or in B" if isinstance(matrix, Difference) else ""
    nothing = f"nothing moved{where} ({_count(marks)})"
    if not (one or both):
        return f"{nothing}: left out of the means"
    left_out = ", left out where a pixel has other transitions too" if mixed else ""
    return "; ".join(part for part in (f"grey: {nothing}{left_out}", _define(matrix, one, both, mixed=mixed)) if part)


def _define(matrix: Matrix, one: bool, both: bool, *, mixed: bool) -> str:
    """Return what the distances of grey cells are; empty where they are not known or the greys are alike."""
    if isinstance(matrix, Difference):
        return ""
    mostly = "mostly " if mixed else ""
    if matrix.of == "excess":
        return f"{mostly}no excess, by definition"
    if not _is_relative(matrix):
        return f"light: {mostly}in both transitions, dark: in one" if one and both else ""
    if one and both:
        return f"light: {mostly}d = 0, dark: {mostly}d = 1, by definition"
    return f"{mostly}d = {int(one)} by definition"


def _is_relative(matrix: Fingerprint) -> bool:
    """Whether distances are those of Eq. 1, so that a quiet transition is 1 from every other."""
    return matrix.metric == "flows" and matrix.normalize == "flows"


def _count(marks: Sequence[Quiet]) -> str:
    """Return how many transitions are quiet, for each picture as long as they are few."""
    columns = [int(mark.columns.sum()) for mark in marks]
    rows = [int(mark.rows.sum()) for mark in marks]
    up_to = "up to " if len(marks) > 1 else ""
    if any(not np.array_equal(mark.rows, mark.columns) for mark in marks):
        return ", ".join(
            f"{up_to}{_most(counts, [len(mark[k]) for mark in marks])} {unit}"
            for k, counts, unit in ((0, rows, "rows"), (1, columns, "columns"))
        )
    sizes = [len(mark.columns) for mark in marks]
    if len(marks) <= _MOST_LISTED and len(set(sizes)) == 1:
        return f"{_listed(columns)} of {quantity(sizes[0], 'transition')}"
    return f"{up_to}{_most(columns, sizes)} transitions"


def _most(counts: Sequence[int], sizes: Sequence[int]) -> str:
    k = max(range(len(counts)), key=counts.__getitem__)
    return f"{counts[k]:,} of {sizes[k]:,}"


def _listed(counts: Sequence[int]) -> str:
    texts = [f"{count:,}" for count in counts]
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else texts[0]
