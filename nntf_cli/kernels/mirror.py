"""The other half of a symmetric matrix."""

from __future__ import annotations

import numpy as np


def mirror(matrix: np.ndarray) -> None:
    """Copy the lower triangle to the upper one, in blocks that stay in the cache."""
    block = 256
    n = len(matrix)
    for row in range(0, n, block):
        for column in range(0, row + 1, block):
            tile = matrix[row : row + block, column : column + block]
            if row == column:
                tile[:] = np.tril(tile) + np.tril(tile, -1).T
            else:
                matrix[column : column + block, row : row + block] = tile.T
