"""How work is cut for a cluster, and which way of cutting is the cheaper: all of it decided here, none of it done.

A log is divided where reading it or writing its D takes long; else one worker does the whole run, because there are
other runs. The comparison of a divided log is cut by *ranges of classes* (every flow travels once, and every range
sends back a sum for the whole of D) or by *rows of D* (every flow travels to every worker, and D comes back once).
"""

from __future__ import annotations

from math import ceil, prod

import numpy as np

#: Bytes of labels, or of D, up to which one worker does the whole of a run; more where there are runs for all workers.
WHOLE_BYTES = 256 * 2**20
WHOLE_BYTES_OF_MANY = 8 * 2**30

#: Bytes of labels that one task reads: many tasks balance, large ones are worth their overhead of some milliseconds.
BLOCK_BYTES = (32 * 2**20, 128 * 2**20)

#: Tasks for every thread of the cluster, where there is enough to do.
PER_SLOT = 4

#: Most flows that one task compares: it needs 40 bytes for each while it sorts them.
RANGE_FLOWS = 2**25

#: Bytes of a flow, and of an entry of a partial sum, on their way.
_FLOW_BYTES, _SUM_BYTES = 6, 4


def is_divided(label_bytes: int, n_transitions: int, n_runs: int, n_slots: int) -> bool:
    """Return whether one run is worth several workers."""
    most = WHOLE_BYTES if n_runs < n_slots else WHOLE_BYTES_OF_MANY
    return max(label_bytes, 8 * n_transitions**2) > most


def block_bytes(label_bytes: int, n_slots: int) -> int:
    """Return how much one task should read."""
    least, most = BLOCK_BYTES
    return min(most, max(least, label_bytes // (PER_SLOT * n_slots)))


def cut_by_classes(n_flows: int, shape: tuple[int, int], n_classes: int, n_workers: int, n_slots: int) -> bool:
    """Return whether ranges of classes move fewer bytes than rows of D."""
    n_ranges = _n_ranges(n_flows, n_classes, n_slots)
    by_classes = n_flows * _FLOW_BYTES + n_ranges * prod(shape) * _SUM_BYTES
    by_rows = n_flows * _FLOW_BYTES * n_workers + prod(shape) * _SUM_BYTES
    return n_ranges > 1 and by_classes < by_rows


def class_ranges(per_class: np.ndarray, n_slots: int) -> list[tuple[int, int]]:
    """Return ranges of ``from`` classes with about as many flows each."""
    n_ranges = _n_ranges(int(per_class.sum()), len(per_class), n_slots)
    before = np.concatenate([[0], np.cumsum(per_class)])
    wanted = before[-1] * np.arange(1, n_ranges) / n_ranges
    bounds = np.unique(np.concatenate([[0], np.searchsorted(before, wanted), [len(per_class)]])).tolist()
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def row_panels(n_rows: int, n_slots: int, *, symmetric: bool) -> list[tuple[int, int]]:
    """Return ranges of rows with about as many entries each, up to the diagonal where D is symmetric."""
    n_panels = min(n_rows, PER_SLOT * n_slots)
    share = np.arange(n_panels + 1) / n_panels
    bounds = np.unique(np.ceil(n_rows * (np.sqrt(share) if symmetric else share)).astype(int)).tolist()
    return list(zip(bounds[:-1], bounds[1:], strict=True))


def _n_ranges(n_flows: int, n_classes: int, n_slots: int) -> int:
    return max(1, min(n_classes, max(n_slots, ceil(n_flows / RANGE_FLOWS))))
