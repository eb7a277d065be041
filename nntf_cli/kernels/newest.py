"""The newest transition against all before it, compiled: what a log that grows by one snapshot needs."""

from __future__ import annotations

import numpy as np

from nntf_cli.kernels._jit import jit
from nntf_cli.threads import for_each, n_threads

#: Most cells that are looked up in a table of all of them; beyond, in a hash table of those that moved.
_LARGEST_TABLE = 2**22

#: Flows from which on several threads are worth it.
_WORTH_THREADS = 2**20


def shared_with_newest(
    start: np.ndarray, from_class: np.ndarray, to_class: np.ndarray, count: np.ndarray, n_classes: int
) -> np.ndarray:
    """Add up min(δ_j[m, n], δ_P-1[m, n]) over all cells, for every transition j.

    Parameters
    ----------
    start : ndarray of int64, shape (P + 1,)
        Where the flows of each transition begin; the last one is the newest.
    from_class, to_class, count : ndarray
        The flows, at least ``start[P]`` of them.
    n_classes : int
        Above every class.

    Returns
    -------
    ndarray of int64, shape (P,)
    """
    first, last = int(start[-2]), int(start[-1])
    newest = from_class[first:last], to_class[first:last], count[first:last]
    shared = np.zeros(len(start) - 1, dtype=np.int64)
    threads = n_threads() if last > _WORTH_THREADS else 1
    bounds = np.searchsorted(start, np.linspace(0, last, threads + 1)).tolist()
    bounds[-1] = len(shared)
    if n_classes * n_classes <= _LARGEST_TABLE:
        table = np.zeros((n_classes, n_classes), dtype=np.int32)
        table[newest[0], newest[1]] = newest[2]

        def some(thread: int) -> None:
            part = slice(bounds[thread], bounds[thread + 1])
            _by_table(start[part.start : part.stop + 1], from_class, to_class, count, table, shared[part])
    else:
        hashed = _hashed(*newest)

        def some(thread: int) -> None:
            part = slice(bounds[thread], bounds[thread + 1])
            with np.errstate(over="ignore"):  # hashes wrap around, of which numpy warns where nothing is compiled
                _by_hash(start[part.start : part.stop + 1], from_class, to_class, count, *hashed, shared[part])

    for_each(some, range(threads), threads)
    return shared


def _hashed(
    from_class: np.ndarray, to_class: np.ndarray, count: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (key, count) by place, and a bit for each of many more places: most cells are known not to be there."""
    bits = (4 * len(count) + 16).bit_length()
    keys, moves = np.zeros(2**bits, dtype=np.uint64), np.zeros(2**bits, dtype=np.int64)
    maybe = np.zeros(2 ** (bits - 3), dtype=np.uint64)
    with np.errstate(over="ignore"):
        _insert(from_class, to_class, count, keys, moves, maybe)
    return keys, moves, maybe


@jit
def _by_table(
    start: np.ndarray,
    from_class: np.ndarray,
    to_class: np.ndarray,
    count: np.ndarray,
    table: np.ndarray,
    shared: np.ndarray,
) -> None:
    for j in range(len(shared)):
        total = 0
        for x in range(start[j], start[j + 1]):
            total += min(count[x], table[from_class[x], to_class[x]])
        shared[j] = total


#: 2**64 over the golden ratio: multiplicative hashing (Knuth, The Art of Computer Programming, vol. 3, section 6.4).
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@jit
def _insert(
    from_class: np.ndarray,
    to_class: np.ndarray,
    count: np.ndarray,
    keys: np.ndarray,
    moves: np.ndarray,
    maybe: np.ndarray,
) -> None:
    """Enter cells where their hash says, or at the next free place; key 0 is free."""
    mask, spread = np.uint64(len(keys) - 1), np.uint64(64 * len(maybe) - 1)
    for x in range(len(count)):
        key = (np.uint64(from_class[x]) << np.uint64(32) | np.uint64(to_class[x])) + np.uint64(1)
        hashed = key * _GOLDEN >> np.uint64(32)
        bit, place = hashed & spread, hashed & mask
        maybe[bit >> np.uint64(6)] |= np.uint64(1) << (bit & np.uint64(63))
        while keys[place] != np.uint64(0):
            place = (place + np.uint64(1)) & mask
        keys[place], moves[place] = key, count[x]


@jit
def _by_hash(
    start: np.ndarray,
    from_class: np.ndarray,
    to_class: np.ndarray,
    count: np.ndarray,
    keys: np.ndarray,
    moves: np.ndarray,
    maybe: np.ndarray,
    shared: np.ndarray,
) -> None:
    mask, spread = np.uint64(len(keys) - 1), np.uint64(64 * len(maybe) - 1)
    for j in range(len(shared)):
        total = 0
        for x in range(start[j], start[j + 1]):
            key = (np.uint64(from_class[x]) << np.uint64(32) | np.uint64(to_class[x])) + np.uint64(1)
            hashed = key * _GOLDEN >> np.uint64(32)
            bit, place = hashed & spread, hashed & mask
            if maybe[bit >> np.uint64(6)] >> (bit & np.uint64(63)) & np.uint64(1):
                while keys[place] != np.uint64(0) and keys[place] != key:
                    place = (place + np.uint64(1)) & mask
                total += min(np.int64(count[x]), moves[place])
        shared[j] = total
