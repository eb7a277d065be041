"""The kernels compiled by numba; :mod:`nntf_cli.kernels.vectorized` says what each function does.

The public functions allocate, the compiled ones only loop.
"""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.kernels.histories import histories
from nntf_cli.kernels.lines import LineCounter, band_lines, is_symmetric, lines_of_panels
from nntf_cli.kernels.moves import count_moves, count_stays
from nntf_cli.kernels.newest import shared_with_newest
from nntf_cli.kernels.noise import noise_floor
from nntf_cli.kernels.rules import end_runs, follow_runs
from nntf_cli.kernels.sharing import distance_panels, distances, finish, shared_moves
from nntf_cli.kernels.tally import tally_changes, tally_first

__all__ = [
    "LineCounter", "band_lines", "count_differences", "count_moves", "count_stays", "distance_panels", "distances",
    "end_runs", "finish", "follow_runs", "histories", "is_symmetric", "lines_of_panels", "noise_floor", "shared_moves",
    "shared_with_newest", "tally_changes", "tally_first",
]  # fmt: skip


@jit
def count_differences(  # noqa: D103
    a: np.ndarray, b: np.ndarray, missing_a: int, missing_b: int, symmetric: bool, counts: np.ndarray
) -> None:
    for i in range(a.shape[0]):
        for j in range(i + 1 if symmetric else b.shape[0]):
            differing = 0
            for k in range(a.shape[1]):
                x, y = np.int64(a[i, k]), np.int64(b[j, k])
                if x != y and x != missing_a and y != missing_b:
                    differing += 1
            counts[i, j] += differing
