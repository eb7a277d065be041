"""Record the training of a Keras 3 model, whatever its backend."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import keras
import numpy as np

from nntf_cli.errors import ParameterError
from nntf_cli.recorders.given import as_array
from nntf_cli.recorders.late import Cadence, Closing, LateRecorder, by_name, labels_of
from nntf_cli.recorders.randomness import random_kept

#: Scores that are held at a time.
_SCORES_AT_ONCE = 2**24


class KerasRecorder(Closing, keras.callbacks.Callback):
    """Record the labels that a Keras model predicts while ``fit`` trains it.

    Parameters
    ----------
    path : path
        The log; one that exists is continued, with ``fit(initial_epoch=...)``.
    x : array, or list, tuple or mapping of arrays
        The inputs of the split ``train``, in the order in which samples shall be logged, not augmented. ``fit`` may
        shuffle: it is asked nothing about order.
    y : array, optional
        True classes, (N,) or one-hot (N, C).
    splits : mapping of str to (x, y), optional
        Other splits, for instance ``{"test": (x_test, y_test)}``.
    every_epochs, every_steps : int, optional
        How often; every epoch unless given. Steps of the log are epochs or batches, counted from 1.
    batch_size : int
        Samples that are predicted at once.
    **given
        ``classes``, ``true``, ``ids``, ``hparams``, ``name``, ``on_rewind`` of :class:`LabelRecorder`, which
        overrule what is found.

    Raises
    ------
    ParameterError
        Something of it makes no sense.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        x: Any,
        y: Any = None,
        *,
        splits: Mapping[str, tuple[Any, Any]] | None = None,
        every_epochs: int | None = None,
        every_steps: int | None = None,
        batch_size: int = 256,
        **given: Any,
    ) -> None:
        super().__init__()
        self.recording, self._cadence = LateRecorder(path, given), Cadence(every_epochs, every_steps)
        named = by_name((x, y), splits)
        self._inputs = {split: _require_arrays(pair[0], split) for split, pair in named.items()}
        self._sizes = {split: _size(inputs) for split, inputs in self._inputs.items()}
        self._true = {split: _classes(pair[1]) for split, pair in named.items() if pair[1] is not None}
        self._batch_size, self._begin, self._steps = batch_size, 0, 0

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Open the log, where this is the first epoch."""
        with contextlib.suppress(AttributeError, TypeError):
            self._steps = int(self.model.optimizer.iterations)
        self._begin = self._steps
        if not self.recording.is_open:
            next_step = self._cadence.after(epoch, self._steps)
            self.recording.open(self._sizes, self._n_classes(), self._true, self._hparams(), next_step)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Record, where it is time."""
        before, self._steps = self._steps, self._begin + batch + 1
        if self._cadence.wants_step(self._steps, before):
            self._record(self._steps, logs)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Record, where it is time."""
        if self._cadence.wants_epoch(epoch + 1):
            self._record(epoch + 1, logs)

    def on_train_end(self, logs: Any = None) -> None:
        """Close the log."""
        self.close()

    def _record(self, step: int, logs: Mapping[str, Any] | None) -> None:
        if hasattr(self.model, "jax_state_sync"):
            # within an epoch the variables are in the trainer's hands; predict() would find none
            self.model.jax_state_sync()
        with _undisturbed(self.model):
            labels = {split: self._predict(split) for split in self._inputs}
        arrays = {name: as_array(value) for name, value in (logs or {}).items() if "/" not in name}
        scalars = {name: float(array.item()) for name, array in arrays.items() if array.size == 1}
        self.recording.snapshot(step, labels, scalars)

    def _predict(self, split: str) -> np.ndarray:
        inputs, n_samples, n_classes = self._inputs[split], self._sizes[split], self.recording.n_classes
        whole_batches = max(1, _SCORES_AT_ONCE // n_classes // self._batch_size) * self._batch_size
        found = np.empty(n_samples, dtype=np.int64)
        for begin in range(0, n_samples, whole_batches):
            part = slice(begin, min(begin + whole_batches, n_samples))
            few = keras.tree.map_structure(lambda array, part=part: array[part], inputs)
            scores = self.model.predict(few, batch_size=self._batch_size, verbose=0)
            found[part] = labels_of(scores, part.stop - begin, n_classes, split)
        return found

    def _n_classes(self) -> Any:
        if self.recording.classes is not None:
            return None
        shape = getattr(self.model, "output_shape", None)
        if not isinstance(shape, tuple) or not shape or not isinstance(shape[-1], int):
            one = keras.tree.map_structure(lambda array: (1, *array.shape[1:]), next(iter(self._inputs.values())))
            shape = self.model.compute_output_shape(one)
        if len(shape) != 2 or not shape[1] or shape[1] < 2:
            raise ParameterError(
                f"the model gives {shape}, not scores (n, C) of two classes or more",
                "use a softmax of two for two classes, or LabelRecorder and a callback of your own",
            )
        return shape[1]

    def _hparams(self) -> dict[str, Any]:
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is None:
            return {}
        return {
            "optimizer": type(optimizer).__name__,
            # the shortest number that is the same in single precision: 0.05, not 0.05000000074505806
            "learning_rate": float(str(np.float32(keras.ops.convert_to_numpy(optimizer.learning_rate)))),
            "momentum": getattr(optimizer, "momentum", None),
            "weight_decay": getattr(optimizer, "weight_decay", None),
            "seed": _seed(),
        }


def _undisturbed(model: Any) -> AbstractContextManager[None]:
    """Keep what predicting changes: iterating a data set draws from torch's generator, and eval() stays in force."""
    if keras.backend.backend() != "torch":
        return random_kept()
    from nntf_cli.recorders.undisturbed import undisturbed

    return undisturbed(model)


def _require_arrays(x: Any, split: str) -> Any:
    arrays = keras.tree.flatten(x)
    if not arrays or not all(hasattr(array, "shape") and hasattr(array, "__getitem__") for array in arrays):
        raise ParameterError(
            f"x of split '{split}' is {type(x).__name__}, and only arrays have an order",
            "give the samples as an array, or several inputs as a list or mapping of arrays",
        )
    return x


def _size(x: Any) -> int:
    sizes = {int(array.shape[0]) for array in keras.tree.flatten(x)}
    if len(sizes) > 1:
        raise ParameterError(f"the inputs have {' and '.join(map(str, sorted(sizes)))} samples")
    return sizes.pop()


def _classes(y: Any) -> np.ndarray:
    array = as_array(y)
    if array.ndim == 2:
        return array[:, 0] if array.shape[1] == 1 else array.argmax(axis=1)
    return array


def _seed() -> int | None:
    """Return what ``keras.utils.set_random_seed`` was given; Keras has no public way to ask."""
    try:
        from keras.src.utils.rng_utils import get_random_seed
    except ImportError:
        return None
    seed: int | None = get_random_seed()
    return seed
