"""What pairs of transitions have in common."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit


@jit
def add_shared_moves(
    start_a: np.ndarray,
    transition_a: np.ndarray,
    count_a: np.ndarray,
    start_b: np.ndarray,
    transition_b: np.ndarray,
    count_b: np.ndarray,
    symmetric: bool,
    shared: np.ndarray,
) -> None:
    """Add min(δ_i[m, n], δ_j[m, n]) over all cells to ``shared[i, j]``.

    Entries ``start[c]:start[c + 1]`` are the transitions in which cell c moved, in increasing order, with their
    counts: a cell that few transitions share costs little. If symmetric, a and b are the same and only j <= i is
    filled.
    """
    for cell in range(len(start_a) - 1):
        for x in range(start_a[cell], start_a[cell + 1]):
            i, n = transition_a[x], count_a[x]
            for y in range(start_b[cell], x + 1 if symmetric else start_b[cell + 1]):
                shared[i, transition_b[y]] += min(n, count_b[y])
