"""The noise floor as one would have it without closed forms: by drawing."""

from __future__ import annotations

import numpy as np

#: Draws per pair: the standard error of a floor is then a fourteenth of its deviation.
DRAWS = 199


def ours(flows) -> object:
    """Compute every floor and deviation."""
    from nntf_cli.noise import noise_floor

    return noise_floor(flows)


def drawn(flows, n_pairs: int) -> list[tuple[float, float]]:
    """Split the moves of some pairs at random, and return mean and deviation of the distances."""
    rng, found = np.random.default_rng(0), []
    n = flows.n_transitions
    for pair in rng.integers(0, n, size=(n_pairs, 2)):
        i, j = (int(k) for k in pair)
        pool = (flows.dense(i) + flows.dense(j)).ravel()
        pool = pool[pool > 0]
        splits = rng.multivariate_hypergeometric(pool, int(flows.moved[i]), size=DRAWS, method="marginals")
        d = np.abs(2 * splits - pool).sum(axis=1) / pool.sum()
        found.append((d.mean(), d.std()))
    return found
