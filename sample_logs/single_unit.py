"""Scenarios A and B of the paper: points in the plane, two classes, one sigmoid unit."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

POINT_SEED = 7  #: draws the points; the unit's own seed is a hyperparameter


class Scenario(NamedTuple):
    """How many points there are, and how hard they are to tell apart."""

    n_points: int
    separation: float  #: between the centres of the classes, in standard deviations of one class


#: 500 overlapping points and not 200: a pass is then 10 snapshots at k = 50, enough to see a loop in it.
SCENARIOS = {"A": Scenario(200, 7.0), "B": Scenario(500, 1.0)}


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of one training: what its log carries as such."""

    learning_rate: float
    iterations: int
    k: int  #: iterations from one snapshot to the next
    seed: int
    model: str = "single unit"
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 1
    optimizer: str = "SGD"


def points(scenario: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the points of scenario ``A`` (separable) or ``B`` (overlapping) and their classes.

    They lie in random order, so that a pass over them meets both classes all the time.
    """
    rng = np.random.default_rng(POINT_SEED)
    n_points, separation = SCENARIOS[scenario]
    true = rng.permutation(np.arange(n_points) % 2)
    along_diagonal = np.where(true == 1, 0.5, -0.5) * separation * np.sqrt(0.5)
    return rng.normal(size=(n_points, 2)) + along_diagonal[:, None], true


def train(recipe: Recipe, scenario: str) -> dict:
    """Train the unit and return what :func:`nntf_cli.labellog.write_log` needs to know of it.

    The points are taken in the same order in every pass. A snapshot is taken before iteration 0, k, 2k, ...
    """
    xy, true = points(scenario)
    inputs = np.column_stack([xy, np.ones(len(xy))])
    weights = _initial_weights(recipe.seed)
    steps = np.arange(0, recipe.iterations, recipe.k)
    scores = []
    for iteration in range(recipe.iterations):
        if iteration % recipe.k == 0:
            scores.append(_scores(inputs, weights))
        batch = (iteration * recipe.batch_size + np.arange(recipe.batch_size)) % len(xy)
        weights = weights - recipe.learning_rate * _gradient(inputs[batch], true[batch], weights)
    return _log(recipe, steps, np.array(scores), true)


def _initial_weights(seed: int) -> np.ndarray:
    """Return random weights of the two coordinates and of the bias, (3,)."""
    return np.random.default_rng(seed).normal(size=3)


def _scores(inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return what the unit adds up for each point; above 0 it says class 1."""
    # Not inputs @ weights: how that rounds depends on the machine's BLAS.
    return (inputs * weights).sum(axis=1)


def _gradient(inputs: np.ndarray, true: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return the gradient of the mean cross-entropy of a batch, (3,)."""
    predicted = 1 / (1 + np.exp(-_scores(inputs, weights)))
    return ((predicted - true)[:, None] * inputs).mean(axis=0)


def _log(recipe: Recipe, steps: np.ndarray, scores: np.ndarray, true: np.ndarray) -> dict:
    labels = (scores > 0).astype(np.int64)
    signed = np.where(true == 1, scores, -scores)
    return {
        "labels": {"train": labels},
        "step": steps,
        "scalars": {
            "loss": np.logaddexp(0, -signed).mean(axis=1),
            "accuracy": (labels == true).mean(axis=1),
        },
        "hparams": asdict(recipe),
    }
