"""Which way is quicker: loading numba costs about half a second, in which numpy does all of a small run.

The decision is the ski rental problem: nobody knows how much work is still to come. Work is done in numpy until what it
has cost adds up to the price of numba; then numba is loaded. That is at most twice the best choice made in hindsight,
and for one small or one large piece of work it is the best choice itself. Of several runs it is known how many are
to come, and taken for granted that they are alike.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import ParameterError
from nntf_cli.model import BandLines, Flows
from nntf_cli.shares import n_ahead

if TYPE_CHECKING:
    from nntf_cli.kernels.vectorized_rules import Tally

#: Seconds that importing numba and loading compiled kernels from its cache take.
PRICE = 0.5

#: Bytes that they take.
_NUMBA_BYTES = 128 * 2**20

#: Seconds per unit of work in numpy.
COST_PER_LABEL = 2.0e-9  # compare two snapshots
COST_PER_TALLIED = 3.0e-9  # compare two snapshots and count what comes to each class and leaves it
COST_PER_SHARED = 1.5e-9  # compare one cell of two transitions
COST_PER_ENTRY = 150e-9  # one matrix entry, in all bands
COST_PER_DIFFERENCE = 0.3e-9  # compare one label of two snapshots
COST_PER_FOLLOWED = 20e-9  # follow a sample over one snapshot
COST_PER_SPLIT = 25e-9  # tell of one number of moves how two transitions may have come by them


#: How many flows each transition has, and of all of them from, to and count.
Moves = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class Engine(Protocol):
    """What both implementations offer; :mod:`nntf_cli.kernels.vectorized` says what each function does."""

    count_moves: Callable[[np.ndarray, np.ndarray, int, int], Moves]
    finish: Callable[[np.ndarray, np.ndarray, np.ndarray, int, bool], np.ndarray]
    count_stays: Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
    shared_moves: Callable[[Flows, Flows | None], np.ndarray]
    distances: Callable[[Flows, Flows | None, int, np.dtype[Any]], np.ndarray]
    distance_panels: Callable[[Flows, int], Iterator[np.ndarray] | None]
    noise_floor: Callable[[Flows, Flows | None], tuple[np.ndarray, np.ndarray]]
    count_differences: Callable[[np.ndarray, np.ndarray, int, int, bool, np.ndarray], None]
    is_symmetric: Callable[[np.ndarray], bool]
    band_lines: Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, int], BandLines]
    histories: Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]
    follow_runs: Callable[[Tally, np.ndarray, np.ndarray, int], bool]
    end_runs: Callable[[Tally, np.ndarray], None]
    lines_of_panels: Callable[[Iterator[np.ndarray], np.ndarray, np.ndarray, np.ndarray, int, int], BandLines]
    tally_first: Callable[[np.ndarray, np.ndarray, int, np.ndarray], None]
    tally_changes: Callable[[np.ndarray, np.ndarray, np.ndarray, int, np.ndarray], None]


_spent = 0.0


def engine(seconds: float) -> Engine:
    """Return the implementation for a piece of work.

    Parameters
    ----------
    seconds : float
        What the work costs in numpy.

    Notes
    -----
    ``NNTF_ENGINE=numpy`` or ``numba`` overrules the choice. The results do not depend on it.

    Raises
    ------
    ParameterError
        It names another.
    """
    global _spent
    wanted = os.environ.get("NNTF_ENGINE", "")
    if wanted not in ("", "numpy", "numba"):
        raise ParameterError(f"NNTF_ENGINE is {wanted!r}", "set it to numpy or numba, or not at all")
    if wanted != "numba" and (
        wanted == "numpy" or (_spent + seconds * n_ahead() < PRICE and "numba" not in sys.modules)
    ):
        _spent += seconds
        from nntf_cli.kernels import vectorized

        return cast(Engine, vectorized)
    if "numba" not in sys.modules:
        memory.require(_NUMBA_BYTES, "loading the compiled kernels", "set NNTF_ENGINE=numpy, slower and without them")
    from nntf_cli.kernels import compiled

    return cast(Engine, compiled)
