"""Is a distance more than noise? The distance that chance alone gives, what exceeds it, and how surely.

Two transitions of few moves are far apart even if nothing differs between them but the draw. Suppose that both drew
their moves from one distribution over the flows. Given how much moved of each flow in both together, all ways to
choose which S_i of the S_i + S_j moves are those of i are equally likely: the null hypothesis of a permutation test
that needs no permutations, for the mean of d_ij is a sum over flows of hypergeometric means
(:mod:`~nntf_cli.kernels.vectorized_noise`).

References
----------
Conditioning on what both have together: Fisher (1935). Closed forms of mean absolute deviations: Diaconis & Zabell,
Statistical Science 6 (1991), 284. Tests of many pairs: Benjamini & Hochberg, J. R. Stat. Soc. B 57 (1995), 289.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from nntf_cli import memory
from nntf_cli.errors import InputError, ParameterError
from nntf_cli.kernels import choice, engine
from nntf_cli.model import Fingerprint, Flows, Noise

#: What of a fingerprint can be looked at.
OF = ("distance", "floor", "excess")

#: X counts for so much less far from its mean: it comes in steps of 1, and with two flows of 2.
_STEP = 1.0

#: Pairs whose p-values are computed at a time.
_STRIP = 2**20

#: Share of false ones among the pairs that stand out, in expectation and at most.
LEVEL = 0.05


def noise_floor(a: Flows, b: Flows | None = None) -> Noise:
    """Compute the distance to expect by chance between every two transitions, and its standard deviation.

    Parameters
    ----------
    a : Flows
        The transitions of the rows.
    b : Flows, optional
        Those of the columns; ``a`` if not given. Then a transition is 0 from itself, whatever chance does.

    Returns
    -------
    Noise
        The floor is exact: E d_ij = Σ E|2 A_k - c_k| / (S_i + S_j), c_k what moved of flow k in both and A_k
        hypergeometric; 0 where both are quiet and 1 where one is. The deviation lacks the higher orders of how flows
        covary: of it 0.2 % from ten flows on, 5 % from four on, 11 % with two or three.

    Raises
    ------
    LimitError
        The matrices do not fit into memory.
    """
    other = a if b is None else b
    kernels = engine(_cost(a, other))
    shape = a.n_transitions, other.n_transitions
    memory.require(
        16.0 * shape[0] * shape[1], f"the noise floor of {shape[0]} x {shape[1]} distances", "thin it with --every"
    )
    return Noise(*kernels.noise_floor(a, b))


def _cost(a: Flows, b: Flows) -> float:
    """Return the seconds that numpy needs: for each pair a step per number of moves, and to look at every flow."""
    pairs = float(a.n_transitions) * b.n_transitions
    most = float(a.count.max(initial=0)) + float(b.count.max(initial=0))
    return choice.COST_PER_SPLIT * (pairs * most + a.n_transitions * float(len(b.count)))


def with_noise(fingerprint: Fingerprint, a: Flows, b: Flows | None = None) -> Fingerprint:
    """Return a fingerprint together with its noise floor.

    Parameters
    ----------
    fingerprint : Fingerprint
        Of flows, divided by the moves of both transitions.
    a, b : Flows
        What it was computed from.

    Raises
    ------
    ParameterError
        It is one of another kind.
    LimitError
        The matrices do not fit into memory.
    """
    if (fingerprint.metric, fingerprint.normalize) != ("flows", "flows"):
        raise ParameterError(
            "a noise floor is that of distances between flows, divided by the moves of both",
            "leave --metric and --normalize out",
        )
    return replace(fingerprint, noise=noise_floor(a, b))


def with_p_values(fingerprint: Fingerprint) -> Fingerprint:
    """Return a fingerprint whose noise floor says how often chance gives as much; see :func:`p_values`."""
    return replace(fingerprint, noise=replace(known_noise(fingerprint), p_value=p_values(fingerprint)))


def known_noise(fingerprint: Fingerprint) -> Noise:
    """Return the noise floor that a fingerprint carries.

    Raises
    ------
    InputError
        It carries none.
    """
    if fingerprint.noise is None:
        raise InputError(
            "has no noise floor",
            "compute it with nntf fingerprint --noise-floor, or give the label log",
            where=fingerprint.origin,
        )
    return fingerprint.noise


def view(fingerprint: Fingerprint, of: str, *, judged: bool = False) -> Fingerprint:
    """Return what is to be looked at of a fingerprint, as one of its kind.

    Parameters
    ----------
    fingerprint : Fingerprint
        With its noise floor, unless the distances are wanted.
    of : {"distance", "floor", "excess"}
        The distances, the distances to expect by chance, or the first minus the second, in [-1, 1].
    judged : bool
        Say of an excess where it stands out, if it is known how much moved.

    Raises
    ------
    InputError
        It has no noise floor.
    ParameterError
        ``of`` is none of the three.
    """
    if of not in OF:
        raise ParameterError(f"unknown {of!r}", f"one of {', '.join(OF)}")
    if of == "distance":
        return replace(fingerprint, noise=None)
    noise = known_noise(fingerprint)
    if of == "floor":
        return replace(fingerprint, matrix=noise.floor, noise=None, of=of)
    notable = stands_out(fingerprint) if judged and fingerprint.axes.rows.moved is not None else None
    return replace(fingerprint, matrix=fingerprint.distances - noise.floor, noise=None, of=of, notable=notable)


def p_values(fingerprint: Fingerprint) -> np.ndarray:
    """Return how often chance gives a distance at least as far from its floor, on either side.

    Parameters
    ----------
    fingerprint : Fingerprint
        With its noise floor and how much moved.

    Returns
    -------
    ndarray of float64, shape (P, Q)
        ``nan`` where every draw gives the same distance: at quiet transitions, on the main diagonal, where no flow
        moved twice.

    Raises
    ------
    InputError
        There is no noise floor, or it is not known how much moved.

    Notes
    -----
    d is (S - R + 2 X) / (S + R), S and R the larger and the smaller number of moves, X a whole number from 0 on that
    is the more skewed the more these differ. The upper tail is that of a gamma distribution with the mean and variance
    of X, which is skewed more, the lower one that of a normal distribution, which is skewed less, and X is taken to be
    a step nearer to its mean. So p is rather too large than too small: of transitions with up to 24 moves, where all
    draws can be counted, six times in the median where it is below 0.05, and too small in one of a hundred.
    """
    noise, axes = known_noise(fingerprint), fingerprint.axes
    if axes.rows.moved is None or axes.columns.moved is None:
        raise InputError("does not say how much moved", "give the label log", where=fingerprint.origin)
    rows, columns = axes.rows.moved.astype(np.float64), axes.columns.moved.astype(np.float64)
    memory.require(8.0 * noise.floor.size, "the p-values of all pairs", "thin it with --every")
    p = np.empty(fingerprint.shape)
    step = max(1, _STRIP // max(1, len(columns)))
    for part in (slice(first, first + step) for first in range(0, len(p), step)):
        sizes = rows[part, None] + columns, np.abs(rows[part, None] - columns)
        p[part] = _two_sided(fingerprint.distances[part], noise.floor[part], noise.deviation[part], *sizes)
    return p


def _two_sided(
    d: np.ndarray, floor: np.ndarray, deviation: np.ndarray, total: np.ndarray, apart: np.ndarray
) -> np.ndarray:
    """Return p-values; ``total`` is S + R, ``apart`` S - R."""
    from scipy.special import gammaincc, ndtr  # not needed by those who only want the floor

    mean, spread = np.maximum((floor * total - apart) / 2, 0.0), deviation * total / 2
    p = np.where(d == floor, np.nan, 0.0)
    varies = (spread > 0) & (mean > 0)
    x, mean, spread = np.rint((d * total - apart) / 2)[varies], mean[varies], spread[varies]
    above = gammaincc((mean / spread) ** 2, np.maximum(x - _STEP, 0.0) * mean / spread**2)
    p[varies] = np.minimum(1.0, 2 * np.minimum(above, ndtr((x + _STEP - mean) / spread)))
    return p


def stands_out(fingerprint: Fingerprint, level: float = LEVEL) -> np.ndarray:
    """Return which pairs are farther from each other, or nearer, than chance gives.

    Benjamini and Hochberg's procedure over all pairs that can vary, each counted once; it holds for independent and
    for positively dependent tests, and pairs that share a transition are taken for the latter.

    Parameters
    ----------
    fingerprint : Fingerprint
        With its noise floor and how much moved.
    level : float
        Share of false ones among those returned, in expectation and at most.

    Returns
    -------
    ndarray of bool, shape (P, Q)
    """
    p = p_values(fingerprint)
    tested = ~np.isnan(p)
    once = tested if fingerprint.axes.is_cross else np.tril(tested, -1)
    in_order = np.sort(p[once])
    passed = np.flatnonzero(in_order <= level * np.arange(1, len(in_order) + 1) / max(len(in_order), 1))
    return p <= in_order[passed[-1]] if len(passed) else np.zeros(p.shape, dtype=bool)  # nan is not
