"""What is behind a spot of the fingerprint: the flows of one transition or of two, their samples, and loops.

``reading`` finds the transitions asked for and reads their labels alone; ``pair`` takes a distance apart into flows;
``loops`` finds rounds that repeat in D; ``rounds`` says which classes go round in them.
"""

from nntf_cli.explain.loops import Loop, Search, find_loops
from nntf_cli.explain.pair import Pair, Single, explain_one, explain_pair
from nntf_cli.explain.reading import Moves, read_moves, transition_at
from nntf_cli.explain.rounds import Circuit, Steady, steady_flows

__all__ = [
    "Circuit",
    "Loop",
    "Moves",
    "Pair",
    "Search",
    "Single",
    "Steady",
    "explain_one",
    "explain_pair",
    "find_loops",
    "read_moves",
    "steady_flows",
    "transition_at",
]
