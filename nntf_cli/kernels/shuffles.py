"""Lines in many matrices that are laid out alike, compiled; :mod:`nntf_cli.kernels.runs` says what a layout is."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.threads import for_each


def shuffled_lines(
    codes: np.ndarray, layout: np.ndarray, n_bands: int, longest: int, with_border: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Count the lines of many matrices; see :mod:`nntf_cli.kernels.runs`."""
    counts, border = np.zeros((2, len(codes), n_bands, longest + 1), dtype=np.int64)

    count = _count if ((codes & 1 == 0) & (codes > 0)).any() else _count_apart

    def one_matrix(k: int) -> None:
        count(codes[k], layout, counts[k], border[k], with_border)

    for_each(one_matrix, range(len(codes)))
    return counts, border


@jit
def _count(codes: np.ndarray, layout: np.ndarray, counts: np.ndarray, border: np.ndarray, with_border: bool) -> None:
    """Walk along the layout; bands of one entry are neighbours, so one start for even and one for odd ones do."""
    separator = layout[0]
    before = np.int64(0)
    even, odd = 0, 0  # where the running line in an even or odd band began
    for here in range(len(layout)):
        code = np.int64(codes[layout[here]])
        if code == before:
            continue
        first, last = (code - 1) // 2, code // 2  # the bands of a code
        old_first, old_last = (before - 1) // 2, before // 2
        if before > 0:
            for k in range(old_first, old_last + 1):
                if code == 0 or k < first or k > last:
                    begin = odd if k % 2 else even
                    counts[k, here - begin] += 1
                    if with_border and (layout[begin - 1] == separator or layout[here] == separator):
                        border[k, here - begin] += 1
        if code > 0:
            for k in range(first, last + 1):
                if before == 0 or k < old_first or k > old_last:
                    if k % 2:
                        odd = here
                    else:
                        even = here
        before = code


@jit
def _count_apart(
    codes: np.ndarray, layout: np.ndarray, counts: np.ndarray, border: np.ndarray, with_border: bool
) -> None:
    """Walk along the layout where no entry is in two bands: a line ends wherever the code changes."""
    separator = layout[0]
    before, begin = codes[separator], 0
    for here in range(len(layout)):
        code = codes[layout[here]]
        if code != before:
            if before > 0:
                k = before >> 1
                counts[k, here - begin] += 1
                if with_border and (layout[begin - 1] == separator or layout[here] == separator):
                    border[k, here - begin] += 1
            before, begin = code, here
