"""What scikit-learn, XGBoost and LightGBM have in common: classes that are any values, and parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from nntf_cli.errors import ParameterError

#: Parameters that change nothing of what is learned.
_NOTHING_LEARNED = ("verbose", "n_jobs", "importance_type")


@dataclass(frozen=True)
class Classes:
    """The classes of a classifier, in its order."""

    values: np.ndarray

    @classmethod
    def of(cls, model: Any) -> Classes:
        """Return the classes of a classifier.

        Raises
        ------
        ParameterError
            It is not trained, or no classifier of a single label.
        """
        values = getattr(model, "classes_", None)
        if not isinstance(values, np.ndarray) or values.ndim != 1:
            raise ParameterError(
                f"{type(model).__name__} has no classes", "give a classifier of one label that has been trained"
            )
        return cls(values)

    @property
    def given(self) -> int | list[str]:
        """Their number where they are 0, 1, 2, ..., else their names."""
        if self.values.dtype.kind in "iu" and np.array_equal(self.values, np.arange(len(self.values))):
            return len(self.values)
        return [str(value) for value in self.values.tolist()]

    def index(self, labels: Any) -> np.ndarray:
        """Return the position among the classes of each label.

        Raises
        ------
        ParameterError
            A label is none of the classes, or labels are not one for each sample.
        """
        array = np.asarray(labels)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise ParameterError(f"labels have shape {array.shape}, expected one for each sample")
        order = np.argsort(self.values, kind="stable")
        found = order[np.searchsorted(self.values, array, sorter=order).clip(max=len(order) - 1)]
        unknown = self.values[found] != array
        if unknown.any():
            raise ParameterError(f"{array[unknown][0]!r} is none of the classes the model was trained on")
        return found


def size_of(x: Any) -> int:
    """Return how many samples there are, in an array, a sparse matrix or a table."""
    return int(x.shape[0]) if hasattr(x, "shape") else len(x)


def hparams_of(model: Any) -> dict[str, Any]:
    """Return an estimator's parameters, under the names that other recorders use; of a pipeline, those of its end."""
    last = model[-1] if hasattr(model, "steps") else model
    found = dict(last.get_params(deep=False)) if hasattr(last, "get_params") else {}
    if "random_state" in found:
        found["seed"] = found.pop("random_state")
    if "eta0" in found and "learning_rate" in found:
        # SGDClassifier calls its schedule a learning rate
        found["learning_rate_schedule"] = found.pop("learning_rate")
        found["learning_rate"] = found.pop("eta0")
    if "learning_rate_init" in found:
        found["learning_rate_schedule"] = found.pop("learning_rate", None)
        found["learning_rate"] = found.pop("learning_rate_init")
    for name in _NOTHING_LEARNED:
        found.pop(name, None)
    return {"model": type(last).__name__, **found}
