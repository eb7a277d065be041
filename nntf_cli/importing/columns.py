"""What columns of tables are called, and what they hold by that."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: What a column holds -> its names, in small letters, without spaces and underscores.
_WORDS = {
    "step": ("step", "globalstep", "epoch", "iteration", "iter", "snapshot", "checkpoint", "round"),
    "sample": ("id", "ids", "sample", "sampleid", "guid", "index", "idx", "docid", "instance", "instanceid", "example"),
    "label": ("label", "labels", "prediction", "predictions", "predicted", "pred", "preds", "ypred", "predictedlabel"),
    "true": ("true", "truelabel", "target", "targets", "gold", "ytrue", "actual", "groundtruth", "trueclass"),
    "split": ("split", "subset"),
}

_SCORE = re.compile(r"(?:(?:score|probability|proba|prob|logits|logit)[ _.:]?|p[ _.:])(.+)", re.IGNORECASE)


def kind(name: str) -> str:
    """Return what a column of this name holds: step, sample, label, true, split, or nothing known."""
    plain = name.strip().lower().replace(" ", "").replace("_", "")
    return next((what for what, words in _WORDS.items() if plain in words), "")


def find(names: Sequence[str], what: str) -> int | None:
    """Return the place of the first column that holds this."""
    return next((i for i, name in enumerate(names) if kind(name) == what), None)


def scores(names: Sequence[str]) -> list[tuple[int, str]]:
    """Return place and class of the columns that hold a score each: ``score_cat``, ``prob_0``, ``logit_1``."""
    found = [(i, match[1]) for i, name in enumerate(names) if (match := _SCORE.fullmatch(name.strip()))]
    return found if len(found) > 1 else []
