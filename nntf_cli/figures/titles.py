"""Titles of panels: a line for each thing in which panels differ, so that values are never cut off."""

from __future__ import annotations

from collections.abc import Sequence

from nntf_cli.figures.layout import Box, Page
from nntf_cli.figures.text import LABEL, fit_end, shrink

Title = str | Sequence[str]  #: of one panel; a sequence has one line each

_GAP = 5  #: points between a title and its panel


class Titles:
    """The titles of panels in one row, or in rows alike: as many lines high as the longest of them.

    The n-th line is of one size in all of them: the largest at which it fits everywhere.

    Parameters
    ----------
    titles : sequence of str or of sequence of str
        One per panel.
    room : float
        Width of each, points.
    """

    def __init__(self, titles: Sequence[Title], room: float) -> None:
        self._titles = [[title] if isinstance(title, str) else list(title) for title in titles]
        self._room = room
        # lines are counted from the lowest, for that is where titles of unlike length are aligned
        upwards = [lines[::-1] for lines in self._titles]
        self.n_lines = max(map(len, upwards), default=0)
        levels = [[lines[k] for lines in upwards if k < len(lines)] for k in range(self.n_lines)]
        self._sizes = [shrink(level, LABEL, room) for level in levels]

    @staticmethod
    def height(page: Page, n_lines: int) -> int:
        """Return the pixels to leave free above a panel for ``n_lines``."""
        return page.px(_GAP) + n_lines * page.px(1.35 * LABEL)

    def write(self, page: Page, k: int, box: Box) -> None:
        """Write the title of panel ``k``, which is in ``box``, directly above it."""
        top = box.top - page.px(_GAP)
        for line, size in zip(reversed(self._titles[k]), self._sizes, strict=False):
            top -= page.px(1.35 * LABEL)
            # small type keeps the distance to the panel, not to the line above
            drop = page.px(1.25 * LABEL) - page.px(1.25 * size)
            page.text(box.left, top + drop, fit_end(line, size, self._room), size=size, color="black")
