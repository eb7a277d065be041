"""Classes that evolve alike, by k-means on their error curves; and the orders that classes can be shown in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from nntf_cli.progress import task

#: By error, easy to hard; by name; by cluster, easy to hard; the most restless first.
ORDERS = ("error", "name", "cluster", "change")

#: Starts of k-means, of which the best result is taken: the most, the fewest, and what times the curves they come to
#: between the two. Few curves have many local optima, and cost little.
_STARTS, _FEWEST_STARTS, _CURVES_STARTED = 200, 10, 10_000

#: Rounds of iterations of each start, and iterations of a round.
_ROUNDS, _ITERATIONS = 20, 5


def cluster_classes(error: np.ndarray, n_clusters: int = 4, seed: int = 0) -> np.ndarray:
    """Cluster the classes whose error rates evolve alike.

    k-means (scipy's) on the error curves, from 200 starts, fewer beyond 50 classes and ten from 1,000 on: the first are
    the mean curves of equally many classes each, from easy to hard, the others are curves drawn far from each other
    (k-means++: Arthur & Vassilvitskii, SODA 2007); the result with the smallest sum of squares is taken. Where a curve
    is undefined it is interpolated in time.

    Parameters
    ----------
    error : ndarray of float64, shape (C, T)
        Error rates, nan where undefined.
    n_clusters : int
        How many; fewer where there are not as many different curves.
    seed : int
        Of the starts.

    Returns
    -------
    ndarray of int64, shape (C,)
        The cluster of each class, numbered by the mean error of its classes over all snapshots, easy to hard; -1 for a
        class whose error is nowhere defined.
    """
    known = np.flatnonzero(np.isfinite(error).any(axis=1))
    clusters = np.full(len(error), -1, dtype=np.int64)
    if len(known) == 0:
        return clusters
    curves = _filled(error[known])
    found = _best_of_several(curves, n_clusters, seed)
    labels = np.unique(found)
    means = np.array([curves[found == label].mean() for label in labels])
    place = np.empty(len(labels), dtype=np.int64)
    place[np.argsort(means, kind="stable")] = np.arange(len(labels))
    clusters[known] = place[np.searchsorted(labels, found)]
    return clusters


def _filled(curves: np.ndarray) -> np.ndarray:
    """Return curves without gaps: between two snapshots in proportion, at the ends as the nearest."""
    filled = curves.copy()
    snapshots = np.arange(curves.shape[1])
    for i in np.flatnonzero(np.isnan(curves).any(axis=1)):
        known = np.isfinite(curves[i])
        filled[i] = np.interp(snapshots, snapshots[known], curves[i][known])
    return filled


def _best_of_several(curves: np.ndarray, n_clusters: int, seed: int) -> np.ndarray:
    from scipy.cluster.vq import ClusterError

    distinct = np.unique(curves, axis=0)
    n_clusters = min(n_clusters, len(distinct))
    if n_clusters < 2:
        return np.zeros(len(curves), dtype=np.int64)
    least, best = np.inf, None
    n_starts = min(_STARTS, max(_FEWEST_STARTS, _CURVES_STARTED // len(distinct)))
    with task("clustering classes", n_starts) as done:
        for start in _starts(distinct, n_clusters, n_starts, seed):
            done(1)
            try:
                centres, found = _settled(curves, start)
            except ClusterError:  # a cluster lost all of its classes
                continue
            spread = float(((curves - centres[found]) ** 2).sum())
            if spread < least * (1 - 1e-9):  # a rounding error does not make a better one
                least, best = spread, found
    return _nearest(curves, distinct, n_clusters) if best is None else best.astype(np.int64)


def _settled(curves: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centres, and the cluster of each curve, when no curve changes its cluster any more.

    The library's own iterations go on until they are used up, so they are asked for in rounds.
    """
    from scipy.cluster.vq import kmeans2

    before = np.full(len(curves), -1)
    for _ in range(_ROUNDS):
        centres, found = kmeans2(curves, centres, _ITERATIONS, minit="matrix", missing="raise")
        if np.array_equal(found, before):
            break
        before = found
    return centres, before


def _starts(distinct: np.ndarray, n_clusters: int, n_starts: int, seed: int) -> Iterator[np.ndarray]:
    """Yield the centres that each start begins with."""
    by_error = distinct[np.argsort(distinct.mean(axis=1), kind="stable")]
    yield np.array([part.mean(axis=0) for part in np.array_split(by_error, n_clusters)])
    rng = np.random.default_rng(seed)
    for _ in range(n_starts - 1):
        yield distinct[_far_apart(distinct, n_clusters, rng)]


def _far_apart(distinct: np.ndarray, n: int, rng: np.random.Generator) -> list[int]:
    """Draw curves, each with a probability in proportion to its squared distance from the nearest one drawn before."""
    drawn = [int(rng.integers(len(distinct)))]
    nearest = ((distinct - distinct[drawn[0]]) ** 2).sum(axis=1)
    while len(drawn) < n:
        nearest[drawn] = 0.0  # so that none is drawn twice, as they are all different
        place = np.searchsorted(np.cumsum(nearest), rng.random() * nearest.sum(), side="right")
        drawn.append(int(place) if place < len(distinct) else int(np.argmax(nearest)))
        nearest = np.minimum(nearest, ((distinct - distinct[drawn[-1]]) ** 2).sum(axis=1))
    return drawn


def _nearest(curves: np.ndarray, distinct: np.ndarray, n_clusters: int) -> np.ndarray:
    """Return equally many different curves for each cluster, from easy to hard: what is left where k-means fails."""
    order = np.argsort(distinct.mean(axis=1), kind="stable")
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[order] = np.arange(len(distinct)) * n_clusters // len(distinct)
    _, place = np.unique(curves, axis=0, return_inverse=True)
    return rank[place.ravel()]


def order_classes(
    by: str,
    n_classes: int,
    *,
    error: np.ndarray | None = None,
    shown: np.ndarray | None = None,
    clusters: np.ndarray | None = None,
    names: Sequence[str] | None = None,
) -> np.ndarray:
    """Return all classes in an order; those that are alike stay in the order of their numbers.

    Parameters
    ----------
    by : {"error", "name", "cluster", "change"}
        By mean error over all snapshots, easy to hard; by name, numbers in it by their value; by cluster, then error;
        by the sum of the differences between consecutive snapshots of what is shown, largest first.
    n_classes : int
        C.
    error, shown : ndarray of float64, shape (C, T)
        What "error" and "cluster", and what "change", go by; nan where undefined. Classes without come last.
    clusters : ndarray of int64, shape (C,)
        As :func:`cluster_classes` returned them.
    names : sequence of str
        One per class; their numbers if not given.

    Returns
    -------
    ndarray of int64, shape (C,)
    """
    if by == "name":
        keys = [_natural(name) for name in names] if names else list(range(n_classes))
        return np.array(sorted(range(n_classes), key=keys.__getitem__), dtype=np.int64)
    if by == "change":
        assert shown is not None
        return np.argsort(-_change(shown), kind="stable")
    assert error is not None
    hardness = mean_over_time(error)
    hardness[np.isnan(hardness)] = np.inf
    order = np.argsort(hardness, kind="stable")
    if by == "error":
        return order
    assert clusters is not None
    last = np.where(clusters < 0, n_classes, clusters)
    return order[np.argsort(last[order], kind="stable")]


def mean_over_time(curves: np.ndarray) -> np.ndarray:
    """Return the mean of each row over the snapshots where it is defined; nan where it is nowhere."""
    defined = np.isfinite(curves)
    n = defined.sum(axis=1)
    total = np.where(defined, curves, 0.0).sum(axis=1)
    return np.divide(total, n, out=np.full(len(curves), np.nan), where=n > 0)


def _change(curves: np.ndarray) -> np.ndarray:
    """Return the sum of the differences between consecutive snapshots; where one is undefined, none."""
    steps = np.abs(np.diff(curves, axis=1))
    return np.where(np.isfinite(steps), steps, 0.0).sum(axis=1)


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Return what sorts names as people do: ``class 2`` before ``class 10``."""
    parts = re.split(r"([0-9]+)", name.casefold())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]
