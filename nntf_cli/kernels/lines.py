"""Lines of recurrent points."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit


@jit
def count_lines(recurrence: np.ndarray, diagline_counts: np.ndarray, vertline_counts: np.ndarray) -> None:
    """Add to ``counts[v]`` the diagonal and vertical lines v points long, the main diagonal included.

    One pass in row order: a running length per diagonal and per column, counted where a line ends.
    """
    n_rows, n_columns = recurrence.shape
    diagonal = np.zeros(n_rows + n_columns - 1, dtype=np.int64)
    vertical = np.zeros(n_columns, dtype=np.int64)
    for i in range(n_rows):
        for j in range(n_columns):
            d = j - i + n_rows - 1
            if recurrence[i, j]:
                diagonal[d] += 1
                vertical[j] += 1
            else:
                diagline_counts[diagonal[d]] += 1
                vertline_counts[vertical[j]] += 1
                diagonal[d] = 0
                vertical[j] = 0
    for d in range(len(diagonal)):
        diagline_counts[diagonal[d]] += 1
    for j in range(n_columns):
        vertline_counts[vertical[j]] += 1
    diagline_counts[0] = 0
    vertline_counts[0] = 0
