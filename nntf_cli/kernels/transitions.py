"""Counting which samples moved between two snapshots."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit


@jit
def count_moves(
    previous: np.ndarray, current: np.ndarray, missing: int, width: int, table: np.ndarray, touched: np.ndarray
) -> int:
    """Add the moves to ``table[from * width + to]`` and list each cell touched for the first time.

    ``table`` comes in all zero; the caller zeroes it again at the cells listed, so that its size costs nothing.
    """
    n_touched = 0
    for k in range(len(current)):
        a, b = np.int64(previous[k]), np.int64(current[k])
        if a != b and a != missing and b != missing:
            cell = a * width + b
            if table[cell] == 0:
                touched[n_touched] = cell
                n_touched += 1
            table[cell] += 1
    return n_touched


@jit
def list_moves(previous: np.ndarray, current: np.ndarray, missing: int, cells: np.ndarray) -> int:
    """Write ``from * 2**32 + to`` of each sample that moved: for label ranges too wide for a table."""
    n_moves = 0
    for k in range(len(current)):
        a, b = np.uint64(previous[k]), np.uint64(current[k])
        if a != b and a != np.uint64(missing) and b != np.uint64(missing):
            cells[n_moves] = (a << np.uint64(32)) | b
            n_moves += 1
    return n_moves


@jit
def count_stays(previous: np.ndarray, current: np.ndarray, missing: int, stayed: np.ndarray) -> None:
    """Add to ``stayed[m]`` the samples of class m in both snapshots: the diagonal of δ."""
    for k in range(len(current)):
        label = np.int64(current[k])
        if label != missing and label == np.int64(previous[k]):
            stayed[label] += 1


@jit
def count_differences(
    a: np.ndarray, b: np.ndarray, missing_a: int, missing_b: int, symmetric: bool, counts: np.ndarray
) -> None:
    """Add to ``counts[i, j]`` the samples whose labels differ in rows a[i] and b[j]; j <= i if symmetric."""
    for i in range(a.shape[0]):
        for j in range(i + 1 if symmetric else b.shape[0]):
            differing = 0
            for k in range(a.shape[1]):
                x, y = np.int64(a[i, k]), np.int64(b[j, k])
                if x != y and x != missing_a and y != missing_b:
                    differing += 1
            counts[i, j] += differing
