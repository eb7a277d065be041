"""Record the training of a torch model: in a loop of one's own, and what the recorders built on torch share."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from nntf_cli.errors import ParameterError
from nntf_cli.recorders.given import as_step
from nntf_cli.recorders.late import Closing, LateRecorder, require_every
from nntf_cli.recorders.run import DEFAULT_SPLIT
from nntf_cli.recorders.samples import Samples, moved, split_batch
from nntf_cli.recorders.undisturbed import undisturbed

#: What is called with a model and a batch, and returns labels or scores.
Forward = Callable[[Any, Any], Any]

#: Seeds that people choose; where none was, torch draws one of 53 bits.
_CHOSEN_SEEDS = 2**32


class Evaluation:
    """What a torch model predicts for every sample of some splits, found without disturbing its training.

    Parameters
    ----------
    data : DataLoader, Dataset, iterable of batches, or mapping of split to that
        The samples. One alone is the split ``train``.
    forward : callable, optional
        ``forward(model, batch)`` returns labels or scores; without it the model is called with the first part of a
        batch, or with what a batch that is a mapping has besides its labels, by name.

    Raises
    ------
    ParameterError
        The order of a split's samples is not known.
    """

    def __init__(self, data: Any, forward: Forward | None = None) -> None:
        self._forward = forward or _call
        by_split = data if isinstance(data, Mapping) else {DEFAULT_SPLIT: data}
        if not by_split:
            raise ParameterError("there is no split to record", "for instance {'train': loader}")
        self._splits = [Samples(split, source) for split, source in by_split.items()]

    def open(
        self, recording: LateRecorder, model: torch.nn.Module, hparams: Mapping[str, Any], next_step: int | None = None
    ) -> None:
        """Read all samples once and open the log.

        Raises
        ------
        ParameterError
            Samples, model and what it returns do not fit.
        """
        if any(torch.nn.parameter.is_lazy(parameter) for parameter in model.parameters()):
            raise ParameterError(
                "the model has lazy layers, which are initialized by the first batch", "give it a batch before"
            )
        given = recording.true_of({each.split: 0 for each in self._splits})
        with undisturbed(model):
            first = [each.survey(given.get(each.split)) for each in self._splits]
            output = scores_of(self._forward(model, moved(first[0], _device(model))))
        true = {each.split: each.true for each in self._splits if each.true is not None}
        classes = recording.classes
        if classes is None:
            if output.ndim != 2:
                raise ParameterError("the model gives labels, so the number of classes is not known", "give classes=")
            classes = output.shape[1]
        recording.open({each.split: each.n_samples for each in self._splits}, classes, true, hparams, next_step)

    def labels(self, model: torch.nn.Module) -> dict[str, np.ndarray]:
        """Return the labels of every split, -1 where a score is nan.

        Raises
        ------
        ParameterError
            A split gives other samples than before, or the model another shape.
        """
        device = _device(model)
        with undisturbed(model):
            return {each.split: self._labels(model, each, device) for each in self._splits}

    def _labels(self, model: torch.nn.Module, samples: Samples, device: torch.device) -> np.ndarray:
        found = np.full(samples.n_samples, -1, dtype=np.int64)
        for where, batch in samples.batches():
            labels = labels_of_output(scores_of(self._forward(model, moved(batch, device))))
            if len(labels) != where.stop - where.start:
                raise ParameterError(
                    f"the model gives {len(labels)} labels for {where.stop - where.start} samples of split "
                    f"'{samples.split}'"
                )
            found[where] = labels
        return found


class TorchRecorder(Closing):
    """Record the labels of a torch model in a training loop of one's own.

    Parameters
    ----------
    path : path
        The log; one that exists is continued.
    model : torch.nn.Module
        What is trained. Wrapped for distributed training, it is evaluated by the first process alone.
    data : DataLoader, Dataset, iterable of batches, or mapping of split to that
        The samples to record, not augmented; one alone is the split ``train``. Of a loader, shuffling or not, the data
        set is read in its own order. It is read once at the start, for the true classes.
    every : int
        Record only steps that are multiples of it.
    optimizer : torch.optim.Optimizer, optional
        Where the hyperparameters are taken from.
    forward : callable, optional
        ``forward(model, batch)`` returns (n,) labels or (n, C) scores. Without it, ``model(batch[0])``, or
        ``model(**batch)`` without the labels.
    **given
        ``classes``, ``true``, ``ids``, ``hparams``, ``name``, ``on_rewind`` of :class:`LabelRecorder`, which
        overrule what is found.

    Raises
    ------
    NntfError
        As :class:`LabelRecorder` does, and where the samples have no order that is known, or are augmented.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        model: torch.nn.Module,
        data: Any,
        *,
        every: int = 1,
        optimizer: torch.optim.Optimizer | None = None,
        forward: Forward | None = None,
        **given: Any,
    ) -> None:
        self.recording, self._every = LateRecorder(path, given), require_every(every)
        self._model = model.module if isinstance(model, torch.nn.parallel.DistributedDataParallel) else model
        self._evaluation = Evaluation(data, forward)
        is_spread = torch.distributed.is_available() and torch.distributed.is_initialized()
        self._is_first = not is_spread or torch.distributed.get_rank() == 0
        if self._is_first:
            found = hparams_of(optimizer) | {"batch_size": _batch_size(data), "seed": chosen_seed()}
            self._evaluation.open(self.recording, self._model, found)

    def snapshot(self, step: int, **scalars: Any) -> bool:
        """Record what the model predicts now.

        Parameters
        ----------
        step : int
            Epoch or iteration, counted from 1.
        **scalars
            ``loss``, ``test_loss``, ...; accuracies are found.

        Returns
        -------
        bool
            Whether it was recorded, or is not a multiple of ``every``.

        Raises
        ------
        ParameterError
            The step is not after the last one, or the samples are not those of before.
        """
        step = as_step(step)
        if not self._is_first or step % self._every:
            return False
        self.recording.snapshot(step, self._evaluation.labels(self._model), scalars)
        return True


def hparams_of(optimizer: torch.optim.Optimizer | None) -> dict[str, Any]:
    """Return an optimizer's name and the settings of its first group; the learning rate is that of the start."""
    if optimizer is None or not optimizer.param_groups:
        return {}
    group = optimizer.param_groups[0]
    rate = group.get("initial_lr", group.get("lr"))
    return {
        "optimizer": type(optimizer).__name__,
        "learning_rate": None if rate is None else float(rate),
        "momentum": group.get("momentum"),
        "weight_decay": group.get("weight_decay"),
    }


def chosen_seed() -> int | None:
    """Return the seed of torch's generator, if somebody chose it."""
    seed = torch.initial_seed()
    return seed if seed < _CHOSEN_SEEDS else None


def _batch_size(data: Any) -> int | None:
    """Return the batch size of training; only a loader that shuffles is sure to be training's."""
    loader = data.get(DEFAULT_SPLIT) if isinstance(data, Mapping) else data
    if isinstance(loader, torch.utils.data.DataLoader) and isinstance(loader.sampler, torch.utils.data.RandomSampler):
        return loader.batch_size
    return None


def _device(model: torch.nn.Module) -> torch.device:
    tensor = next(iter(model.parameters()), next(iter(model.buffers()), None))
    return torch.device("cpu") if tensor is None else tensor.device


def _call(model: Any, batch: Any) -> Any:
    inputs, _ = split_batch(batch)
    return model(**inputs) if isinstance(inputs, Mapping) else model(inputs)


def scores_of(output: Any) -> torch.Tensor:
    """Return what of a model's output are the scores, or the labels.

    Raises
    ------
    ParameterError
        Nothing in it has the shape of either.
    """
    if hasattr(output, "logits"):
        output = output.logits
    elif isinstance(output, Mapping) and "logits" in output:
        output = output["logits"]
    elif isinstance(output, (tuple, list)) and output:
        output = output[0]
    is_tensor = isinstance(output, torch.Tensor)
    if is_tensor and (output.ndim == 2 and output.shape[1] > 1 or output.ndim == 1 and not output.is_floating_point()):
        return output
    found = f"a tensor {tuple(output.shape)}" if is_tensor else type(output).__name__
    raise ParameterError(
        f"the model gives {found}, neither labels (n,) nor scores (n, C)",
        "say what to make of it: forward=lambda model, batch: ...",
    )


def labels_of_output(scores: torch.Tensor) -> np.ndarray:
    """Return labels, -1 where a score is nan; on the device, for scores are C times as many."""
    if scores.ndim == 1:
        return scores.cpu().numpy().astype(np.int64)
    labels = scores.argmax(dim=1)
    if scores.is_floating_point():
        labels = labels.masked_fill(scores.isnan().any(dim=1), -1)
    return labels.cpu().numpy()
