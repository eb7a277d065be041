"""Record a classifier that is trained piece by piece, by ``partial_fit`` or ``warm_start``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from nntf_cli.recorders.estimators import Classes, hparams_of, size_of
from nntf_cli.recorders.given import as_step
from nntf_cli.recorders.late import Closing, LateRecorder, by_name, require_every


class SklearnRecorder(Closing):
    """Record the labels that a classifier of scikit-learn, or of its kind, predicts between pieces of its training.

    Parameters
    ----------
    path : path
        The log; one that exists is continued.
    model : classifier
        What is trained; its ``predict`` is called.
    x : array_like
        The samples of the split ``train``, in the order in which they shall be logged.
    y : array_like, optional
        Their true classes, as the classifier was given them.
    splits : mapping of str to (x, y), optional
        Other splits, for instance ``{"test": (x_test, y_test)}``.
    every : int
        Record only steps that are multiples of it.
    **given
        ``classes``, ``ids``, ``hparams``, ``name``, ``on_rewind`` of :class:`LabelRecorder`, which overrule what is
        found. The classes are the classifier's, their names too where they are text.

    Raises
    ------
    ParameterError
        Something of it makes no sense.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: Any,
        x: Any,
        y: Any = None,
        *,
        splits: Mapping[str, tuple[Any, Any]] | None = None,
        every: int = 1,
        **given: Any,
    ) -> None:
        self.recording, self._every, self._model = LateRecorder(path, given), require_every(every), model
        self._data = by_name((x, y), splits)

    def snapshot(self, step: int, **scalars: Any) -> bool:
        """Record what the classifier predicts now.

        Parameters
        ----------
        step : int
            How many pieces it has been trained on, or any other count, from 1.
        **scalars
            ``loss``, ...; accuracies are found.

        Returns
        -------
        bool
            Whether it was recorded, or is not a multiple of ``every``.

        Raises
        ------
        ParameterError
            The step is not after the last one, or the classifier is not trained at all.
        """
        step = as_step(step)
        if step % self._every:
            return False
        classes = Classes.of(self._model)
        if not self.recording.is_open:
            sizes = {split: size_of(x) for split, (x, _) in self._data.items()}
            true = {split: classes.index(y) for split, (_, y) in self._data.items() if y is not None}
            self.recording.open(sizes, classes.given, true, hparams_of(self._model), step)
        labels = {split: classes.index(self._model.predict(x)) for split, (x, _) in self._data.items()}
        self.recording.snapshot(step, labels, scalars)
        return True
