"""Record the training of a Hugging Face ``Trainer``, from its evaluations or from data of one's own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader
from transformers import EvalPrediction, TrainerCallback, default_data_collator

from nntf_cli.errors import ParameterError
from nntf_cli.recorders.for_torch import Evaluation, Forward, labels_of_output, scores_of
from nntf_cli.recorders.late import Cadence, Closing, LateRecorder, scalar_name
from nntf_cli.recorders.run import DEFAULT_SPLIT
from nntf_cli.recorders.samples import BATCH_SIZE

#: What the Trainer measures besides what was asked for.
_ASIDE = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time", "jit_compilation_time")


class TransformersRecorder(Closing, TrainerCallback):
    """Record the labels that a ``Trainer``'s model predicts: three things in one.

    From the Trainer's own evaluations, at ``eval_strategy`` and ``eval_steps``, which cost nothing more::

        recorder = TransformersRecorder("run.h5")
        Trainer(..., callbacks=[recorder], compute_metrics=recorder.compute_metrics(my_metrics),
                preprocess_logits_for_metrics=recorder.preprocess_logits_for_metrics)

    or, with ``data``, by passes of its own, as a callback alone.

    Parameters
    ----------
    path : path
        The log; one that exists is continued, with ``train(resume_from_checkpoint=...)``.
    data : DataLoader, Dataset, or mapping of split to that, optional
        The samples to record, each a mapping of what the model is called with. They are put together by
        ``default_data_collator``; where that needs padding, give a loader. Without data, what the Trainer evaluates on
        is recorded.
    splits : sequence of str
        Without ``data``: the name of the split that is evaluated; where ``eval_dataset`` is a mapping, its keys.
    every_epochs, every_steps : int, optional
        With ``data``: how often; every epoch unless given. Steps of the log are epochs, or the Trainer's steps, which
        they are always without ``data``.
    forward : callable, optional
        With ``data``: ``forward(model, batch)`` returns labels or scores.
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
        data: Any = None,
        *,
        splits: Sequence[str] = ("test",),
        every_epochs: int | None = None,
        every_steps: int | None = None,
        forward: Forward | None = None,
        **given: Any,
    ) -> None:
        super().__init__()
        if data is None and (every_epochs is not None or every_steps is not None):
            raise ParameterError(
                "how often is the Trainer's to say, where its evaluations are recorded", "eval_strategy, eval_steps"
            )
        self.recording, self._cadence = LateRecorder(path, given), Cadence(every_epochs, every_steps)
        self._evaluation = None if data is None else Evaluation(_loaders(data), forward)
        self._splits = (splits,) if isinstance(splits, str) else tuple(splits)
        self._own: Callable[[EvalPrediction], dict[str, Any]] | None = None
        self._is_training, self._before, self._n_classes = False, 0, 0
        self._pending: tuple[np.ndarray, np.ndarray] | None = None
        self._step, self._labels, self._true = 0, dict[str, np.ndarray](), dict[str, np.ndarray]()
        self._scalars: dict[str, float] = {}

    def preprocess_logits_for_metrics(self, logits: Any, labels: Any) -> Any:
        """Return labels in place of scores, so that an evaluation need not hold these; before them, if metrics do."""
        scores = scores_of(logits)
        self._n_classes = scores.shape[-1] if scores.ndim == 2 else self._n_classes
        predicted = torch.from_numpy(labels_of_output(scores)).to(scores.device)
        return predicted if self._own is None else (predicted, logits)

    def compute_metrics(
        self, own: Callable[[EvalPrediction], dict[str, Any]] | None = None
    ) -> Callable[[EvalPrediction], dict[str, Any]]:
        """Return what a Trainer shall compute its metrics by.

        Parameters
        ----------
        own : callable, optional
            Metrics of one's own, which see what they would see without a recorder.
        """
        self._own = own

        def wrapper(evaluated: EvalPrediction) -> dict[str, Any]:
            predictions = evaluated.predictions
            if own is None:
                self._pending = predictions, evaluated.label_ids
                return {}
            predicted, logits = predictions
            self._pending = predicted, evaluated.label_ids
            return own(EvalPrediction(logits, evaluated.label_ids, evaluated.inputs))

        return wrapper

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Open the log, where it is known what it is of."""
        self._is_training, self._before = True, state.global_step
        if self._evaluation is None:
            _require_order(args)
        elif state.is_world_process_zero:
            epochs = round(state.epoch or 0)
            self._evaluation.open(self.recording, model, _hparams(args), self._cadence.after(epochs, state.global_step))

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Record, where it is time."""
        before, self._before = self._before, state.global_step
        if self._evaluation is not None and self._cadence.wants_step(state.global_step, before):
            self._record(model, state, state.global_step)

    def on_epoch_end(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Record, where it is time."""
        if self._evaluation is not None and self._cadence.wants_epoch(round(state.epoch)):
            self._record(model, state, round(state.epoch))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Record what was evaluated; what is before the first step (``eval_on_start``) is a sanity check."""
        pending, self._pending = self._pending, None
        if self._evaluation is not None or not self._is_training or not state.global_step:
            return
        if pending is None:
            raise ParameterError(
                "the Trainer did not compute metrics by the recorder",
                "pass compute_metrics=recorder.compute_metrics(), "
                "preprocess_logits_for_metrics=recorder.preprocess_logits_for_metrics, and data with labels",
            )
        if state.is_world_process_zero:
            self._take(*pending, metrics or {}, state.global_step)
            if len(self._labels) == len(self._splits) and state.global_step != self.recording.last_step:
                self._record_evaluated(args)

    def on_predict(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Forget what ``predict`` computed metrics of: it is of other samples."""
        self._pending = None

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the log."""
        self._is_training = False
        self.close()

    def _record(self, model: Any, state: Any, step: int) -> None:
        if state.is_world_process_zero and self._evaluation is not None and step != self.recording.last_step:
            loss = next((entry["loss"] for entry in reversed(state.log_history) if "loss" in entry), None)
            self.recording.snapshot(step, self._evaluation.labels(model), {"loss": loss})

    def _take(self, predicted: Any, label_ids: Any, metrics: Mapping[str, Any], step: int) -> None:
        if step != self._step:
            self._step, self._labels, self._true, self._scalars = step, {}, {}, {}
        split, prefix = self._evaluated(metrics)
        self._labels[split] = np.asarray(predicted)
        if isinstance(label_ids, np.ndarray) and label_ids.shape == self._labels[split].shape:
            self._true[split] = label_ids
        for name, value in metrics.items():
            short = name.removeprefix(prefix)
            if name.startswith(prefix) and short not in _ASIDE and isinstance(value, (int, float)) and "/" not in short:
                self._scalars[scalar_name(short, split)] = float(value)

    def _evaluated(self, metrics: Mapping[str, Any]) -> tuple[str, str]:
        """Return which split metrics are of, and how their names begin."""
        named = [split for split in self._splits if any(name.startswith(f"eval_{split}_") for name in metrics)]
        if named:
            split = max(named, key=len)
            return split, f"eval_{split}_"
        if len(self._splits) > 1:
            raise ParameterError(
                f"the Trainer evaluates something that is none of the splits {', '.join(self._splits)}",
                "name the keys of its eval_dataset: splits=[...]",
            )
        return self._splits[0], "eval_"

    def _record_evaluated(self, args: Any) -> None:
        if not self.recording.is_open:
            sizes = {split: len(self._labels[split]) for split in self._splits}
            self.recording.open(sizes, self._n_classes or None, self._true, _hparams(args), self._step)
        self.recording.snapshot(self._step, self._labels, self._scalars)


def _loaders(data: Any) -> dict[str, Any]:
    """Return loaders by split; a list is one of samples here, and not of batches."""
    by_split = data if isinstance(data, Mapping) else {DEFAULT_SPLIT: data}
    return {
        split: source
        if isinstance(source, DataLoader) or not hasattr(source, "__len__")
        else DataLoader(source, batch_size=BATCH_SIZE, collate_fn=default_data_collator)
        for split, source in by_split.items()
    }


def _require_order(args: Any) -> None:
    """Refuse evaluations whose samples are in no order of the data, or that are never seen whole."""
    by_length = getattr(args, "group_by_length", False) or (
        getattr(args, "train_sampling_strategy", "") == "group_by_length"
    )
    if by_length:
        raise ParameterError("samples are grouped by length, and not in their order", "give the samples: data=")
    if args.batch_eval_metrics:
        raise ParameterError("batch_eval_metrics shows a batch at a time", "leave it out, or give the samples: data=")


def _hparams(args: Any) -> dict[str, Any]:
    optimizer = args.optim
    return {
        "optimizer": str(getattr(optimizer, "value", optimizer)),
        "learning_rate": args.learning_rate,
        "weight_decay": args.weight_decay,
        "batch_size": args.train_batch_size * args.gradient_accumulation_steps * args.world_size,
        "seed": args.seed,
    }
