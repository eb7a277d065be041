"""Gradient-boosted trees on the digits: a training without epochs, one snapshot per boosting stage."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import log_softmax
from sklearn.ensemble import GradientBoostingClassifier

from digits import Images


@dataclass(frozen=True)
class Recipe:
    """The hyperparameters of one training: what its log carries as such."""

    model: str = "gradient boosting"
    learning_rate: float = 0.2
    stages: int = 100
    max_depth: int = 3
    max_features: str = "sqrt"
    seed: int = 1


def train(recipe: Recipe, data: dict[str, Images]) -> dict:
    """Boost trees and return what :func:`nntf_cli.labellog.write_log` needs to know of it."""
    model = GradientBoostingClassifier(
        learning_rate=recipe.learning_rate,
        n_estimators=recipe.stages,
        max_depth=recipe.max_depth,
        max_features=recipe.max_features,
        random_state=recipe.seed,
    ).fit(_features(data["train"]), data["train"].true)
    log = {
        "labels": {},
        "step": np.arange(1, recipe.stages + 1),
        "scalars": {},
        "hparams": asdict(recipe),
    }
    for split, prefix in [("train", ""), ("test", "test_")]:
        # The scores, not staged_predict: their argmax is what it predicts, and the loss needs them.
        scores = np.stack(list(model.staged_decision_function(_features(data[split]))))
        true = data[split].true
        log["labels"][split] = scores.argmax(axis=2)
        of_true = log_softmax(scores, axis=2)[:, np.arange(len(true)), true]
        log["scalars"][f"{prefix}loss"] = -of_true.mean(axis=1)
        log["scalars"][f"{prefix}accuracy"] = (log["labels"][split] == true).mean(axis=1)
    return log


def _features(images: Images) -> np.ndarray:
    return images.pixels.reshape(len(images.pixels), -1)
