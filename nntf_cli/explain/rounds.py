"""The classes that go round in a loop: the flows that no round does without, and the circuits that they close."""

from __future__ import annotations

import heapq
from collections import defaultdict
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from nntf_cli.explain.loops import Loop
from nntf_cli.model import Flows

#: Circuits are sought among so many of the largest flows.
_MOST_FLOWS = 500


class Circuit(NamedTuple):
    """A way round through classes."""

    classes: tuple[int, ...]  #: without the first one again at the end
    samples: int  #: that go each part of the way in every round


@dataclass(frozen=True)
class Steady:
    """The flows that are there in every round at the same place of it, (F,) each; largest first."""

    place: np.ndarray  #: int64: how many transitions after the first of the round
    from_class: np.ndarray  #: int64
    to_class: np.ndarray  #: int64
    count: np.ndarray  #: int64: the fewest samples of any round
    share: float  #: of all moves in the loop, those that are steady
    circuits: tuple[Circuit, ...]  #: largest first


def steady_flows(flows: Flows, loop: Loop, most: int = 5) -> Steady:
    """Say which flows come back in every round, and what circuits of classes they make.

    A flow is steady if it is in every transition of the loop that is a whole number of periods apart; its count is
    the least of those. Flows are counted, not followed: the samples may be others in every round.

    Parameters
    ----------
    flows : Flows
        The transitions that the loop was found in.
    loop : Loop
        One of them.
    most : int
        Circuits at most. They are taken out one after the other: the largest flow left, and the way back from its
        end to its beginning on which the smallest flow is largest, of such the shortest, then of the lowest classes.
    """
    parts = [_of_place(flows, loop, place) for place in range(loop.period)]
    place, before, after, count = (np.concatenate(same) for same in zip(*parts, strict=True))
    order = np.lexsort([after, before, place, -count])
    place, before, after, count = (column[order] for column in (place, before, after, count))
    n_times = (loop.n_transitions - place + loop.period - 1) // loop.period
    moved = int(flows.moved[loop.first : loop.last + 1].sum())
    share = int((count * n_times).sum()) / moved if moved else 0.0
    return Steady(place, before, after, count, share, _circuits(before, after, count, most))


def _of_place(flows: Flows, loop: Loop, place: int) -> tuple[np.ndarray, ...]:
    """Return place, classes and least count of the flows that all rounds have at one place."""
    chosen = range(loop.first + place, loop.last + 1, loop.period)
    entries = np.concatenate([np.arange(flows.start[i], flows.start[i + 1]) for i in chosen])
    before, after = (column[entries].astype(np.uint64) for column in (flows.from_class, flows.to_class))
    cells, which, times = np.unique(before << np.uint64(32) | after, return_inverse=True, return_counts=True)
    least = np.full(len(cells), np.iinfo(np.int64).max)
    np.minimum.at(least, which.ravel(), flows.count[entries].astype(np.int64))
    kept = times == len(chosen)
    cells = cells[kept].astype(np.int64)
    return np.full(len(cells), place), cells >> 32, cells & (2**32 - 1), least[kept]


def _circuits(before: np.ndarray, after: np.ndarray, count: np.ndarray, most: int) -> tuple[Circuit, ...]:
    """Take circuits out of the flows of one round, summed over its places."""
    left: dict[tuple[int, int], int] = defaultdict(int)
    for m, n, several in zip(before.tolist(), after.tolist(), count.tolist(), strict=True):
        left[m, n] += several
    left = dict(sorted(left.items(), key=lambda item: (-item[1], item[0]))[:_MOST_FLOWS])
    found: dict[tuple[int, ...], int] = defaultdict(int)
    while left and len(found) < most:
        (m, n), several = min(left.items(), key=lambda item: (-item[1], item[0]))
        way = _widest_way(left, n, m)
        if way is None:
            del left[m, n]
            continue
        parts = [(m, n), *zip(way, way[1:], strict=False)]
        width = min(left[part] for part in parts)
        found[_from_lowest([m, *way[:-1]])] += width
        for part in parts:
            left[part] -= width
            if not left[part]:
                del left[part]
    return tuple(sorted((Circuit(way, n) for way, n in found.items()), key=lambda c: (-c.samples, c.classes)))


def _from_lowest(way: list[int]) -> tuple[int, ...]:
    """Return a circuit as beginning with its lowest class: it has no beginning of its own."""
    first = way.index(min(way))
    return tuple(way[first:] + way[:first])


def _widest_way(left: dict[tuple[int, int], int], start: int, end: int) -> list[int] | None:
    """Return the classes from ``start`` to ``end`` along the flows whose smallest is largest; None if none lead there.

    Of several such ways the shortest, then the one of lowest classes.
    """
    width = _width(left, start, end)
    ways, reached = [[start]], {start}
    while width and ways:
        longer = []
        for way in ways:
            for n in sorted(n for (m, n), several in left.items() if m == way[-1] and several >= width):
                if n == end:
                    return [*way, n]
                if n not in reached:
                    reached.add(n)
                    longer.append([*way, n])
        ways = longer
    return None


def _width(left: dict[tuple[int, int], int], start: int, end: int) -> int:
    """Return the largest smallest flow of a way: Dijkstra's algorithm with that instead of a length; 0 without one."""
    onward: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (m, n), several in left.items():
        onward[m].append((n, several))
    heads, reached = [(-sum(left.values()), start)], set()
    while heads:
        narrowest, m = heapq.heappop(heads)
        if m == end:
            return -narrowest
        if m in reached:
            continue
        reached.add(m)
        for n, several in onward[m]:
            heapq.heappush(heads, (max(narrowest, -several), n))
    return 0
