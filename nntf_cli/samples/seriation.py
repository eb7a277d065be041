"""Samples in an order in which those alike stand together."""

from __future__ import annotations

import numpy as np

#: Distinct rows whose order is optimal: the time that takes grows with their third power, a second at 1,000.
MOST_OPTIMAL = 800


def seriated(rows: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Order rows so that structure shows.

    Rows are clustered by their Hamming distances (average linkage), and the leaves of the tree are ordered so that
    the distances between neighbours add up to the least that this tree allows (Bar-Joseph et al., "Fast optimal leaf
    ordering for hierarchical clustering", Bioinformatics 17, 2001). Of more than ``MOST_OPTIMAL`` distinct rows,
    branches are instead turned so that their mean rank rises.

    Parameters
    ----------
    rows : ndarray, shape (n, T)
        What is compared, as symbols; equal rows end up side by side.
    rank : ndarray, shape (n,)
        Tells which end comes first: the one where it is smaller.

    Returns
    -------
    ndarray of int64, shape (n,)
        The places of the rows, in their new order. It depends on what the rows hold, and on their order only among
        rows alike.
    """
    distinct, which = np.unique(rows, axis=0, return_inverse=True)
    which = which.reshape(-1)
    mean_rank = np.bincount(which, weights=rank) / np.bincount(which)
    leaves = _leaves(distinct, mean_rank)
    place = np.empty(len(leaves), dtype=np.int64)
    place[leaves] = np.arange(len(leaves))
    return np.argsort(place[which], kind="stable")


def _leaves(distinct: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return the order of distinct rows."""
    if len(distinct) < 3 or not distinct.shape[1]:
        return np.argsort(rank, kind="stable")
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import pdist

    optimal = len(distinct) <= MOST_OPTIMAL
    tree = linkage(pdist(distinct, "hamming"), "average", optimal_ordering=optimal)
    if not optimal:
        return _turned(tree, rank)
    leaves = leaves_list(tree).astype(np.int64)
    half = len(leaves) // 2
    return leaves if rank[leaves[:half]].mean() <= rank[leaves[-half:]].mean() else leaves[::-1]


def _turned(tree: np.ndarray, rank: np.ndarray) -> np.ndarray:
    """Return the leaves of a tree with the branch of the smaller mean rank first at every fork."""
    n = len(rank)
    children = tree[:, :2].astype(np.int64)
    total, size = np.concatenate([rank, np.zeros(n - 1)]), np.ones(2 * n - 1)
    for fork, (left, right) in enumerate(children.tolist(), start=n):
        total[fork], size[fork] = total[left] + total[right], size[left] + size[right]
        if total[left] / size[left] > total[right] / size[right]:
            children[fork - n] = right, left
    order, waiting = [], [2 * n - 2]
    while waiting:
        node = waiting.pop()
        if node < n:
            order.append(node)
        else:
            waiting += children[node - n][::-1].tolist()
    return np.array(order, dtype=np.int64)
