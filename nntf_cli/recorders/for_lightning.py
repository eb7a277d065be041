"""Record the training of a Lightning module, from data of one's own or from what validation sees anyway."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from nntf_cli.errors import ParameterError
from nntf_cli.recorders.for_torch import Evaluation, Forward, chosen_seed, hparams_of, labels_of_output, scores_of
from nntf_cli.recorders.late import Cadence, Closing, LateRecorder
from nntf_cli.recorders.samples import require_known_order, target_of
from nntf_cli.recorders.undisturbed import torch_random_kept

# the same library goes by two names, whose callbacks are not each other's
if "pytorch_lightning" in sys.modules and "lightning.pytorch" not in sys.modules:
    from pytorch_lightning import Callback
else:
    try:
        from lightning.pytorch import Callback
    except ModuleNotFoundError:
        from pytorch_lightning import Callback

#: What the output of a validation step calls labels or scores.
_OUTPUTS = ("labels", "preds", "predictions", "logits", "scores")

#: Splits of validation, unless they are named.
_VALIDATION = "validation"


class LightningRecorder(Closing, Callback):
    """Record the labels that a Lightning module predicts while ``Trainer.fit`` trains it.

    Parameters
    ----------
    path : path
        The log; one that exists is continued, with ``fit(ckpt_path=...)``.
    data : DataLoader, Dataset, iterable of batches, or mapping of split to that, optional
        The samples to record, as for :class:`TorchRecorder`. Without it the outputs of the validation steps are
        recorded, which must be labels or scores, or mappings that hold them as ``labels``, ``preds``, ``logits`` or
        ``scores``; that costs nothing, and records at each validation.
    every_epochs, every_steps : int, optional
        How often; every epoch unless given. Steps of the log are epochs, counted from 1, or ``trainer.global_step``.
    forward : callable, optional
        ``forward(module, batch)`` returns labels or scores; without it the module is called as a model is by
        :class:`TorchRecorder`.
    validation : str or sequence of str
        What the splits of the validation loaders are called, without ``data``.
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
        every_epochs: int | None = None,
        every_steps: int | None = None,
        forward: Forward | None = None,
        validation: str | tuple[str, ...] | list[str] = _VALIDATION,
        **given: Any,
    ) -> None:
        super().__init__()
        self.recording, self._cadence = LateRecorder(path, given), Cadence(every_epochs, every_steps)
        self._evaluation = None if data is None else Evaluation(data, forward)
        self._names = (validation,) if isinstance(validation, str) else tuple(validation)
        self._before, self._harvest = 0, dict[str, _Harvest]()

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Open the log."""
        self._before = trainer.global_step
        if self._evaluation is None:
            _require_harvest(trainer, self._names)
        elif trainer.is_global_zero:
            next_step = self._cadence.after(trainer.current_epoch, trainer.global_step)
            self._evaluation.open(self.recording, pl_module, _hparams(trainer, pl_module), next_step)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """Record, where it is time; a batch whose gradient is only accumulated is no step."""
        before, step = self._before, trainer.global_step
        if self._evaluation is None:
            return
        self._before = step
        if self._cadence.wants_step(step, before):
            self._record(trainer, pl_module, step)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Record, where it is time."""
        if self._evaluation is not None and self._cadence.wants_epoch(trainer.current_epoch + 1):
            self._record(trainer, pl_module, trainer.current_epoch + 1)

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Keep what a validation step returned, except in the sanity check before training."""
        if self._evaluation is not None or trainer.sanity_checking or trainer.state.fn != "fit":
            return
        with torch_random_kept(), torch.no_grad():
            split = self._names[dataloader_idx]
            self._harvest.setdefault(split, _Harvest()).add(_labels_in(outputs), target_of(batch))

    def on_validation_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Record what a validation returned, where it is time."""
        harvest, self._harvest = self._harvest, {}
        if not harvest:
            return
        step, before = trainer.global_step, self._before
        n_epochs = trainer.current_epoch + 1
        is_due = self._cadence.wants_epoch(n_epochs) and trainer.is_last_batch
        if not is_due and not self._cadence.wants_step(step, before):
            return
        self._before = step
        step = n_epochs if is_due else step
        if not self.recording.is_open:
            self._open_harvest(trainer, pl_module, harvest, step)
        self.recording.snapshot(step, {split: each.labels() for split, each in harvest.items()}, _scalars(trainer))

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Close the log."""
        self.close()

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """Close the log."""
        self.close()

    def _record(self, trainer: Any, pl_module: Any, step: int) -> None:
        if trainer.is_global_zero and self._evaluation is not None:
            self.recording.snapshot(step, self._evaluation.labels(pl_module), _scalars(trainer))

    def _open_harvest(self, trainer: Any, pl_module: Any, harvest: Mapping[str, _Harvest], step: int) -> None:
        classes = next(iter(harvest.values())).n_classes
        if classes is None and self.recording.classes is None:
            raise ParameterError(
                "validation steps return labels, so the number of classes is not known", "give classes="
            )
        sizes = {split: len(each.labels()) for split, each in harvest.items()}
        true = {split: values for split, each in harvest.items() if (values := each.true()) is not None}
        self.recording.open(sizes, classes, true, _hparams(trainer, pl_module), step)


class _Harvest:
    """What the validation steps of one split returned, batch by batch."""

    def __init__(self) -> None:
        self._labels: list[np.ndarray] = []
        self._targets: list[np.ndarray | None] = []
        self.n_classes: int | None = None

    def add(self, scores: Any, target: np.ndarray | None) -> None:
        """Take in a batch."""
        self.n_classes = scores.shape[1] if scores.ndim == 2 else None
        self._labels.append(labels_of_output(scores))
        self._targets.append(target)

    def labels(self) -> np.ndarray:
        """Return all labels."""
        return np.concatenate(self._labels)

    def true(self) -> np.ndarray | None:
        """Return the true classes, where all batches had them."""
        known = [target for target in self._targets if target is not None]
        return np.concatenate(known) if len(known) == len(self._targets) else None


def _require_harvest(trainer: Any, names: tuple[str, ...]) -> None:
    """Refuse validation whose samples are in no known order, or on several processes."""
    if trainer.world_size > 1:
        raise ParameterError("validation is spread over several processes", "give the samples to record: data=")
    given = trainer.val_dataloaders
    loaders = [] if given is None else list(given) if isinstance(given, (list, tuple)) else [given]
    if len(loaders) != len(names):
        raise ParameterError(
            f"there are {len(loaders)} validation loaders for {len(names)} splits ({', '.join(names)})",
            "give the samples to record, data=, or name the loaders: validation=[...]",
        )
    for loader, name in zip(loaders, names, strict=True):
        if isinstance(loader, torch.utils.data.DataLoader):
            require_known_order(loader, name, shuffled=False)


def _labels_in(outputs: Any) -> torch.Tensor:
    if isinstance(outputs, Mapping):
        found = next((outputs[name] for name in _OUTPUTS if name in outputs), None)
        if found is not None:
            return scores_of(found)
    elif isinstance(outputs, torch.Tensor) and outputs.ndim:
        return scores_of(outputs)
    raise ParameterError(
        f"validation_step returns {type(outputs).__name__}, in which there are no labels or scores",
        "return {'loss': loss, 'logits': logits}, or give the samples to record: data=",
    )


def _scalars(trainer: Any) -> dict[str, float]:
    """Return what the module logged, with names that a log can have."""
    return {
        name.replace("/", "_"): float(value)
        for name, value in trainer.callback_metrics.items()
        if name != "step" and getattr(value, "numel", lambda: 1)() == 1
    }


def _hparams(trainer: Any, pl_module: Any) -> dict[str, Any]:
    optimizers = trainer.optimizers
    loader = trainer.train_dataloader
    seed = os.environ.get("PL_GLOBAL_SEED", "")
    return {
        **hparams_of(optimizers[0] if optimizers else None),
        "batch_size": getattr(loader, "batch_size", None),
        "seed": int(seed) if seed.isdigit() else chosen_seed(),
        **dict(getattr(pl_module, "hparams", {})),
    }
